/**
 * Quantized weights in files whose numbers are plain: codes in one tensor, scales in others. They are read as real numbers where the
 * `config.json` beside them, or names, types and shapes, say for certain how; else they stay what they are, and are skipped.
 */

import { show } from "../../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import { type Computed, withComputed } from "../computed.ts";
import { isStored } from "../floats.ts";
import { eightBits, fourBits } from "./bitsandbytes.ts";
import { compressed } from "./compressed.ts";
import { mlx } from "./mlx.ts";
import { mxfp4 } from "./mxfp4.ts";
import { packed } from "./packed.ts";
import type { Rule, Stored } from "./rule.ts";
import { scaled } from "./scaled.ts";

/** No two of them apply to one tensor. */
const RULES: readonly Rule[] = [packed, compressed, mlx, mxfp4, fourBits, eightBits, scaled];

/** The same format, whose models have quantized weights as real numbers. */
export function withDequantized(format: SourceFormat): SourceFormat {
  return {
    ...format,
    async open(...from) {
      const model = await format.open(...from);
      try {
        return await dequantized(model);
      } catch (failure) {
        await model.close();
        throw failure;
      }
    },
  };
}

/**
 * The same model, its quantized weights as real numbers. A model whose format knows the dataflow stays as it is.
 *
 * @throws {SyntaxError} when parts of a weight do not fit together, or two weights have one name; names the file, the tensors, what was
 * found and what is required
 */
export async function dequantized(model: Model): Promise<Model> {
  if (model.graph !== undefined || model.operators !== undefined) return model;
  const stored: Stored = {
    uri: model.uri,
    tensors: new Map(model.tensors.map((tensor) => [tensor.name, tensor])),
    config: quantizationOf(model.config),
    read: (...wanted) => model.read(...wanted),
  };
  const computed = new Map<string, Computed>();
  const mainParts = new Map<string, string>();
  for (const tensor of model.tensors) {
    for (const rule of RULES) {
      const found = await rule(tensor, stored);
      if (found === null || !found.parts.every((part) => isStored(stored.tensors.get(part)!))) continue;
      const { name } = found.tensor;
      if (name !== tensor.name && stored.tensors.has(name)) continue;
      const other = mainParts.get(name);
      if (other !== undefined) {
        throw new SyntaxError(
          `${model.uri}: tensors ${show(other)} and ${show(tensor.name)}: found two weights ${
            show(name)
          }, required one`,
        );
      }
      mainParts.set(name, tensor.name);
      computed.set(tensor.name, found);
      break;
    }
  }
  return computed.size === 0 ? model : withComputed(model, computed);
}

/** What a config says of quantization, by the names that transformers and MLX have for it. */
function quantizationOf(config: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof config !== "object" || config === null) return null;
  for (const key of ["quantization_config", "compression_config", "quantization"]) {
    const found = (config as Readonly<Record<string, unknown>>)[key];
    if (typeof found === "object" && found !== null) return found as Readonly<Record<string, unknown>>;
  }
  return null;
}
