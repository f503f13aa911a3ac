import { describe, expect, it } from "vitest";
import { dequantized } from "../../../connectors/sources/quantized/quantized.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { type Change, fileOf, MODULE, opened, raw } from "../../support/files/quantized-files.ts";

const configured = (config: object) => ({ config: { quantization_config: config } });
const part = (name: string, change: Partial<TensorInfo> | null) => ({ tensors: { [name]: change } });
const FC = "layers.0.fc";
/** As compressed-tensors says how its integers are packed. */
const grouped = (weights: object) =>
  configured({
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: { group_0: { weights } },
  });
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
      "compressed-pack-4",
      grouped({ num_bits: 3, group_size: 32 }),
      /config\.json, num_bits: found 3, required 1, 2, 4 or 8/,
    ],
    ["compressed-pack-4", grouped({ num_bits: 4 }), /group_size: found undefined, required one, 1 or more/],
    [
      "compressed-pack-4",
      grouped({ num_bits: 4, group_size: 48 }),
      /weight_scale", shape: found \[41,3\], required 2 groups of 48 of 96/,
    ],
    [
      "compressed-pack-4",
      grouped({ num_bits: 4, group_size: 32, symmetric: false }),
      /weight_zero_point": found none, required for its weight/,
    ],
    [
      "compressed-pack-4",
      { values: { [`${FC}.weight_shape`]: () => Float64Array.of(41, 97) } },
      /weight_shape": found 41 x 97, required the 41 rows of .*, each of 12 words of 4 bits/,
    ],
    [
      "compressed-pack-4-zeros",
      part(`${FC}.weight_zero_point`, { shape: [5, 3] }),
      /weight_zero_point", shape: found \[5,3\], required \[6, 3\]/,
    ],
    [
      "compressed-nvfp4",
      part(`${FC}.weight_scale`, { shape: [41, 5] }),
      /weight_scale", shape: found \[41,5\], required \[41, 6\]/,
    ],
    [
      "compressed-nvfp4",
      part(`${FC}.weight_global_scale`, null),
      /weight_global_scale": found none, required for its weight/,
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

  it("is refused where an order of compressed-tensors leads out of its groups, and none where all is -1", async () => {
    const folder = "compressed-pack-4-order";
    const ordered = async (change: (index: Float64Array) => Float64Array) =>
      (await dequantized(await raw(folder, { values: { [`${FC}.weight_g_idx`]: change } })))
        .read(`${FC}.weight`);
    await expect(ordered((index) => index.with(5, 3))).rejects.toThrow(
      `${fileOf(folder)}: tensor "${FC}.weight_g_idx", entry 5: found 3, required a group from 0 to 2`,
    );
    expect(await ordered((index) => index.fill(-1))).toEqual(
      await (await opened(fileOf("compressed-pack-4"))).read(`${FC}.weight`),
    );
  });

  it("is skipped where modules of compressed-tensors differ in bits", async () => {
    const weights = (bits: number) => ({ weights: { num_bits: bits, group_size: 32 } });
    const model = await raw(
      "compressed-pack-4",
      configured({
        quant_method: "compressed-tensors",
        format: "pack-quantized",
        config_groups: { group_0: weights(4), group_1: weights(8) },
      }),
    );
    expect(await dequantized(model)).toBe(model);
  });

  it("is skipped where rows of integers lie in another order", async () => {
    const model = await raw("bitsandbytes-8", { values: { "fc.weight_format": () => Float64Array.of(1) } });
    expect(await dequantized(model)).toBe(model);
  });
});
