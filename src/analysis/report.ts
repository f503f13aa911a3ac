/** What a run found in one model, in words and numbers: one content for the terminal, for `report.md` and for `report.json`. */

import type { AuditReport } from "../model/audit-report.ts";
import type { LayerGraph, Skipped } from "../model/layer.ts";
import type { Chain, ChainEdge, Hub, ModelMeasures, StrongEdge } from "../model/measures.ts";
import type { Row, TableName } from "../model/tables.ts";
import { modelFacts, type TestReport } from "./findings/facts.ts";
import { controlFigures, type ModelFigures, modelFigures } from "./findings/figures.ts";
import type { Finding } from "./findings/finding.ts";
import { findings, remarks } from "./findings/findings.ts";
import { summary, type SummaryLine } from "./findings/summary.ts";
import { type LayerMeans, layerMeans } from "./layer-means.ts";
import { sparsification } from "./sparsification.ts";

/** A strong edge, with the names of its layers. */
export interface ReportedEdge {
  readonly source_layer: string;
  readonly source_neuron: number;
  readonly target_layer: string;
  readonly target_neuron: number;
  /** The part of the connection: a head of an attention layer, a piece of a concatenation. */
  readonly part: number;
  readonly overlap: number;
  readonly log_p: number;
  readonly sigma: number;
}

/** A chain of edges, with the names of their layers. */
export interface ReportedChain extends Chain {
  readonly edges: readonly (ChainEdge & { readonly source: string; readonly target: string })[];
}

/** `ModelMeasures` as plain JSON: what has no finite logarithm is null. */
export interface ReportedMeasures {
  readonly chains: readonly ReportedChain[];
  readonly pathMetric:
    | {
      readonly logWithSingularValues: number | null;
      readonly logWithout: number | null;
      readonly logAboveFloor: number | null;
      readonly floor: number;
    }
    | { readonly unknown: string };
}

/** What a run found in one model. Plain JSON, and nothing in it depends on the other models of the run. */
export interface ModelReport {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  /** The series of checkpoints that it belongs to, and its epoch or step; null where nothing says so. */
  readonly series: string | null;
  readonly step: number | null;
  /** The run that computed it, and how that tested its edges. */
  readonly run_id: string;
  readonly test: TestReport;
  readonly warnings: readonly string[];
  /** Rows written, per table: what a reader of the files must count too. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** Its top: at most ten plain sentences. */
  readonly summary: readonly SummaryLine[];
  /** What stands out, the most surprising first. */
  readonly findings: readonly Finding[];
  /** What was looked for and is not there. */
  readonly remarks: readonly string[];
  /** The figures by which models are put side by side. */
  readonly figures: ModelFigures;
  /** How many null controls the run had. */
  readonly null_controls: number;
  /** The same of the null control, means of several; null where the run had none. */
  readonly null_control: ModelFigures | null;
  /** Standard deviations of the null controls; null where there are not several. */
  readonly null_control_spread: ModelFigures | null;
  readonly measures: ReportedMeasures;
  /** The share of all overlap of the model that lies between near-kernels, in [0, 1], beside its expected share; null where there is none. */
  readonly sparsification: number | null;
  readonly sparsification_expected: number | null;
  /** WeightWatcher's summary of the layers. */
  readonly layer_means: LayerMeans;
  /** Rows of the layers table, each with the same two of the connections into it. */
  readonly layers: readonly Row[];
  /** Rows of the connections table, with the names of both layers. */
  readonly connections: readonly Row[];
  readonly skipped: readonly Skipped[];
  readonly strongest_edges: readonly ReportedEdge[];
}

/** What a model report is made from. */
export interface ModelFindings {
  readonly graph: LayerGraph;
  readonly rows: Readonly<Record<TableName, number>>;
  readonly layers: readonly Row[];
  readonly connections: readonly Row[];
  readonly measures: ModelMeasures;
  /** The null controls; absent where the run had none. */
  readonly controls?: readonly { readonly connections: readonly Row[]; readonly measures: ModelMeasures }[];
  readonly skipped: readonly Skipped[];
  readonly approximations: readonly string[];
  readonly strongest: readonly StrongEdge[];
  readonly hubs: readonly Hub[];
  /** Neurons that have not converged, by layer index; absent where all have. */
  readonly unconverged?: ReadonlyMap<number, number>;
  /** What the weights say to the topology; absent where they were not asked. */
  readonly audit?: AuditReport | undefined;
}

/**
 * The report of one model.
 *
 * @param partition the model's id as in the names of its folders
 */
export function modelReport(
  { id, uri, format, runId, series = null, step = null }: {
    readonly id: string;
    readonly uri: string;
    readonly format: string;
    readonly runId: string;
    readonly series?: string | null;
    readonly step?: number | null;
  },
  found: ModelFindings,
  test: TestReport,
  partition: string,
): ModelReport {
  const name = (index: unknown) => found.graph.layers[Number(index)]?.name ?? String(index);
  // Figures of the whole model are of its layers; what heads do with each other is a finding of its own.
  const isPlain = (index: unknown) => found.graph.layers[Number(index)]?.circuit === undefined;
  const between = sparsification(found.connections.filter((row) => isPlain(row["source_layer"])));
  const shares = new Map(
    between.layers.map(({ layer, share, shareExpected }) => [layer, { share, shareExpected }]),
  );
  const layers = found.layers.map((row) => {
    const { share = null, shareExpected = null } = shares.get(Number(row["layer_index"])) ?? {};
    return { ...row, sparsification: share, sparsification_expected: shareExpected };
  });
  const warnings = [...found.graph.warnings, ...found.approximations];
  const facts = modelFacts({
    ...found,
    controls: found.controls ?? [],
    test,
    asking: { model: id, partition },
    layers,
    warnings,
  });
  const ranked = findings(facts);
  return {
    id,
    uri,
    format,
    series,
    step,
    run_id: runId,
    test,
    warnings,
    rows: found.rows,
    summary: summary(facts, format, ranked),
    findings: ranked,
    remarks: remarks(facts),
    figures: modelFigures(facts),
    null_controls: facts.controls.length,
    ...controlFigures(facts),
    measures: reportedMeasures(found.measures, name),
    sparsification: between.model.share,
    sparsification_expected: between.model.shareExpected,
    layer_means: layerMeans(layers.filter((row: Row) => isPlain(row["layer_index"]))),
    layers,
    connections: found.connections.map((row) => ({
      ...row,
      source: name(row["source_layer"]),
      target: name(row["target_layer"]),
    })),
    skipped: found.skipped,
    strongest_edges: found.strongest.map((edge) => ({
      source_layer: name(edge.sourceLayer),
      source_neuron: edge.sourceNeuron,
      target_layer: name(edge.targetLayer),
      target_neuron: edge.targetNeuron,
      part: edge.part,
      overlap: edge.overlap,
      log_p: edge.logP,
      sigma: edge.sigma,
    })),
  };
}

function reportedMeasures(
  { chains, pathMetric }: ModelMeasures,
  name: (layer: number) => string,
): ReportedMeasures {
  const finite = (value: number) => Number.isFinite(value) ? value : null;
  return {
    chains: chains.map((chain) => ({
      ...chain,
      edges: chain.edges.map((edge) => ({
        ...edge,
        source: name(edge.sourceLayer),
        target: name(edge.targetLayer),
      })),
    })),
    pathMetric: "unknown" in pathMetric ? pathMetric : {
      logWithSingularValues: finite(pathMetric.logWithSingularValues),
      logWithout: finite(pathMetric.logWithout),
      logAboveFloor: finite(pathMetric.logAboveFloor),
      floor: pathMetric.floor,
    },
  };
}
