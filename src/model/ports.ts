/**
 * What the engine asks of the world: where models come from, and where their graphs go. Connectors implement these;
 * the command line joins them. Nothing here does any work.
 */

import type { EdgeColumns, OverlapMeasures } from "./graph.ts";
import type { Connection, LayerGraph, Unfolding } from "./layer.ts";
import type { ModelMeasures } from "./measures.ts";
import type { OperatorGraph } from "./operators.ts";
import type { ComparisonBatches, ComparisonHeader } from "./comparison.ts";
import type { SinkEvent } from "./sink-event.ts";
import type { AnyTableName } from "./comparison-tables.ts";
import type { TableBatch, TableName } from "./tables.ts";
import type { FileFacts, TensorInfo } from "./tensor.ts";

/** A file that was read, for the record. */
export interface InputFile {
  /** A path, or an address without what may be secret in it. */
  readonly path: string;
  readonly bytes: number;
  /** Hex; of the whole file unless `digested` says otherwise. */
  readonly sha256: string;
  /**
   * Where a run needs little of a large file: bytes that `sha256` is of, the header and the tensors that are read, in the file's order.
   */
  readonly digested?: number;
  /** What the server called this content, where the file was fetched. */
  readonly etag?: string;
  /** The commit that it was fetched from. */
  readonly revision?: string;
}

/** Digests by what tells a file's content from any other without reading it. */
export interface KnownDigests {
  /** @returns hex; undefined where that content is not known */
  find(content: string): string | undefined;
  put(content: string, sha256: string): void;
}

/** Reads some consecutive rows of a tensor, along its outermost axis; what comes is as `Model.read` says. */
export type RowReader = (first: number, count: number, signal?: AbortSignal) => Promise<Float64Array>;

/** A model that has been opened: its header is known, its data is still on disk. */
export interface Model extends FileFacts {
  /** Unique within a run; chosen by the user or derived from the path. Untrusted: encode it wherever it names a file. */
  readonly id: string;
  /** Where it came from, as the user wrote it. */
  readonly uri: string;
  /** `safetensors`, `synthetic`, … */
  readonly format: string;
  /** Name and version of the format that has read it, where that is a plugin's: part of the model's key. */
  readonly plugin?: string;
  readonly tensors: readonly TensorInfo[];
  /** Free text that the file carries about itself. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The topology, where the source knows it for certain (a graph format, a generated model). */
  readonly graph?: LayerGraph;
  /** The dataflow, where the format says it; the layers stage traces it into connections. */
  readonly operators?: OperatorGraph;
  /** Whether tensors stand in the order in which the network makes its modules, which is mostly that of its dataflow. Default: false. */
  readonly moduleOrder?: boolean;
  /** Where a file holds several networks: how the names of each begin. */
  readonly networks?: readonly string[];
  /** The parsed `config.json` beside the weights, as Hugging Face writes it; absent where there is none. Untrusted. */
  readonly config?: unknown;
  /**
   * Reads one tensor, converted to float64, row-major, into memory of its own: the caller may change it or give it away.
   *
   * @throws {RangeError} when the tensor does not exist or cannot be read as real numbers
   */
  read(tensor: string, signal?: AbortSignal): Promise<Float64Array>;
  /** How a tensor is read by rows, which matters where memory cannot hold it; null where the format can only read it whole. Default: null for all. */
  rows?(tensor: string): RowReader | null;
  /**
   * The files behind the model, digested. Reads them in pieces: whole, unless `tensors` says that less than half of a file
   * matters to the run and the format can tell where that is; not at all where `known` has the digest of a file that has not changed since.
   */
  inputs(
    signal?: AbortSignal,
    tensors?: ReadonlySet<string>,
    known?: KnownDigests,
  ): Promise<readonly InputFile[]>;
  close(): Promise<void>;
}

/** A file format: recognizes its files by name and opens them. */
export interface SourceFormat {
  readonly name: string;
  /** With the dot, lower case: `.safetensors`. */
  readonly extensions: readonly string[];
  /**
   * Opens a file by its header.
   *
   * @throws {SyntaxError} when the file is not of this format or is damaged; names the file, the place, the value and what is required
   */
  open(path: string, id: string, signal?: AbortSignal): Promise<Model>;
}

/** What a sink is told of the run before the first row. */
export interface RunHeader {
  /** Unique per run. */
  readonly runId: string;
  /** Version of svrflow. */
  readonly version: string;
  /** Absolute path of the output folder; exists. */
  readonly out: string;
  /** Whether a model may take the place of another one that has its id and was read from elsewhere. Default: no. */
  readonly replace?: boolean;
  /** Told what a sink does that may take long. */
  readonly progress?: (event: SinkEvent) => void;
}

/** What a sink is told of a model before its first row. */
export interface ModelHeader {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  /**
   * Hex digest of the model's content and of every setting that shapes its tables; names its files, so that a
   * repeated run replaces its own files and no others.
   */
  readonly key: string;
  /** The series of checkpoints that the model belongs to, and its epoch or step; absent where nothing says so. */
  readonly series?: string;
  readonly step?: number;
}

/** A file that stands under its final name. */
export interface WrittenFile {
  /** Relative to the output folder, or to the lake where there is one, with `/`. Of a plugin's sink: `<name of the sink>/…` in the output folder. */
  readonly path: string;
  /** The plugin's sink that wrote it; absent where one of ours did. */
  readonly sink?: string;
  readonly table: AnyTableName;
  readonly rows: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The output of one model. Its calls never overlap; the caller awaits each. */
export interface ModelSink {
  /**
   * Takes the next rows of a table. May be called any number of times per table, in any order of tables. What fails may show with a later
   * call, at the latest with `commit`.
   */
  write(table: TableName, batch: TableBatch): Promise<void>;
  /** Makes all rows visible under their final names at once, in place of what an earlier run of this model left. */
  commit(): Promise<readonly WrittenFile[]>;
  /** Forgets all rows; nothing of them remains. */
  abort(): Promise<void>;
}

/** A model as an earlier run into the same folder has recorded it. */
export interface RecordedModel {
  readonly id: string;
  /** Runs that gave a graph this content of the model. */
  readonly runIds: readonly string[];
  /** Files of all sinks. */
  readonly files: readonly WrittenFile[];
}

/** A place where graphs go. */
export interface Sink {
  readonly name: string;
  /**
   * Models may be open side by side; see `ModelSink` for the calls of one.
   *
   * @param before files of all sinks that an earlier run has recorded of the model: what stands as it is to be need not be written again
   */
  begin(model: ModelHeader, before?: readonly WrittenFile[]): Promise<ModelSink>;
  /**
   * Takes a comparison of two models, whole, in place of the one that it has of the two; it touches no other. Between models and `finish`.
   * Absent: it takes none.
   *
   * @returns its files; none where they are not files, or where it has no place for it
   */
  compare?(comparison: ComparisonHeader, tables: ComparisonBatches): Promise<readonly WrittenFile[]>;
  /**
   * Whether the sink will hold a comparison at its end, so that it need not be given again. Absent where `compare` is.
   *
   * @param files that `compare` of all sinks has given
   */
  holdsComparison?(comparison: ComparisonHeader, files: readonly WrittenFile[]): Promise<boolean>;
  /** Whether the sink holds a model as it was recorded, so that it need not be given again. Absent: it cannot tell. */
  holds?(model: RecordedModel): Promise<boolean>;
  /**
   * Where the models that stand under these ids were read from: URIs by id, without those of which none stands. Absent: it cannot tell.
   */
  sources?(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** After the last model: brings to its end whatever is done once per run (a bulk load). */
  finish(signal?: AbortSignal): Promise<void>;
  /** Instead of `finish`: removes whatever is staged. Models that were committed stay. */
  abort(): Promise<void>;
}

/** Opens a sink for a run. @throws when the place cannot be written to */
export type OpenSink = (run: RunHeader) => Promise<Sink>;

/** What an overlap measure is told before the first row. */
export interface OverlapShape {
  readonly connection: Connection;
  readonly unfolding: Unfolding;
  /** `n` of the connection. */
  readonly sharedChannels: number;
  /** Rows `r'` and columns `r` of the overlap matrix. */
  readonly targets: number;
  readonly sources: number;
  /** 1 for near-kernel neurons, per target and per source neuron. */
  readonly targetNearKernel: Uint8Array;
  readonly sourceNearKernel: Uint8Array;
}

/** Figures of consecutive rows of an overlap matrix, from which those of the whole follow. Plain data, so that a thread can answer with it. */
export interface OverlapPart {
  readonly rows: number;
  /** The largest overlap; sums of all, of `-A ln A`, and of those between near-kernels. */
  readonly max: number;
  readonly total: number;
  readonly entropy: number;
  readonly energy: number;
  /** Expected sums: of all overlaps, and of those between near-kernels. */
  readonly expected: number;
  readonly expectedWithin: number;
  /** Per column: its sum, and the largest `sum(n*A - 1)` on the way down. */
  readonly column: Float64Array;
  readonly peak: Float64Array;
  /** Per column `j`: the largest `n * cumsum2d(A)[i, j] - i*j` (both from 1), and the first row `i` that has it. */
  readonly score: Float64Array;
  readonly scoreRow: Int32Array;
}

/** Measures an overlap matrix as its rows go by, first to last, singly or in parts that another measurer has seen. */
export interface OverlapMeasurer {
  /** `rows` complete rows, row-major, `rows x sources`; and the expected overlap of each pair. */
  block(rows: number, overlaps: Float64Array, expected: Float64Array): void;
  /** The next rows, as a measurer of only those has found them. */
  add(part: OverlapPart): void;
  /** What the rows so far have shown. */
  part(): OverlapPart;
  /** @param chance of the overlap between near-kernels; null where it has no null distribution */
  finish(chance: EnergyChance | null): OverlapMeasures;
}

/** What chance gives of a sum of overlaps: its mean and variance, and the range that it cannot leave. */
export interface EnergyMoments {
  readonly mean: number;
  readonly variance: number;
  readonly least: number;
  readonly most: number;
}

/** `ln` of both tails of a sum of overlaps under the null, at most 0, finite. */
export interface EnergyChance {
  /** `ln P(E >= energy)`. */
  logSurvival(energy: number): number;
  /** `ln P(E <= energy)`. */
  logCdf(energy: number): number;
}

/** Starts measuring the overlap matrix of one connection, or consecutive rows of it. */
export interface MeasureOverlap {
  (shape: OverlapShape): OverlapMeasurer;
  /** The address of the module that it is the default export of: so that threads can have it too. Absent: it is called where it is. */
  readonly module?: string;
}

/** Products of an overlap matrix `A` that somebody asks for: `A x` for some vectors `x`. */
export interface WantedProducts {
  /** Each as long as `A` has columns. */
  readonly vectors: readonly Float64Array[];
  /** Takes the products, in the order of the vectors; each as long as `A` has rows. */
  take(products: readonly Float64Array[]): void;
}

/** What the measure of a whole model is told before the first connection. */
export interface ModelShape {
  readonly graph: LayerGraph;
  /** `ln alpha` of the run. */
  readonly logAlpha: number;
  /** Neurons with `s_j <= floor * s_1` are left out of one of the path metrics. */
  readonly floor: number;
  /** How many chains are wanted, at least 1. */
  readonly chains: number;
  /** Where an earlier run has seen the overlaps: then `connection` is told of each, and its overlaps do not go by. */
  readonly pathMetric?: ModelMeasures["pathMetric"];
}

/** Pairs of neurons that may follow one another in a chain, with all that the edges table says of them. */
export interface ChainLinks extends EdgeColumns {
  /** 1 where the pair is written among the connection's edges anyway. */
  readonly written: Uint8Array;
}

/**
 * Measures a model as its connections go by, one after another, each after all connections into its source that are in the order of
 * flow (`flowOrder`). Connections that are not, or that could not be computed, may be left out.
 */
export interface ModelMeasurer {
  /** Begins a connection; says what it has to know of the overlap matrix. */
  connection(
    connection: Connection,
    sourceValues: Float64Array,
    targetValues: Float64Array,
  ): WantedProducts;
  /** Takes the links of a connection; once its overlaps have gone by, or those of all connections. */
  links(connection: Connection, links: ChainLinks): void;
  finish(): MeasuredModel;
}

/** What is known of a model at its end. */
export interface MeasuredModel {
  readonly measures: ModelMeasures;
  /** Edges of chains that are more than chance (`logP <= ln alpha`) and were not written, for the edges table. */
  readonly unwritten: readonly { readonly connection: Connection; readonly edges: EdgeColumns }[];
  /** One line each: what was left out, because there was too much of it. */
  readonly approximations: readonly string[];
}

/** Starts measuring a model. */
export type MeasureModel = (shape: ModelShape) => ModelMeasurer;
