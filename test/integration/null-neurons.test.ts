/**
 * Neurons without a direction of their own, in a network that has every kind of them: dead and equal channels, exactly deficient rank, a zero
 * layer, equal singular values within a layer and between groups. All kernels must see the same ones, choose the same vectors for them, and
 * count alike.
 */

import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSynthetic, type SyntheticLayer } from "../../connectors/sources/synthetic.ts";
import { type PipelineSettings, spectralGraph } from "../../src/flow/pipeline.ts";
import type { ComputingKernelName } from "../../src/kernels/in-thread.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { describeKernel } from "../support/kernels.ts";
import { normalMatrix, orthonormalRows, reconstruct } from "../support/matrices.ts";
import { memorySink, type Rows } from "../support/memory-sink.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

/** A layer of the network: what becomes of Gaussian weights, and how many of its neurons are null and clustered then, in `svr`. */
interface Constructed extends SyntheticLayer {
  /** The weight of out channel `o` at column `c`; `w` are the Gaussian weights, row by row. */
  readonly weight?: (w: Float64Array, o: number, c: number) => number;
  readonly nulls: number;
  readonly clustered: number;
}

const thin = reconstruct({
  left: normalMatrix(7, 40, 1),
  singularValues: new Float64Array(7).fill(1),
  right: normalMatrix(7, 48, 2),
});
const orthogonal = orthonormalRows(36, 36, 3);
const turns = Array.from({ length: 9 }, (_, group) => orthonormalRows(4, 4, 4 + group));

const LAYERS: readonly Constructed[] = [
  // 30 of 40 rows are left, in 32 columns.
  {
    name: "dead rows",
    out: 40,
    in: 32,
    weight: (w, o, c) => o % 4 === 1 ? 0 : w[o * 32 + c]!,
    nulls: 2,
    clustered: 2,
  },
  {
    name: "dead columns",
    out: 40,
    in: 40,
    nulls: 10,
    clustered: 10,
    weight: (w, o, c) => c % 4 === 2 ? 0 : w[o * 40 + c]!,
  },
  {
    name: "equal rows",
    out: 32,
    in: 40,
    kernel: [2, 2],
    nulls: 8,
    clustered: 8,
    weight: (w, o, c) => w[(o - (o % 4 === 3 ? 1 : 0)) * 160 + c]!,
  },
  {
    name: "equal columns",
    out: 48,
    in: 32,
    nulls: 8,
    clustered: 8,
    weight: (w, o, c) => w[o * 32 + c - (c % 4 === 3 ? 1 : 0)]!,
  },
  { name: "rank 7", out: 40, in: 48, weight: (_, o, c) => thin.data[o * 48 + c]!, nulls: 33, clustered: 33 },
  { name: "zero", out: 36, in: 40, weight: () => 0, nulls: 36, clustered: 36 },
  {
    name: "orthogonal",
    out: 36,
    in: 36,
    weight: (_, o, c) => orthogonal.data[o * 36 + c]!,
    nulls: 0,
    clustered: 36,
  },
  { name: "identity", out: 36, in: 36, weight: (_, o, c) => o === c ? 1 : 0, nulls: 0, clustered: 36 },
  {
    // All singular values are 1, each shared by the four of its group only.
    name: "orthogonal groups",
    out: 36,
    in: 36,
    groups: 9,
    nulls: 0,
    clustered: 36,
    weight: (_, o, c) => turns[Math.floor(o / 4)]!.data[o % 4 * 4 + c]!,
  },
  {
    // The second group has the rows of the first in another order: the same singular values, but for rounding. The third is dead.
    name: "groups",
    out: 36,
    in: 36,
    kernel: [2, 2],
    groups: 3,
    nulls: 12,
    clustered: 12,
    weight: (w, o, c) => o < 12 ? w[o * 48 + c]! : o < 24 ? w[(23 - o) * 48 + c]! : 0,
  },
  { name: "plain", out: 30, in: 36, nulls: 0, clustered: 0 },
  { name: "last", out: 28, in: 30, kernel: [3], nulls: 0, clustered: 0 },
];

/** The network; an edge between its last two layers is planted. */
function network(): Model {
  const model = openSynthetic({
    seed: 11,
    layers: LAYERS,
    planted: [{ from: "plain", to: "last", cosine: 0.9, gain: 8 }],
  }, "constructed");
  return {
    ...model,
    read: async (tensor, signal) => {
      const { out, weight } = LAYERS.find(({ name }) => tensor === `${name}.weight`)!;
      const w = await model.read(tensor, signal);
      if (weight === undefined) return w;
      const cols = w.length / out;
      return Float64Array.from(w, (_, at) => weight(w, Math.floor(at / cols), at % cols));
    },
  };
}

const UNFOLDINGS: readonly Unfolding[] = ["svr", "cosvr"];
const CORRECTIONS = ["none", "bh"] as const;

/** What one kernel finds. */
interface Analysis {
  readonly spectra: readonly Spectrum[];
  readonly tables: (correction: "none" | "bh") => ReadonlyMap<string, Rows>;
}

async function analysed(engine: OpenEngine, unfolding: Unfolding): Promise<Analysis> {
  const model = network();
  const spectra: Spectrum[] = [];
  for (const layer of layerGraph(model).layers) {
    const blocks = unfold(layer, await model.read(layer.weight.tensor), unfolding);
    spectra.push(await spectrum(layer, blocks, unfolding, engine.kernel));
  }
  const tables = new Map<string, ReadonlyMap<string, Rows>>();
  for (const correction of CORRECTIONS) {
    const { sink, models } = memorySink();
    const usual = pipelineSettings(engine, logSurvivalOfSigma(3));
    const settings: PipelineSettings = {
      ...usual,
      unfolding,
      sinks: [sink],
      test: { ...usual.test, null: "rotation", correction, edges: "all" },
    };
    await lastValueFrom(spectralGraph(model, settings));
    tables.set(correction, models[0]!.tables);
  }
  return { spectra, tables: (correction) => tables.get(correction)! };
}

/** By kernel and unfolding, each made once. */
const analyses = new Map<string, Promise<Analysis>>();
const engines: OpenEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

function analysisOf(kernel: ComputingKernelName, unfolding: Unfolding): Promise<Analysis> {
  const make = async () => {
    const engine = await openEngine({ kernel, threads: 2, memory: 2 ** 28 });
    engines.push(engine);
    return await analysed(engine, unfolding);
  };
  const name = `${kernel}, ${unfolding}`;
  const found = analyses.get(name) ?? make();
  analyses.set(name, found);
  return found;
}

const columnsOf = (rows: Rows, names: readonly string[]) => rows.map((row) => names.map((name) => row[name]));

/** The connections in order: which of two is done first is chance. */
const connectionsOf = (tables: ReadonlyMap<string, Rows>) =>
  tables.get("connections")!.toSorted((a, b) => Number(a["source_layer"]) - Number(b["source_layer"]));

/** Pairs of neurons that are not null, not both of clusters, and have channels in common, all channels being passed on in order. */
function pairs(source: Spectrum, target: Spectrum): number {
  const ranges = ({ group, nullNeurons, clustered }: Spectrum, channels: number, groups: number) => {
    const size = channels / groups;
    return Array.from(group, (g, j) => ({ from: g * size, to: (g + 1) * size, chosen: clustered[j] === 1 }))
      .filter((_, j) => nullNeurons[j] === 0);
  };
  const sources = ranges(source, source.layer.outChannels, source.layer.groups);
  const targets = ranges(target, target.layer.inChannels, target.layer.groups);
  const meets = (a: (typeof sources)[number], b: (typeof targets)[number]) =>
    a.from < b.to && b.from < a.to && !(a.chosen && b.chosen);
  return sources.reduce((sum, a) => sum + targets.filter((b) => meets(a, b)).length, 0);
}

const total = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
const KERNELS: readonly ComputingKernelName[] = ["reference", "wasm", "native"];

for (const kernel of KERNELS) {
  describeKernel(kernel, `neurons without a direction, by ${kernel}`, () => {
    describe.each(UNFOLDINGS)("%s", (unfolding) => {
      let found: Analysis;
      let reference: Analysis;
      beforeAll(async () => {
        reference = await analysisOf("reference", unfolding);
        found = await analysisOf(kernel, unfolding);
      });

      it("are those that were made, and flagged in the table", () => {
        const { spectra } = found;
        if (unfolding === "svr") {
          expect(spectra.map(({ layer, nullNeurons, clustered }) => [
            ...[layer.name, total(nullNeurons), total(clustered)],
          ])).toEqual(LAYERS.map(({ name, nulls, clustered }) => [name, nulls, clustered]));
        }
        expect(spectra.map(({ nullNeurons }) => nullNeurons)).toEqual(
          reference.spectra.map(({ nullNeurons }) => nullNeurons),
        );
        expect(spectra.map(({ clustered }) => clustered)).toEqual(
          reference.spectra.map(({ clustered }) => clustered),
        );
        const rows = found.tables("bh").get("neurons")!;
        expect(columnsOf(rows, ["layer_index", "neuron", "group", "null", "cluster"])).toEqual(
          spectra.flatMap(({ layer, group, nullNeurons, clustered }) =>
            Array.from(
              group,
              (g, neuron) => [layer.index, neuron, g, nullNeurons[neuron]!, clustered[neuron]!],
            )
          ),
        );
      });

      it("have the same vectors by every kernel", () => {
        found.spectra.forEach(({ layer, left, right, nullNeurons, clustered }, at) => {
          const other = reference.spectra[at]!;
          expect(found.spectra[at]!.group, layer.name).toEqual(other.group);
          for (const [ours, theirs] of [[left, other.left], [right, other.right]] as const) {
            let most = 0;
            for (let i = 0; i < ours.data.length; i++) {
              const neuron = Math.floor(i / ours.cols);
              if (nullNeurons[neuron] === 0 && clustered[neuron] === 0) continue;
              most = Math.max(most, Math.abs(ours.data[i]! - theirs.data[i]!));
            }
            expect(most, layer.name).toBeLessThan(1e-9);
          }
        });
      });

      it.each(CORRECTIONS)("do not keep kernels from counting alike, %s", (correction) => {
        const counts = (tables: ReadonlyMap<string, Rows>) => [
          columnsOf(connectionsOf(tables), [
            ...["source_layer", "target_layer", "tested_channels", "tests", "nominal", "significant"],
            ...["near_kernel_tests", "near_kernel_nominal", "near_kernel_significant"],
          ]),
          columnsOf(tables.get("layers")!, ["name", "near_kernels", "null_neurons"]),
        ];
        const ours = counts(found.tables(correction));
        expect(ours).toEqual(counts(reference.tables(correction)));
        // Something was found: the planted edge.
        expect(Number(connectionsOf(found.tables(correction)).at(-1)!["significant"])).toBeGreaterThan(0);
      });

      it.each(CORRECTIONS)("are no ends of edges and not tested where they are null, %s", (correction) => {
        const tables = found.tables(correction);
        const expected = found.spectra.slice(1).map((target, at) => pairs(found.spectra[at]!, target));
        expect(connectionsOf(tables).map((row) => Number(row["tests"]))).toEqual(expected);
        const edges = tables.get("edges")!;
        expect(edges).toHaveLength(expected.reduce((sum, count) => sum + count, 0));
        const isNull = (layer: unknown, neuron: unknown) =>
          found.spectra[Number(layer)]!.nullNeurons[Number(neuron)] === 1;
        expect(
          edges.filter((edge) =>
            isNull(edge["source_layer"], edge["source_neuron"]) ||
            isNull(edge["target_layer"], edge["target_neuron"])
          ),
        ).toEqual([]);
      });

      it("leave a layer of nothing else without edges and tests", () => {
        const zero = LAYERS.findIndex(({ name }) => name === "zero");
        const touches = (row: Rows[number]) => [row["source_layer"], row["target_layer"]].includes(zero);
        const tables = found.tables("none");
        expect(columnsOf(connectionsOf(tables).filter(touches), ["tests", "nominal", "significant"]))
          .toEqual([[0n, 0n, 0n], [0n, 0n, 0n]]);
        expect(tables.get("edges")!.filter(touches)).toEqual([]);
      });
    });
  });
}
