/**
 * Packed formats of compressed-tensors: `pack-quantized`, integers of few bits in words of 32, and `nvfp4-pack-quantized`, values of four bits
 * with a float8 for each 16 and a number for all. The config says which it is.
 */

import { counted } from "../../../src/model/counted.ts";
import { show } from "../../../src/model/errors.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { Computed } from "../computed.ts";
import { E2M1 } from "../floats.ts";
import {
  codeAt,
  computedOf,
  FLOATS,
  isCount,
  misfit,
  partOf,
  recordOf,
  type Rule,
  settingOf,
  type Stored,
} from "./rule.ts";

const CODES = /^(.*)\.weight_packed$/;

/** Values that share a scale in NVFP4. */
const NVFP4_GROUP = 16;

/** By `format` of the config, or of its groups where they differ. */
export const compressed: Rule = async (tensor, stored) => {
  const module = CODES.exec(tensor.name)?.[1];
  if (module === undefined || stored.config?.["quant_method"] !== "compressed-tensors") return null;
  const { config } = stored;
  const groups = Object.values(recordOf(config["config_groups"])).map(recordOf);
  const schemes = (format: string) =>
    config["format"] === format
      ? groups
      : config["format"] === "mixed-precision"
      ? groups.filter((group) => group["format"] === format)
      : [];
  const of = (format: string) => schemes(format).map((group) => recordOf(group["weights"]));
  if (tensor.dtype === "U8") {
    return of("nvfp4-pack-quantized").length > 0 ? nvfp4(tensor, module, stored) : null;
  }
  const weights = of("pack-quantized");
  return tensor.dtype === "I32" && weights.length > 0
    ? await integers(tensor, module, stored, weights)
    : null;
};

/** As its `NVFP4PackedCompressor` reads it: scales are divided by the global one. */
function nvfp4(codes: TensorInfo, module: string, stored: Stored): Computed {
  const [out, bytes] = partOf(stored, codes.name, ["U8"], [null, null]).shape as [number, number];
  const inputs = 2 * bytes;
  if (inputs % NVFP4_GROUP !== 0) misfit(stored, codes, `rows of a multiple of ${NVFP4_GROUP / 2} bytes`);
  const scales = partOf(stored, `${module}.weight_scale`, ["F8_E4M3"], [out, inputs / NVFP4_GROUP]);
  const whole = partOf(stored, `${module}.weight_global_scale`, ["F32"], [1]);
  refuseZeros(module, stored);
  return computedOf(
    {
      name: `${module}.weight`,
      dtype: "NVFP4",
      shape: [out, inputs],
      rule: "NVFP4, groups of 16 in channels, scales over weight_global_scale (quantization_config)",
    },
    [codes, scales, whole],
    (packed, scale, all) => {
      const weight = new Float64Array(2 * packed.length);
      for (let i = 0; i < packed.length; i++) {
        const factor = Math.fround(scale[Math.floor(2 * i / NVFP4_GROUP)]! / all[0]!);
        // The lower half of a byte comes first.
        weight[2 * i] = Math.fround(E2M1[packed[i]! & 15]! * factor);
        weight[2 * i + 1] = Math.fround(E2M1[packed[i]! >> 4]! * factor);
      }
      return weight;
    },
  );
}

/** Values of four bits have no zero points. */
function refuseZeros(module: string, stored: Stored): void {
  const name = `${module}.weight_zero_point`;
  if (!stored.tensors.has(name)) return;
  throw new SyntaxError(`${stored.uri}: tensor ${show(name)}: found one, required none of NVFP4`);
}

/**
 * As its `pack_to_int32` lays codes out: those of a row one behind the other, with half of their range added. Of zero points the same, along
 * the rows. Bits that do not divide 32 are laid out differently by different versions, and are refused.
 */
async function integers(
  codes: TensorInfo,
  module: string,
  stored: Stored,
  schemes: readonly Readonly<Record<string, unknown>>[],
): Promise<Computed | null> {
  const said = new Set(schemes.map((scheme) => scheme["num_bits"]));
  // Which module has which needs the rules by which its targets are matched.
  if (said.size !== 1 || schemes.some(({ type = "int" }) => type !== "int")) return null;
  const bits = settingOf(stored, "num_bits", [...said][0], (n) => [1, 2, 4, 8].includes(n), "1, 2, 4 or 8");
  const [out, words] = partOf(stored, codes.name, ["I32"], [null, null]).shape as [number, number];
  const shape = partOf(stored, `${module}.weight_shape`, ["I64", "I32"], [2]);
  const [rows = 0, inputs = 0] = await stored.read(shape.name);
  if (rows !== out || !isCount(inputs) || Math.ceil(inputs * bits / 32) !== words) {
    throw new SyntaxError(
      `${stored.uri}: tensor ${show(shape.name)}: found ${rows} x ${inputs}, required the ${out} rows of ${
        show(codes.name)
      }, each of ${words} words of ${bits} bits`,
    );
  }
  const scales = partOf(stored, `${module}.weight_scale`, FLOATS, [null, null]);
  const [scaleRows, groups] = scales.shape as [number, number];
  if (scaleRows !== out && !(scaleRows === 1 && groups === 1)) misfit(stored, scales, `[${out}, 1 or more]`);
  const size = sizeOf(stored, scales, schemes, inputs, groups);
  const zeroName = `${module}.weight_zero_point`;
  const zeros = stored.tensors.has(zeroName) || schemes.some(({ symmetric }) => symmetric === false)
    ? partOf(stored, zeroName, ["I32"], [Math.ceil(scaleRows * bits / 32), groups])
    : null;
  const indexName = `${module}.weight_g_idx`;
  const index = stored.tensors.has(indexName) ? partOf(stored, indexName, ["I32", "I64"], [inputs]) : null;
  const half = 1 << bits - 1;
  return computedOf(
    {
      name: `${module}.weight`,
      dtype: `INT${bits}`,
      shape: [out, inputs],
      rule: `compressed-tensors, ${bits} bits, ${
        scaleRows === out ? `${counted(groups, "group")} of in channels` : "a scale for the tensor"
      }${zeros === null ? "" : ", zero points"}${
        index === null ? "" : ", in the order of weight_g_idx"
      } (quantization_config)`,
    },
    [codes, shape, scales, ...zeros === null ? [] : [zeros], ...index === null ? [] : [index]],
    (code, _, scale, ...rest) => {
      const c = Int32Array.from(code);
      const z = zeros === null ? null : Int32Array.from(rest[0]!);
      const groupOf = index === null
        ? Int32Array.from({ length: inputs }, (_, i) => Math.floor(i / size))
        : ordered(stored, index, rest.at(-1)!, size, groups);
      const weight = new Float64Array(out * inputs);
      for (let o = 0; o < out; o++) {
        const row = scaleRows === out ? o : 0;
        for (let i = 0; i < inputs; i++) {
          const group = groupOf[i]!;
          const zero = z === null ? half : codeAt(z, group, groups, row, bits);
          weight[o * inputs + i] = Math.fround(
            (codeAt(c, o * words, 1, i, bits) - zero) * scale[row * groups + group]!,
          );
        }
      }
      return weight;
    },
  );
}

/** In channels of a group: as the config says, else as many each. */
function sizeOf(
  stored: Stored,
  scales: TensorInfo,
  schemes: readonly Readonly<Record<string, unknown>>[],
  inputs: number,
  groups: number,
): number {
  if (groups === 1) return inputs;
  const sizes = new Set(schemes.map((scheme) => scheme["group_size"]));
  const size = settingOf(
    stored,
    "group_size",
    sizes.size === 1 ? [...sizes][0] : undefined,
    isCount,
    "one, 1 or more",
  );
  if (Math.ceil(inputs / size) !== groups) {
    misfit(stored, scales, `${Math.ceil(inputs / size)} groups of ${size} of ${inputs} in channels`);
  }
  return size;
}

/** The group of each in channel where an order says it; none does where all is -1. */
function ordered(
  { uri }: Stored,
  { name }: TensorInfo,
  index: Float64Array,
  size: number,
  groups: number,
): Int32Array {
  if (index.every((group) => group === -1)) return Int32Array.from(index, (_, i) => Math.floor(i / size));
  const bad = index.findIndex((group) => !(group >= 0 && group < groups));
  if (bad >= 0) {
    throw new RangeError(
      `${uri}: tensor ${show(name)}, entry ${bad}: found ${index[bad]}, required a group from 0 to ${
        groups - 1
      }`,
    );
  }
  return Int32Array.from(index);
}
