/**
 * A golden case as svrflow computes it: the stages of the pipeline one after the other, each layer decomposed
 * once.
 */

import { formatOf } from "../../connectors/sources/registry.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import type { OverlapMeasures } from "../../src/model/graph.ts";
import type { Connection, LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { type OverlapGeometry, overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import type { TestSettings } from "../../src/stages/candidates.ts";
import { commonNulls, expectedOverlaps } from "../../src/stages/pair-null.ts";
import { chosen, decide, type Verdicts } from "../../src/stages/significance.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import type { NullName } from "../../src/stats/null-distribution.ts";
import { collectorOf } from "../support/collector.ts";
import { type GoldenCase, modelOf } from "./cases.ts";

/** Small enough that the larger overlap matrices come in several blocks. */
const BLOCK_BYTES = 2 ** 20;

export interface ComputedConnection {
  readonly connection: Connection;
  readonly geometry: OverlapGeometry;
  /** Rows: target neurons, columns: source neurons. */
  readonly overlap: Float64Array;
  readonly measures: OverlapMeasures;
  /** By null and sigma, without correction. */
  readonly verdicts: ReadonlyMap<string, Verdicts>;
  /** The 100 largest overlaps that the significance stage chooses: source, target, overlap; descending. */
  readonly top: readonly (readonly [number, number, number])[];
}

export interface ComputedCase {
  /** The topology that svrflow finds by itself. */
  readonly own: LayerGraph;
  /** The chain that was computed. */
  readonly graph: LayerGraph;
  readonly spectra: readonly Spectrum[];
  readonly connections: readonly ComputedConnection[];
}

/** Runs the stages over a case's model with a kernel. */
export async function compute(golden: GoldenCase, kernel: Kernel): Promise<ComputedCase> {
  const { path } = modelOf(golden);
  const model = await (await formatOf(path)).open(path, golden.name);
  try {
    const graph = asChain(golden, model);
    const spectra: Spectrum[] = [];
    for (const layer of graph.layers) {
      const blocks = unfold(layer, await model.read(layer.weight.tensor), golden.method);
      spectra.push(await spectrum(layer, blocks, golden.method, kernel));
    }
    const connections: ComputedConnection[] = [];
    for (const connection of graph.connections) {
      const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
      connections.push(await connected(connection, source, target, kernel));
    }
    return { own: layerGraph(model), graph, spectra, connections };
  } finally {
    await model.close();
  }
}

/**
 * The reference program's reading: all weights as one chain in the file's order, whatever the network is. In co-SVR a fully connected
 * layer that reads a flattened map is a plain matrix there and takes no connection from the map, but gives its own. (`svrflow` reads it
 * as a convolution whose kernel is the map.)
 */
function asChain({ layers, connections }: GoldenCase, model: Model): LayerGraph {
  const fed = new Set(connections.map(({ target }) => target));
  return layerGraph(model, {
    topology: {
      layers: layers.map(({ name }, at) => ({ name, positions: at > 0 && !fed.has(name) ? 1 : undefined })),
      connections: connections.map(({ source, target }) => ({ from: source, to: target })),
    },
  });
}

/** The name of a test without correction, in `ComputedConnection.verdicts`. */
export function testName(name: NullName, sigma: number): string {
  return `${name} at ${sigma} sigma`;
}

async function connected(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  kernel: Kernel,
): Promise<ComputedConnection> {
  const geometry = overlapGeometry(connection, source, target);
  const overlap = new Float64Array(geometry.targets * geometry.sources);
  const measurer = measureOverlap({
    connection,
    unfolding: source.unfolding,
    ...geometry,
    targetNearKernel: new Uint8Array(geometry.targets),
    sourceNearKernel: new Uint8Array(geometry.sources),
  });
  const settings = (name: NullName, sigma: number): TestSettings => ({
    null: name,
    logAlpha: logSurvivalOfSigma(sigma),
    correction: "none",
    edges: "significant",
  });
  const tests = (["chi2", "beta"] as const).flatMap((name) =>
    [3, 5].map((sigma) => {
      const with_ = settings(name, sigma);
      return { name: testName(name, sigma), with_, collector: collectorOf(geometry, with_) };
    })
  );
  const top100: TestSettings = { ...settings("chi2", 3), edges: { top: 100 } };
  const topCollector = collectorOf(geometry, top100);
  const nulls = commonNulls("chi2", geometry, 0);
  for await (
    const block of overlapBlocks(connection, source, target, kernel, BLOCK_BYTES)
  ) {
    overlap.set(block.overlap, block.first * geometry.sources);
    measurer.block(block.rows, block.overlap, expectedOverlaps(nulls, block));
    topCollector.add(block);
    for (const { collector } of tests) collector.add(block);
  }
  const all = topCollector.finish();
  const top = Array.from(
    chosen(all, decide([all], top100)[0]!, top100.edges),
    (at) => [all.sourceNeuron[at]!, all.targetNeuron[at]!, all.overlap[at]!] as const,
  ).sort((a, b) => b[2] - a[2]);
  return {
    connection,
    geometry,
    overlap,
    measures: measurer.finish(null),
    verdicts: new Map(
      tests.map(({ name, with_, collector }) => [name, decide([collector.finish()], with_)[0]!]),
    ),
    top,
  };
}
