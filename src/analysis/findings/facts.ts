/** What findings are made from: a model's rows as numbers, with what chance gives beside them. */

import type { AuditReport } from "../../model/audit-report.ts";
import { counted } from "../../model/counted.ts";
import type { Skipped } from "../../model/layer.ts";
import type { Hub, ModelMeasures, StrongEdge } from "../../model/measures.ts";
import { LAYER_METRIC_COLUMNS } from "../../model/tables/layer-metrics.ts";
import type { Row } from "../../model/tables.ts";
import type { QueriedModel } from "./query-words.ts";
import { depths } from "./depths.ts";

/** How the edges of a run were tested. */
export interface TestReport {
  readonly null: string;
  readonly alpha: number;
  readonly sigma: number;
  readonly correction: string;
  readonly correction_over: string;
  readonly unfolding: string;
  /** Of an edge, as the run's config spells it. */
  readonly weight: string;
  /** Neurons up to this share of their layer's largest singular value are near-kernels. */
  readonly near_kernel: number;
  /** The family-wise level at which a layer's spikes are counted. */
  readonly spike_alpha: number;
}

/** A layer that has a spectrum. */
export interface LayerFacts {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  /** Numbers in its weight. */
  readonly weights: number;
  readonly neurons: number;
  readonly nearKernels: number;
  /** Those without a direction. */
  readonly nullNeurons: number;
  /** Those that have not converged: they are not tested. */
  readonly unconverged: number;
  readonly spectralNorm: number;
  /** Null for a layer of zeros. */
  readonly stableRank: number | null;
  readonly depth: number;
  /** The columns of `layers` that are figures of spectrum, noise and vectors; null where they are. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** A connection that was tested. */
export interface ConnectionFacts {
  readonly source: number;
  readonly target: number;
  readonly part: number;
  readonly via: string;
  readonly evidence: string;
  /** The layer whose vectors are random under the null. */
  readonly random: number;
  readonly testedChannels: number;
  readonly positions: number;
  readonly tests: number;
  readonly nominal: number;
  readonly significant: number;
  readonly nearTests: number;
  readonly nearNominal: number;
  readonly nearSignificant: number;
  readonly nearSignificantExpected: number;
  /** `ln p` of no shared channels; null where that cannot be tested. */
  readonly sharedLogP: number | null;
  /** Whether many weights of one of the two layers are zero. */
  readonly sparse: boolean;
  /** Sum of all overlaps, and the largest. */
  readonly totalOverlap: number;
  readonly maxOverlap: number;
  /** How a circuit reads what another writes, and their score; null of other layers. */
  readonly composition: string | null;
  readonly compositionScore: number | null;
  /** Null where the block between near-kernels is empty. */
  readonly energy: number | null;
  readonly energyExpected: number | null;
  /** Of the upper and of the lower tail; null where the block has no null distribution. */
  readonly energyLogP: number | null;
  readonly energyLogPLow: number | null;
}

/** A model, or a null control of it, in numbers. */
export interface Measured {
  readonly connections: readonly ConnectionFacts[];
  readonly measures: ModelMeasures | null;
}

/** Everything that findings may speak of. */
export interface ModelFacts extends Measured {
  readonly test: TestReport;
  readonly logAlpha: number;
  readonly asking: QueriedModel;
  /** Names by layer index, of those without a spectrum too. */
  readonly names: readonly string[];
  readonly layers: readonly LayerFacts[];
  /** Indices of the deep layers, ascending; see `deepLayers`. */
  readonly deep: readonly number[];
  /** Its null controls; none where the run had none. */
  readonly controls: readonly Measured[];
  /** Neurons at which several of the strongest edges meet, and how many edges count as these. */
  readonly hubs: readonly Hub[];
  readonly strongestEdges: number;
  /** What the weights say to the topology; null where they were not asked. */
  readonly audit: AuditReport | null;
  /** What was guessed, skipped, folded or approximated, one line each. */
  readonly caveats: readonly string[];
}

/** What `modelFacts` reads. */
export interface FactSources {
  readonly test: TestReport;
  readonly asking: QueriedModel;
  /** Rows of the layers table, with `near_kernels`. */
  readonly layers: readonly Row[];
  /** Rows of the connections table. */
  readonly connections: readonly Row[];
  readonly measures: ModelMeasures | null;
  readonly controls: readonly { readonly connections: readonly Row[]; readonly measures: ModelMeasures }[];
  readonly skipped: readonly Skipped[];
  readonly warnings: readonly string[];
  readonly strongest: readonly StrongEdge[];
  readonly hubs: readonly Hub[];
  /** Neurons that have not converged, by layer index; absent where all have. */
  readonly unconverged?: ReadonlyMap<number, number>;
  /** Absent where the weights were not asked. */
  readonly audit?: AuditReport | undefined;
}

/** The facts of a model. */
export function modelFacts(sources: FactSources): ModelFacts {
  const facts = (row: Row) => connectionFacts(row, sources);
  const connections = sources.connections.map(facts);
  const depth = depths(sources.layers.length, connections);
  const layers = sources.layers.flatMap((row) => layerFacts(row, depth, sources.unconverged));
  return {
    test: sources.test,
    logAlpha: Math.log(sources.test.alpha),
    asking: sources.asking,
    names: sources.layers.map((row) => String(row["name"])),
    layers,
    deep: deepLayers(layers.filter(({ kind }) => kind !== "circuit")),
    connections,
    measures: sources.measures,
    controls: sources.controls.map((control) => ({
      connections: control.connections.map(facts).filter(isCompared(connections)),
      measures: control.measures,
    })),
    hubs: sources.hubs,
    strongestEdges: sources.strongest.length,
    audit: sources.audit ?? null,
    caveats: generalCaveats(sources, connections),
  };
}

/** Connections of a null control that stand beside some of the model's: not those that were refused, for their layers are sparse. */
function isCompared(connections: readonly ConnectionFacts[]): (connection: ConnectionFacts) => boolean {
  const nameOf = ({ source, target, part }: ConnectionFacts) => `${source}/${target}/${part}`;
  const refused = new Set(connections.filter(isRefused).map(nameOf));
  return (connection) => !refused.has(nameOf(connection));
}

/** Whether nothing is tested there, for a layer is sparse and no shared channels are seen. */
export function isRefused({ sparse, tests }: ConnectionFacts): boolean {
  return sparse && tests === 0;
}

/**
 * The deep layers: those of the second half of the model's trunk by depth (deeper than half its deepest layer). The trunk is all layers;
 * where more than half of them are convolutions it is these, for the layers behind them are the head.
 *
 * @returns their indices, ascending; none where there is but one
 */
export function deepLayers(layers: readonly LayerFacts[]): number[] {
  const convolutions = layers.filter(({ kind }) => kind === "conv");
  const trunk = 2 * convolutions.length > layers.length ? convolutions : layers;
  const deepest = trunk.reduce((most, { depth }) => Math.max(most, depth), 0);
  const deep = trunk.filter(({ depth }) => 2 * depth > deepest).map(({ index }) => index);
  return deep.length > 1 ? deep : [];
}

/** How deep layers are chosen, in words. */
export const DEEP_MEANING =
  "deep layers: deeper than half of the deepest layer, by the longest way of connections; of a model that is mostly convolutions, of these only";

function generalCaveats(
  { connections, skipped, layers, warnings }: FactSources,
  facts: readonly ConnectionFacts[],
): string[] {
  const guessed = facts.filter(({ evidence }) => evidence === "guessed").length;
  const refused = facts.filter(isRefused).length;
  const of = (subject: Skipped["subject"]) => skipped.filter((each) => each.subject === subject).length;
  const folded = layers.filter((row) => row["batch_norm"] === "folded").length;
  return [
    ...guessed > 0
      ? [
        `guessed topology: ${guessed} of ${connections.length} connections are guessed from names and shapes`,
      ]
      : [],
    ...refused > 0
      ? [
        `${refused} of ${connections.length} connections are not tested: many weights of a layer are zero there, and no shared channels are seen`,
      ]
      : [],
    ...of("layer") > 0
      ? [`skipped: ${of("layer")} of ${counted(layers.length, "layer")}, without a spectrum`]
      : [],
    ...of("connection") > 0 ? [`skipped: ${counted(of("connection"), "connection")}`] : [],
    ...folded > 0
      ? [
        `batch norm is folded into ${
          counted(folded, "layer")
        }: where it scales a tested vector, p-values are too small`,
      ]
      : [],
    ...warnings.some((warning) => warning.includes("by a randomized method"))
      ? ["only the leading neurons of some layers were computed, by a randomized method"]
      : [],
  ];
}

function layerFacts(
  row: Row,
  depth: readonly number[],
  unconverged: FactSources["unconverged"],
): LayerFacts[] {
  if (row["rank"] === null || row["rank"] === undefined) return [];
  const index = number(row, "layer_index");
  return [{
    index,
    name: String(row["name"]),
    kind: String(row["kind"]),
    weights: number(row, "out_channels") * number(row, "in_channels") * number(row, "positions") /
      Math.max(1, number(row, "groups")),
    neurons: number(row, "rank"),
    nearKernels: number(row, "near_kernels"),
    nullNeurons: number(row, "null_neurons"),
    unconverged: unconverged?.get(index) ?? 0,
    spectralNorm: number(row, "spectral_norm"),
    stableRank: orNull(row, "stable_rank"),
    depth: depth[index] ?? 0,
    metrics: Object.fromEntries(LAYER_METRIC_COLUMNS.map(({ name }) => [name, orNull(row, name)])),
  }];
}

/** The rotation null turns the source's channels (in `cosvr` the target's), the others' where these are single. The other nulls: the other one's. */
function randomLayer(row: Row, { test, layers }: Pick<FactSources, "test" | "layers">): number {
  const [source, target] = [number(row, "source_layer"), number(row, "target_layer")];
  const [first, second] = (test.null === "rotation") === (test.unfolding === "svr")
    ? [source, target]
    : [target, source];
  if (test.null !== "rotation") return first;
  const layer = layers.find((each) => each["layer_index"] === first);
  const channels = number(layer ?? {}, first === source ? "out_channels" : "in_channels");
  return channels > number(layer ?? {}, "groups") ? first : second;
}

function connectionFacts(row: Row, sources: Pick<FactSources, "test" | "layers">): ConnectionFacts {
  return {
    random: randomLayer(row, sources),
    source: number(row, "source_layer"),
    target: number(row, "target_layer"),
    part: number(row, "part"),
    via: String(row["via"]),
    evidence: String(row["evidence"]),
    testedChannels: number(row, "tested_channels"),
    positions: number(row, "positions"),
    tests: number(row, "tests"),
    nominal: number(row, "nominal"),
    significant: number(row, "significant"),
    nearTests: number(row, "near_kernel_tests"),
    nearNominal: number(row, "near_kernel_nominal"),
    nearSignificant: number(row, "near_kernel_significant"),
    nearSignificantExpected: number(row, "near_kernel_significant_expected"),
    sharedLogP: orNull(row, "shared_log_p"),
    sparse: row["sparse"] === true,
    totalOverlap: number(row, "total_overlap"),
    maxOverlap: number(row, "max_overlap"),
    composition: typeof row["composition"] === "string" ? row["composition"] : null,
    compositionScore: orNull(row, "composition_score"),
    energy: orNull(row, "near_kernel_energy"),
    energyExpected: orNull(row, "near_kernel_expected"),
    energyLogP: orNull(row, "near_kernel_log_p"),
    energyLogPLow: orNull(row, "near_kernel_log_p_low"),
  };
}

const number = (row: Row, column: string) => Number(row[column] ?? 0);
const orNull = (row: Row, column: string) =>
  row[column] === null || row[column] === undefined ? null : Number(row[column]);

/** The connections between deep layers, or all where there are none; only those that were tested. */
export function scopeOf(
  { deep }: Pick<ModelFacts, "deep">,
  { connections }: Measured,
): { readonly deep: boolean; readonly connections: readonly ConnectionFacts[] } {
  const tested = connections.filter(({ tests }) => tests > 0);
  const set = new Set(deep);
  const between = tested.filter(({ source, target }) => set.has(source) && set.has(target));
  return between.length > 0 ? { deep: true, connections: between } : { deep: false, connections: tested };
}

/** The sum of a figure over connections. */
export function total(
  connections: readonly ConnectionFacts[],
  figure: (connection: ConnectionFacts) => number,
): number {
  return connections.reduce((sum, connection) => sum + figure(connection), 0);
}

/** The sum of a figure over those connections that have it; null where none has. */
export function totalKnown(
  connections: readonly ConnectionFacts[],
  figure: (connection: ConnectionFacts) => number | null,
): number | null {
  const known = connections.map(figure).filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) : null;
}
