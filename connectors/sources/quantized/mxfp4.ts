/** MXFP4 as gpt-oss stores it: blocks of 32 values of four bits with a power of two each. Names, types and shapes leave one reading only. */

import { E2M1, E8M0 } from "../floats.ts";
import { computedOf, partOf, type Rule } from "./rule.ts";

/** `gate_up_proj_blocks` in the files of transformers, `mlp1_weight.blocks` in OpenAI's own. */
const BLOCKS = /^(.*)([._])blocks$/;

/** The weight is `[…, out, in]`, as its blocks lie; transformers computes with the transpose (`convert_moe_packed_tensors`). */
export const mxfp4: Rule = (tensor, stored) => {
  const found = BLOCKS.exec(tensor.name);
  const scalesName = `${found?.[1]}${found?.[2]}scales`;
  if (found === null || tensor.dtype !== "U8" || stored.tensors.get(scalesName)?.dtype !== "U8") return null;
  const { shape } = tensor;
  const blocks = partOf(
    stored,
    tensor.name,
    ["U8"],
    [...Array.from({ length: Math.max(shape.length - 1, 2) }, () => null), 16],
  );
  const scales = partOf(stored, scalesName, ["U8"], shape.slice(0, -1));
  return computedOf(
    {
      name: found[1]!,
      dtype: "MXFP4",
      shape: [...shape.slice(0, -2), 32 * shape.at(-2)!],
      rule: "MXFP4, blocks of 32 (names, types and shapes of blocks and scales)",
    },
    [blocks, scales],
    (codes, exponents) => {
      const weight = new Float64Array(2 * codes.length);
      for (let i = 0; i < codes.length; i++) {
        const scale = E8M0[exponents[i >> 4]!]!;
        // The lower half of a byte comes first.
        weight[2 * i] = E2M1[codes[i]! & 15]! * scale;
        weight[2 * i + 1] = E2M1[codes[i]! >> 4]! * scale;
      }
      return weight;
    },
  );
};
