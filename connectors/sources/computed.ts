/** Weights that stand in no tensor of their own: they are computed from several when they are read. */

import type { Model } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";

/** A weight that stands in no tensor of its own. */
export interface Computed {
  readonly tensor: TensorInfo;
  /** Tensors that it is made of. */
  readonly parts: readonly string[];
  /** @param values of the parts, in their order; may be changed */
  compute(...values: readonly Float64Array[]): Float64Array;
}

/**
 * The same model with weights in place of their parts.
 *
 * @param computed by the name of the part in whose place the weight stands
 * @param original the name by which the model knows a tensor, where it has another by now
 */
export function withComputed(
  model: Model,
  computed: ReadonlyMap<string, Computed>,
  original: (name: string) => string = (name) => name,
): Model {
  const taken = new Set([...computed.values()].flatMap(({ parts }) => parts));
  const byName = new Map([...computed.values()].map((each) => [each.tensor.name, each]));
  return {
    ...model,
    tensors: model.tensors.flatMap((tensor) => {
      const found = computed.get(tensor.name);
      if (found !== undefined) return [found.tensor];
      return taken.has(tensor.name) ? [] : [tensor];
    }),
    async read(name, signal) {
      const found = byName.get(name);
      if (found === undefined) return await model.read(original(name), signal);
      const values: Float64Array[] = [];
      for (const part of found.parts) values.push(await model.read(original(part), signal));
      return found.compute(...values);
    },
    rows: (name) => byName.has(name) ? null : model.rows?.(original(name)) ?? null,
    inputs: (signal, wanted, known) =>
      model.inputs(
        signal,
        wanted && new Set([...wanted].flatMap((name) => byName.get(name)?.parts ?? [name]).map(original)),
        known,
      ),
  };
}
