/** Models analysed as a run does it: by the whole pipeline, or from spectra that are there already. */

import { from, lastValueFrom } from "rxjs";
import { type ModelReport, modelReport } from "../../src/analysis/report.ts";
import type { LayerResult, SeenConnection } from "../../src/flow/jobs.ts";
import { significance, weight } from "../../src/flow/operators/edge-operators.ts";
import { type ModelResult, sinks } from "../../src/flow/operators/sinks.ts";
import { type PipelineSettings, spectralGraph } from "../../src/flow/pipeline.ts";
import { valuesOf } from "../../src/flow/spectra/spectrum-store.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import type { LayerGraph, Unfolding } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { nearKernels } from "../../src/stages/near-kernels.ts";
import { seeOverlaps } from "../../src/stages/overlap-parts.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { sigmaOfLogP } from "../../src/stats/normal.ts";

/** A model's tables in memory, and what is reported of them. */
export interface Analysis {
  readonly result: ModelResult;
  readonly report: ModelReport;
}

/** By the whole pipeline. */
export async function analysed(model: Model, settings: PipelineSettings): Promise<Analysis> {
  return withReport(model, await lastValueFrom(spectralGraph(model, settings)), settings);
}

/** The spectra of a model's layers. */
export async function spectraOf(
  model: Model,
  { layers }: Pick<LayerGraph, "layers">,
  unfolding: Unfolding,
  kernel: Kernel,
): Promise<readonly Spectrum[]> {
  const found: Spectrum[] = [];
  for (const layer of layers) {
    const values = await model.read(layer.weight.tensor);
    found.push(await spectrum(layer, unfold(layer, values, unfolding), unfolding, kernel));
  }
  return found;
}

/** From the spectra of all layers, in the order of the graph. */
export async function analysedSpectra(
  model: Model,
  graph: LayerGraph,
  spectra: readonly Spectrum[],
  settings: PipelineSettings,
): Promise<Analysis> {
  const { test, workshop: { kernel }, nearKernel } = settings;
  const measurer = settings.measureModel({
    ...{ graph, logAlpha: test.logAlpha, floor: nearKernel, chains: settings.dominant },
  });
  const items: (LayerResult | SeenConnection)[] = spectra.map((each) => ({
    ...{ kind: "layer", graph, layer: each.layer, spectrum: valuesOf(each) },
  }));
  for (const connection of graph.connections) {
    const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
    const [sourceValues, targetValues] = [source.singularValues, target.singularValues];
    const near = {
      source: nearKernels(sourceValues, nearKernel),
      target: nearKernels(targetValues, nearKernel),
    };
    const overlaps = await seeOverlaps({
      ...{ connection, source, target, near, test, measure: test.measure },
      products: measurer.connection(connection, sourceValues, targetValues),
    }, kernel);
    items.push({
      ...{ kind: "connection", connection, source: source.layer, target: target.layer },
      ...{ sourceValues, targetValues, overlaps },
    });
  }
  // The measurer knows of the connections already.
  const told = { ...measurer, connection: () => ({ vectors: [], take: () => undefined }) };
  const result = await lastValueFrom(
    from(items).pipe(
      significance<LayerResult>(null, test, told),
      weight(settings.weight),
      sinks(model, graph, settings, measurer),
    ),
  );
  return withReport(model, result, settings);
}

function withReport(
  model: Model,
  result: ModelResult,
  { test, unfolding, nearKernel }: PipelineSettings,
): Analysis {
  const { null: name, logAlpha, correction, over } = test;
  const said = {
    ...{ null: name, alpha: Math.exp(logAlpha), sigma: sigmaOfLogP(logAlpha), correction, unfolding },
    ...{ correction_over: over, near_kernel: nearKernel },
  };
  return { result, report: modelReport(model, result, said, "model") };
}
