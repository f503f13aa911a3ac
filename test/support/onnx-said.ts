/** The layer graphs of ONNX files, and what they say, line by line. */

import { expect } from "vitest";
import { onnx } from "../../connectors/sources/onnx/onnx.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import { layerGraph } from "../../src/stages/layers.ts";

/** The graph of a file, which accounts for every tensor of it. */
export async function graphOf(path: string): Promise<LayerGraph> {
  const model = await onnx.open(path, "id");
  try {
    const graph = layerGraph(model);
    const used = new Set([...graph.layers.map(({ weight: { tensor } }) => tensor)]);
    const skipped = graph.skipped.flatMap(({ subject, name }) => subject === "tensor" ? [name] : []);
    expect([...used, ...skipped].sort()).toEqual(model.tensors.map(({ name }) => name).sort());
    return graph;
  } finally {
    await model.close();
  }
}

/** `source -> target via: source>target x length`, one line each, and what was lost on the way. */
export function said({ layers, connections, skipped }: LayerGraph): string[] {
  return [
    ...connections.map(({ source, target, via, channels }) =>
      `${layers[source]!.name} -> ${layers[target]!.name} ${via}: ` +
      channels.map((range) => `${range.source}>${range.target}x${range.length}`).join(" ")
    ),
    ...skipped.flatMap(({ subject, name, reason }) => subject === "connection" ? [`${name}: ${reason}`] : []),
  ];
}
