/**
 * GPTQ and AWQ: codes of few bits in words of 32, with a scale and a zero point for each group of in channels and each out channel. The
 * weight is `scale * (code - zero)`, `[out, in]` as the layer has it, where the file has it transposed.
 */

import { counted } from "../../../src/model/counted.ts";
import { show } from "../../../src/model/errors.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { Computed } from "../computed.ts";
import { codeAt, computedOf, FLOATS, misfit, partOf, type Rule, settingOf, type Stored } from "./rule.ts";

const CODES = /^(.*)\.qweight$/;

/** By `quant_method` of the config: it says the bits, and what the zero points mean. */
export const packed: Rule = (tensor, stored) => {
  const module = CODES.exec(tensor.name)?.[1];
  if (module === undefined || stored.config === null) return null;
  switch (stored.config["quant_method"]) {
    case "gptq":
      return gptq(tensor, module, stored, stored.config);
    case "awq":
      return awq(tensor, module, stored, stored.config);
    default:
      return null;
  }
};

/**
 * As AutoGPTQ packs it (`pack` of `qlinear_cuda.py`): codes along the in channels. Its first format holds zero points less one, so that 0
 * is stored as the largest code; `gptq_v2` holds them as they are. AutoGPTQ's kernels differ in that code: those of ExLlama and
 * `qlinear_cuda_old.py` add one and mask, and get 0, as here; `qlinear_cuda.py` and Triton's mask and add one, and get `2 ** bits`, which its
 * quantizer never has.
 */
function gptq(
  codes: TensorInfo,
  module: string,
  stored: Stored,
  config: Readonly<Record<string, unknown>>,
): Computed | null {
  const format = config["checkpoint_format"] ?? "gptq";
  if (format !== "gptq" && format !== "gptq_v2") return null;
  const bits = settingOf(stored, "bits", config["bits"], (n) => [2, 3, 4, 8].includes(n), "2, 3, 4 or 8");
  const [words, out] = partOf(stored, codes.name, ["I32"], [null, null]).shape as [number, number];
  const inputs = words * 32 / bits;
  if (!Number.isInteger(inputs)) misfit(stored, codes, `rows that hold whole codes of ${bits} bits`);
  const scales = partOf(stored, `${module}.scales`, FLOATS, [null, out]);
  const groups = scales.shape[0]!;
  if (!Number.isInteger(out * bits / 32)) {
    misfit(stored, codes, `columns that are a multiple of ${bits === 3 ? 32 : 32 / bits}`);
  }
  const zeros = partOf(stored, `${module}.qzeros`, ["I32"], [groups, out * bits / 32]);
  const group = groupsOf(module, stored, inputs, groups);
  const shift = format === "gptq" ? 1 : 0;
  return computedOf(
    {
      name: `${module}.weight`,
      dtype: `GPTQ${bits}`,
      shape: [out, inputs],
      rule: `GPTQ, ${bits} bits, ${counted(groups, "group")} of in channels${
        shift === 1 ? ", zero points stored less one" : ""
      } (quantization_config)`,
    },
    [codes, zeros, scales, ...group === null ? [] : [group]],
    (code, zero, scale, index) => {
      const [c, z] = [Int32Array.from(code), Int32Array.from(zero)];
      const size = inputs / groups;
      const weight = new Float64Array(out * inputs);
      for (let i = 0; i < inputs; i++) {
        const g = index === undefined ? Math.floor(i / size) : index[i]!;
        if (!(g >= 0 && g < groups)) {
          throw new RangeError(
            `${stored.uri}: tensor ${show(group!.name)}, entry ${i}: found ${g}, required a group from 0 to ${
              groups - 1
            }`,
          );
        }
        for (let o = 0; o < out; o++) {
          const zeroPoint = codeAt(z, g * (out * bits / 32), 1, o, bits) + shift & (1 << bits) - 1;
          weight[o * inputs + i] = Math.fround(
            scale[g * out + o]! * (codeAt(c, o, out, i, bits) - zeroPoint),
          );
        }
      }
      return weight;
    },
  );
}

/** The group of each in channel; null where they are as many each. */
function groupsOf(module: string, stored: Stored, inputs: number, groups: number): TensorInfo | null {
  const name = `${module}.g_idx`;
  if (stored.tensors.has(name)) return partOf(stored, name, ["I32", "I64"], [inputs]);
  if (inputs % groups === 0) return null;
  throw new SyntaxError(
    `${stored.uri}: tensor ${
      show(`${module}.scales`)
    }: found ${groups} groups, required a divisor of ${inputs} ` +
      `in channels, or ${show(name)}`,
  );
}

/** Where in a word each of eight columns is: AutoAWQ's `AWQ_REVERSE_ORDER` (`awq/utils/packing_utils.py`). */
const PLACES = [0, 4, 1, 5, 2, 6, 3, 7];

/** As AutoAWQ packs it for its GEMM kernel: four bits, codes along the out channels. */
function awq(
  codes: TensorInfo,
  module: string,
  stored: Stored,
  config: Readonly<Record<string, unknown>>,
): Computed | null {
  const version = config["version"] ?? config["format"] ?? "gemm";
  if (typeof version !== "string" || version.toLowerCase() !== "gemm") return null;
  settingOf(stored, "bits", config["bits"] ?? config["w_bit"], (n) => n === 4, "4, as AWQ has");
  const [inputs, words] = partOf(stored, codes.name, ["I32"], [null, null]).shape as [number, number];
  const out = 8 * words;
  const scales = partOf(stored, `${module}.scales`, FLOATS, [null, out]);
  const groups = scales.shape[0]!;
  const zeros = partOf(stored, `${module}.qzeros`, ["I32"], [groups, words]);
  if (inputs % groups !== 0) misfit(stored, scales, `rows that divide ${inputs} in channels`);
  return computedOf(
    {
      name: `${module}.weight`,
      dtype: "AWQ4",
      shape: [out, inputs],
      rule: `AWQ (gemm), 4 bits, groups of ${inputs / groups} in channels (quantization_config)`,
    },
    [codes, zeros, scales],
    (code, zero, scale) => {
      const [c, z] = [Int32Array.from(code), Int32Array.from(zero)];
      const weight = new Float64Array(out * inputs);
      for (let i = 0; i < inputs; i++) {
        const g = Math.floor(i * groups / inputs);
        for (let o = 0; o < out; o++) {
          const [word, place] = [o >> 3, PLACES[o & 7]!];
          const difference = codeAt(c, i * words + word, 1, place, 4) -
            codeAt(z, g * words + word, 1, place, 4);
          weight[o * inputs + i] = Math.fround(scale[g * out + o]! * difference);
        }
      }
      return weight;
    },
  );
}
