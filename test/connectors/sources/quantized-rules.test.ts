import { describe, expect, it } from "vitest";
import { dequantized } from "../../../connectors/sources/quantized/quantized.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { layerGraph } from "../../../src/stages/layers.ts";

type Held = readonly [name: string, dtype: string, shape: readonly number[], more?: Partial<TensorInfo>];

const WITHOUT_SCALES =
  "dtype F8_E4M3 means something only with scales, which stand in other tensors (convert it to F32 or BF16)";

/** A model that holds these tensors, whose numbers are 1, 2, 3 and so on. */
function modelOf(held: readonly Held[], quantization_config?: object): Model {
  return {
    id: "m",
    uri: "m.safetensors",
    format: "safetensors",
    tensors: held.map(([name, dtype, shape, more]) => ({
      name,
      dtype,
      shape,
      byteLength: 1,
      ...dtype === "F8_E4M3" ? { unreadable: WITHOUT_SCALES } : {},
      ...more,
    })),
    metadata: new Map(),
    ...quantization_config === undefined ? {} : { config: { quantization_config } },
    read: (name) => {
      const [, , shape] = held.find(([each]) => each === name)!;
      const count = shape.reduce((product, extent) => product * extent, 1);
      return Promise.resolve(Float64Array.from({ length: count }, (_, i) => i + 1));
    },
    inputs: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

describe("scales of which it is not certain what they scale", () => {
  it.each<readonly [what: string, weight: readonly number[], dtype: string, scale: readonly number[]]>([
    ["bits of powers of two, for 32 columns each", [64, 64], "U8", [64, 2]],
    ["integers", [40, 96], "I32", [40, 1]],
    ["two axes, where the weight has three", [4, 6, 8], "F32", [4, 6]],
    ["one for each of other rows", [40, 96], "F32", [39]],
    ["more than rows", [40, 96], "F32", [80, 1]],
  ])("leave the weight out: %s", async (_, shape, dtype, scale) => {
    const model = modelOf([
      ["a.weight", "F8_E4M3", shape],
      ["a.weight_scale", dtype, scale],
      ["b.weight", "F32", [8, 8]],
    ]);
    expect(await dequantized(model)).toBe(model);
    const { layers, skipped } = layerGraph(model);
    expect(layers.map(({ name }) => name)).toEqual(["b"]);
    expect(skipped).toContainEqual({ subject: "tensor", name: "a.weight", reason: WITHOUT_SCALES });
  });

  it("leave integers out too", async () => {
    const config = { quant_method: "compressed-tensors", format: "int-quantized" };
    const model = modelOf([["a.weight", "I8", [40, 96]], ["a.weight_scale", "I32", [40, 1]]], config);
    expect(await dequantized(model)).toBe(model);
    expect(layerGraph(model).layers).toEqual([]);
  });

  it("refuse the model where the config says the block", async () => {
    const config = { weight_block_size: [16, 32] };
    const model = modelOf([["a.weight", "F8_E4M3", [40, 96]], ["a.weight_scale", "F32", [80, 1]]], config);
    await expect(dequantized(model)).rejects.toThrow(
      'm.safetensors: tensor "a.weight_scale", shape: found [80,1], required blocks of 16 x 32 (quantization_config) of [40,96]',
    );
  });
});

describe("the rule of a quantized weight", () => {
  it("names the scale as the file does", async () => {
    const [weight] = (await dequantized(modelOf([
      ["experts.gate_up_proj", "F8_E4M3", [2, 4, 8]],
      ["experts.gate_up_proj_scale", "F32", [1]],
    ]))).tensors;
    expect(weight!.rule).toBe("float8, a scale for the tensor (gate_up_proj_scale)");
  });

  it("counts one group as one", async () => {
    const [weight] = (await dequantized(modelOf([
      ["a.qweight", "I32", [8, 8]],
      ["a.qzeros", "I32", [1, 1]],
      ["a.scales", "F16", [1, 8]],
    ], { quant_method: "gptq", bits: 4 }))).tensors;
    expect(weight!.rule).toMatch(/^GPTQ, 4 bits, 1 group of in channels,/);
  });
});

it("what is no weight for another reason than its scales stays so", async () => {
  const unreadable = 'a copy of "a", such as a moving average: save it alone to read it';
  const model = modelOf([
    ["ema.a.weight", "F8_E4M3", [4, 8], { unreadable }],
    ["ema.a.weight_scale", "F32", [1], { unreadable }],
    ["a.weight", "F8_E4M3", [4, 8]],
    ["a.weight_scale", "F32", [1]],
  ]);
  expect((await dequantized(model)).tensors.map(({ name, rule }) => [name, rule])).toEqual([
    ["ema.a.weight", undefined],
    ["ema.a.weight_scale", undefined],
    ["a.weight", "float8, a scale for the tensor (weight_scale)"],
  ]);
});

it("two weights of one name are refused, both named", async () => {
  const model = modelOf(["a_", "a."].flatMap((start): readonly Held[] => [
    [`${start}blocks`, "U8", [2, 3, 1, 16]],
    [`${start}scales`, "U8", [2, 3, 1]],
  ]));
  const failure = await dequantized(model).catch((cause: unknown) => cause);
  expect(failure).toBeInstanceOf(SyntaxError);
  expect((failure as Error).message).toBe(
    'm.safetensors: tensors "a_blocks" and "a.blocks": found two weights "a", required one',
  );
});
