/** The stages as operators, by marbles: when what comes by, what passes through, what an error or an end does. */

import { concatMap, filter, lastValueFrom, map, type Observable, of, toArray } from "rxjs";
import { TestScheduler } from "rxjs/testing";
import { describe, expect, it } from "vitest";
import { measureOverlap } from "../../../src/analysis/overlap-measures.ts";
import { openSynthetic } from "../../../connectors/sources/synthetic.ts";
import type { ConnectionJob, EdgeJob, SkippedConnection, SpectrumJob } from "../../../src/flow/jobs.ts";
import { layers } from "../../../src/flow/operators/layers.ts";
import { overlap, type OverlapSettings } from "../../../src/flow/operators/overlap.ts";
import { svd } from "../../../src/flow/operators/svd.ts";
import { test } from "../../../src/flow/operators/test.ts";
import { unfold } from "../../../src/flow/operators/unfold.ts";
import { weight } from "../../../src/flow/operators/weight.ts";
import type { Engine } from "../../../src/flow/engine.ts";
import { openEngine } from "../../../src/run/open-engine.ts";
import type { LayerGraph } from "../../../src/model/layer.ts";
import type { Model } from "../../../src/model/ports.ts";
import { openReferenceKernel } from "../../../src/kernels/reference.ts";
import { matrix } from "../../../src/model/tensor.ts";
import { scanOverlaps } from "../../../src/stages/overlap-parts.ts";
import { connectionOf, layerOf } from "../../support/layer-fixture.ts";

const model = openSynthetic({
  seed: 3,
  layers: [
    { name: "a", out: 6, in: 4 },
    { name: "b", out: 5, in: 6, kernel: [2, 2] },
    { name: "c", out: 3, in: 5 },
  ],
}, "three");

/** Runs with virtual time. */
function marbles(body: (tools: Parameters<Parameters<TestScheduler["run"]>[0]>[0]) => void): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(body);
}

/** Residual: a feeds b and c, b feeds c. */
const GRAPH: LayerGraph = {
  layers: [layerOf(0, 4, 4), layerOf(1, 4, 4), layerOf(2, 4, 4)],
  connections: [[0, 1], [0, 2], [1, 2]].map(([source, target]) =>
    connectionOf(source!, target!, [{ source: 0, target: 0, length: 4 }])
  ),
  skipped: [],
  warnings: [],
};

/** Counts the uses that were given up. */
function fakeEngine(): { engine: Engine; given: number[] } {
  const given: number[] = [];
  const store = {
    useMore: () => undefined,
    skipUse: (handle: { name: number }) => given.push(handle.name),
    announce: () => undefined,
  };
  return { engine: { store } as unknown as Engine, given };
}

function spectrumJob(index: number, skipped?: string): SpectrumJob {
  return {
    kind: "layer",
    model,
    graph: GRAPH,
    layer: GRAPH.layers[index]!,
    spectrum: skipped === undefined
      ? { name: index, singularValues: new Float64Array(4), group: new Int32Array(4) } as never
      : { skipped },
  };
}

const nameOf = (item: SpectrumJob | SkippedConnection | ConnectionJob | ConnectionJob<"control">): string =>
  item.kind === "layer"
    ? item.layer.name
    : `${item.kind} ${item.connection.source}-${item.connection.target}`;

describe("layers and unfold", () => {
  it("name a model's layers one by one, and read nothing", () => {
    let reads = 0;
    const watched: Model = { ...model, read: (name) => (reads++, model.read(name)) };
    marbles(({ cold, expectObservable }) => {
      const named = cold("--m----|", { m: watched }).pipe(
        layers(),
        unfold("svr"),
        map(({ layer, shape }) => `${layer.name} ${shape.rows}x${shape.cols}`),
      );
      expectObservable(named).toBe("--(abc)|", { a: "a 6x4", b: "b 5x24", c: "c 3x5" });
    });
    expect(reads).toBe(0);
  });

  it("take the positions to the other side in cosvr", () => {
    marbles(({ cold, expectObservable }) => {
      const shapes = cold("m----|", { m: model }).pipe(
        layers(),
        unfold("cosvr"),
        map(({ shape }) => [shape.rows, shape.cols]),
      );
      expectObservable(shapes).toBe("(abc)|", { a: [6, 4], b: [20, 6], c: [3, 5] });
    });
  });

  it("read a layer when its job is asked to, once for each time", async () => {
    const jobs: Promise<unknown>[] = [];
    marbles(({ cold }) => {
      cold("m|", { m: model }).pipe(layers(), unfold("svr")).subscribe((job) => jobs.push(job.read()));
    });
    const [a] = await Promise.all(jobs) as [{ rows: number; data: Float64Array }[]];
    expect(a[0]).toMatchObject({ rows: 6, cols: 4 });
    expect(a[0]!.data).toEqual(await model.read("a.weight"));
  });
});

describe("overlap", () => {
  const through = (source: Observable<SpectrumJob>, engine: Engine) =>
    source.pipe(overlap(engine, TEST), map(nameOf));

  const NAMES = {
    a: "layer0",
    b: "layer1",
    c: "layer2",
    x: "connection 0-1",
    y: "connection 0-2",
    z: "connection 1-2",
  };

  it.each([["a-b---c----|", "a-(bx)(cyz)|"], ["c-----a---b----|", "c-----(ay)(bxz)|"]])(
    "passes a connection on as soon as both its ends have come by, in whatever order: %s",
    (layers, passed) => {
      marbles(({ cold, expectObservable }) => {
        const jobs = { a: spectrumJob(0), b: spectrumJob(1), c: spectrumJob(2) };
        expectObservable(through(cold(layers, jobs), fakeEngine().engine)).toBe(passed, NAMES);
      });
    },
  );

  it("skips the connections of a skipped layer, says why, and gives up the uses of the other ends", () => {
    const { engine, given } = fakeEngine();
    marbles(({ cold, expectObservable }) => {
      const jobs = { a: spectrumJob(0), b: spectrumJob(1, "NaN at 0"), c: spectrumJob(2) };
      expectObservable(
        cold("a-b---c----|", jobs).pipe(
          overlap(engine, TEST),
          map((item) => item.kind === "skipped" ? `${item.name}: ${item.reason}` : nameOf(item)),
        ),
      ).toBe("a-(bx)(cyz)|", {
        a: "layer0",
        b: "layer1",
        c: "layer2",
        x: "layer0 -> layer1: layer layer1 was skipped",
        y: "connection 0-2",
        z: "layer1 -> layer2: layer layer1 was skipped",
      });
    });
    expect(given).toEqual([0, 2]);
  });

  it("remembers nothing from one subscription to the next", () => {
    marbles(({ cold, expectObservable }) => {
      const jobs = { a: spectrumJob(0), b: spectrumJob(1) };
      const twice = cold("(ab|)", jobs).pipe(overlap(fakeEngine().engine, TEST), map(nameOf));
      const values = { a: "layer0", b: "layer1", x: "connection 0-1" };
      expectObservable(twice).toBe("(abx|)", values);
      expectObservable(twice).toBe("(abx|)", values);
    });
  });

  it("passes an error on at once", () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(through(cold("a-#", { a: spectrumJob(0) }), fakeEngine().engine)).toBe(
        "a-#",
        { a: "layer0" },
      );
    });
  });
});

const SOURCE_VALUES = Float64Array.of(4, 3, 2, 1);
const TARGET_VALUES = Float64Array.of(8, 6, 4, 2);

/** A connection between identities that does not want to be worked on before its turn. */
function lazyConnection(source: number, target: number, worked: string[]): ConnectionJob {
  const spectrum = (index: number, singularValues: Float64Array) => ({
    layer: GRAPH.layers[index]!,
    unfolding: "svr" as const,
    left: { ...matrix(4, 4), data: identity() },
    right: { ...matrix(4, 4), data: identity() },
    singularValues,
    norm: 0,
    group: new Int32Array(4),
    nullNeurons: new Uint8Array(4),
    clustered: new Uint8Array(4),
    sparse: false,
  });
  const connection = connectionOf(source, target, [{ source: 0, target: 0, length: 4 }]);
  return {
    kind: "connection",
    control: null,
    connection,
    graph: GRAPH,
    source: GRAPH.layers[source]!,
    target: GRAPH.layers[target]!,
    sourceValues: SOURCE_VALUES,
    targetValues: TARGET_VALUES,
    overlaps: () => {
      worked.push(`${source}-${target}`);
      const near = { source: Uint8Array.of(0, 0, 1, 1), target: Uint8Array.of(0, 0, 1, 1) };
      const ends = { source: spectrum(source, SOURCE_VALUES), target: spectrum(target, TARGET_VALUES) };
      return scanOverlaps(
        { connection, ...ends, near, test: TEST, measure: measureOverlap, products: null },
        openReferenceKernel(),
      );
    },
  };
}

const identity = () => Float64Array.from({ length: 16 }, (_, at) => at % 5 === 0 ? 1 : 0);

const TEST: OverlapSettings & { readonly over: "connection" } = {
  null: "rotation",
  logAlpha: Math.log(0.05),
  correction: "none",
  over: "connection",
  edges: "significant",
  measure: measureOverlap,
  nearKernel: 0.5,
};

describe("test and weight", () => {
  it("pass layers and descriptors through in time, and compute nothing until asked", () => {
    const worked: string[] = [];
    marbles(({ cold, expectObservable }) => {
      const items = { a: spectrumJob(0), x: lazyConnection(0, 1, worked) };
      expectObservable(
        cold<SpectrumJob | ConnectionJob>("a--x--|", items).pipe(
          test(TEST),
          weight(() => 1),
          map((item) => item.kind),
        ),
      ).toBe("a--x--|", { a: "layer", x: "connection" });
    });
    expect(worked).toEqual([]);
  });

  it("compute a connection's edges when its job is asked, with the weight on each", async () => {
    const worked: string[] = [];
    const jobs: EdgeJob[] = [];
    marbles(({ cold }) => {
      cold("x|", { x: lazyConnection(0, 1, worked) }).pipe(
        test<SkippedConnection>(TEST),
        weight(({ overlap, sourceSingularValue, targetSingularValue }) =>
          overlap + 10 * sourceSingularValue + 100 * targetSingularValue
        ),
      ).subscribe((item) => item.kind === "connection" && jobs.push(item));
    });
    const { edges, summary } = await jobs[0]!.edges();
    // They may be read again, and are computed once.
    expect((await jobs[0]!.edges()).edges).toBe(edges);
    expect(worked).toEqual(["0-1"]);
    expect([...edges.sourceNeuron]).toEqual([0, 1, 2, 3]);
    expect([...edges.targetNeuron]).toEqual([0, 1, 2, 3]);
    expect([...edges.weight]).toEqual([841, 631, 421, 211]);
    expect(summary).toMatchObject({ tests: 16, significant: 4, nominal: 4 });
    // Up to half of 4, 3, 2, 1 and of 8, 6, 4, 2: two near-kernels a side, 4 tests between them, two of the four edges, 0.2 by chance.
    expect(summary.nearKernel).toEqual({
      tests: 4,
      significant: 2,
      significantExpected: expect.closeTo(0.2, 12) as number,
      nominal: 2,
    });
    expect(summary.expectedByChance).toBeCloseTo(0.8, 12);
  });

  it("over a model hold connections back until the last has been seen, layers pass", async () => {
    const worked: string[] = [];
    const seen: string[] = [];
    const settings = { ...TEST, over: "model", correction: "bonferroni" } as const;
    await new Promise<void>((resolve, reject) => {
      marbles(({ cold }) => {
        cold<SpectrumJob | ConnectionJob>("axby|", {
          a: spectrumJob(0),
          b: spectrumJob(1),
          x: lazyConnection(0, 1, worked),
          y: lazyConnection(1, 2, worked),
        }).pipe(test(settings)).subscribe({
          next: (item) => seen.push(`${nameOfEdge(item)} after ${worked.length}`),
          error: reject,
          complete: resolve,
        });
      });
    });
    expect(seen).toEqual([
      "layer0 after 0",
      "layer1 after 1",
      "connection 0-1 after 2",
      "connection 1-2 after 2",
    ]);
  });
});

describe("several models through one pipeline", () => {
  it.each(["connection", "model"] as const)(
    "give all their connections, tested over the %s",
    async (over) => {
      const engine = await openEngine({ kernel: "reference" });
      const other = openSynthetic({
        seed: 4,
        layers: [{ name: "a", out: 6, in: 4 }, { name: "b", out: 5, in: 6 }, { name: "c", out: 4, in: 5 }],
      }, "other");
      const settings = { ...TEST, over };
      const edges = await lastValueFrom(
        of(model, other, model).pipe(
          layers(),
          unfold("svr"),
          svd(engine, "svr"),
          overlap(engine, settings),
          test(settings),
          filter((item) => item.kind === "connection"),
          concatMap((job) => job.edges()),
          toArray(),
        ),
      );
      await engine.dispose();
      expect(edges.map(({ summary }) => summary.tests)).toEqual([20, 15, 20, 20, 20, 15]);
    },
  );
});

const nameOfEdge = (item: SpectrumJob | EdgeJob | EdgeJob<"control">): string =>
  item.kind === "layer" ? item.layer.name : `connection ${item.connection.source}-${item.connection.target}`;
