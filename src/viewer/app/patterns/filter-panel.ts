/** The effective filter between two neurons of a connection. */

import { h } from "preact";
import type { ConnectionFilter } from "../../../model/patterns/neuron-patterns.ts";
import { askServer } from "../asking.ts";
import { figure } from "../numbers.ts";
import { KernelPicture } from "./kernel-picture.ts";
import type { PatternSource } from "./neuron-patterns-panel.ts";
import { OnDemand } from "./on-demand.ts";

/** What the source neuron hands to the target neuron, position by position. */
export function FilterPanel({ source, connection, neurons }: {
  readonly source: PatternSource;
  readonly connection: readonly [number, number, number];
  readonly neurons: readonly [source: number, target: number];
}) {
  const { model, token, weights } = source;
  const title = `Effective filter from neuron ${neurons[0]} to neuron ${neurons[1]}`;
  return h(
    "figure",
    { class: "pattern", "aria-label": title },
    h("figcaption", null, title),
    h(OnDemand<ConnectionFilter>, {
      of: JSON.stringify([model, connection, neurons]),
      ask: async (waiting) => {
        if (!weights || token === null) {
          throw new Error("Effective filters need the weights: svr view shows them");
        }
        return await askServer<ConnectionFilter>("filter", token, { model, connection, neurons }, waiting);
      },
      show: ({ rows, columns, values, overlap }) => [
        values.length === 1 ? h("p", null, `${figure(values[0])}, at the only position`) : h(KernelPicture, {
          rows,
          columns,
          values,
          most: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
          label: title,
          side: 128,
        }),
        h("p", { class: "quiet" }, `Its squares sum up to the overlap, ${figure(overlap)}.`),
      ],
    }),
  );
}
