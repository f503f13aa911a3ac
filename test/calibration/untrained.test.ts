/**
 * Untrained networks, filled in every way that leaves their vectors lying anyhow: whatever is found in them is not there.
 *
 * `bh` lets a connection have any edge with probability alpha at the most, 0.00135, were its tests positively dependent. Connections share
 * vectors, those of the layer that is turned; given all others, events of different turned layers are independent. So what is counted is
 * layers with a rejection in any of their connections, each with probability `k alpha` at the most, `k` the number of these. Their
 * number is bounded by Chernoff's inequality, which holds for the mean of unequal probabilities too (Hoeffding 1956). (Uniform, truncated and
 * sparse weights are not exactly invariant under rotation. Where more than a quarter of a layer's weights are zero, a gate keeps edges out.)
 *
 * Where orthogonal weights are exact their singular values are equal: none of their vectors is more than a choice, and pairs of such are not
 * tested. Rounded to float32, as in a file, they are not, and are tested like all others.
 */

import { filter, lastValueFrom, of, toArray } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layers } from "../../src/flow/operators/layers.ts";
import { overlap } from "../../src/flow/operators/overlap.ts";
import { svd } from "../../src/flow/operators/svd.ts";
import { unfold } from "../../src/flow/operators/unfold.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { LayerGraph, Unfolding } from "../../src/model/layer.ts";
import type { Row } from "../../src/model/tables.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { decide } from "../../src/stages/significance.ts";
import { gateSparse } from "../../src/stages/sparse-layers.ts";
import { logBinomialTwoSided } from "../../src/stats/binomial.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { prunedMnist } from "../support/pruned-model.ts";
import { type Initialization, INITIALIZATIONS, sparse } from "../untrained/initializations.ts";
import { type NetworkName, NETWORKS, untrained } from "../untrained/networks.ts";
import { ALPHA, analysed, reported } from "./analysed.ts";
import { chernoffExponent, criticalExponent } from "./sampling-error.ts";

const LOG_ALPHA = Math.log(ALPHA);

/** Of the one count over all networks. */
const FALSE_ALARM = 1e-6;

/** No finding is more surprising. Some hundred findings: one in 10,000 fresh sets of seeds would have one. */
const LEAST_SURPRISE = Math.log(1e-6);

/** Initializations of which the rotation null is true. */
const ROTATED = INITIALIZATIONS.filter(({ holds }) => holds === "rotation");

interface Case {
  readonly initialization: Initialization;
  readonly network: NetworkName;
  readonly unfolding: Unfolding;
  readonly seed: number;
  readonly exact: boolean;
}

/** Each in `svr`; every other, and all with tied embeddings, in `cosvr` too; and orthogonal ones exactly. */
const CASES: readonly (Case & { readonly name: string })[] = NETWORKS.flatMap((network, n) =>
  ROTATED.flatMap((initialization, i) => {
    const usual: Case = { initialization, network, unfolding: "svr", seed: 1, exact: false };
    return [
      usual,
      ...(n + i) % 2 === 0 || network === "gpt2" ? [{ ...usual, unfolding: "cosvr" as const, seed: 2 }] : [],
      ...initialization.name.includes("orthogonal") ? [{ ...usual, seed: 3, exact: true }] : [],
    ];
  })
).map((each) => ({
  ...each,
  name: `${each.network}, ${each.initialization.name}, ${each.unfolding}${each.exact ? ", exact" : ""}`,
}));

/** Shares of zeros in layers that the rotation null is not asked of. */
const SPARSE_CASES: readonly (Case & { readonly name: string })[] = NETWORKS.flatMap((network, n) =>
  [0.5, 0.7, 0.8, 0.9, 0.95].map((zeros, z) => ({
    initialization: sparse(`sparse, ${zeros} zero`, zeros),
    network,
    unfolding: (n + z) % 2 === 0 ? "svr" as const : "cosvr" as const,
    seed: 4,
    exact: false,
    name: `${network}, ${zeros} zero, ${(n + z) % 2 === 0 ? "svr" : "cosvr"}`,
  }))
);

let engine: Awaited<ReturnType<typeof openEngine>>;
beforeAll(async () => {
  engine = await openEngine({ kernel: "wasm", threads: 1, memory: 2 ** 30 });
});
afterAll(() => engine.dispose());

async function analysis({ network, initialization, unfolding, seed, exact }: Case) {
  const model = untrained(network, initialization, { seed, exact });
  const result = await analysed(model, engine, [], unfolding);
  return { result, report: reported(model, result, false, unfolding) };
}

const isTied = (row: Row) => row["via"] === "tied";
const sum = (rows: readonly Row[], column: string) => rows.reduce((all, row) => all + Number(row[column]), 0);

/** Layers whose vectors are turned, and how many of them have a rejection in any of their connections that are tested. */
function rejections({ layers }: LayerGraph, rows: readonly Row[], unfolding: Unfolding) {
  const turnedLayer = (row: Row) => {
    const [source, target] = [Number(row["source_layer"]), Number(row["target_layer"])];
    // Not where it has a single channel per group.
    if (unfolding === "svr") return layers[source]!.outChannels > layers[source]!.groups ? source : target;
    return layers[target]!.inChannels > layers[target]!.groups ? target : source;
  };
  const tested = rows.filter((row) => Number(row["tests"]) > 0 && !isTied(row));
  const turned = [...Map.groupBy(tested, turnedLayer).values()];
  return {
    connections: tested.length,
    layers: turned.length,
    rejected: turned.filter((each) => sum(each, "significant") > 0).length,
  };
}

const counted = { connections: 0, layers: 0, rejected: 0, tied: 0 };

/** Between tied embeddings lies the identity: one neuron feeds itself, overlap 1, and no other. */
function expectIdentity(row: Row, { layers }: LayerGraph): void {
  const { outChannels } = layers[Number(row["source_layer"])]!;
  expect([row["significant"], row["tests"]]).toEqual([outChannels, outChannels ** 2]);
  expect(row["max_overlap"]).toBeCloseTo(1, 10);
  expect(row["total_overlap"]).toBeCloseTo(outChannels, 8);
  counted.tied++;
}

/** A chain, a finding, or more edges than chance gives fail. @returns the rows of all connections, tied ones apart */
async function nothingFound(each: Case) {
  const { result, report } = await analysis(each);
  const { graph, connections, measures } = result;
  for (const { logP } of measures.chains) expect(logP).toBeGreaterThan(LOG_ALPHA);
  // The edges of an unembedding that is the embedding are there.
  const tied = connections.some((row) => isTied(row) && Number(row["significant"]) > 0);
  for (const { kind, title, surprise } of report.findings) {
    expect(kind).not.toBe("dominant-connection");
    expect(title).not.toMatch(/sparsification/i);
    if (!tied || kind !== "excess-edges") expect(surprise ?? 0, title).toBeGreaterThan(LEAST_SURPRISE);
  }
  const others = connections.filter((row) => !isTied(row));
  const edges = logBinomialTwoSided(sum(others, "nominal"), sum(others, "tests"), ALPHA);
  expect(edges, "edges of all other connections").toBeGreaterThan(LEAST_SURPRISE);
  const found = rejections(graph, connections, each.unfolding);
  counted.connections += found.connections;
  counted.layers += found.layers;
  counted.rejected += found.rejected;
  return { others, tied: connections.filter(isTied), graph };
}

describe("untrained networks", () => {
  it.each(CASES)("have no dominant connection and no finding: $name", async (each) => {
    const { others, tied, graph } = await nothingFound(each);
    // Of zeros that are no dead channels, nor all at the same taps, there are few.
    expect(others.filter((row) => row["sparse"] === true)).toEqual([]);
    // Exactly orthogonal vectors are a choice, and not tested.
    if (!each.exact) { for (const row of tied) expectIdentity(row, graph); }
  });

  it.each(SPARSE_CASES)("have no edge at layers of which many weights are zero: $name", async (each) => {
    const { others } = await nothingFound(each);
    const sparse = others.filter((row) => row["sparse"] === true);
    // Of 0.95 zeros, layers of up to 20 out channels are all zero.
    expect(sparse.length).toBeGreaterThan(0.8 * others.length);
    for (const row of sparse) {
      expect([row["tests"], row["nominal"], row["significant"], row["threshold"]]).toEqual([0, 0, 0, null]);
      expect([row["near_kernel_tests"], row["near_kernel_log_p"]]).toEqual([0, null]);
    }
  });

  it("have tied embeddings in both unfoldings", () => {
    const gpt2 = CASES.filter(({ network, exact }) => network === "gpt2" && !exact);
    for (const unfolding of ["svr", "cosvr"]) {
      const cases = gpt2.filter((each) => each.unfolding === unfolding);
      expect(cases.map(({ initialization }) => initialization)).toEqual(ROTATED);
    }
    expect(counted.tied).toBe(gpt2.length);
  });

  it("have any edge in no more connections than bh allows", () => {
    const { connections, layers, rejected } = counted;
    expect(connections).toBeGreaterThan(3000);
    const allowed = connections * ALPHA;
    const what = `${rejected} of ${layers} layers, ${connections} connections; ${allowed.toFixed(1)} allowed`;
    const exponent = rejected <= allowed ? 0 : chernoffExponent(rejected, layers, allowed / layers);
    expect(exponent, what).toBeLessThan(criticalExponent(FALSE_ALARM));
  });

  it.each(["resnet18", "mobilenetv2", "gpt2"] as const)(
    "have no test at layers of zeros: %s",
    async (network) => {
      const [initialization] = ROTATED.filter(({ name }) => name === "zero residual ends");
      const { result, report } = await analysis({
        initialization: initialization!,
        network,
        unfolding: "svr",
        seed: 1,
        exact: false,
      });
      const zeros = new Set(
        result.layers.filter((row) => row["null_neurons"] === row["rank"]).map((row) => row["layer_index"]),
      );
      expect(zeros.size).toBeGreaterThan(3);
      const at = result.connections.filter((row) =>
        zeros.has(row["source_layer"]) || zeros.has(row["target_layer"])
      );
      expect(at.length).toBeGreaterThanOrEqual(zeros.size);
      for (const row of at) {
        expect([row["tests"], row["significant"], row["expected_by_chance"]]).toEqual([0, 0, 0]);
        expect(row["shared_log_p"]).toBeNull();
      }
      expect(report.remarks.some((remark) => /^\d+ layers are zero/.test(remark))).toBe(true);
    },
  );
});

describe("the gate before sparse layers", () => {
  const settings = (over: "connection" | "model") => {
    const usual = pipelineSettings(engine, LOG_ALPHA);
    return { ...usual, test: { ...usual.test, over } };
  };

  it("keeps edges out that the rotation null would give", async () => {
    const model = untrained("mobilenetv2", sparse("sparse, 0.9 zero", 0.9), { seed: 1 });
    const graph = layerGraph(model);
    const jobs = await lastValueFrom(
      of(model).pipe(
        layers({ graph }),
        unfold("svr"),
        svd(engine, "svr"),
        overlap(engine, settings("connection").test),
        filter((job) => job.kind === "connection"),
        toArray(),
      ),
    );
    const { test } = settings("connection");
    let [without, edges] = [0, 0];
    for (const job of jobs) {
      const seen = await job.overlaps();
      const rejected = ({ candidates }: typeof seen) => decide([candidates], test)[0]!.significantCount;
      if (rejected(seen) > 0) without++;
      edges += rejected(gateSparse(seen, test, "connection", jobs.length));
      // Of the control, whose channels are turned, all edges are tested.
      expect(rejected(gateSparse(seen, test, "control", jobs.length))).toBe(rejected(seen));
    }
    engine.store.forget(model);
    expect(without).toBeGreaterThan(20);
    expect(edges).toBe(0);
  });

  it.each(["connection", "model"] as const)(
    "lets edges pass where channels are shared, over the %s",
    async (over) => {
      const at = async (epoch: string) => {
        const model = await prunedMnist(epoch, 0.9);
        const result = await lastValueFrom(spectralGraph(model, settings(over)));
        await model.close();
        expect(result.connections.map((row) => row["sparse"])).toEqual([true, true]);
        return result;
      };
      const [before, behind] = [await at("000"), await at("010")];
      for (const row of before.connections) expect([row["tests"], row["significant"]]).toEqual([0, 0]);
      for (const row of behind.connections) {
        expect(Number(row["tests"])).toBeGreaterThan(1000);
        expect(Number(row["significant"])).toBeGreaterThan(3);
      }
      expect(before.measures.chains).toEqual([]);
      expect(behind.measures.chains[0]!.logP).toBeLessThan(Math.log(1e-9));
    },
  );
});
