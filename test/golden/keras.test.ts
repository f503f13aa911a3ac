/** Keras's files against what Keras, h5py and numpy say of them. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keras } from "../../connectors/sources/keras/keras.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { Model } from "../../src/model/ports.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { kerasFile } from "../support/files/h5-file.ts";
import { describeWithShared, shared } from "../support/shared.ts";

/** Files of Keras 3 number weights and tell the class of a layer within TimeDistributed nowhere. */
const NUMBERED: Readonly<Record<string, string>> = {
  "steps/step/kernel": "steps/step/0",
  "steps/step/bias": "steps/step/1",
};

interface Expected {
  readonly tensors: Readonly<
    Record<string, Readonly<Record<string, { shape: number[]; sum: number; sha256: string }>>>
  >;
  readonly spectra: Readonly<Record<string, readonly number[]>>;
}

const json = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./files/keras/${name}`, import.meta.url), "utf8"));
const EXPECTED = json("expected.json") as Expected;
const sha256 = (bytes: Uint8Array | Float32Array | Float64Array) =>
  createHash("sha256").update(bytes).digest("hex");

let folder = "";
const open: Model[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keras-"));
});
afterAll(async () => {
  for (const model of open) await model.close();
  await rm(folder, { recursive: true, force: true });
});

async function opened(name: string): Promise<Model> {
  const path = join(folder, name.replace(/\.gz$/, ""));
  await writeFile(path, await kerasFile(name));
  const model = await keras.open(path, name);
  open.push(model);
  return model;
}

function lines(model: Model): string[] {
  const { layers, connections } = layerGraph(model);
  return connections.map(({ source, target, part, via, evidence, channels }) => {
    const ranges = channels.map((each) => `${each.source}:${each.target}:${each.length}`).join(" ");
    return `${layers[source]!.name} -> ${layers[target]!.name}#${part} ${via} ${evidence} ${ranges}`;
  }).sort();
}

/** By hand, from `make.py`. */
const CNN = [
  "c1 -> dw#0 direct graph 0:0:6",
  // Read twice, alone and in a sum: the sum is the more telling way.
  "dw -> sep/depthwise#0 residual graph 0:0:12",
  "sep/pointwise -> sep/depthwise#0 residual graph 0:0:12",
  "sep/depthwise -> sep/pointwise#0 direct graph 0:0:12",
  "sep/pointwise -> up#0 direct graph 0:0:12",
  "up -> d#0 concat graph 0:0:5 0:5:5",
  "d -> inner/dense#0 direct graph 0:0:7",
  "inner/dense -> inner/q#0 direct graph 0:0:5",
  "inner/q -> e#0 direct graph 0:0:3",
  "e -> inner/dense#0 direct graph 0:0:7",
];

const cell = (name: string, from: number, width: number, ...readers: readonly string[]) =>
  [`${name}/recurrent_kernel#0`, ...readers].flatMap((reader) => {
    const [to, at = "0"] = reader.split("@");
    return ["kernel", "recurrent_kernel"].map((weight) =>
      `${name}/${weight} -> ${to} recurrent graph ${from}:${at}:${width}`
    );
  });

/** The candidate is the third gate of an LSTM (i f c o) and of a GRU (z r h). */
const RNN = [
  "words -> both/forward_lstm/kernel#0 direct graph 0:0:4",
  "words -> both/backward_lstm/kernel#0 direct graph 0:0:4",
  ...cell("both/forward_lstm", 6, 3, "gru/kernel#0"),
  ...cell("both/backward_lstm", 6, 3, "gru/kernel#0@3"),
  ...cell("gru", 8, 4, "plain/kernel#0"),
  ...cell("plain", 0, 4, "steps#0"),
  ...["query", "key", "value"].map((name) => `steps -> attention/${name}#0 direct graph 0:0:6`),
  ...[0, 1, 2].map((head) =>
    `attention/value -> attention/attention_output#${head} attention-head graph ${2 * head}:${2 * head}:2`
  ),
  "steps -> out#0 residual graph 0:0:6",
  "attention/attention_output -> out#0 residual graph 0:0:6",
];

describe.each([["cnn", CNN], ["rnn", RNN]] as const)("the model %s of make.py", (name, connections) => {
  it.each([`${name}.keras`, `${name}.h5.gz`])("%s: connections as derived by hand", async (file) => {
    expect(lines(await opened(file))).toEqual([...connections].sort());
  });

  it.each([`${name}.keras`, `${name}.h5.gz`, `${name}.weights.h5.gz`])(
    "%s: tensors as Keras has them",
    async (file) => {
      const model = await opened(file);
      const wanted = Object.fromEntries(
        Object.entries(EXPECTED.tensors[name]!).map((
          [path, each],
        ) => [file.includes(".h5") && !file.includes("weights") ? path : NUMBERED[path] ?? path, each]),
      );
      expect(model.tensors.map((each) => each.name).sort()).toEqual(Object.keys(wanted).sort());
      for (const [path, { shape, sum, sha256: digest }] of Object.entries(wanted)) {
        const tensor = model.tensors.find((each) => each.name === path)!;
        expect(tensor.shape, path).toEqual(shape);
        const values = await model.read(tensor.name);
        expect(values.reduce((total, each) => total + each, 0), path).toBeCloseTo(sum, 9);
        expect(sha256(Float32Array.from(values)), path).toBe(digest);
      }
    },
  );

  it("accounts for every tensor", async () => {
    const model = await opened(`${name}.keras`);
    const { layers, skipped } = layerGraph(model);
    const told = [...layers.map(({ weight }) => weight.tensor), ...skipped.map((each) => each.name)];
    expect(told.sort()).toEqual(model.tensors.map((each) => each.name).sort());
  });
});

describe("a convolutional model", () => {
  it("has layers of the right kind, groups and positions", async () => {
    const { layers } = layerGraph(await opened("cnn.keras"), { batchNorm: "folded" });
    expect(
      layers.map((
        each,
      ) => [each.name, each.kind, each.outChannels, each.inChannels, each.positions, each.groups]),
    )
      .toEqual([
        ["c1", "conv", 6, 3, 9, 1],
        ["dw", "conv", 12, 6, 9, 6],
        ["sep/depthwise", "conv", 12, 12, 9, 12],
        ["sep/pointwise", "conv", 12, 12, 1, 1],
        ["up", "conv-transpose", 5, 12, 4, 1],
        ["d", "linear", 7, 10, 49, 1],
        ["inner/dense", "linear", 5, 7, 1, 1],
        ["inner/q", "linear", 3, 5, 1, 1],
        ["e", "linear", 7, 3, 1, 1],
      ]);
    expect(layers[0]?.folding?.batchNorm).toEqual({
      gamma: "bn1/gamma",
      variance: "bn1/moving_variance",
      epsilon: 0.001,
    });
  });

  it.each(Object.entries(EXPECTED.spectra))("%s: singular values as numpy's", async (name, values) => {
    const model = await opened("cnn.keras");
    const layer = layerGraph(model).layers.find((each) => each.name === name)!;
    const kernel = openReferenceKernel();
    const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
    const { singularValues } = await spectrum(layer, blocks, "svr", kernel);
    await kernel.dispose();
    expect(singularValues).toHaveLength(values.length);
    values.forEach((value, i) => expect(singularValues[i]! / value).toBeCloseTo(1, 12));
  });
});

describe("layouts of h5py", () => {
  it.each(["layouts.h5.gz", "newer.h5.gz"])(
    "%s: every readable data set holds its formula's numbers",
    async (file) => {
      const model = await opened(file);
      const readable = model.tensors.filter((each) =>
        each.unreadable === undefined && each.name !== "some chunks"
      );
      expect(readable.length).toBeGreaterThan(60);
      for (const { name, shape } of readable) {
        const values = [...await model.read(name)];
        const number = /^wide\/w(\d+)$/.exec(name)?.[1];
        const count = shape.reduce((product, extent) => product * extent, 1);
        const wanted = number === undefined
          ? Array.from({ length: count }, (_, i) => i % 251 - 100)
          : [Number(number)];
        expect(values, name).toEqual(wanted);
      }
    },
  );

  it("the newer layout's groups of many links are complete", async () => {
    const { tensors } = await opened("newer.h5.gz");
    expect(tensors.filter(({ name }) => name.startsWith("wide/"))).toHaveLength(300);
    expect(tensors.find(({ name }) => name === "chunked")?.unreadable).toMatch(/h5repack/);
  });
});

const DIGESTS = json("digests.json") as Readonly<
  Record<string, { datasets: number; weights: number; sha256: string }>
>;

describeWithShared("Keras files of others", Object.keys(DIGESTS), () => {
  it.each(Object.entries(DIGESTS))(
    "%s: every value is h5py's",
    async (path, { datasets, weights, sha256: digest }) => {
      const model = await keras.open(shared(path), path);
      open.push(model);
      expect(model.tensors).toHaveLength(datasets);
      const network = model.tensors.filter((each) => each.unreadable === undefined);
      expect(network).toHaveLength(weights);
      const told: string[] = [];
      for (const { name, shape } of network) {
        told.push(`${name} ${shape.join("x")} ${sha256(await model.read(name))}`);
      }
      expect(sha256(new TextEncoder().encode(told.sort().join("\n")))).toBe(digest);
      const { layers, skipped } = layerGraph(model);
      const optimizers = skipped.filter(({ name }) => name.startsWith("optimizer_weights/"));
      expect(new Set(optimizers.map(({ reason }) => reason))).toEqual(
        new Set(["the optimizer's state, not a weight of the network"]),
      );
      const accounted = [...layers.map(({ weight }) => weight.tensor), ...skipped.map(({ name }) => name)];
      expect(accounted.sort()).toEqual(model.tensors.map(({ name }) => name).sort());
    },
  );
});
