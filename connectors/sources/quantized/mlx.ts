/** MLX: codes of few bits in words of 32, with a scale and a bias for each group of in channels. The weight is `scale * code + bias`. */

import {
  codeAt,
  computedOf,
  FLOATS,
  isCount,
  misfit,
  partOf,
  type Rule,
  settingOf,
  type Stored,
} from "./rule.ts";

/** By `quantization` of the config: bits and sizes of groups cannot both be told from shapes. */
export const mlx: Rule = (tensor, stored) => {
  const module = /^(.*)\.weight$/.exec(tensor.name)?.[1];
  if (module === undefined || tensor.dtype !== "U32" || !stored.tensors.has(`${module}.scales`)) return null;
  const settings = settingsOf(module, stored);
  if (settings === null) return null;
  const { bits, size } = settings;
  const { shape } = tensor;
  const codes = partOf(
    stored,
    tensor.name,
    ["U32"],
    Array.from({ length: Math.max(shape.length, 2) }, () => null),
  );
  const inputs = shape.at(-1)! * 32 / bits;
  if (!Number.isInteger(inputs / size)) {
    misfit(stored, codes, `last axes that hold whole groups of ${size} codes of ${bits} bits`);
  }
  const perGroup = [...shape.slice(0, -1), inputs / size];
  const scales = partOf(stored, `${module}.scales`, FLOATS, perGroup);
  const biases = partOf(stored, `${module}.biases`, FLOATS, perGroup);
  return computedOf(
    {
      name: tensor.name,
      dtype: `MLX${bits}`,
      shape: [...shape.slice(0, -1), inputs],
      rule: `MLX (affine), ${bits} bits, groups of ${size} in channels (quantization)`,
    },
    [codes, scales, biases],
    (code, scale, bias) => {
      const words = Int32Array.from(code);
      const weight = new Float64Array(words.length * 32 / bits);
      const length = shape.at(-1)!;
      for (let at = 0; at < weight.length; at++) {
        const [row, group] = [Math.floor(at / inputs), Math.floor(at / size)];
        const value = codeAt(words, row * length, 1, at % inputs, bits);
        weight[at] = Math.fround(scale[group]! * value + bias[group]!);
      }
      return weight;
    },
  );
};

/** What the config says of a module: the module's own settings go before those of all. */
function settingsOf(module: string, stored: Stored): { readonly bits: number; readonly size: number } | null {
  const all = stored.config;
  if (all === null) return null;
  const own = all[module];
  const settings = typeof own === "object" && own !== null ? own as Readonly<Record<string, unknown>> : all;
  if ((settings["mode"] ?? "affine") !== "affine") return null;
  // A config of another method has neither.
  if (settings["group_size"] === undefined || all["quant_method"] !== undefined) return null;
  return {
    bits: settingOf(
      stored,
      "quantization, bits",
      settings["bits"],
      (n) => [2, 3, 4, 5, 6, 8].includes(n),
      "2 to 8, not 7",
    ),
    size: settingOf(stored, "quantization, group_size", settings["group_size"], isCount, "1 or more"),
  };
}
