import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pytorch } from "../../../connectors/sources/pytorch/pytorch.ts";
import { unreadWarnings } from "../../../src/run/unread.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { doubled, pickle, type Piece, torchZip } from "../../support/files/torch-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "beside-torch-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { text, int, dict, storage, tensor } = pickle;
const raw = (...parts: readonly (string | Uint8Array)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const FLOATS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const W = tensor(storage("FloatStorage", "0", 4), 0, [2, 2], [2, 1]);
const zip = (value: Piece) => torchZip(value, [FLOATS]);

async function opened(bytes: Uint8Array) {
  const path = join(folder, "model.pt");
  await writeFile(path, bytes);
  const model = await pytorch.open(path, "id");
  await model.close();
  return model;
}

/** A list in a list in a list. */
const nested = (depth: number) =>
  raw(...Array.from({ length: depth }, () => "]"), ...Array.from({ length: depth - 1 }, () => "a"));

describe("what lies beside a state dict", () => {
  it.each<[string, Piece]>([
    ["lists nested ten thousand deep", nested(10_000)],
    ["a list that holds itself", raw("]q\x50h\x50a")],
    ["a dict that holds itself", raw("}q\x50", text("a"), "h\x50s")],
    ["an object whose child refers to it", raw("}q\x50", text("child"), "}", text("parent"), "h\x50ss")],
    ["a hundred thousand million places without a tensor", doubled(40, raw("]"))],
  ])("is passed over where it is %s", async (_, value) => {
    for (
      const entries of [[[text("hyper"), value], [text("w"), W]], [[text("w"), W], [
        text("hyper"),
        value,
      ]]] as const
    ) {
      expect((await opened(zip(dict(entries)))).tensors.map(({ name }) => name)).toEqual(["w"]);
    }
  });

  it.each<[string, Piece]>([
    ["lists nested ten thousand deep", nested(10_000)],
    ["a list that holds itself", raw("]q\0h\0a")],
    ["a dict that holds itself", raw("}q\0", text("a"), "h\0s")],
  ])("holds no tensor where it is the whole file: %s", async (_, value) => {
    const model = await opened(zip(value));
    expect(model.tensors).toEqual([]);
    expect(layerGraph(model).layers).toEqual([]);
  });

  const net = (...names: readonly string[]) => dict(names.map((name) => [text(name), W]));

  it("is a copy where its key says so and its tensors are the same, else another network", async () => {
    const layers = ["fc1.weight", "fc2.weight"];
    const ema = await opened(
      zip(dict([[text("state_dict_ema"), net(...layers)], [text("state_dict"), net(...layers)]])),
    );
    expect(ema.networks).toBeUndefined();
    expect(ema.tensors.map(({ name, unreadable }) => [name, unreadable])).toEqual([
      ...layers.map((
        name,
      ) => [`state_dict_ema.${name}`, expect.stringMatching(/^of a copy of "state_dict"/) as string]),
      ...layers.map((name) => [name, undefined]),
    ]);
    const graph = layerGraph(ema);
    expect(graph.warnings.at(-1)).toMatch(
      /^50 % of the numbers are in 2 tensors that are passed over, .*copy/,
    );
    const gan = await opened(zip(dict([[text("G_A"), net(...layers)], [text("G_B"), net(...layers)]])));
    expect(gan.networks).toEqual(["G_A.", "G_B."]);
    expect(layerGraph(gan).connections).toHaveLength(2);
    const nested = await opened(zip(dict([[text("fc1"), net("weight")], [text("fc2"), net("weight")]])));
    expect(nested.networks).toBeUndefined();
    expect(layerGraph(nested).connections).toHaveLength(1);
  });

  it("is no weight among hyper-parameters, and names are those of the state dict all the same", async () => {
    const settings = dict([[text("output_transform"), net("mean")]]);
    for (const key of ["hyper_parameters", "hparams"]) {
      const model = await opened(
        zip(dict([[text(key), settings], [text("state_dict"), net("fc1.weight", "fc2.weight")]])),
      );
      expect(model.networks).toBeUndefined();
      expect(model.tensors.map(({ name, unreadable }) => [name, unreadable])).toEqual([
        [`${key}.output_transform.mean`, expect.stringMatching(/^among the hyper-parameters/)],
        ["fc1.weight", undefined],
        ["fc2.weight", undefined],
      ]);
      expect(unreadWarnings(model.tensors, layerGraph(model))).toEqual([]);
    }
    const alone = await opened(zip(dict([[text("config"), net("fc1.weight")]])));
    expect(alone.tensors.map(({ name, unreadable }) => [name, unreadable])).toEqual([[
      "fc1.weight",
      undefined,
    ]]);
  });

  it("is all there is in a file of an optimizer, and a warning says so", async () => {
    const state = dict([[text("state"), dict([[int(0), net("exp_avg")]])], [text("param_groups"), raw("]")]]);
    const model = await opened(zip(state));
    const graph = layerGraph(model);
    expect(graph.layers).toEqual([]);
    expect(unreadWarnings(model.tensors, graph)).toEqual([
      expect.stringMatching(/no layer was found in 1 tensor, .*the state of an optimizer/),
    ]);
  });

  it.each([
    ["consolidated.00.pth", "consolidated.01.pth"],
    ["mp_rank_00_model_states.pt", "mp_rank_01_model_states.pt"],
  ])("are slices of the same matrices, which both files say: %s", async (...names) => {
    const slices = await mkdtemp(join(folder, "slices-"));
    const open = async (name: string) => {
      const model = await pytorch.open(join(slices, name), "id");
      await model.close();
      return model.warnings ?? [];
    };
    await writeFile(join(slices, names[0]), zip(net("fc1.weight")));
    expect(await open(names[0])).toEqual([]);
    await writeFile(join(slices, names[1]), zip(net("fc1.weight")));
    for (const [at, name] of names.entries()) {
      expect(await open(name)).toEqual([
        expect.stringMatching(`^one of several files that share each matrix, as "${names[1 - at]!}"`),
      ]);
    }
  });
});
