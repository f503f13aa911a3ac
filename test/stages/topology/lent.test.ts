import { describe, expect, it } from "vitest";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { declaredGraph } from "../../../src/stages/topology/declared.ts";
import { type Lender, openClasses, twinsByName, twinsByShape } from "../../../src/stages/topology/lent.ts";

const tensor = (name: string, ...shape: number[]): TensorInfo => ({
  name,
  shape,
  dtype: "F32",
  byteLength: 0,
});

/** What lends two layers. */
function lender(...tensors: readonly TensorInfo[]): Lender {
  const layers = tensors.map(({ name }) => ({ name, weight: name }));
  return { uri: "lender", tensors, graph: declaredGraph(tensors, { layers, connections: [] }) };
}

describe("twinsByName", () => {
  const two = lender(tensor("encoder.fc.weight", 20, 10), tensor("decoder.fc.weight", 5, 20));

  it("leaves a name that ends two of the lender's to shapes", () => {
    const own = [tensor("fc.weight", 5, 20)];
    expect(twinsByName(two, own)).toEqual(new Map());
    expect([...twinsByShape(openClasses(two, own, new Map())).keys()]).toEqual(["decoder.fc.weight"]);
  });

  it("claims no name of two that have one shape", () => {
    const alike = lender(tensor("encoder.fc.weight", 8, 8), tensor("decoder.fc.weight", 8, 8));
    expect(twinsByName(alike, [tensor("fc.weight", 8, 8)])).toEqual(new Map());
  });

  it("claims the name that is left once others have their own", () => {
    const own = [tensor("encoder.fc.weight", 20, 10), tensor("fc.weight", 5, 20)];
    expect([...twinsByName(two, own)].map(([name, twin]) => [name, twin.tensor])).toEqual([
      ["encoder.fc.weight", "encoder.fc.weight"],
      ["decoder.fc.weight", "fc.weight"],
    ]);
  });
});
