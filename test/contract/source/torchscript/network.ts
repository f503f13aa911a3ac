/** TorchScript archives of a small network, and what is said of them. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pytorch } from "../../../../connectors/sources/pytorch/pytorch.ts";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { torchScript } from "../../../support/files/torch-file.ts";
import type { WrittenTensor } from "../../../support/files/written-tensor.ts";

/** A tensor of small integers. */
export const weight = (name: string, shape: readonly number[]): WrittenTensor => ({
  name,
  dtype: "F32",
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 7 - 3),
});

const A = weight("a", [4, 3]), B = weight("b", [5, 4]), C = weight("c", [4, 4]);

/** An archive of three weights with this code. */
export const archive = (code: string | Uint8Array, constants: readonly WrittenTensor[] = []): Buffer =>
  torchScript(code, [A, B, C], constants);

/** A class with this body of `forward`, and functions beside it. */
export const net = (body: readonly string[], functions = ""): string =>
  `class Net(Module):
  __parameters__ = ["a", "b", ]
  a : Tensor
  flag : Final[bool] = True
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    a = self.a
    b = getattr(self, "b")
    c = self.c
    h = torch.linear(x, a, None)
${body.map((line) => `    ${line}\n`).join("")}${functions}`;

/** The graph of an archive with this code. */
export async function graphOf(
  code: string | Uint8Array,
  constants: readonly WrittenTensor[] = [],
): Promise<LayerGraph> {
  const folder = await mkdtemp(join(tmpdir(), "torchscript-"));
  try {
    const path = join(folder, "network.pt");
    await writeFile(path, archive(code, constants));
    const model = await pytorch.open(path, "id");
    await model.close();
    return layerGraph(model);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Connections as text: `a -> b graph`. */
export const said = ({ layers, connections }: LayerGraph): string[] =>
  connections.map(({ source, target, evidence }) =>
    `${layers[source]!.name} -> ${layers[target]!.name} ${evidence}`
  );
