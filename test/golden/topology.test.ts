/**
 * Who feeds whom, against lists that were derived from the architectures and not from this program: each file of `topology/` holds every
 * connection of a model. A new list is a new file.
 */

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { describeWithShared, shared } from "../support/shared.ts";

/** A list of `topology/`. */
interface GoldenTopology {
  /** Below the shared folder. */
  readonly model: string;
  /** How the list was derived. */
  readonly comment: string;
  /** Taken off the beginning of layers' names before they are compared: what the container adds to the network's own names. */
  readonly prefix?: string;
  readonly connections: readonly GoldenTopologyConnection[];
}

interface GoldenTopologyConnection {
  readonly from: string;
  readonly to: string;
  readonly via: string;
  readonly part?: number;
  /** `[source, target, length]`; not compared where left out. */
  readonly channels?: readonly (readonly [number, number, number])[];
}

const FOLDER = new URL("./topology/", import.meta.url);

/** One line per connection, sorted; channels only where they are to be compared. */
function lines(connections: readonly GoldenTopologyConnection[]): string[] {
  return connections.map(({ from, to, via, part, channels }) =>
    `${from} -> ${to}#${part ?? 0} ${via} ${JSON.stringify(channels ?? "any")}`
  ).sort();
}

function found(graph: LayerGraph, golden: GoldenTopology): string[] {
  const { prefix = "" } = golden;
  const name = (layer: number) => {
    const whole = graph.layers[layer]!.name;
    return whole.startsWith(prefix) ? whole.slice(prefix.length) : whole;
  };
  const key = (from: string, to: string, part = 0) => JSON.stringify([from, to, part]);
  const unsaid = new Set(
    golden.connections.filter(({ channels }) => channels === undefined).map(({ from, to, part }) =>
      key(from, to, part)
    ),
  );
  return lines(graph.connections.map(({ source, target, part, via, channels }) => {
    const [from, to] = [name(source), name(target)];
    const map = channels.map((range) => [range.source, range.target, range.length] as const);
    return { from, to, via, part, ...unsaid.has(key(from, to, part)) ? {} : { channels: map } };
  }));
}

for (const file of readdirSync(FOLDER).filter((each) => each.endsWith(".json")).sort()) {
  const golden = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as GoldenTopology;
  describeWithShared(`the topology of ${golden.model} (${file})`, [golden.model], () => {
    it("is the one derived by hand", async () => {
      const model = await (await formatOf(shared(golden.model))).open(shared(golden.model), file);
      try {
        const graph = layerGraph(model);
        expect(found(graph, golden)).toEqual(lines(golden.connections));
        expect(graph.connections.filter(({ evidence }) => evidence === "guessed")).toEqual([]);
        // Every tensor is a layer's weight or is skipped with a reason, and none is both.
        const used = new Set(graph.layers.map(({ weight }) => weight.tensor));
        const skipped = graph.skipped.filter(({ subject }) => subject === "tensor").map(({ name }) => name);
        expect([...used, ...skipped].sort()).toEqual(model.tensors.map(({ name }) => name).sort());
      } finally {
        await model.close();
      }
    });
  });
}
