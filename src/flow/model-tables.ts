/** The rows of a model's tables, gathered while its layers and connections go by. */

import type { ConnectionSummary, EdgeColumns } from "../model/graph.ts";
import type { Connection, LayerGraph, Skipped } from "../model/layer.ts";
import type { ModelHeader } from "../model/ports.ts";
import {
  batchOfRows,
  type ColumnData,
  type Row,
  type TableBatch,
  type TableName,
  TABLES,
} from "../model/tables.ts";
import type { SpectrumValues } from "./spectra/spectrum-store.ts";
import type { ConnectionEdges, LayerResult, SkippedConnection } from "./jobs.ts";
import { nearKernels } from "../stages/near-kernels.ts";
import { type MetricSettings, metricsRow, neuronMetricColumns } from "./metric-rows.ts";

/** Gathers the tables of one model; only edges are not kept. */
export class ModelTables {
  readonly #graph: LayerGraph;
  readonly #nearKernel: number;
  readonly #metrics: MetricSettings | null;
  readonly #layers: LayerResult[] = [];
  readonly #intensity = new Map<number, Float64Array>();
  readonly #connections = new ConnectionRows();
  readonly summaries: ConnectionSummary[] = [];
  readonly skipped: Skipped[];
  /** What was computed approximately, because the run asked for it. */
  readonly approximations: string[] = [];
  /** Neurons that have not converged, by layer index; layers without such neurons are not there. */
  readonly unconverged = new Map<number, number>();

  constructor(graph: LayerGraph, nearKernel: number, metrics: MetricSettings | null = null) {
    this.#graph = graph;
    this.#nearKernel = nearKernel;
    this.#metrics = metrics;
    this.skipped = [...graph.skipped];
  }

  layer(job: LayerResult): void {
    this.#layers.push(job);
    if ("skipped" in job.spectrum) {
      this.skipped.push({ subject: "layer", name: job.layer.name, reason: job.spectrum.skipped });
    } else if (job.spectrum.residual !== undefined) {
      const unconverged = job.spectrum.converged?.reduce((sum, flag) => sum + 1 - flag, 0) ?? 0;
      if (unconverged > 0) this.unconverged.set(job.layer.index, unconverged);
      this.approximations.push(`${job.layer.name}: ${leadingNeurons(job.spectrum, unconverged)}`);
    }
  }

  skip({ name, reason }: SkippedConnection): void {
    this.skipped.push({ subject: "connection", name, reason });
  }

  connection({ summary }: ConnectionEdges): void {
    this.summaries.push(summary);
    this.#connections.add(summary);
    const { source } = summary.connection;
    const before = this.#intensity.get(source);
    const now = summary.measures.sourceIntensity;
    this.#intensity.set(
      source,
      before === undefined ? now : now.map((value, j) => Math.max(value, before[j]!)),
    );
  }

  /** Rows of the layers table, in order. */
  layerRows(): Row[] {
    return this.#inOrder().map((job) => ({
      ...metricsRow(job, this.#metrics),
      ...layerRow(job, this.#nearKernel),
    }));
  }

  /** Rows of the connections table, by source and target. */
  connectionRows(): Row[] {
    return this.#connections.all();
  }

  /** Every table but the edges, complete. */
  batches(): [TableName, TableBatch][] {
    return [
      ["layers", batchOfRows(TABLES.layers, this.layerRows())],
      ["neurons", this.#neurons()],
      ["connections", batchOfRows(TABLES.connections, this.connectionRows())],
      ["skipped", batchOfRows(TABLES.skipped, this.skipped.map((each): Row => ({ ...each })))],
    ];
  }

  #inOrder(): LayerResult[] {
    return [...this.#layers].sort((a, b) => a.layer.index - b.layer.index);
  }

  /** By column: a model has as many neurons as all other rows together. */
  #neurons(): TableBatch {
    const jobs = this.#inOrder();
    const rows = jobs.reduce((sum, { spectrum }) => sum + ranksOf(spectrum), 0);
    const [layers, neurons, groups] = [new Int32Array(rows), new Int32Array(rows), new Int32Array(rows)];
    const [values, relative] = [new Float64Array(rows), new Float64Array(rows)];
    const [energy, intensity] = [new Float64Array(rows), new Float64Array(rows)];
    const [near, nulls, clustered] = [new Uint8Array(rows), new Uint8Array(rows), new Uint8Array(rows)];
    const [residuals, measured] = [new Float64Array(rows), new Uint8Array(rows)];
    const converged = new Uint8Array(rows).fill(1);
    let at = 0;
    for (const { layer, spectrum } of jobs) {
      if ("skipped" in spectrum) continue;
      const { singularValues: s, group, norm } = spectrum;
      near.set(nearKernels(s, this.#nearKernel), at);
      nulls.set(spectrum.nullNeurons, at);
      clustered.set(spectrum.clustered, at);
      if (spectrum.residuals !== undefined) {
        residuals.set(spectrum.residuals, at);
        measured.fill(1, at, at + s.length);
      }
      if (spectrum.converged !== undefined) converged.set(spectrum.converged, at);
      // The last layers feed nobody: their neurons count in full.
      const feeds = this.#graph.connections.some(({ source }) => source === layer.index);
      const found = this.#intensity.get(layer.index);
      for (let neuron = 0; neuron < s.length; neuron++, at++) {
        const value = s[neuron]!;
        layers[at] = layer.index;
        neurons[at] = neuron;
        groups[at] = group[neuron]!;
        values[at] = value;
        relative[at] = s[0]! > 0 ? value / s[0]! : 0;
        energy[at] = norm > 0 ? (value / norm) ** 2 : 0;
        intensity[at] = found?.[neuron] ?? (feeds ? 0 : 1);
      }
    }
    return {
      schema: TABLES.neurons,
      rows,
      columns: [
        { type: "int32", values: layers },
        { type: "int32", values: neurons },
        { type: "int32", values: groups },
        { type: "float64", values },
        { type: "float64", values: relative },
        { type: "float64", values: energy },
        { type: "float64", values: intensity },
        { type: "bool", values: near },
        { type: "bool", values: nulls },
        { type: "bool", values: clustered },
        { type: "float64", values: residuals, ...measured.includes(0) ? { valid: measured } : {} },
        { type: "bool", values: converged },
        ...neuronMetricColumns(jobs, rows),
      ],
    };
  }
}

/** Rows of the connections table, gathered while connections go by. */
export class ConnectionRows {
  readonly #rows: { readonly connection: Connection; readonly row: Row }[] = [];

  add(summary: ConnectionSummary): void {
    this.#rows.push({ connection: summary.connection, row: connectionRow(summary) });
  }

  /** By source, target and part. */
  all(): Row[] {
    return this.#rows
      .toSorted(({ connection: a }, { connection: b }) =>
        a.source - b.source || a.target - b.target || a.part - b.part
      )
      .map(({ row }) => row);
  }
}

/** What is said of a layer of which only leading neurons are there. */
function leadingNeurons({ singularValues, residual = 0 }: SpectrumValues, unconverged: number): string {
  const count = singularValues.length;
  const left = `what is left out has ${(100 * residual).toPrecision(2)} % of the weight's norm`;
  const tested = unconverged === 0 ? "" : `, of which ${unconverged} did not converge and are not tested`;
  return `only the ${count} leading neurons, by a randomized method${tested}; ${left}`;
}

function ranksOf(spectrum: LayerResult["spectrum"]): number {
  return "skipped" in spectrum ? 0 : spectrum.singularValues.length;
}

function nearKernelCount(values: Float64Array, relative: number): number {
  return nearKernels(values, relative).reduce((sum, flag) => sum + flag, 0);
}

/** The row of a model itself. @param rows of its other tables */
export function modelBatch(
  { id, uri, format, series, step, key }: ModelHeader,
  { layers, neurons, connections, edges, skipped }: Readonly<Record<TableName, number>>,
): TableBatch {
  const place = { series: series ?? null, step: step ?? null };
  const row = { id, uri, format, ...place, key, layers, neurons, connections, edges, skipped };
  return batchOfRows(TABLES.models, [row]);
}

function layerRow({ layer, spectrum }: LayerResult, nearKernel: number): Row {
  const s = "skipped" in spectrum ? null : spectrum.singularValues;
  const largest = s?.[0] ?? null;
  return {
    layer_index: layer.index,
    name: layer.name,
    kind: layer.kind,
    out_channels: layer.outChannels,
    in_channels: layer.inChannels,
    positions: layer.positions,
    groups: layer.groups,
    rank: s?.length ?? null,
    frobenius_norm: "skipped" in spectrum ? null : spectrum.norm,
    spectral_norm: largest,
    // |W|_F^2 / s_1^2, in [1, rank]; none for a zero layer.
    stable_rank: "skipped" in spectrum || !largest ? null : (spectrum.norm / largest) ** 2,
    near_kernels: s === null ? null : nearKernelCount(s, nearKernel),
    null_neurons: "skipped" in spectrum ? null : spectrum.nullNeurons.reduce((sum, flag) => sum + flag, 0),
    batch_norm: layer.batchNorm,
    norm_gain: layer.normGain,
    dtype: layer.dtype,
  };
}

function connectionRow(summary: ConnectionSummary): Row {
  const { connection, measures, nearKernel } = summary;
  return {
    source_layer: connection.source,
    target_layer: connection.target,
    part: connection.part,
    via: connection.via,
    evidence: connection.evidence,
    shared_channels: summary.sharedChannels,
    tested_channels: summary.testedChannels,
    positions: summary.positions,
    shared_log_p: summary.sharedLogP,
    sparse: summary.sparse,
    tests: summary.tests,
    threshold: summary.threshold,
    significant: summary.significant,
    expected_by_chance: summary.expectedByChance,
    nominal: summary.nominal,
    max_overlap: measures.max,
    entropy: measures.entropy,
    total_overlap: measures.total,
    internal_target: measures.internalTarget,
    internal_source: measures.internalSource,
    near_kernel_energy: measures.nearKernel?.energy ?? null,
    near_kernel_expected: measures.nearKernel?.expected ?? null,
    near_kernel_log_p: measures.nearKernel?.logP ?? null,
    near_kernel_log_p_low: measures.nearKernel?.logPLow ?? null,
    near_kernel_tests: nearKernel.tests,
    near_kernel_significant: nearKernel.significant,
    near_kernel_significant_expected: nearKernel.significantExpected,
    near_kernel_nominal: nearKernel.nominal,
    sparsification: measures.sparsification,
    sparsification_expected: measures.sparsificationExpected,
    composition: connection.composition ?? null,
    composition_score: summary.compositionScore ?? null,
  };
}

/** The edges of a connection as a batch of the edges table; arrays are shared, not copied. */
export function edgeBatch(
  { source, target, part }: Pick<Connection, "source" | "target" | "part">,
  edges: EdgeColumns,
): TableBatch {
  const constant = (value: number): ColumnData => ({
    type: "int32",
    values: new Int32Array(edges.count).fill(value),
  });
  const int32 = (values: Int32Array): ColumnData => ({ type: "int32", values });
  const float64 = (values: Float64Array): ColumnData => ({ type: "float64", values });
  return {
    schema: TABLES.edges,
    rows: edges.count,
    columns: [
      constant(source),
      int32(edges.sourceNeuron),
      constant(target),
      int32(edges.targetNeuron),
      constant(part),
      float64(edges.overlap),
      edges.cosine === null
        ? { type: "float64", values: new Float64Array(edges.count), valid: new Uint8Array(edges.count) }
        : float64(edges.cosine),
      float64(edges.logP),
      float64(edges.logQ),
      float64(edges.logQ.map(Math.exp)),
      float64(edges.sigma),
      float64(edges.weight),
      { type: "bool", values: edges.significant },
    ],
  };
}
