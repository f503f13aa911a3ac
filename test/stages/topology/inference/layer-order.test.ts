import { describe, expect, it } from "vitest";
import { orderOf } from "../../../../src/stages/topology/inference/layer-order.ts";
import { layerOf } from "../../../support/layer-fixture.ts";

/** Whether one of these layers is known to come before another; tensors stand as the layers do. */
function known(names: readonly string[]) {
  const layers = names.map((name, index) => layerOf(index, 4, 4, { name }));
  const tensors = names.map((name) => ({
    name: `${name}.weight`,
    shape: [2, 2],
    dtype: "F32",
    byteLength: 16,
  }));
  const isOrdered = orderOf(layers, { tensors, moduleOrder: true });
  return (a: string, b: string) => isOrdered(names.indexOf(a), names.indexOf(b));
}

const list = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}.${i}.fc`);

describe("the order of modules", () => {
  it("is not known of lists that may take turns, but for members whose numbers do not fall", () => {
    const isKnown = known([...list("z_convs", 4), ...list("bond_convs", 3), "out"]);
    expect(isKnown("z_convs.3.fc", "bond_convs.0.fc")).toBe(false);
    expect(isKnown("z_convs.1.fc", "bond_convs.0.fc")).toBe(false);
    expect(isKnown("z_convs.0.fc", "bond_convs.0.fc")).toBe(true);
    expect(isKnown("z_convs.1.fc", "bond_convs.2.fc")).toBe(true);
    expect(isKnown("z_convs.0.fc", "z_convs.3.fc")).toBe(true);
    expect(isKnown("z_convs.3.fc", "out")).toBe(true);
  });

  it.each([
    ["stages", [...list("layer2", 3), ...list("layer1", 3)], "layer2.2.fc", "layer1.0.fc"],
    ["lists of other lengths", [...list("z", 6), ...list("a", 2)], "z.5.fc", "a.0.fc"],
    ["a list of one", [...list("z", 1), ...list("a", 2)], "z.0.fc", "a.0.fc"],
    [
      "lists in other modules",
      [...list("z.layers", 2), ...list("a.layers", 2)],
      "z.layers.1.fc",
      "a.layers.0.fc",
    ],
  ])("is that of the file for %s", (_, names, a, b) => {
    expect(known(names)(a, b)).toBe(true);
  });
});
