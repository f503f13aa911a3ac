/** Attention heads of a trained decoder, computed a second time from its raw weights with nothing but loops. */

import { expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { matrix } from "../../src/model/tensor.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { describeWithShared, shared } from "../support/shared.ts";

const MODEL = "our-models/tiny-llama/model.safetensors";
/** Of `config.json`: 4 heads of 32 channels that share 2 value heads. */
const [HEADS, VALUES, EACH, WIDTH] = [4, 2, 32, 128];

describeWithShared("tiny-llama", [MODEL, "our-models/tiny-llama/config.json"], () => {
  it("has the overlaps of values and outputs, head by head, that its weights say", async () => {
    const kernel = openReferenceKernel();
    const model = await (await formatOf(shared(MODEL))).open(shared(MODEL), "tiny-llama");
    try {
      const { layers, connections } = layerGraph(model);
      const heads = connections.filter(({ via }) => via === "attention-head");
      expect(heads).toHaveLength(4 * HEADS);
      for (const connection of heads.filter(({ source }) => layers[source]!.name.includes("layers.2."))) {
        const [source, target] = await Promise.all(
          [connection.source, connection.target].map(async (index) => {
            const layer = layers[index]!;
            return await spectrum(
              layer,
              unfold(layer, await model.read(layer.weight.tensor), "svr"),
              "svr",
              kernel,
            );
          }),
        ) as [Awaited<ReturnType<typeof spectrum>>, Awaited<ReturnType<typeof spectrum>>];
        expect(overlapGeometry(connection, source, target)).toMatchObject({
          sharedChannels: EACH,
          testedChannels: WIDTH,
          positions: 1,
          unit: false,
        });
        // u of the values and v of the outputs, of the weights as the file has them: y = W x, W = U S V'.
        const name = "model.layers.2.self_attn.";
        const v = await kernel.svd(matrix(VALUES * EACH, WIDTH, await model.read(`${name}v_proj.weight`)));
        const o = await kernel.svd(matrix(WIDTH, WIDTH, await model.read(`${name}o_proj.weight`)));
        const head = connection.part;
        const shares = Math.floor(head / (HEADS / VALUES));
        for await (const block of overlapBlocks(connection, source, target, kernel)) {
          for (let row = 0; row < block.rows; row++) {
            for (let j = 0; j < VALUES * EACH; j++) {
              const i = block.first + row;
              let inner = 0;
              let rho = 0;
              for (let c = 0; c < EACH; c++) {
                const u = v.left.data[j * VALUES * EACH + shares * EACH + c]!;
                inner += o.right.data[i * WIDTH + head * EACH + c]! * u;
                rho += u * u;
              }
              const at = row * VALUES * EACH + j;
              expect(Math.abs(block.overlap[at]! - inner * inner)).toBeLessThan(1e-12);
              expect(Math.abs(block.rho![at]! - rho)).toBeLessThan(1e-12);
            }
          }
        }
      }
    } finally {
      await model.close();
      await kernel.dispose();
    }
  });
});
