import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ByteBudget } from "../../../../src/flow/budget.ts";
import type { Kernel } from "../../../../src/kernels/kernel.ts";
import { elementCount } from "../../../../src/model/tensor.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { declarationOf } from "../../../../src/stages/topology/declaration.ts";
import { declaredGraph } from "../../../../src/stages/topology/declared.ts";
import { guessedGraph } from "../../../../src/stages/topology/guess.ts";
import { channelSpaces } from "../../../../src/stages/topology/inference/channel-spaces.ts";
import { inferred } from "../../../../src/stages/topology/inference/inferred.ts";
import type { InferredFrom } from "../../../../src/stages/topology/inference/layer-reader.ts";
import { pairTests } from "../../../../src/stages/topology/inference/pair-tests.ts";
import { weightPairs } from "../../../support/hidden-topology.ts";
import { KERNELS } from "../../../support/kernels.ts";
import { planted, type PlantedLayer, withCopy } from "./planted.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const graphOf = async (model: InferredFrom) => (await inferred(model, kernel)).graph;

const layer = (name: string, from: string, to: string, more: Partial<PlantedLayer> = {}): PlantedLayer => ({
  name,
  from: [from],
  to,
  ...more,
});

describe("inferred", () => {
  it("closes a stream: every writer feeds every later reader, and no layer within a block does", async () => {
    const graph = await graphOf(planted({ input: 3, stream: 40, a: 40, b: 40, end: 10 }, [
      layer("stem", "input", "stream"),
      layer("block1.up", "stream", "a"),
      layer("block1.down", "a", "stream"),
      layer("block2.up", "stream", "b"),
      layer("block2.down", "b", "stream"),
      layer("head", "stream", "end", { kernel: [1, 1] }),
    ]));
    expect(weightPairs(graph).sort()).toEqual([
      "block1.down.weight -> block2.up.weight",
      "block1.down.weight -> head.weight",
      "block1.up.weight -> block1.down.weight",
      "block2.down.weight -> head.weight",
      "block2.up.weight -> block2.down.weight",
      "stem.weight -> block1.up.weight",
      "stem.weight -> block2.up.weight",
      "stem.weight -> head.weight",
    ]);
    expect(graph.connections.every(({ evidence, looked }) => evidence === "inferred" && looked! > 10)).toBe(
      true,
    );
    expect(graph.warnings.join()).toMatch(
      /^topology inferred from the weights: 8 of 8 connections, .* pairs of ports/,
    );
  });

  it("leaves out a guess that the weights contradict, and says why", async () => {
    const graph = await graphOf(planted({ input: 3, a: 32, b: 32, end: 32 }, [
      layer("one", "input", "a"),
      layer("side", "input", "b"),
      layer("two", "a", "end"),
    ]));
    expect(weightPairs(graph)).toContain("one.weight -> two.weight");
    expect(weightPairs(graph)).not.toContain("side.weight -> two.weight");
    expect(graph.skipped).toContainEqual({
      subject: "connection",
      name: "side -> two",
      reason: "guessed from names and shapes, contradicted by the weights: it shares channels with one",
    });
  });

  it("leaves out a guess where the weights make another layer likelier, and says so", async () => {
    const model = planted({ input: 3, a: 48, b: 48, c: 16 }, [
      layer("expand", "input", "a", { kernel: [1, 1] }),
      layer("spatial", "a", "a", { depthwise: true, kernel: [5, 5] }),
      layer("project", "a", "b", { kernel: [1, 1] }),
      layer("side", "a", "c", { kernel: [1, 1] }),
    ]);
    const graph = await graphOf(model);
    expect(weightPairs(guessedGraph(model))).toContain("project.weight -> side.weight");
    expect(weightPairs(graph)).not.toContain("project.weight -> side.weight");
    expect(weightPairs(graph, "inferred")).not.toContain("spatial.weight -> side.weight");
    expect(graph.skipped).toContainEqual({
      subject: "connection",
      name: "project -> side",
      reason:
        "guessed from names and shapes, less likely by the weights than spatial, though they show neither",
    });
  });

  it("knows a depthwise layer wherever it stands, and feeds nothing across it", async () => {
    const graph = await graphOf(planted({ input: 3, a: 48, b: 24, c: 16 }, [
      layer("expand", "input", "a", { kernel: [1, 1] }),
      layer("spatial", "a", "a", { depthwise: true, kernel: [5, 5] }),
      layer("project", "a", "b", { kernel: [1, 1] }),
      layer("next", "b", "c"),
    ]));
    expect(graph.layers.map(({ groups }) => groups)).toEqual([1, 48, 1, 1]);
    expect(weightPairs(graph)).toEqual([
      "expand.weight -> spatial.weight",
      "spatial.weight -> project.weight",
      "project.weight -> next.weight",
    ]);
  });

  it("corrects what the weights chose below the level, and calls only what names said supported", async () => {
    const model = planted({ input: 3, a: 48, b: 24, c: 16 }, [
      layer("expand", "input", "a", { kernel: [1, 1] }),
      layer("spatial", "a", "a", { depthwise: true, kernel: [5, 5] }),
      layer("project", "a", "b", { kernel: [1, 1] }),
      layer("side", "a", "c", { kernel: [1, 1] }),
    ]);
    const graph = await graphOf(model);
    expect(weightPairs(guessedGraph(model))).not.toContain("spatial.weight -> side.weight");
    const side = graph.connections.find(({ target }) => graph.layers[target]!.name === "side")!;
    expect(side).toMatchObject({ source: 1, evidence: "guessed" });
    expect(side.looked).toBeGreaterThan(5);
    expect(side).not.toHaveProperty("supported");
    expect(graph.warnings.join("\n")).toMatch(
      /^topology guessed in part: 1 of 3 connections: 0 rest on names.*; 1 were chosen by the weights/m,
    );
    const { connections } = declaredGraph(model.tensors, declarationOf(graph, model.tensors));
    expect(connections.map(({ looked }) => looked)).toEqual(graph.connections.map(({ looked }) => looked));
  });

  it("finds where a concatenation has its parts, and a padded shortcut its channels", async () => {
    const concat = await graphOf(planted({ input: 3, a: 32, b: 24, c: 40, end: 16 }, [
      layer("left", "input", "a"),
      layer("right", "a", "b"),
      { name: "both", from: ["b", "a"], to: "c" },
      layer("last", "c", "end"),
    ]));
    expect(
      concat.connections.filter(({ target }) => concat.layers[target]!.name === "both").map((
        { via, channels },
      ) => [via, channels]),
    ).toEqual([
      ["concat", [{ source: 0, target: 24, length: 32 }]],
      ["concat", [{ source: 0, target: 0, length: 24 }]],
    ]);
    const padded = await graphOf(planted(
      { input: 3, narrow: 32, wide: 64, a: 64, b: 64, end: 16 },
      [
        layer("stem", "input", "narrow"),
        layer("down.up", "narrow", "a"),
        layer("down.down", "a", "wide"),
        layer("block.up", "wide", "b"),
        layer("block.down", "b", "wide"),
        layer("head", "wide", "end"),
      ],
      3,
      { wide: "narrow" },
    ));
    expect(
      padded.connections.filter(({ source }) => padded.layers[source]!.name === "stem").map((
        { target, evidence, channels },
      ) => [padded.layers[target]!.name, evidence, channels]),
    ).toEqual([
      ["down.up", "inferred", [{ source: 0, target: 0, length: 32 }]],
      ["block.up", "inferred", [{ source: 0, target: 16, length: 32 }]],
      ["head", "inferred", [{ source: 0, target: 16, length: 32 }]],
    ]);
  });

  it.each([[0], [0.3], [1]])(
    "infers nothing from a network to a copy of it with noise of %s of its weights",
    async (noise) => {
      const graph = await graphOf(withCopy(
        planted({ input: 12, a: 32, b: 32, end: 10 }, [
          layer("nets.0.fc.0", "input", "a", { kernel: [] }),
          layer("nets.0.fc.2", "a", "b", { kernel: [] }),
          layer("nets.0.fc.4", "b", "end", { kernel: [] }),
        ]),
        (name) => name.replace("nets.0", "nets.1"),
        noise,
      ));
      const own = [0, 1].flatMap((net) =>
        [[0, 2], [2, 4]].map(([a, b]) => `nets.${net}.fc.${a}.weight -> nets.${net}.fc.${b}.weight`)
      );
      expect(weightPairs(graph).sort()).toEqual(own);
      // A copy of half noise shares channels with the first, and its own pair need not show it.
      expect(own).toEqual(expect.arrayContaining(weightPairs(graph, "inferred")));
      expect(weightPairs(graph, "inferred").length).toBeGreaterThanOrEqual(noise < 1 ? 4 : 3);
      expect(graph.connections.every(({ via }) => via === "direct")).toBe(true);
      expect(graph.warnings.join("\n")).toMatch(
        /^6 layers are nearly copies of others, as nets.1.fc.0 is of nets.0.fc.0/m,
      );
    },
  );

  it("infers nothing from a copy in a stream to the next, whatever the list is called", async () => {
    const graph = await graphOf(withCopy(
      planted({ input: 12, stream: 40, a: 32 }, [
        layer("stem", "input", "stream", { kernel: [] }),
        layer("mix.0.up", "stream", "a", { kernel: [] }),
        layer("mix.0.down", "a", "stream", { kernel: [] }),
      ]),
      (name) => name.startsWith("mix") ? name.replace("mix.0", "mix.1") : null,
      0.2,
    ));
    expect(weightPairs(graph, "inferred").sort()).toEqual([
      "mix.0.up.weight -> mix.0.down.weight",
      "mix.1.up.weight -> mix.1.down.weight",
      "stem.weight -> mix.0.up.weight",
      "stem.weight -> mix.1.up.weight",
    ]);
  });

  it("knows that experts stand side by side, though all of them write to one stream", async () => {
    const graph = await graphOf(planted({ input: 12, stream: 40, a: 32, b: 32, end: 10 }, [
      layer("stem", "input", "stream", { kernel: [] }),
      layer("experts.0.w1", "stream", "a", { kernel: [] }),
      layer("experts.0.w2", "a", "stream", { kernel: [] }),
      layer("experts.1.w1", "stream", "b", { kernel: [] }),
      layer("experts.1.w2", "b", "stream", { kernel: [] }),
      layer("head", "stream", "end", { kernel: [] }),
    ]));
    expect(weightPairs(graph)).not.toContain("experts.0.w2.weight -> experts.1.w1.weight");
    expect(weightPairs(graph, "inferred").sort()).toEqual([
      "experts.0.w1.weight -> experts.0.w2.weight",
      "experts.0.w2.weight -> head.weight",
      "experts.1.w1.weight -> experts.1.w2.weight",
      "experts.1.w2.weight -> head.weight",
      "stem.weight -> experts.0.w1.weight",
      "stem.weight -> experts.1.w1.weight",
      "stem.weight -> head.weight",
    ]);
  });

  it("shows no way to a layer of a smaller number: the names contradict the supposed order", async () => {
    const model = planted({ input: 12, a: 40, b: 50, c: 60 }, [
      layer("fc.1", "input", "a", { kernel: [] }),
      layer("fc.2", "b", "c", { kernel: [] }),
      layer("fc.3", "a", "b", { kernel: [] }),
      layer("fc.4", "c", "b", { kernel: [] }),
    ]);
    const graph = await graphOf(model);
    // Shapes alone put the third before the second.
    expect(graph.layers.map(({ name }) => name)).toEqual(["fc.1", "fc.3", "fc.2", "fc.4"]);
    expect(weightPairs(graph, "inferred")).toContain("fc.2.weight -> fc.4.weight");
    expect(weightPairs(graph)).toContain("fc.3.weight -> fc.2.weight");
    expect(weightPairs(graph, "inferred")).not.toContain("fc.3.weight -> fc.2.weight");
  });

  it("is the guess, where the weights show nothing", async () => {
    const random = planted({ input: 3, a: 32, b: 32, c: 32, d: 32, end: 10 }, [
      layer("one", "input", "a"),
      layer("two", "b", "c"),
      layer("three", "d", "end"),
    ]);
    expect(await graphOf(random)).toEqual(layerGraph({ ...random, metadata: new Map() } as never));
  });

  it("reads no layer before its bytes are granted, and holds one at a time", async () => {
    // The reader of a concatenation is read again.
    const model = planted({ input: 3, a: 32, b: 24, c: 40, end: 16 }, [
      layer("left", "input", "a"),
      layer("right", "a", "b"),
      { name: "both", from: ["b", "a"], to: "c" },
      layer("last", "c", "end"),
    ]);
    const largest = 16 * 40 * 56 * 9;
    const budget = new ByteBudget(largest);
    const held: [number, number][] = [];
    const { graph } = await inferred(
      {
        ...model,
        read: (name, signal) => {
          held.push([
            budget.used,
            16 * elementCount(model.tensors.find((each) => each.name === name)!.shape),
          ]);
          return model.read(name, signal);
        },
      },
      kernel,
      { budget },
    );
    expect(held.length).toBeGreaterThan(model.tensors.length);
    expect(held.filter(([granted, needed]) => granted !== needed)).toEqual([]);
    expect(budget.used).toBe(0);
    expect(graph).toEqual(await graphOf(model));
    await expect(inferred(model, kernel, { budget: new ByteBudget(largest - 1) })).rejects.toThrow(
      `required at least ${largest} bytes for inference, layer both`,
    );
  });

  it("ends between two pairs, and between two joins, when it is aborted", async () => {
    const names = Array.from({ length: 40 }, (_, at) => `layer${at}`);
    const { ports } = await inferred(
      planted({ a: 32 }, names.map((name) => layer(name, "a", "a", { kernel: [1, 1] }))),
      kernel,
    );
    const stopped = (work: (signal: AbortSignal, begin: () => void) => Promise<unknown>) => {
      const controller = new AbortController();
      const begin = () => setTimeout(() => controller.abort(new Error("stopped")), 0);
      return expect(work(controller.signal, begin)).rejects.toThrow("stopped");
    };
    await stopped((signal, begin) => {
      let products = 0;
      // All pairs are tested behind the last product.
      const told = Object.create(kernel, {
        multiply: {
          value: async (...args: Parameters<Kernel["multiply"]>) => {
            const product = await kernel.multiply(...args);
            if (++products === ports[0]!.view.kernels.length) begin();
            return product;
          },
        },
      }) as Kernel;
      return pairTests(ports, () => true, told, { signal });
    });
    const many = [...ports, ...ports, ...ports, ...ports];
    const tests = many.flatMap((_, second) =>
      Array.from({ length: second }, (_, first) => ({ first, second, logP: -60 }))
    );
    await stopped((signal, begin) => {
      begin();
      return channelSpaces(many, tests, () => false, [], signal);
    });
  });
});
