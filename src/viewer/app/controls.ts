/** What is shown of a model: sliders and choices. */

import { h } from "preact";
import { type Address, COLOURS, DRAWERS, SCALES } from "./address.ts";
import { CANVAS_EDGES } from "./pictures/edge-drawer.ts";
import type { Change } from "./navigation.ts";
import type { ViewedModel } from "./protocol.ts";

/** The largest `-log10 p` of the slider. */
const CERTAINTY = 100;

/** A slider or a choice writes to the address; a slider that is still moved does not fill the history. */
export function Controls(
  { address, model, change }: {
    readonly address: Address;
    readonly model: ViewedModel;
    readonly change: Change;
  },
) {
  const number = (event: Event) => Number((event.currentTarget as HTMLInputElement).value);
  const longest = model.connections.reduce(
    (most, row) => Math.max(most, Math.abs(Number(row["target_layer"]) - Number(row["source_layer"]))),
    1,
  );
  return h(
    "form",
    { class: "controls", onSubmit: (event: Event) => event.preventDefault() },
    h(
      "label",
      null,
      `overlap of at least ${address.overlap}`,
      h("input", {
        type: "range",
        name: "overlap",
        min: 0,
        max: 1,
        step: 0.01,
        value: address.overlap,
        onInput: (event: Event) => change({ overlap: number(event) }, "replace"),
      }),
    ),
    h(
      "label",
      null,
      address.certainty === 0 ? "every p" : `p of at most 1e-${address.certainty}`,
      h("input", {
        type: "range",
        name: "certainty",
        min: 0,
        max: CERTAINTY,
        step: 1,
        value: Math.min(CERTAINTY, address.certainty),
        onInput: (event: Event) => change({ certainty: number(event) }, "replace"),
      }),
    ),
    longest === 1 ? null : h(
      "label",
      null,
      `over at most ${Math.min(longest, address.span ?? longest)} of ${longest} layers`,
      h("input", {
        type: "range",
        name: "span",
        min: 1,
        max: longest,
        step: 1,
        value: Math.min(longest, address.span ?? longest),
        onInput: (event: Event) =>
          change({ span: number(event) === longest ? null : number(event) }, "replace"),
      }),
    ),
    h(
      "label",
      null,
      "edges drawn",
      h(
        "select",
        {
          name: "edges",
          value: String(address.edges),
          onChange: (event: Event) => change({ edges: number(event) }),
        },
        [...new Set([100, 1000, 10_000, 100_000, 1_000_000, address.edges])].sort((a, b) => a - b)
          .map((each) => h("option", { key: each, value: each }, each.toLocaleString("en"))),
      ),
    ),
    address.edges > CANVAS_EDGES || address.drawer !== "auto"
      ? choice("drawn by", "drawer", DRAWERS, address.drawer, (drawer) => change({ drawer }))
      : null,
    choice("singular values", "scale", SCALES, address.scale, (scale) => change({ scale })),
    choice("colour", "colour", COLOURS, address.colour, (colour) => change({ colour })),
    h(
      "label",
      null,
      "layer",
      h("input", {
        type: "search",
        name: "layer",
        list: "layers",
        placeholder: "find a layer",
        onChange: (event: Event) => {
          const input = event.currentTarget as HTMLInputElement;
          const layer = model.layers.findIndex(({ name }) => name === input.value);
          if (layer >= 0) change({ layer, neuron: null, connection: null });
        },
      }),
      h(
        "datalist",
        { id: "layers" },
        model.layers.map(({ name }) => h("option", { key: name, value: name })),
      ),
    ),
  );
}

function choice<T extends string>(
  label: string,
  name: string,
  all: readonly T[],
  value: T,
  choose: (value: T) => void,
) {
  return h(
    "label",
    null,
    label,
    h(
      "select",
      {
        name,
        value,
        onChange: (event: Event) => {
          const chosen = all.find((each) => each === (event.currentTarget as HTMLSelectElement).value);
          if (chosen !== undefined) choose(chosen);
        },
      },
      all.map((each) => h("option", { key: each, value: each }, each)),
    ),
  );
}
