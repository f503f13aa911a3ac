import { describe, expect, it } from "vitest";
import { dequantized } from "../../../connectors/sources/quantized/quantized.ts";
import { formatOf } from "../../../connectors/sources/registry.ts";
import { safetensors } from "../../../connectors/sources/safetensors.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { layerGraph } from "../../../src/stages/layers.ts";

const fileOf = (folder: string, name = "model.safetensors") =>
  `test/golden/files/quantized/${folder}/${name}`;

async function opened(path: string): Promise<Model> {
  return await (await formatOf(path)).open(path, "m");
}

const MODULE = "model.layers.0.mlp.up_proj";
const GPTQ = /^GPTQ, \d bits, 2 groups of in channels, zero points stored less one \(quantization_config\)$/;

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
    for (const folder of ["gptq-4", "awq", "mlx", "compressed-int8"]) {
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

interface Change {
  readonly config?: unknown;
  readonly tensors?: Readonly<Record<string, Partial<TensorInfo> | null>>;
  readonly values?: Readonly<Record<string, (values: Float64Array) => Float64Array>>;
}

/** A file as it stands, or with other tensors, numbers or config than it has. */
async function raw(folder: string, change: Change = {}): Promise<Model> {
  const known = await opened(fileOf(folder));
  const model = await safetensors.open(fileOf(folder), "m");
  return {
    ...model,
    config: "config" in change ? change.config : known.config,
    tensors: model.tensors.flatMap((tensor) => {
      const other = change.tensors?.[tensor.name];
      return other === null ? [] : [{ ...tensor, ...other }];
    }),
    read: async (name, signal) =>
      (change.values?.[name] ?? ((values) => values))(await model.read(name, signal)),
  };
}

const configured = (config: object) => ({ config: { quantization_config: config } });
const part = (name: string, change: Partial<TensorInfo> | null) => ({ tensors: { [name]: change } });
const NF4 = "nf4.weight";
const stated = (change: object) => ({
  values: {
    [`${NF4}.quant_state.bitsandbytes__nf4`]: (values: Float64Array) => {
      const state = JSON.parse(new TextDecoder().decode(Uint8Array.from(values))) as object;
      return Float64Array.from(new TextEncoder().encode(JSON.stringify({ ...state, ...change })));
    },
  },
});

describe("quantized weights whose parts do not fit", () => {
  it.each<readonly [folder: string, change: Change, message: RegExp]>([
    [
      "gptq-4",
      configured({ quant_method: "gptq", bits: 5 }),
      /config\.json, bits: found 5, required 2, 3, 4 or 8/,
    ],
    ["gptq-4", configured({ quant_method: "gptq" }), /config\.json, bits: found undefined, required 2/],
    ["gptq-4", part(`${MODULE}.qweight`, { dtype: "F32" }), /qweight", dtype: found F32, required I32/],
    [
      "gptq-4",
      part(`${MODULE}.qweight`, { shape: [8] }),
      /qweight", shape: found \[8\], required \[1 or more, 1/,
    ],
    ["gptq-4", part(`${MODULE}.scales`, null), /tensor "model\.layers\.0\.mlp\.up_proj\.scales": found none/],
    [
      "gptq-4",
      part(`${MODULE}.scales`, { shape: [0, 32] }),
      /scales", shape: found \[0,32\], required \[1 or more, 32/,
    ],
    [
      "gptq-4",
      part(`${MODULE}.qzeros`, { shape: [3, 4] }),
      /qzeros", shape: found \[3,4\], required \[2, 4\]/,
    ],
    ["gptq-4", part(`${MODULE}.g_idx`, { shape: [63] }), /g_idx", shape: found \[63\], required \[64\]/],
    ["gptq-3", {
      tensors: { [`${MODULE}.qweight`]: { shape: [6, 33] }, [`${MODULE}.scales`]: { shape: [2, 33] } },
    }, /qweight", shape: found \[6,33\], required columns that are a multiple of 32$/],
    ["awq", configured({ quant_method: "awq", bits: 8 }), /config\.json, bits: found 8, required 4/],
    [
      "awq",
      part(`${MODULE}.scales`, { shape: [2, 31] }),
      /scales", shape: found \[2,31\], required \[1 or more, 32\]/,
    ],
    ["awq", {
      tensors: { [`${MODULE}.scales`]: { shape: [3, 32] }, [`${MODULE}.qzeros`]: { shape: [3, 4] } },
    }, /scales", shape: found \[3,32\], required rows that divide 64/],
    [
      "mlx",
      { config: { quantization: { group_size: 0, bits: 4 } } },
      /group_size: found 0, required 1 or more/,
    ],
    ["mlx", { config: { quantization: { group_size: 64, bits: 7 } } }, /bits: found 7, required 2 to 8/],
    [
      "mlx",
      { config: { quantization: { group_size: 24, bits: 4 } } },
      /weight", shape: found \[16,8\], required last axes/,
    ],
    [
      "mlx",
      part("layers.4.fc.biases", { shape: [16, 1] }),
      /biases", shape: found \[16,1\], required \[16, 2\]/,
    ],
    [
      "mxfp4",
      part("model.layers.0.mlp.experts.gate_up_proj_scales", { shape: [3, 20, 1] }),
      /required \[3, 20, 2\]/,
    ],
    [
      "mxfp4",
      part("model.layers.0.mlp.experts.gate_up_proj_blocks", { shape: [3, 20, 4, 8] }),
      /required \[.*, 16\]/,
    ],
    ["bitsandbytes-4", stated({ blocksize: 0 }), /nf4", blocksize: found 0, required 1 or more/],
    ["bitsandbytes-4", stated({ quant_type: "fp4" }), /nf4", quant_type: found "fp4", required nf4/],
    [
      "bitsandbytes-4",
      stated({ shape: [2 ** 40, 2 ** 40] }),
      /weight", shape: found \[792,1\], required .* bytes/,
    ],
    ["bitsandbytes-4", stated({ shape: [-1] }), /nf4", shape: found \[-1\], required 1 to 8 extents/],
    [
      "bitsandbytes-4",
      stated({ nested_blocksize: 64, nested_offset: "x" }),
      /nested_offset: found "x", required a/,
    ],
    [
      "bitsandbytes-4",
      part(`${NF4}.absmax`, { shape: [24] }),
      /absmax", shape: found \[24\], required \[25\]/,
    ],
    [
      "bitsandbytes-4",
      part(`${NF4}.quant_map`, { shape: [15] }),
      /quant_map", shape: found \[15\], required \[16\]/,
    ],
    ["bitsandbytes-8", part("fc.SCB", { shape: [31] }), /SCB", shape: found \[31\], required \[32\]/],
    [
      "compressed-channel",
      part("layers.0.fc.weight_scale", { shape: [0] }),
      /found \[0\], required at least one scale/,
    ],
    [
      "compressed-block",
      part("layers.0.fc.weight_scale", { shape: [5, 3] }),
      /found \[5,3\], required blocks of 16 x 32/,
    ],
  ])("%s: is refused", async (folder, change, message) => {
    const failure = await dequantized(await raw(folder, change)).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(SyntaxError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).toContain(`${fileOf(folder)}: `);
  });

  it("is refused where an index leads out of its groups", async () => {
    for (const value of [2, -1]) {
      const values = { [`${MODULE}.g_idx`]: (index: Float64Array) => index.with(7, value) };
      const model = await dequantized(await raw("gptq-4", { values }));
      await expect(model.read(`${MODULE}.weight`)).rejects.toThrow(
        `${
          fileOf("gptq-4")
        }: tensor "${MODULE}.g_idx", entry 7: found ${value}, required a group from 0 to 1`,
      );
    }
  });

  it("is skipped where rows of integers lie in another order", async () => {
    const model = await raw("bitsandbytes-8", { values: { "fc.weight_format": () => Float64Array.of(1) } });
    expect(await dequantized(model)).toBe(model);
  });
});
