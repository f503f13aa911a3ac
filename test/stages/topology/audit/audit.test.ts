import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ByteBudget } from "../../../../src/flow/budget.ts";
import type { Kernel } from "../../../../src/kernels/kernel.ts";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { random } from "../../../../src/model/random.ts";
import { elementCount } from "../../../../src/model/tensor.ts";
import type { DeclaredConnection, TopologyDeclaration } from "../../../../src/model/topology.ts";
import { type Audit, audit } from "../../../../src/stages/topology/audit/audit.ts";
import { auditedParts, auditedSpan, type ChannelPart } from "../../../../src/stages/topology/audit/parts.ts";
import { declaredGraph } from "../../../../src/stages/topology/declared.ts";
import type { InferredFrom } from "../../../../src/stages/topology/inference/layer-reader.ts";
import { KERNELS } from "../../../support/kernels.ts";
import { planted, type PlantedLayer, withCopy } from "../inference/planted.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const layer = (name: string, from: string, to: string, more: Partial<PlantedLayer> = {}): PlantedLayer => ({
  name,
  from: [from],
  to,
  ...more,
});

/** An audit in words, by the names of layers. */
interface Told {
  readonly verdicts: Readonly<Record<string, string>>;
  readonly contradicted: readonly string[];
  readonly exchanged: readonly string[];
  readonly undeclared: readonly (readonly string[])[];
}

function told({ layers, connections }: LayerGraph, found: Audit): Told {
  const nameOf = (index: number) => layers[index]!.name;
  const partOf = ({ layer, side, from, width }: ChannelPart) => {
    const { outChannels, inChannels } = layers[layer]!;
    const isWhole = width === (side === "out" ? outChannels : inChannels);
    return `${nameOf(layer)} ${side}${isWhole ? "" : ` ${from}+${width}`}`;
  };
  return {
    verdicts: Object.fromEntries(
      connections.map(({ source, target }, at) => [
        `${nameOf(source)} -> ${nameOf(target)}`,
        found.verdicts[at]!,
      ]),
    ),
    contradicted: found.contradicted.map(({ writer, reader }) =>
      `${nameOf(writer.layer)} -> ${nameOf(reader.layer)}`
    ),
    exchanged: found.exchanged.map(({ first, second }) => [first, second].map(nameOf).sort().join()),
    undeclared: found.undeclared.map(({ spaces }) => spaces.map((some) => some.map(partOf).join(", "))),
  };
}

async function audited(model: InferredFrom, topology: TopologyDeclaration): Promise<Told> {
  const graph = declaredGraph(model.tensors, topology);
  return told(graph, await audit(model, graph, kernel));
}

const NOTHING = { contradicted: [], exchanged: [], undeclared: [] };

/** Six layers of one shape between a first and a last one. */
const CHAIN = ["first", "a", "b", "c", "d", "e", "last"];
const chain = (seed = 1) =>
  planted(
    { input: 3, s0: 32, s1: 32, s2: 32, s3: 32, s4: 32, s5: 32, end: 10 },
    CHAIN.map((name, at) => layer(name, at === 0 ? "input" : `s${at - 1}`, at === 6 ? "end" : `s${at}`)),
    seed,
  );

/** Two residual blocks on a stream. */
const stream = () =>
  planted({ input: 3, stream: 40, a: 40, b: 40, end: 10 }, [
    layer("stem", "input", "stream"),
    layer("up1", "stream", "a"),
    layer("down1", "a", "stream"),
    layer("up2", "stream", "b"),
    layer("down2", "b", "stream"),
    layer("head", "stream", "end", { kernel: [1, 1] }),
  ]);
const CLOSED: readonly DeclaredConnection[] = [
  ["stem", "up1"],
  ["up1", "down1"],
  ["stem", "up2"],
  ["down1", "up2"],
  ["up2", "down2"],
  ["stem", "head"],
  ["down1", "head"],
  ["down2", "head"],
].map(([from, to]) => ({ from: from!, to: to! }));

describe("audit", () => {
  it("has nothing to say of a right topology but what the weights show", async () => {
    expect(await audited(chain(), { chain: CHAIN })).toEqual({
      ...NOTHING,
      verdicts: Object.fromEntries(CHAIN.slice(1).map((name, at) => [`${CHAIN[at]} -> ${name}`, "shown"])),
    });
    const { verdicts, ...found } = await audited(stream(), { connections: CLOSED });
    expect(found).toEqual(NOTHING);
    expect(new Set(Object.values(verdicts))).toEqual(new Set(["shown"]));
  });

  it("finds two layers in each other's place: every connection of theirs is contradicted, and no other", async () => {
    const found = await audited(chain(), { chain: ["first", "a", "d", "c", "b", "e", "last"] });
    expect(found).toEqual({
      verdicts: {
        "first -> a": "shown",
        "a -> d": "contradicted",
        "d -> c": "contradicted",
        "c -> b": "contradicted",
        "b -> e": "contradicted",
        "e -> last": "shown",
      },
      contradicted: ["a -> d", "d -> c", "c -> b", "b -> e"],
      exchanged: ["b,d"],
      undeclared: [],
    });
  });

  it("says what fits better, with its p", async () => {
    const model = chain();
    const graph = declaredGraph(model.tensors, { chain: ["first", "a", "c", "b", "d", "e", "last"] });
    const { contradicted, looked } = await audit(model, graph, kernel);
    const [first] = contradicted;
    const nameOf = (part: ChannelPart | undefined) => graph.layers[part!.layer]!.name + " " + part!.side;
    expect([first!.writer, first!.reader].map(nameOf)).toEqual(["a out", "c in"]);
    expect([first!.writerFit?.part, first!.readerFit?.part].map(nameOf)).toEqual(["b in", "b out"]);
    expect(first!.writerFit!.logP + Math.log(looked)).toBeLessThan(Math.log(1e-3));
    expect(first!.logP).toBeGreaterThan(Math.log(0.01));
    // Pairs of 12 sides of one width, two of each layer but the ends'.
    expect(looked).toBe(12 * 11 / 2 - 5);
  });

  it.each([1, 2, 3])("finds two pairs of layers in each other's place, network %s", async (seed) => {
    const found = await audited(chain(seed), { chain: ["first", "b", "a", "c", "e", "d", "last"] });
    expect([...found.exchanged].sort()).toEqual(["a,b", "d,e"]);
    expect(found.contradicted).toEqual(["first -> b", "b -> a", "a -> c", "c -> e", "e -> d", "d -> last"]);
    expect(found.undeclared).toEqual([]);
  });

  it("finds a swap within a residual block", async () => {
    const swap: Readonly<Record<string, string>> = { up2: "down2", down2: "up2" };
    const found = await audited(stream(), {
      connections: CLOSED.map(({ from, to }) => ({ from: swap[from] ?? from, to: swap[to] ?? to })),
    });
    expect(found.exchanged).toEqual(["down2,up2"]);
    expect(found.contradicted).toEqual(["stem -> down2", "down1 -> down2", "up2 -> head"]);
  });

  it("finds a skip that nobody declared, and contradicts nothing for it", async () => {
    const around = ["stem -> up2", "stem -> head"];
    const { verdicts, ...found } = await audited(stream(), {
      connections: CLOSED.filter(({ from, to }) => !around.includes(`${from} -> ${to}`)),
    });
    expect(found).toEqual({
      ...NOTHING,
      undeclared: [["stem out, up1 in", "down1 out, up2 in, down2 out, head in"]],
    });
    expect(Object.values(verdicts)).toEqual(Array.from({ length: 6 }, () => "shown"));
  });

  it("finds the part of a concatenation that no connection feeds, and parts in each other's place", async () => {
    const model = planted({ input: 3, a: 32, b: 32, end: 16 }, [
      layer("left", "input", "a"),
      layer("right", "a", "b"),
      { name: "both", from: ["b", "a"], to: "end" },
    ]);
    const connections = (...feeding: readonly (readonly [string, number])[]): TopologyDeclaration => ({
      connections: [
        { from: "left", to: "right" },
        ...feeding.map(([from, target]) => ({
          from,
          to: "both",
          via: "concat" as const,
          channels: [{ source: 0, target, length: 32 }],
        })),
      ],
    });
    expect(await audited(model, connections(["right", 0], ["left", 32]))).toMatchObject(NOTHING);
    expect(await audited(model, connections(["right", 0]))).toMatchObject({
      ...NOTHING,
      undeclared: [["left out, right in", "both in 32+32"]],
    });
    expect(await audited(model, connections(["right", 32], ["left", 0]))).toMatchObject({
      contradicted: ["right -> both", "left -> both"],
      undeclared: [],
    });
  });

  it("says of a connection of several ranges what it says of the weakest", async () => {
    const model = planted({ input: 3, a: 32, b: 32, end: 16 }, [
      { name: "wide", from: ["input"], to: "a" },
      { name: "both", from: ["a", "b"], to: "end" },
    ]);
    const ranges = (...channels: readonly (readonly [source: number, target: number])[]) => ({
      connections: [{
        from: "wide",
        to: "both",
        via: "concat" as const,
        channels: channels.map(([source, target]) => ({ source, target, length: 32 })),
      }],
    });
    expect((await audited(model, ranges([0, 0]))).verdicts).toEqual({ "wide -> both": "shown" });
    // The second range of the reader has channels that nobody here writes.
    expect((await audited(model, ranges([0, 0], [0, 32]))).verdicts).toEqual({ "wide -> both": "untold" });
  });

  it("tests depthwise layers, and says that those in groups cannot be tested", async () => {
    const model = planted({ input: 3, a: 48, b: 24, c: 48 }, [
      layer("expand", "input", "a", { kernel: [1, 1] }),
      layer("spatial", "a", "a", { depthwise: true, kernel: [5, 5] }),
      layer("project", "a", "b", { kernel: [1, 1] }),
      layer("grouped", "b", "c", { kernel: [1, 1] }),
    ]);
    const { verdicts, ...found } = await audited(model, {
      layers: [{ name: "spatial", groups: 48 }, { name: "grouped", shape: [48, 12, 2, 1], groups: 2 }],
      chain: ["expand", "spatial", "project", "grouped"],
    });
    expect(found).toEqual(NOTHING);
    expect(verdicts).toMatchObject({ "spatial -> project": "shown", "project -> grouped": "untested" });
    expect(verdicts["expand -> spatial"]).toMatch(/shown|supported/);
  });

  it("calls no connection contradicted for a layer that is weak", async () => {
    const model = chain();
    const source = random(3, "untrained");
    const weak: InferredFrom = {
      ...model,
      read: async (name, signal) => {
        const values = await model.read(name, signal);
        if (/^[cd]\./.test(name)) source.normals(values);
        return values;
      },
    };
    const { verdicts, ...found } = await audited(weak, { chain: CHAIN });
    expect(found).toEqual(NOTHING);
    expect(verdicts).toMatchObject({ "b -> c": "untold", "c -> d": "untold", "d -> e": "untold" });
  });

  it("explains what has another reason: the ends of an autoencoder, gates, copies", async () => {
    const ends = planted({ pixels: 40, code: 24 }, [
      layer("encoder", "pixels", "code", { kernel: [] }),
      layer("decoder", "code", "pixels", { kernel: [] }),
    ]);
    expect(await audited(ends, { chain: ["encoder", "decoder"] })).toMatchObject(NOTHING);
    // Where nothing leads from the one to the other they may have been forgotten.
    expect((await audited(ends, { layers: [{ name: "encoder" }, { name: "decoder" }] })).undeclared)
      .toHaveLength(
        2,
      );
    const gated = planted({ input: 12, a: 40, end: 10 }, [
      layer("gate", "input", "a", { kernel: [] }),
      layer("up", "input", "a", { kernel: [] }),
      layer("down", "a", "end", { kernel: [] }),
    ]);
    const graph = declaredGraph(gated.tensors, { layers: [{ name: "gate" }], chain: ["up", "down"] });
    expect(told(graph, await audit(gated, graph, kernel)).undeclared).toEqual([[
      "up out, down in",
      "gate out",
    ]]);
    const known: LayerGraph = {
      ...graph,
      skipped: [{ subject: "connection", name: "gate -> down", reason: "a gate" }],
    };
    expect(told(known, await audit(gated, known, kernel))).toMatchObject(NOTHING);
    const copied = withCopy(ends, (name) => `target.${name}`, 0.2);
    expect(
      await audited(copied, {
        connections: [{ from: "encoder", to: "decoder" }, { from: "target.encoder", to: "target.decoder" }],
      }),
    ).toMatchObject(NOTHING);
  });

  it("looks at so many sides and pairs and no more, those of the nearest layers, of 2,000 layers", () => {
    const model = planted(
      { a: 8 },
      Array.from({ length: 2000 }, (_, at) => layer(`l${at}`, "a", "a", { kernel: [] })),
    );
    const chained = declaredGraph(model.tensors, {
      chain: model.tensors.map(({ name }) => name.slice(0, -7)),
    });
    const parts = auditedParts(chained);
    expect(parts.length).toBe(1365);
    const span = auditedSpan(parts);
    const near = (apart: number) =>
      parts.flatMap((a, at) => parts.slice(0, at).filter((b) => a.layer - b.layer <= apart)).length;
    expect(near(span)).toBeLessThanOrEqual(2 ** 17);
    expect(near(span + 1)).toBeGreaterThan(2 ** 17);
    expect(auditedSpan(parts.slice(0, 100))).toBe(Infinity);
  });

  it("reads no layer before its bytes are granted, each once, and ends when it is aborted", async () => {
    const model = chain();
    const graph = declaredGraph(model.tensors, { chain: CHAIN });
    const largest = 16 * 32 * 32 * 9;
    const budget = new ByteBudget(largest);
    const held: [number, number][] = [];
    const controller = new AbortController();
    const read: InferredFrom["read"] = (name, signal) => {
      held.push([
        budget.used,
        16 * elementCount(model.tensors.find((each) => each.name === name)!.shape),
      ]);
      return model.read(name, signal);
    };
    await audit({ ...model, read }, graph, kernel, { budget });
    expect(held.length).toBe(CHAIN.length);
    expect(held.filter(([granted, needed]) => granted !== needed)).toEqual([]);
    expect(budget.used).toBe(0);
    await expect(audit(model, graph, kernel, { budget: new ByteBudget(largest - 1) })).rejects.toThrow(
      `required at least ${largest} bytes for audit, layer a`,
    );
    controller.abort(new Error("stopped"));
    await expect(audit(model, graph, kernel, { signal: controller.signal })).rejects.toThrow("stopped");
  });
});
