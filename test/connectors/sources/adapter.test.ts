import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adaptedModel, isAdapter } from "../../../connectors/sources/adapter.ts";
import { openModel } from "../../../src/run/collection/models.ts";
import { writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-adapter-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Small whole numbers: sums of their products are exact. */
const whole = (count: number, step: number) =>
  Array.from({ length: count }, (_, at) => (at * step + 3) % 7 - 3);

const [OUT, IN, RANK] = [5, 4, 2];
const W = whole(OUT * IN, 3), A = whole(RANK * IN, 5), B = whole(OUT * RANK, 2);
const CONFIG = { peft_type: "LORA", r: RANK, lora_alpha: 8 };

/** `W + scale B A`, row by row. */
function sum(scale: number, transposed = false): number[] {
  return W.map((weight, at) => {
    const [i, j] = transposed ? [at % OUT, Math.floor(at / OUT)] : [Math.floor(at / IN), at % IN];
    let product = 0;
    for (let k = 0; k < RANK; k++) product += B[i * RANK + k]! * A[k * IN + j]!;
    return weight + scale * product;
  });
}

const NAME = "base_model.model.block.fc";
type Tensors = Parameters<typeof writeTensors>[1];
const factors: Tensors = [[`${NAME}.lora_A.weight`, [RANK, IN], A], [
  `${NAME}.lora_B.weight`,
  [OUT, RANK],
  B,
]];
const base: Tensors = [["block.fc.weight", [OUT, IN], W], ["head.weight", [3, 3], whole(9, 4)]];

let count = 0;
async function opened(name: string, tensors: Tensors, config?: object) {
  const place = join(folder, String(count++));
  await mkdir(place);
  if (config !== undefined) await writeFile(join(place, "adapter_config.json"), JSON.stringify(config));
  await writeTensors(join(place, name), tensors);
  return await openModel(join(place, name));
}

async function adapted(config: object, tensors = factors, onto = base) {
  const adapter = await opened("adapter_model.safetensors", tensors, config);
  const model = await opened("model.safetensors", onto);
  try {
    expect(isAdapter(adapter)).toBe(true);
    expect(isAdapter(model)).toBe(false);
    const whole = adaptedModel(model, adapter);
    // What is changed is read whole only.
    expect(whole.rows?.("block.fc.weight") ?? null).toBeNull();
    return await Promise.all(whole.tensors.map(async ({ name }) => [...await whole.read(name)]));
  } finally {
    await adapter.close();
    await model.close();
  }
}

describe("an adapter on its base", () => {
  it.each([
    ["alpha / r", CONFIG, 4],
    ["alpha / sqrt(r)", { ...CONFIG, use_rslora: true }, 8 / Math.sqrt(2)],
    ["an alpha of its own", { ...CONFIG, alpha_pattern: { fc: 2 } }, 1],
  ])("is W + s B A, with s = %s; other weights stay", async (_, config, scale) => {
    const [fc, head] = await adapted(config);
    expect(fc).toEqual(sum(scale).map((value) => expect.closeTo(value, 12) as number));
    expect(head).toEqual(whole(9, 4));
  });

  it("has modules with names that objects have by nature", async () => {
    const renamed = (tensors: Tensors) =>
      tensors.map(([name, ...rest]) => [name.replace("block.fc", "constructor"), ...rest] as const);
    const config = { ...CONFIG, init_lora_weights: "eva" };
    const [fc] = await adapted(config, renamed(factors), renamed(base));
    expect(fc).toEqual(sum(4));
  });

  it("is turned where the base has its inputs first, and in an embedding", async () => {
    const turned: Tensors = [["block.fc.weight", [IN, OUT], W]];
    const [fc] = await adapted({ ...CONFIG, fan_in_fan_out: true }, factors, turned);
    expect(fc).toEqual(sum(4, true));
    const embedding: Tensors = [[`${NAME}.lora_embedding_A`, [RANK, IN], A], [`${NAME}.lora_embedding_B`, [
      OUT,
      RANK,
    ], B]];
    expect(await adapted(CONFIG, embedding, turned)).toEqual([sum(4, true)]);
  });

  it("has weights that were trained whole", async () => {
    const head = whole(9, 6);
    const saved: Tensors = [...factors, ["base_model.model.head.modules_to_save.weight", [3, 3], head]];
    expect((await adapted(CONFIG, saved))[1]).toEqual(head);
  });

  it.each<[string, object, Tensors, RegExp]>([
    ["another kind", { ...CONFIG, peft_type: "IA3" }, factors, /found peft_type "IA3", required LORA/],
    ["DoRA", { ...CONFIG, use_dora: true }, factors, /found use_dora: true, required W \+ s B A/],
    ["no alpha", { peft_type: "LORA" }, factors, /found lora_alpha undefined, required a number/],
    ["one factor", CONFIG, factors.slice(0, 1), /found only one factor of "block\.fc"/],
    [
      "a factor of another width",
      CONFIG,
      [factors[0]!, [`${NAME}.lora_B.weight`, [OUT + 1, RANK], whole(12, 2)]],
      /found factors 6 x 2 and 2 x 4 of "block\.fc", required a product of 5 x 4/,
    ],
    [
      "a layer that the base lacks",
      CONFIG,
      factors.map(([name, ...rest]) => [name.replace("fc", "gone"), ...rest] as const),
      /required a base that has "block\.gone\.weight"/,
    ],
    [
      "PiSSA",
      { ...CONFIG, init_lora_weights: "pissa_niter_4" },
      factors,
      /found init_lora_weights "pissa_niter_4", which changes the base/,
    ],
    [
      "a regular expression",
      { ...CONFIG, alpha_pattern: { "f.*": 2 } },
      factors,
      /found alpha_pattern "f\.\*"/,
    ],
    [
      "two adapters in one",
      CONFIG,
      [...factors, [`${NAME}.lora_A.other.weight`, [RANK, IN], A]],
      /found two factors lora_A of "block\.fc", required one adapter/,
    ],
    ["a stranger's tensor", CONFIG, [...factors, ["what.ever", [2], [1, 2]]], /found tensor "what\.ever"/],
  ])("is refused, by its file: %s", async (_, config, tensors, message) => {
    await expect(adapted(config, tensors)).rejects.toThrow(message);
    await expect(adapted(config, tensors)).rejects.toThrow(/adapter_model\.safetensors: /);
  });
});
