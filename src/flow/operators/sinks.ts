/** The end of the pipeline: tables into sinks, whole or not at all. */

import {
  catchError,
  concatMap,
  defer,
  finalize,
  from,
  ignoreElements,
  type Observable,
  of,
  type OperatorFunction,
  throwError,
} from "rxjs";
import type { ConnectionSummary } from "../../model/graph.ts";
import type { Connection, Layer, LayerGraph, Skipped } from "../../model/layer.ts";
import type { Hub, ModelMeasures, StrongEdge } from "../../model/measures.ts";
import type { Model, ModelHeader, ModelMeasurer, ModelSink, Sink, WrittenFile } from "../../model/ports.ts";
import { type Row, TABLE_NAMES, type TableBatch, type TableName, TABLES } from "../../model/tables.ts";
import { EdgeRanking } from "../edge-ranking.ts";
import { RowBuffer } from "../row-buffer.ts";
import type { EdgeJob, LayerResult, SkippedConnection } from "../jobs.ts";
import type { MetricSettings } from "../metric-rows.ts";
import { ConnectionRows, edgeBatch, modelBatch, ModelTables } from "../model-tables.ts";

/** What became of one model. */
export interface ModelResult {
  readonly graph: LayerGraph;
  /** Rows written, per table. */
  readonly rows: Readonly<Record<TableName, number>>;
  readonly summaries: readonly ConnectionSummary[];
  readonly measures: ModelMeasures;
  /** Rows of the layers and connections tables. */
  readonly layers: readonly Row[];
  readonly connections: readonly Row[];
  readonly skipped: readonly Skipped[];
  readonly approximations: readonly string[];
  readonly strongest: readonly StrongEdge[];
  readonly hubs: readonly Hub[];
  /** Neurons that have not converged, by layer index; layers without such neurons are not there. */
  readonly unconverged: ReadonlyMap<number, number>;
  /** The same figures with every layer's channels turned at random, once for each seed that was asked for. */
  readonly controls: readonly ControlResult[];
  readonly files: readonly WrittenFile[];
}

/** What chance gives; nothing of it is written. */
export interface ControlResult {
  /** As rows of the connections table. */
  readonly connections: readonly Row[];
  readonly measures: ModelMeasures;
}

/** A layer or a connection that is done. */
export interface Step {
  readonly model: string;
  /** How many are, of how many. */
  readonly done: number;
  readonly of: number;
  readonly what: string;
  /** The layer itself, or both ends of the connection. */
  readonly ends: readonly [Layer] | readonly [source: Layer, target: Layer];
}

/** Where a model's tables go. */
export interface SinkSettings {
  readonly sinks: readonly Sink[];
  readonly header: ModelHeader;
  /** Files that an earlier run has recorded of it. */
  readonly before?: readonly WrittenFile[];
  readonly nearKernel: number;
  /** How weights were unfolded, and at which level spikes of layers are counted. Default: they are not. */
  readonly metrics?: MetricSettings;
  /** Called when a layer or a connection is done. */
  readonly progress?: (step: Step) => void;
}

/**
 * Writes all that comes by, one item after another, each awaited, and commits at the end, with what `measurer` found in the model. On an error or when
 * unsubscribed nothing of the model remains.
 *
 * @example
 * import {
 *   type EdgeJob, type LayerGraph, type Model, type ModelMeasurer, type Sink, sinks, type SpectrumJob,
 * } from "svrflow";
 * import { lastValueFrom, type Observable } from "rxjs";
 *
 * // The end of a pipeline of one's own: all that comes by goes to one sink.
 * export async function written(
 *   items: Observable<SpectrumJob | EdgeJob>,
 *   model: Model,
 *   graph: LayerGraph,
 *   sink: Sink,
 *   measurer: ModelMeasurer,
 * ): Promise<number> {
 *   const header = { id: model.id, uri: model.uri, format: model.format, key: "" };
 *   const result = await lastValueFrom(items.pipe(
 *     sinks(model, graph, { sinks: [sink], header, nearKernel: 0.1 }, measurer),
 *   ));
 *   return result.connections.length;
 * }
 */
export function sinks(
  model: Pick<Model, "id">,
  graph: LayerGraph,
  settings: SinkSettings,
  measurer: ModelMeasurer,
  controls: readonly ModelMeasurer[] = [],
): OperatorFunction<LayerResult | SkippedConnection | EdgeJob | EdgeJob<"control">, ModelResult> {
  return (items) =>
    defer(() => {
      const writer = new ModelWriter(model, graph, settings, measurer, controls);
      const written = items.pipe(concatMap((item) => writer.take(item)), ignoreElements());
      return chained(written, () => writer.commit()).pipe(
        // The error is passed on once nothing is left; whoever unsubscribes cannot be made to wait.
        catchError((failure) =>
          from(writer.abort()).pipe(concatMap(() => throwError(() => failure as unknown)))
        ),
        finalize(() => void writer.abort()),
      );
    });
}

function chained<T>(first: Observable<never>, last: () => Promise<T>): Observable<T> {
  return of(() => first, () => defer(last)).pipe(concatMap((next): Observable<T> => next()));
}

class ModelWriter {
  readonly #model: string;
  readonly #graph: LayerGraph;
  readonly #settings: SinkSettings;
  readonly #measurer: ModelMeasurer;
  readonly #tables: ModelTables;
  readonly #controls: readonly { readonly measurer: ModelMeasurer; readonly rows: ConnectionRows }[];
  readonly #rows = Object.fromEntries(TABLE_NAMES.map((name) => [name, 0])) as Record<TableName, number>;
  readonly #edges = new RowBuffer(TABLES.edges);
  #open: ModelSink[] | null = null;
  readonly #ranking = new EdgeRanking();
  #done = 0;
  #current: Promise<unknown> = Promise.resolve();
  #aborted = false;

  constructor(
    { id }: Pick<Model, "id">,
    graph: LayerGraph,
    settings: SinkSettings,
    measurer: ModelMeasurer,
    controls: readonly ModelMeasurer[],
  ) {
    this.#model = id;
    this.#graph = graph;
    this.#settings = settings;
    this.#measurer = measurer;
    this.#tables = new ModelTables(graph, settings.nearKernel, settings.metrics);
    this.#controls = controls.map((each) => ({ measurer: each, rows: new ConnectionRows() }));
  }

  take(item: LayerResult | SkippedConnection | EdgeJob | EdgeJob<"control">): Promise<void> {
    return this.#alone(() => this.#take(item));
  }

  commit(): Promise<ModelResult> {
    return this.#alone(() => this.#commit());
  }

  /** Waits for the step in hand, for sinks take one call at a time; nothing is written after it. */
  async abort(): Promise<void> {
    this.#aborted = true;
    await this.#current.catch(() => undefined); // whoever took the step learns of its failure
    const open = this.#open ?? [];
    this.#open = null;
    await Promise.allSettled(open.map((sink) => sink.abort()));
  }

  #alone<T>(step: () => Promise<T>): Promise<T> {
    const done = step();
    this.#current = done;
    return done;
  }

  async #take(item: LayerResult | SkippedConnection | EdgeJob | EdgeJob<"control">): Promise<void> {
    switch (item.kind) {
      case "layer":
        this.#tables.layer(item);
        this.#step(item.layer.name, [item.layer]);
        return;
      case "skipped":
        this.#tables.skip(item);
        this.#step(item.name, this.#ends(item.connection));
        return;
      case "connection": {
        const found = await item.edges();
        this.#tables.connection(found);
        this.#measurer.links(item.connection, found.links);
        this.#ranking.add(item.connection, found.edges);
        await this.#write("edges", this.#edges.add(edgeBatch(item.connection, found.edges)));
        this.#step(`${item.source.name} -> ${item.target.name}`, [item.source, item.target]);
        return;
      }
      case "control": {
        const found = await item.edges();
        const control = this.#controls[item.control];
        control?.rows.add(found.summary);
        control?.measurer.links(item.connection, found.links);
      }
    }
  }

  async #commit(): Promise<ModelResult> {
    const { measures, unwritten, approximations } = this.#measurer.finish();
    const controls = this.#controls.map((each) => controlled(each));
    // What a chain is made of must be in the graph that it is said to be in.
    for (const { connection, edges } of unwritten) {
      await this.#write("edges", this.#edges.add(edgeBatch(connection, edges)));
    }
    await this.#write("edges", this.#edges.take());
    for (const [table, batch] of this.#tables.batches()) await this.#write(table, batch);
    await this.#write("models", modelBatch(this.#settings.header, this.#rows));
    const files: WrittenFile[] = [];
    const open = await this.#sinks();
    // What is committed leaves the list: it can no longer be aborted.
    for (let sink = open[0]; sink !== undefined; sink = open[0]) {
      files.push(...await sink.commit());
      open.shift();
    }
    return {
      graph: this.#graph,
      rows: this.#rows,
      summaries: this.#tables.summaries,
      measures,
      layers: this.#tables.layerRows(),
      connections: this.#tables.connectionRows(),
      skipped: this.#tables.skipped,
      approximations: [
        ...this.#tables.approximations,
        ...approximations,
        ...new Set(controls.flatMap((each) => each.approximations)),
      ],
      strongest: this.#ranking.edges,
      hubs: this.#ranking.hubs(),
      unconverged: this.#tables.unconverged,
      controls: controls.map(({ connections, measures }) => ({ connections, measures })),
      files,
    };
  }

  async #sinks(): Promise<ModelSink[]> {
    if (this.#aborted) throw new Error(`model ${this.#model}: aborted`);
    if (this.#open === null) {
      this.#open = [];
      const { sinks, header, before } = this.#settings;
      for (const sink of sinks) this.#open.push(await sink.begin(header, before));
    }
    return this.#open;
  }

  async #write(table: TableName, batch: TableBatch | null): Promise<void> {
    if (batch === null) return;
    for (const sink of await this.#sinks()) await sink.write(table, batch);
    this.#rows[table] += batch.rows;
  }

  #ends({ source, target }: Connection): Step["ends"] {
    return [this.#graph.layers[source]!, this.#graph.layers[target]!];
  }

  #step(what: string, ends: Step["ends"]): void {
    this.#done++;
    const all = this.#graph.layers.length + this.#graph.connections.length;
    this.#settings.progress?.({ model: this.#model, done: this.#done, of: all, what, ends });
  }
}

function controlled(
  { measurer, rows }: { readonly measurer: ModelMeasurer; readonly rows: ConnectionRows },
): ControlResult & { readonly approximations: readonly string[] } {
  const { measures, approximations } = measurer.finish();
  return {
    connections: rows.all(),
    measures,
    approximations: approximations.map((each) => `null control: ${each}`),
  };
}
