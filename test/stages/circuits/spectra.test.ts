/** Circuits' spectra, against those of the multiplied weights by another kernel. */

import { concatMap, lastValueFrom, of, toArray } from "rxjs";
import { expect, it } from "vitest";
import { formatOf } from "../../../connectors/sources/registry.ts";
import { layers } from "../../../src/flow/operators/layers.ts";
import { unfold } from "../../../src/flow/operators/unfold.ts";
import { openReferenceKernel } from "../../../src/kernels/reference.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { Spectrum } from "../../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../../src/model/tensor.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { spectrum } from "../../../src/stages/svd.ts";
import { describeKernel } from "../../support/kernels.ts";
import { KERNELS } from "../../support/kernels.ts";
import { describeWithShared, shared } from "../../support/shared.ts";
import { EACH, gpt2, HEADS, hooked, llama, neox, WIDTH } from "./decoders.ts";

/** The circuits whose names begin so, by name, as the pipeline decomposes them. */
async function circuitsOf(model: Model, beginning: string, kernel: "wasm" | "reference" = "wasm") {
  const opened = await KERNELS.get(kernel)!();
  try {
    const found = await lastValueFrom(
      of(model).pipe(
        layers({ circuits: true }),
        unfold("svr"),
        concatMap(async ({ layer, read }): Promise<[string, Spectrum][]> =>
          layer.circuit === undefined || !layer.name.startsWith(beginning)
            ? []
            : [[layer.name, await spectrum(layer, await read(), "svr", opened)]]
        ),
        concatMap((each) => each),
        toArray(),
      ),
    );
    return new Map(found);
  } finally {
    await opened.dispose();
  }
}

/** `sum_h a(i, h) b(h, j)`. */
function product(
  size: number,
  width: number,
  a: (i: number, h: number) => number,
  b: (h: number, j: number) => number,
) {
  const out = matrix(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      for (let h = 0; h < width; h++) out.data[i * size + j]! += a(i, h) * b(h, j);
    }
  }
  return out;
}

/** The circuit is the whole of the product, and its vectors and values are the product's. */
async function expectEqual(circuit: Spectrum | undefined, whole: Matrix, width: number) {
  expect(circuit).toBeDefined();
  const { singularValues, left, right } = circuit!;
  expect(singularValues).toHaveLength(width);
  const size = whole.rows;
  const copy = whole.data.slice();
  const direct = await openReferenceKernel().svd(whole);
  const largest = direct.singularValues[0]!;
  direct.singularValues.forEach((value, j) =>
    expect(Math.abs(value - (singularValues[j] ?? 0))).toBeLessThan(1e-12 * largest)
  );
  for (let j = 0; j < width; j++) {
    for (const [own, other] of [[left, direct.left], [right, direct.right]] as const) {
      let inner = 0;
      for (let c = 0; c < size; c++) inner += own.data[j * size + c]! * other.data[j * size + c]!;
      expect(inner).toBeCloseTo(1, 7);
    }
  }
  let most = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) {
        sum += left.data[k * size + i]! * singularValues[k]! * right.data[k * size + j]!;
      }
      most = Math.max(most, Math.abs(sum - copy[i * size + j]!));
    }
  }
  expect(most).toBeLessThan(1e-12 * largest);
}

for (const kernel of ["reference", "wasm"] as const) {
  describeKernel(kernel, `circuits of a decoder of GPT-2's shape, ${kernel}`, () => {
    it("are the products of its weights, head by head", async () => {
      const model = gpt2(1, 2);
      const found = await circuitsOf(model, "h.1.attn.", kernel);
      expect(found.size).toBe(2 * HEADS);
      // `[in, out]`: queries, keys and values side by side.
      const qkv = await model.read("h.1.attn.c_attn.weight");
      const out = await model.read("h.1.attn.c_proj.weight");
      const part = (which: 0 | 1 | 2, head: number) => (h: number, j: number) =>
        qkv[j * 3 * WIDTH + which * WIDTH + head * EACH + h]!;
      for (let head = 0; head < HEADS; head++) {
        const ov = product(WIDTH, EACH, (i, h) => out[(head * EACH + h) * WIDTH + i]!, part(2, head));
        await expectEqual(found.get(`h.1.attn.head_${head}.ov`), ov, EACH);
        const qk = product(WIDTH, EACH, (i, h) => part(0, head)(h, i), part(1, head));
        await expectEqual(found.get(`h.1.attn.head_${head}.qk`), qk, EACH);
      }
    });

    it("have null neurons where a head has unused channels", async () => {
      const model = gpt2(2, 1, (tensors) => {
        // The first two channels of the first head's values are the same, and two of its queries are nothing.
        const { values } = tensors.get("h.0.attn.c_attn.weight")!;
        for (let j = 0; j < WIDTH; j++) {
          values[j * 3 * WIDTH + 2 * WIDTH + 1] = values[j * 3 * WIDTH + 2 * WIDTH]!;
          values.fill(0, j * 3 * WIDTH, j * 3 * WIDTH + 2);
        }
      });
      const found = await circuitsOf(model, "h.0.attn.head_0", kernel);
      const nulls = (name: string) => [...found.get(`h.0.attn.head_0.${name}`)!.nullNeurons];
      expect(nulls("ov")).toEqual(Array.from({ length: EACH }, (_, j) => j < EACH - 1 ? 0 : 1));
      expect(nulls("qk")).toEqual(Array.from({ length: EACH }, (_, j) => j < EACH - 2 ? 0 : 1));
    });
  });
}

describeKernel("reference", "circuits of other ways to keep heads", () => {
  it("are right where each head has its queries, keys and values side by side", async () => {
    const model = neox(3);
    const at = "layers.0.attention";
    const found = await circuitsOf(model, at, "reference");
    expect(found.size).toBe(2 * HEADS);
    const qkv = await model.read(`${at}.query_key_value.weight`);
    const out = await model.read(`${at}.dense.weight`);
    const part = (which: 0 | 1 | 2, head: number) => (h: number, j: number) =>
      qkv[((3 * head + which) * EACH + h) * WIDTH + j]!;
    for (let head = 0; head < HEADS; head++) {
      const ov = product(WIDTH, EACH, (i, h) => out[i * WIDTH + head * EACH + h]!, part(2, head));
      await expectEqual(found.get(`${at}.head_${head}.ov`), ov, EACH);
      const qk = product(WIDTH, EACH, (i, h) => part(0, head)(h, i), part(1, head));
      await expectEqual(found.get(`${at}.head_${head}.qk`), qk, EACH);
    }
  });

  it("are right where each head has tensors of its own", async () => {
    const model = hooked(3);
    const at = "blocks.0.attn";
    const found = await circuitsOf(model, at, "reference");
    expect(found.size).toBe(2 * HEADS);
    const [q, k, v, o] = await Promise.all(
      ["Q", "K", "V", "O"].map((name) => model.read(`${at}.W_${name}`)),
    ) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    // `[head, stream, channel]`, and of the outputs `[head, channel, stream]`.
    const own = (weight: Float64Array, head: number) => (h: number, j: number) =>
      weight[(head * WIDTH + j) * EACH + h]!;
    for (let head = 0; head < HEADS; head++) {
      const ov = product(WIDTH, EACH, (i, h) => o[(head * EACH + h) * WIDTH + i]!, own(v, head));
      await expectEqual(found.get(`${at}.head_${head}.ov`), ov, EACH);
      const qk = product(WIDTH, EACH, (i, h) => own(q, head)(h, i), own(k, head));
      await expectEqual(found.get(`${at}.head_${head}.qk`), qk, EACH);
    }
  });
});

const TINY = "our-models/tiny-llama/model.safetensors";

describeWithShared("circuits of tiny-llama", [TINY, "our-models/tiny-llama/config.json"], () => {
  it("are the products of its weights, grouped queries each with their key and value", async () => {
    const model = await (await formatOf(shared(TINY))).open(shared(TINY), "tiny-llama");
    try {
      const [width, each, share] = [128, 32, 2];
      const at = "model.layers.2.self_attn";
      const found = await circuitsOf(model, at);
      expect(found.size).toBe(8);
      const [q, k, v, o] = await Promise.all(
        ["q", "k", "v", "o"].map((name) => model.read(`${at}.${name}_proj.weight`)),
      ) as [Float64Array, Float64Array, Float64Array, Float64Array];
      for (let head = 0; head < 4; head++) {
        const own = (weight: Float64Array, first: number) => (h: number, j: number) =>
          weight[(first * each + h) * width + j]!;
        const shared = Math.floor(head / share);
        const ov = product(width, each, (i, h) => o[i * width + head * each + h]!, own(v, shared));
        await expectEqual(found.get(`${at}.head_${head}.ov`), ov, each);
        const qk = product(width, each, (i, h) => own(q, head)(h, i), own(k, shared));
        await expectEqual(found.get(`${at}.head_${head}.qk`), qk, each);
      }
    } finally {
      await model.close();
    }
  });
});

describeKernel("reference", "circuits of decoders whose heads are not known", () => {
  it("are none, with a warning that says what is missing", () => {
    const graph = layerGraph(llama(1, 1, undefined), { circuits: true });
    expect(graph.layers.some(({ circuit }) => circuit !== undefined)).toBe(false);
    expect(graph.warnings).toContainEqual(
      expect.stringMatching(/no attention whose heads are known.*config\.json/),
    );
  });

  it("are there with a config, and only where they are asked for", () => {
    const config = { model_type: "llama", num_attention_heads: HEADS, num_key_value_heads: 2 };
    const model = llama(1, 1, config);
    const kinds = (circuits: boolean) =>
      layerGraph(model, { circuits }).layers.filter(({ kind }) => kind === "circuit").length;
    expect([kinds(true), kinds(false)]).toEqual([2 * HEADS, 0]);
    expect(layerGraph(model)).not.toHaveProperty("scores");
  });
});
