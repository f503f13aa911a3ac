import { describe, expect, it } from "vitest";
import { dequantized } from "../../../connectors/sources/quantized/quantized.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { fileOf, MODULE, opened, raw } from "../../support/files/quantized-files.ts";

const GPTQ = /^GPTQ, \d bits, 2 groups of in channels, zero points stored less one \(quantization_config\)$/;

const PACKED = /^compressed-tensors, 4 bits, 3 groups of in channels \(quantization_config\)$/;

const FLOAT8 = /^float8, a scale for (the tensor|each block of 1 x 128) \(weight_scale\)$/;

/** Folder, or file in one; rule of its weights, and how far a value may be from that of the library. */
const FORMATS: readonly (readonly [where: string, rule: RegExp, ulps: number])[] = [
  ["gptq-2", GPTQ, 0],
  ["gptq-3", GPTQ, 0],
  ["gptq-4", GPTQ, 0],
  ["gptq-8", GPTQ, 0],
  ["awq", /^AWQ \(gemm\), 4 bits, groups of 32 in channels \(quantization_config\)$/, 0],
  ["bitsandbytes-4", /^bitsandbytes [NF][FP]4, blocks of 64(, scales quantized too)? \(quant_state\)$/, 0],
  ["bitsandbytes-8", /^bitsandbytes int8, a scale for each row \(SCB\)$/, 0],
  ["compressed-tensor", /^float8, a scale for the tensor \(weight_scale\)$/, 0],
  ["compressed-channel", /^float8, a scale for each block of 1 x 96 \(weight_scale\)$/, 0],
  [
    "compressed-block",
    /^float8, a scale for each block of 16 x 32 \(weight_scale, quantization_config\)$/,
    0,
  ],
  ["compressed-int8", /^int8, a scale for each block of 1 x 96 \(weight_scale\)$/, 0],
  ["compressed-int8-zeros", /^int8, a scale for each block of 1 x 96 \(weight_scale\)$/, 0],
  ["compressed-pack-4", PACKED, 0],
  ["compressed-pack-4-zeros", /^compressed-tensors, 4 bits, 3 groups of in channels, zero points \(/, 0],
  ["compressed-pack-4-order", /^compressed-tensors, 4 .* channels, in the order of weight_g_idx \(/, 0],
  ["compressed-pack-8", /^compressed-tensors, 8 bits, 1 group of in channels \(quantization_config\)$/, 0],
  ["compressed-nvfp4", /^NVFP4, groups of 16 in channels, scales over weight_global_scale \(quant/, 0],
  ["deepseek", /^float8, a scale for each block of 128 x 128 \(weight_scale_inv, quantization_config\)$/, 0],
  ["float8", FLOAT8, 0],
  ["float8/model.pt", FLOAT8, 0],
  ["mxfp4", /^MXFP4, blocks of 32 \(names, types and shapes of blocks and scales\)$/, 0],
  // The library rounds the product before it adds.
  ["mlx", /^MLX \(affine\), \d bits, groups of \d+ in channels \(quantization\)$/, 2],
];

describe("quantized weights in files", () => {
  it.each(FORMATS)("%s: are the numbers that the library reads", async (where, rule, ulps) => {
    const [folder = "", file] = where.split("/");
    const [model, right] = [
      await opened(fileOf(folder, file)),
      await opened(fileOf(folder, "right.safetensors")),
    ];
    expect(right.tensors.length).toBeGreaterThan(0);
    // What is a part of a weight is no tensor of its own any more.
    expect(model.tensors.map(({ name }) => name).sort()).toEqual(
      right.tensors.map(({ name }) => name).sort(),
    );
    for (const tensor of right.tensors) {
      const { name, shape } = tensor;
      const read = model.tensors.find((each) => each.name === name)!;
      expect(read.shape).toEqual(shape);
      expect(read.rule).toMatch(rule);
      const [found, expected] = [await model.read(name), await right.read(name)];
      const far = found.findIndex((value, i) =>
        !(Math.abs(value - expected[i]!) <= ulps * 2 ** -24 * Math.max(Math.abs(value), 1))
      );
      expect([far, found[far], expected[far]]).toEqual([-1, undefined, undefined]);
      expect(new Set(expected).size).toBeGreaterThan(3);
    }
    expect(layerGraph(model).layers.length).toBeGreaterThanOrEqual(right.tensors.length);
    for (const { name } of right.tensors) expect(model.rows?.(name) ?? null).toBeNull();
    await model.close();
    await right.close();
  });

  it("are digested with their codes and scales", async () => {
    const asked: (ReadonlySet<string> | undefined)[] = [];
    const inner = {
      ...await raw("awq"),
      inputs: (_: unknown, names?: ReadonlySet<string>) => {
        asked.push(names);
        return Promise.resolve([]);
      },
    };
    await (await dequantized(inner)).inputs(undefined, new Set([`${MODULE}.weight`]));
    expect(asked).toEqual([new Set(["qweight", "qzeros", "scales"].map((part) => `${MODULE}.${part}`))]);
  });

  it("are skipped as before where nothing says how they read", async () => {
    for (
      const folder of ["gptq-4", "awq", "mlx", "compressed-int8", "compressed-pack-4", "compressed-nvfp4"]
    ) {
      const model = await raw(folder, { config: undefined });
      expect(await dequantized(model)).toBe(model);
      const { layers, skipped } = layerGraph(model);
      expect(layers).toEqual([]);
      expect(skipped.some(({ reason }) => /quantized numbers/.test(reason))).toBe(true);
    }
    // 136 rows in two blocks: of 68 to 135 rows each, if nothing says it.
    const blocks = await raw("deepseek", { config: undefined });
    expect(await dequantized(blocks)).toBe(blocks);
    expect(layerGraph(blocks).skipped[0]!.reason).toMatch(/F8_E4M3 means something only with scales/);
    const methods = [{ quant_method: "aqlm" }, {
      quant_method: "gptq",
      checkpoint_format: "marlin",
      bits: 4,
    }];
    for (const quantization_config of methods) {
      const other = await raw("gptq-4", { config: { quantization_config } });
      expect(await dequantized(other)).toBe(other);
    }
  });

  it("has zero points as they are in GPTQ's second format", async () => {
    const config = { quantization_config: { quant_method: "gptq", checkpoint_format: "gptq_v2", bits: 4 } };
    const [first, second] = [
      await dequantized(await raw("gptq-4")),
      await dequantized(await raw("gptq-4", { config })),
    ];
    const [one, two] = [await first.read(`${MODULE}.weight`), await second.read(`${MODULE}.weight`)];
    const scales = await (await raw("gptq-4")).read(`${MODULE}.scales`);
    // Row 0 of a group: larger by its scale.
    expect(scales.some((scale) => Math.abs(two[0]! - one[0]! - scale) < 1e-6)).toBe(true);
  });

  it.each([2, 3, 4, 8])(
    "has zero points 0 where GPTQ's first format stores the largest code, %s bits",
    async (bits) => {
      const folder = `gptq-${bits}`;
      const zerosOf = (word: number) => ({ [`${MODULE}.qzeros`]: (words: Float64Array) => words.fill(word) });
      const model = await dequantized(await raw(folder, { values: zerosOf(-1) }));
      const config = { quantization_config: { quant_method: "gptq", checkpoint_format: "gptq_v2", bits } };
      const plain = await dequantized(await raw(folder, { config, values: zerosOf(0) }));
      const weight = await model.read(`${MODULE}.weight`);
      expect(weight).toEqual(await plain.read(`${MODULE}.weight`));
      expect(Math.min(...weight)).toBe(0);
      expect(Math.max(...weight)).toBeGreaterThan(0);
    },
  );
});
