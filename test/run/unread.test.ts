import { describe, expect, it } from "vitest";
import { saysUnread, unreadWarnings } from "../../src/run/unread.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";

const tensor = (name: string, dtype: string, ...shape: number[]): TensorInfo => ({
  name,
  dtype,
  shape,
  byteLength: 4 * shape.reduce((a, b) => a * b, 1),
});
const warnings = (...tensors: readonly TensorInfo[]) => unreadWarnings(tensors, layerGraph({ tensors }));

describe("what is said of models of which little was read", () => {
  it("nothing, where weights are layers and biases are not", () => {
    expect(warnings(tensor("a.weight", "F32", 4, 8), tensor("a.bias", "F32", 4000))).toEqual([]);
  });

  it("that there are no layers", () => {
    const [said] = warnings(tensor("a.bias", "F32", 4), tensor("b.qweight", "I32", 4, 4));
    expect(said).toMatch(
      /^not read: no layer was found in 2 tensors, the largest "b\.qweight": dtype I32: .*; svr inspect says why/,
    );
    expect(saysUnread(said!)).toBe(true);
    expect(warnings()).toEqual([expect.stringMatching(/no layer was found in 0 tensors/)]);
  });

  it("more than a tenth of the numbers, and not a tenth", () => {
    const weight = tensor("a.weight", "F32", 9, 10);
    expect(warnings(weight, tensor("t", "I32", 1, 10))).toEqual([]);
    const [said] = warnings(weight, tensor("t", "I32", 1, 11), tensor("u", "F32", 1, 1, 1, 1, 1, 9));
    expect(said).toMatch(/^not read: 18% of its numbers are in 2 tensors .* such as "t": dtype I32: /);
    const complex = { ...tensor("z", "C64", 5, 5), unreadable: "dtype C64 is not real" };
    expect(warnings(weight, complex)).toEqual([expect.stringMatching(/22% .* "z": dtype C64 is not real/)]);
  });

  it("nothing of what lies beside a network", () => {
    for (
      const reason of [
        "the state of an optimizer, not a weight",
        "the optimizer's state, not a weight of the network",
      ]
    ) {
      const state = { ...tensor("adam.m", "F32", 40, 80), unreadable: reason };
      expect(warnings(tensor("a.weight", "F32", 4, 8), state)).toEqual([]);
      // Nor does it hide what is not read of the network.
      const complex = { ...tensor("z", "C64", 2, 4), unreadable: "dtype C64 is not real" };
      expect(warnings(tensor("a.weight", "F32", 4, 8), complex, state)).toHaveLength(1);
    }
  });

  it("nothing of copies of what is read", () => {
    const copy = { ...tensor("ema.a", "F32", 4, 8), unreadable: 'of a copy of "model", such as an average' };
    expect(warnings(tensor("a.weight", "F32", 4, 8), copy)).toEqual([]);
  });

  it("nothing of integers that number positions or mask them", () => {
    const weight = tensor("a.weight", "F32", 4, 8);
    for (const name of ["attn.relative_position_index", "embeddings.position_ids", "h.0.attn.bias", "mask"]) {
      expect(warnings(weight, tensor(name, "U8", 1, 1, 4, 4))).toEqual([]);
    }
    expect(warnings(weight, tensor("a.masked", "U8", 4, 4))).toHaveLength(1);
  });

  it("what stands at an operator that is not followed, and not what is read as real numbers elsewhere", () => {
    const tensors = [tensor("a", "F32", 4, 4), tensor("q", "I8", 4, 4)];
    const { layers } = layerGraph({ tensors: tensors.slice(0, 1) });
    const said = (reason: string) =>
      unreadWarnings(tensors, { layers, skipped: [{ subject: "tensor", name: "q", reason }] });
    expect(said('the quantized weight of MatMulNBits "m"')).toEqual([]);
    expect(said('a constant of Mystery "m", an operator that is not read')).toEqual([
      expect.stringMatching(/50% .* in 1 tensor .*Mystery/),
    ]);
  });
});
