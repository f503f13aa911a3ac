/**
 * Low-rank adapters (LoRA) as PEFT writes them: `adapter_config.json` beside factors. With its base model an adapter is a model whose
 * weights are `W + s B A` (Hu et al. 2021, arXiv 2106.09685): `A` is `r x in`, `B` is `out x r`, `s = alpha / r`, or `alpha / sqrt(r)` (rsLoRA).
 */

import { show } from "../../src/model/errors.ts";
import type { Model } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";

/** What the config says of the factors. */
interface AdapterConfig {
  readonly alpha: number;
  /** By modules, or ends of their names. */
  readonly alphaPattern: ReadonlyMap<string, number>;
  readonly rootOfRank: boolean;
  /** Whether the base's weights are `[in, out]`. */
  readonly inFirst: boolean;
}

/** Two factors of a change. */
interface Factors {
  /** `r x in`; of an embedding `r x tokens`. */
  readonly a: TensorInfo;
  /** `out x r`; of an embedding `dimensions x r`. */
  readonly b: TensorInfo;
  readonly scale: number;
  /** Whether the base's tensor is the transpose of `B A`. */
  readonly transposed: boolean;
}

/** How PEFT names factors, and weights that it has trained whole. */
const FACTOR = /^(?:base_model\.model\.)?(.+)\.lora_(embedding_)?([AB])(?:\.[^.]+)?(?:\.weight)?$/;
const SAVED = /^(?:base_model\.model\.)?(.+?)(?:\.modules_to_save(?:\.[^.]+)?)?\.(weight|bias)$/;

/** Kinds of adapters that are not `W + s B A`, by the key that says so. */
const OTHER_KINDS = ["use_dora", "lora_bias", "use_qalora"] as const;

/** Ways to begin a training that take something from the base's weights. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq)/;

/** Whether a model's config says that it is an adapter. */
export function isAdapter({ config }: Pick<Model, "config">): boolean {
  return typeof config === "object" && config !== null && "peft_type" in config;
}

/**
 * The base model with an adapter's change in its weights.
 *
 * @param base stays open as long as the result is used, and is not closed with it
 * @param adapter closed with the result
 * @throws {RangeError} when it is another kind of adapter, a factor has no partner, or a change does not fit the base; names the adapter
 * @example
 * const merged = adaptedModel(base, adapter);
 * await merged.read("model.layers.0.mlp.up_proj.weight"); // W + s B A
 */
export function adaptedModel(base: Model, adapter: Model): Model {
  const refuse = (found: string, required: string): never => {
    throw new RangeError(`${adapter.uri}: found ${found}, required ${required}`);
  };
  const config = adapterConfig(adapter.config, refuse);
  const tensors = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  const changes = new Map<string, Factors>();
  const replaced = new Map<string, TensorInfo>();
  const pairs = new Map<string, { a?: TensorInfo; b?: TensorInfo; embedding: boolean }>();
  for (const tensor of adapter.tensors) {
    const factor = FACTOR.exec(tensor.name);
    if (factor === null) {
      const saved = SAVED.exec(tensor.name);
      const name = saved === null ? null : `${saved[1]}.${saved[2]}`;
      if (name === null || !sameShape(tensors.get(name), tensor)) {
        return refuse(
          `tensor ${show(tensor.name)}`,
          "factors of LoRA, or weights that the base has in the same shape",
        );
      }
      replaced.set(name, tensor);
      continue;
    }
    const [, module, embedding, side] = factor as unknown as [string, string, string | undefined, "A" | "B"];
    const pair = pairs.get(module) ?? { embedding: embedding !== undefined };
    const key = side === "A" ? "a" : "b";
    if (pair[key] !== undefined) {
      return refuse(`two factors lora_${side} of ${show(module)}`, "one adapter in one file");
    }
    pairs.set(module, { ...pair, [key]: tensor });
  }
  for (const [module, { a, b, embedding }] of pairs) {
    const name = `${module}.weight`;
    if (a === undefined || b === undefined) {
      return refuse(`only one factor of ${show(module)}`, "lora_A and lora_B");
    }
    const of = tensors.get(name);
    const [rank, columns] = a.shape;
    const [rows, inner] = b.shape;
    const transposed = embedding || config.inFirst;
    const shape = transposed ? [columns, rows] : [rows, columns];
    if (
      a.shape.length !== 2 || b.shape.length !== 2 || rank !== inner || of === undefined ||
      of.shape.join() !== shape.join()
    ) {
      return refuse(
        `factors ${b.shape.join(" x ")} and ${a.shape.join(" x ")} of ${show(module)}`,
        of === undefined
          ? `a base that has ${show(name)}`
          : `a product of ${of.shape.join(" x ")}, as the base has`,
      );
    }
    const alpha = patternOf(config.alphaPattern, module) ?? config.alpha;
    const scale = alpha / (config.rootOfRank ? Math.sqrt(rank!) : rank!);
    changes.set(name, { a, b, scale, transposed });
  }
  return {
    ...base,
    id: adapter.id,
    uri: adapter.uri,
    async read(name, signal) {
      const other = replaced.get(name);
      if (other !== undefined) return await adapter.read(other.name, signal);
      const weight = await base.read(name, signal);
      const change = changes.get(name);
      if (change !== undefined) {
        addProduct(
          weight,
          await adapter.read(change.b.name, signal),
          await adapter.read(change.a.name, signal),
          change,
        );
      }
      return weight;
    },
    rows: (name) => replaced.has(name) || changes.has(name) ? null : base.rows?.(name) ?? null,
    inputs: async (signal, _, known) => [
      ...await base.inputs(signal, undefined, known),
      ...await adapter.inputs(signal, undefined, known),
    ],
    close: () => adapter.close(),
  };
}

const sameShape = (of: TensorInfo | undefined, { shape }: TensorInfo) => of?.shape.join() === shape.join();

/** A pattern of PEFT stands for all modules whose names end with it; the first that does. */
function patternOf(patterns: ReadonlyMap<string, number>, module: string): number | undefined {
  return [...patterns].find(([end]) => `.${module}`.endsWith(`.${end}`))?.[1];
}

function adapterConfig(config: unknown, refuse: (found: string, required: string) => never): AdapterConfig {
  const said = config as Readonly<Record<string, unknown>>;
  if (said["peft_type"] !== "LORA") refuse(`peft_type ${show(said["peft_type"])}`, "LORA");
  const other = OTHER_KINDS.find((key) => said[key] === true);
  if (other !== undefined) refuse(`${other}: true`, "W + s B A: merge the adapter, and compare that");
  const start = said["init_lora_weights"];
  if (typeof start === "string" && CHANGES_BASE.test(start)) {
    refuse(
      `init_lora_weights ${show(start)}, which changes the base`,
      "a change of the base as it is: merge the adapter, and compare that",
    );
  }
  const alpha = said["lora_alpha"];
  if (typeof alpha !== "number" || !Number.isFinite(alpha)) refuse(`lora_alpha ${show(alpha)}`, "a number");
  const patterns = said["alpha_pattern"] ?? {};
  if (typeof patterns !== "object" || !Object.values(patterns).every((value) => typeof value === "number")) {
    refuse("alpha_pattern", "numbers by module");
  }
  const named = new Map(Object.entries(patterns as Record<string, number>));
  const regex = [...named.keys()].find((key) => !/^[\w.-]+$/.test(key));
  if (regex !== undefined) {
    refuse(`alpha_pattern ${show(regex)}`, "names of modules, or ends of them, not regular expressions");
  }
  return {
    alpha: alpha,
    alphaPattern: named,
    rootOfRank: said["use_rslora"] === true,
    inFirst: said["fan_in_fan_out"] === true,
  };
}

/** Adds `s B A`, or its transpose, to a weight in place. */
function addProduct(
  weight: Float64Array,
  b: Float64Array,
  a: Float64Array,
  { a: { shape }, scale, transposed }: Factors,
): void {
  const [rank, columns] = shape as readonly [number, number];
  const rows = b.length / rank;
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[i * rank + k]!;
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++) {
        weight[transposed ? j * rows + i : i * columns + j]! += factor * a[k * columns + j]!;
      }
    }
  }
}
