import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filter, firstValueFrom, from, lastValueFrom, mergeMap, of, toArray } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compileWeight,
  layers,
  logSurvivalOfSigma,
  openEngine,
  openLadybugReader,
  openModel,
  openSynthetic,
  overlap,
  svd,
  test,
  unfold,
  weight,
} from "../../src/mod.ts";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

const EPOCH = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-library-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("from code", () => {
  it("runs as the command line does", async () => {
    const out = join(folder, "out");
    const steps: string[] = [];
    const { report } = await run({ models: EPOCH, out, sinks: [], edges: { top: 3 } }, {
      progress: ({ event }) => steps.push(event),
    });
    // Three of each connection, and one of the dominant connection that is not among them.
    expect(report.rows.edges).toBe(7);
    expect(steps.filter((event) => event !== "progress").at(-1)).toBe("done");
    const graph = await openLadybugReader(join(out, "graph.lbug"));
    try {
      const { rows } = await graph.query("MATCH (:SpectralNeuron)-[e:CONNECTS]->() RETURN count(*)");
      expect(rows).toEqual([[7]]);
    } finally {
      await graph.close();
    }
  });

  it("stops where its signal is aborted, and leaves nothing", async () => {
    const controller = new AbortController();
    const out = join(folder, "aborted");
    const running = run({ models: EPOCH, out }, {
      signal: controller.signal,
      progress: ({ event }) => event === "step" && controller.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow("enough");
    await expect(openLadybugReader(join(out, "graph.lbug"))).rejects.toThrow("no such file");
  });

  it("lets its stages be piped: the planted chain is found", async () => {
    const model = openSynthetic({
      seed: 5,
      layers: [{ name: "a", out: 40, in: 32 }, { name: "b", out: 36, in: 40 }, {
        name: "c",
        out: 30,
        in: 36,
      }],
      planted: [{ from: "a", to: "c", cosine: 0.95, gain: 8 }],
    }, "planted");
    const engine = await openEngine();
    try {
      const settings = pipelineSettings(engine, logSurvivalOfSigma(3)).test;
      const edges = await lastValueFrom(
        of(model).pipe(
          layers(),
          unfold("svr"),
          svd(engine, "svr"),
          overlap(engine, settings),
          test(settings),
          weight(await compileWeight("amplitude")),
          filter((item) => item.kind === "connection"),
          mergeMap((connection) => from(connection.edges())),
          toArray(),
        ),
      );
      expect(edges).toHaveLength(2);
      for (const { edges: found } of edges) {
        const leading = found.sourceNeuron.findIndex((neuron, i) =>
          neuron === 0 && found.targetNeuron[i] === 0
        );
        expect(found.overlap[leading]).toBeGreaterThan(0.7);
        expect(found.weight[leading]).toBe(Math.sqrt(found.overlap[leading] ?? NaN));
      }
    } finally {
      await engine.dispose();
    }
  });

  it("opens a model by its header", async () => {
    const model = await openModel(EPOCH);
    try {
      expect(model.id).toBe("mnist-mlp/epoch-010");
      const names = await firstValueFrom(
        of(model).pipe(layers(), mergeMap(({ layer }) => of(layer.name)), toArray()),
      );
      expect(names).toEqual(["fc1", "fc2", "fc3"]);
      expect(await model.read("fc3.bias")).toHaveLength(10);
    } finally {
      await model.close();
    }
  });
});
