/** Small exported programs for single operators, and what is said of them. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pt2 } from "../../connectors/sources/export/pt2.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { ints, node, pt2File, value, type WrittenProgram } from "./files/pt2-file.ts";

type Shapes = Readonly<Record<string, readonly number[]>>;

/** The graph of a program with tensors of these shapes. */
export async function graphOf(shapes: Shapes, program: WrittenProgram): Promise<LayerGraph> {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    dtype: "F32",
    shape,
    values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
  }));
  const folder = await mkdtemp(join(tmpdir(), "aten-"));
  try {
    const path = join(folder, "network.pt2");
    await writeFile(path, pt2File(tensors, program));
    const model = await pt2.open(path, "id");
    await model.close();
    return layerGraph(model, { batchNorm: "folded", normGain: "folded" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Connections as text: `a -> b via 0..4>0`, and what was lost. */
export const said = ({ layers, connections, skipped }: LayerGraph): string[] => [
  ...connections.map(({ source, target, via, channels }) =>
    `${layers[source]!.name} -> ${layers[target]!.name} ${via} ${
      channels.map((each) => `${each.source}+${each.length}>${each.target}`).join(" ")
    }`
  ),
  ...skipped.flatMap(({ subject, name, reason }) => subject === "connection" ? [`${name}: ${reason}`] : []),
];

/** A convolution. */
export const conv = (
  input: string,
  weight: string,
  output: string,
  more: Record<string, unknown> = {},
): unknown => node("conv2d.default", { input: value(input), weight: value(weight), ...more }, [output]);

/** Two convolutions, of 4 and of some channels, and what stands between them. */
export const between = (width: number, ...nodes: readonly unknown[]): Promise<LayerGraph> =>
  graphOf({ "a.weight": [4, 3, 3, 3], "b.weight": [5, width, 1, 1] }, {
    inputs: { x: [2, 3, 8, 8] },
    nodes: [conv("x", "a.weight", "a", { padding: ints(1, 1) }), ...nodes, conv("z", "b.weight", "b")],
    outputs: [value("b")],
  });

/** An operator between the two. */
export const unary = (target: string, more: Record<string, unknown> = {}): unknown =>
  node(target, { self: value("a"), ...more }, ["z"]);

/** Two tensors, as arguments. */
export const pair = (self: string, other: string): Record<string, unknown> => ({
  self: value(self),
  other: value(other),
});

/** What is said where channels are kept. */
export const DIRECT = "a -> b direct 0+4>0";
