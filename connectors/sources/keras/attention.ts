/** Attention: values go to outputs head by head; queries and keys end in their product. */

import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { KerasContext, Rule } from "./context.ts";
import type { Form } from "./form.ts";

/** Parts of the layer: their name in older files, their group in newer ones. */
const PARTS = [["query", "query_dense"], ["key", "key_dense"], ["value", "value_dense"], [
  "attention_output",
  "output_dense",
]] as const;

/** Keras's own layer: called with query, value and, where it is not the value, key. */
export const multiHeadAttention: Rule = (context, [query, value, key = value]) => {
  const found = PARTS.map(([name, group]) =>
    context.walk.weights.find(context.inside(name, group), ["kernel", "bias"]).get("kernel")
  );
  const [queries, keys, values, outputs] = found as [TensorInfo, TensorInfo, TensorInfo, TensorInfo];
  const inputs = [query, value, key].filter((each) => each !== undefined);
  if (query === undefined || value === undefined || key === undefined || found.includes(undefined)) {
    return context.stop(inputs, "the file does not hold its four kernels");
  }
  const unusable = found.find((each) =>
    each?.unreadable !== undefined || each?.shape.length !== 3 || each.shape.includes(0)
  );
  if (unusable !== undefined) {
    return context.stop(inputs, unusable.unreadable ?? `a kernel of ${unusable.shape.join(" x ")}`);
  }
  const [heads = 0, depth = 0, width = 0] = outputs.shape;
  if (values.shape[1] !== heads || values.shape[2] !== depth) {
    return context.stop(
      inputs,
      `values of ${values.shape.join(" x ")} for outputs of ${outputs.shape.join(" x ")}`,
    );
  }
  const scores = {
    queries: project(context, "query", queries, query).signal,
    keys: project(context, "key", keys, key).signal,
  };
  const projected = project(context, "value", values, value);
  const parts = Array.from(
    { length: heads },
    (_, head) => [{ source: head * depth, target: head * depth, length: depth }],
  );
  const mixed = context.add({ op: "heads", input: projected.signal, parts, width: heads * depth, scores });
  // `[heads, depth, m]` is, as it lies, `[heads * depth, m]`.
  const layer = context.draft(`${context.name}/attention_output`, {
    ...outputs,
    shape: [heads * depth, width],
  }, {
    layout: "in-out",
  });
  return context.read(layer, { ...query, signal: mixed }, {}, false);
};

/** `[n, heads, depth]` is, as it lies, `[n, heads * depth]`. */
function project(context: KerasContext, name: string, kernel: TensorInfo, input: Form): Form {
  const [inputs = 0, heads = 0, depth = 0] = kernel.shape;
  const layer = context.draft(`${context.name}/${name}`, { ...kernel, shape: [inputs, heads * depth] }, {
    layout: "in-out",
  });
  return context.read(layer, input, {}, false);
}
