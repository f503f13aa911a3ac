/**
 * How well topologies are inferred from weights. Graphs and families are hidden; weights stand in the order of the known topology, with names or without.
 *
 * - `node test/bench/wiring.ts [folder of shared models [part of a path]]`: the table
 * - `--cost [folder [part of a path]]`: the processor time that it takes beside the decompositions
 * - `--wide [width [layers]]`: the same of matrices of random numbers
 * - `--null [networks]`: networks that share nothing
 */

import { argv, cpuUsage, stdout } from "node:process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { openModel } from "../../src/mod.ts";
import { isDepthwise, type Layer, type LayerGraph } from "../../src/model/layer.ts";
import { random } from "../../src/model/random.ts";
import { Union } from "../../src/model/union.ts";
import { knownGraph } from "../../src/stages/layers.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { guessedGraph } from "../../src/stages/topology/guess.ts";
import { type Inference, inferred } from "../../src/stages/topology/inference/inferred.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";
import type { ChannelSpaces } from "../../src/stages/topology/inference/channel-spaces.ts";
import { LOG_ALPHA } from "../../src/stages/topology/inference/level.ts";
import { leastLogP, unconnectedMakers } from "../calibration/unconnected-models.ts";
import { hidden } from "./hidden-models.ts";
import { MODELS } from "./wiring-models.ts";
import { SHARED } from "../support/shared.ts";
import { modelInMemory } from "../support/model-in-memory.ts";
import { weightPairs } from "../support/hidden-topology.ts";

const connectionsOf = (graph: LayerGraph, evidence?: string) => new Set(weightPairs(graph, evidence));

const two = (part: number, all: number) => all === 0 ? "-" : (part / all).toFixed(2);

/** Right ones of those found, of so many that there are; precision and recall. */
function score(found: ReadonlySet<string>, truth: ReadonlySet<string>): string {
  const right = [...found].filter((each) => truth.has(each)).length;
  return `${right}/${found.size} of ${truth.size}: ${two(right, found.size)}/${two(right, truth.size)}`;
}

const percent = (value: readonly [number, number] | undefined) =>
  value === undefined ? "" : value.map((each) => each.toFixed(2)).join("/");

/** What is known of the spaces of ports: one that stands for each, by the port's tensor, side and first channel. */
function knownSpaces({ layers, connections }: LayerGraph): ReadonlyMap<string, string> {
  const outOf = ({ weight, outChannels }: Layer) => `${weight.tensor}/out/0/${outChannels}`;
  const intoOf = (layer: Layer) => layer.groups > 1 ? outOf(layer) : `${layer.weight.tensor}/in`;
  const sides = new Set(
    layers.flatMap((layer) => [outOf(layer), ...isDepthwise(layer) ? [] : [`${layer.weight.tensor}/in`]]),
  );
  const joined: (readonly [string, string])[] = [];
  for (const { source, target, channels } of connections) {
    const [from, to] = [layers[source]!, layers[target]!];
    const [range] = channels;
    if (channels.length !== 1 || range!.target !== 0 || range!.length !== to.inChannels) continue;
    joined.push([`${from.weight.tensor}/out/${range!.source}/${range!.length}`, intoOf(to)]);
  }
  const names = [...new Set([...sides, ...joined.flat()])];
  const numbers = new Map(names.map((name, at) => [name, at]));
  const spaces = new Union(names.length);
  for (const [from, to] of joined) spaces.join(numbers.get(from)!, numbers.get(to)!);
  return new Map(names.map((name, at) => [name, names[spaces.find(at)]!]));
}

/** Pairs of ports that were tested: those in one space, shown or supposed, against those in one known space; of parts, what is known. */
function pairScore(
  { ports, tests, spaces, graph }: Inference,
  kind: keyof ChannelSpaces,
  known: ReadonlyMap<string, string>,
  nameOf: (tensor: string) => string,
): string {
  const keyOf = (at: number) => {
    const { layer, side, part, width } = ports[at]!;
    const tensor = nameOf(graph.layers[layer]!.weight.tensor);
    return side === "in" ? `${tensor}/in` : `${tensor}/out/${part?.from ?? 0}/${width}`;
  };
  let [right, found, all] = [0, 0, 0];
  for (const { first, second } of tests) {
    const [a, b] = [known.get(keyOf(first)), known.get(keyOf(second))];
    if (a === undefined || b === undefined) continue;
    const isOne = spaces[kind][first] === spaces[kind][second];
    all += Number(a === b);
    found += Number(isOne);
    right += Number(isOne && a === b);
  }
  return `${right}/${found} of ${all}: ${two(right, found)}/${two(right, all)}`;
}

async function table(folder: string, only: string, kernel: Kernel): Promise<void> {
  const titles = [
    "model",
    "names",
    "guess",
    "all",
    "spike",
    "inferred",
    "ports that share, shown",
    "supposed",
    "spike",
    "pairs looked at",
    "seconds",
  ];
  stdout.write(`| ${titles.join(" | ")} |\n|${titles.map(() => "---|").join("")}\n`);
  for (const { path, pairs, directed } of MODELS) {
    if (!path.includes(only) || !existsSync(join(folder, path))) continue;
    const model = await openModel(join(folder, path));
    const known = knownGraph(model, {});
    for (const shuffled of [false, true]) {
      const { from, nameOf } = hidden(model, known, shuffled);
      const before = new Map([...nameOf].map(([name, now]) => [now, name]));
      const truth = new Set(
        [...connectionsOf(known)].map((each) =>
          each.split(" -> ").map((name) => nameOf.get(name) ?? name).join(" -> ")
        ),
      );
      const start = performance.now();
      const inference = await inferred(from, kernel);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const cells = [
        path.split("/").slice(-2).join("/"),
        shuffled ? "shuffled" : "kept",
        score(connectionsOf(guessedGraph(from)), truth),
        score(connectionsOf(inference.graph), truth),
        percent(directed),
        score(connectionsOf(inference.graph, "inferred"), truth),
        ...(["shown", "supposed"] as const).map((kind) =>
          pairScore(inference, kind, knownSpaces(known), (name) => before.get(name)!)
        ),
        percent(pairs),
        inference.looked,
        seconds,
      ];
      stdout.write(`| ${cells.join(" | ")} |\n`);
    }
    await model.close();
  }
}

/** Counts networks that show a pair at some levels though nothing is there. */
async function nulls(networks: number, kernel: Kernel): Promise<void> {
  const makers = await unconnectedMakers();
  const levels = [0.1, 0.01, 0.001];
  const hits = levels.map(() => 0);
  let connected = 0;
  for (let at = 0; at < networks; at++) {
    const { graph, tests } = await inferred(makers[at % makers.length]!(at), kernel);
    const least = leastLogP(tests);
    levels.forEach((level, i) => hits[i]! += Number(least <= Math.log(level)));
    connected += Number(graph.connections.some(({ evidence }) => evidence === "inferred"));
  }
  stdout.write(
    `${networks} networks that share nothing: ${connected} with an inferred connection (level ${
      Math.exp(LOG_ALPHA)
    }); a pair at `,
  );
  stdout.write(`${levels.map((level, i) => `${level}: ${hits[i]}`).join(", ")}\n`);
}

/** Seconds of all processors since then. */
function secondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = cpuUsage(start);
  return (user + system) / 1e6;
}

/** What inference takes beside the decompositions of the same layers: processor time of each, one behind the other in one thread. */
async function cost(
  name: string,
  from: InferredFrom,
  layers: readonly Layer[],
  kernel: Kernel,
): Promise<void> {
  // Both read the weights once more, when they are in the cache of the file system.
  for (const { weight } of layers) await from.read(weight.tensor);
  const start = cpuUsage();
  const { ports } = await inferred(from, kernel);
  const inference = secondsSince(start);
  const between = cpuUsage();
  for (const layer of layers) {
    for (const block of unfold(layer, await from.read(layer.weight.tensor), "svr")) await kernel.svd(block);
  }
  const decompositions = secondsSince(between);
  const cells = [
    name,
    ports.length,
    inference.toFixed(2),
    decompositions.toFixed(2),
    (inference / decompositions).toFixed(2),
  ];
  stdout.write(`| ${cells.join(" | ")} |\n`);
}

const COSTS = "| model | ports | inference, s | decompositions, s | ratio |\n|---|---|---|---|---|\n";

async function costs(folder: string, only: string, kernel: Kernel): Promise<void> {
  stdout.write(COSTS);
  for (const { path } of MODELS) {
    if (!path.includes(only) || !existsSync(join(folder, path))) continue;
    const model = await openModel(join(folder, path));
    const known = knownGraph(model, {});
    await cost(path.split("/").slice(-2).join("/"), hidden(model, known, false).from, known.layers, kernel);
    await model.close();
  }
}

/** The same of square matrices of random numbers. */
async function wideCost(width: number, count: number, kernel: Kernel): Promise<void> {
  stdout.write(COSTS);
  const source = random(1, "wide");
  const names = Array.from({ length: count }, (_, at) => `layers.${at}.weight`);
  const from = modelInMemory(
    new Map(names.map((name) => {
      const values = new Float64Array(width * width);
      source.normals(values);
      return [name, { shape: [width, width], values }];
    })),
  );
  await cost(`${count} of ${width} x ${width}`, from, guessedGraph(from).layers, kernel);
}

const kernel = await openPool({ name: "wasm", precision: "f64", threads: 1 });
if (argv[2] === "--null") await nulls(Number(argv[3] ?? 3000), kernel);
else if (argv[2] === "--wide") await wideCost(Number(argv[3] ?? 2048), Number(argv[4] ?? 3), kernel);
else if (argv[2] === "--cost") await costs(argv[3] ?? SHARED, argv[4] ?? "", kernel);
else await table(argv[2] ?? SHARED, argv[3] ?? "", kernel);
await kernel.dispose();
