/**
 * The load of one model into the graph server: staged under a label of its own, made visible by one transaction that swaps
 * labels, the replaced model deleted afterwards in pieces.
 *
 * Every batch happens exactly once: its transaction also counts up a node of the load, so that a batch whose commit was not
 * confirmed is recognized when it is sent again. Batches that run side by side touch disjoint layers, so that they
 * never wait for each other's locks.
 */

import neo4j from "neo4j-driver";
import { show } from "../../../src/model/errors.ts";
import type { ColumnData } from "../../../src/model/tables.ts";
import { retry } from "../../../src/base/retry.ts";
import { runLanes } from "./lanes.ts";
import { LoadLost, Neo4jLoad } from "./neo4j-progress.ts";
import { TransactionTooLarge } from "./neo4j-server.ts";
import type { GraphServer } from "./neo4j-server.ts";
import type { GraphTableName, StagedBatch, StagedRows } from "./neo4j-staging.ts";
import { encodeModelId } from "../staging.ts";
import { createStatement, type Labels, labelsOf, swapStatements } from "./neo4j-statements.ts";

/** Transactions in flight. Two keep a server busy while the next rows are packed; more only take memory, its and ours. */
const WORKERS = 2;

/** A load that another run took for dead is begun again this often. */
const ATTEMPTS = 3;

/**
 * Replaces a model by the staged rows. Until the labels are swapped, readers see what they saw.
 *
 * @throws {Error} when the server refuses, stays away for longer than the settings' patience, or a relation's end does not
 * exist. The model is then what it was before; what is left of the load goes with the next run, if the server cannot be reached.
 */
export async function loadModel(
  server: GraphServer,
  staged: StagedRows,
  runId: string,
  signal?: AbortSignal,
): Promise<void> {
  await retry(async () => {
    const load = await Neo4jLoad.begin(server, staged.header, runId, WORKERS, signal);
    try {
      await new ModelLoad(server, load, staged, signal).run();
      await load.remove(signal);
    } catch (failure) {
      await load.remove().catch(() => undefined); // what went wrong first is what counts
      throw failure;
    }
  }, (failure, attempts) => failure instanceof LoadLost && attempts < ATTEMPTS ? 0 : null);
}

/** The server's ids of the nodes of one kind, by their number. */
type Ids = ReadonlyMap<number, number>;

class ModelLoad {
  readonly #server: GraphServer;
  readonly #load: Neo4jLoad;
  readonly #staged: StagedRows;
  readonly #signal: AbortSignal | undefined;
  readonly #labels: Labels;
  #layers: Ids = new Map();
  readonly #neurons = new Map<number, Ids>();

  constructor(server: GraphServer, load: Neo4jLoad, staged: StagedRows, signal: AbortSignal | undefined) {
    this.#server = server;
    this.#load = load;
    this.#staged = staged;
    this.#signal = signal;
    this.#labels = labelsOf(server.settings.labelPrefix);
  }

  async run(): Promise<void> {
    const model = await this.#load.owned();
    for (const batch of this.#of("layers")) await this.#send(0, batch, () => model);
    this.#layers = await this.#idsBelow("HAS_LAYER", "layer", model);
    await this.#sideBySide("neurons");
    for (const [layer, id] of this.#layers) {
      this.#neurons.set(layer, await this.#idsBelow("HAS_NEURON", "neuron", id));
    }
    for (const batch of this.#of("connections")) await this.#send(0, batch);
    await this.#sideBySide("edges");
    await this.#swap();
  }

  #of(table: GraphTableName): StagedBatch[] {
    return this.#staged.batches.filter((batch) => batch.table === table);
  }

  async #sideBySide(table: "neurons" | "edges"): Promise<void> {
    const lanes = Map.groupBy(this.#of(table), ({ layers }) => layers.join(" "));
    const joinedTo = table === "edges" ? this.#neighbours() : new Map<number, Set<number>>();
    await runLanes(
      [...lanes.values()].map((batches) => ({
        touches: batches[0]?.layers ?? [],
        shuns: new Set((batches[0]?.layers ?? []).flatMap((layer) => [layer, ...joinedTo.get(layer) ?? []])),
        work: async (worker) => {
          for (const batch of batches) {
            await this.#send(worker, batch, () => this.#layers.get(batch.layers[0] ?? -1));
          }
        },
      })),
      WORKERS,
    );
  }

  /**
   * The layers that edges join to each layer. An edge that is made locks its two neurons, and in each neuron's chain of edges
   * the one before it, whose other neuron may lie in a third layer: two lanes wait for each other's locks when an edge
   * leads from one's layers to the other's, too.
   */
  #neighbours(): ReadonlyMap<number, ReadonlySet<number>> {
    const found = new Map<number, Set<number>>();
    for (const { layers: [a = -1, b = -1] } of this.#of("edges")) {
      for (const [from, to] of [[a, b], [b, a]] as const) {
        found.set(from, (found.get(from) ?? new Set()).add(to));
      }
    }
    return found;
  }

  async #send(worker: number, batch: StagedBatch, parent?: () => number | undefined): Promise<void> {
    const { table } = batch;
    const columns = await this.#staged.read(batch);
    const ofNodes = table === "layers" || table === "neurons";
    const lists = ofNodes ? listsOf(columns, batch.rows) : joined(columns, batch.rows, ...this.#ends(batch));
    const above = parent?.();
    if (lists === null || (ofNodes && above === undefined)) {
      throw new Error(
        `loading ${table} of model ${
          show(this.#staged.header.id)
        } into the graph: found a row whose layer or neuron is in no table`,
      );
    }
    await this.#sendRows(worker, createStatement(table, this.#labels), batch.rows, lists, above);
  }

  /** Halves what the server has no memory for. */
  async #sendRows(
    worker: number,
    statement: string,
    rows: number,
    lists: Lists,
    parent?: number,
  ): Promise<void> {
    try {
      await this.#load.once(worker, async (run) => {
        const [answer] = await run(statement, {
          ...lists,
          rows: neo4j.int(rows),
          parent: parent === undefined ? null : neo4j.int(parent),
        });
        if (answer?.["made"] !== rows) {
          throw new LoadLost(`found ${String(answer?.["made"])} rows made, required ${rows}`);
        }
      }, this.#signal);
    } catch (failure) {
      if (!(failure instanceof TransactionTooLarge) || rows === 1) throw tooLarge(failure);
      const half = Math.ceil(rows / 2);
      for (const [from, to] of [[0, half], [half, rows]] as const) {
        const part = Object.fromEntries(
          Object.entries(lists).map(([name, list]) => [name, list.slice(from, to)]),
        );
        await this.#sendRows(worker, statement, to - from, part, parent);
      }
    }
  }

  #ends({ table, layers }: StagedBatch): readonly [Ids | undefined, Ids | undefined] {
    if (table === "connections") return [this.#layers, this.#layers];
    return [this.#neurons.get(layers[0] ?? -1), this.#neurons.get(layers[1] ?? -1)];
  }

  async #idsBelow(type: string, number: string, parent: number): Promise<Ids> {
    const rows = await this.#server.write(
      (run) =>
        run(`MATCH (p)-[:${type}]->(n) WHERE id(p) = $parent RETURN n.${number} AS number, id(n) AS id`, {
          parent: neo4j.int(parent),
        }),
      this.#signal,
    );
    return new Map(rows.map(({ number, id }) => [Number(number), Number(id)]));
  }

  async #swap(): Promise<void> {
    const key = encodeModelId(this.#staged.header.id);
    try {
      await this.#load.once(0, async (run) => {
        for (const statement of swapStatements(this.#labels)) {
          await run(statement, { load: this.#load.number, key });
        }
      }, this.#signal);
    } catch (failure) {
      throw tooLarge(failure);
    }
  }
}

function tooLarge(failure: unknown): unknown {
  return failure instanceof TransactionTooLarge
    ? new Error(
      `loading the graph: the server has no memory for a transaction that cannot be smaller (${failure.message}); ` +
        "raise its db.memory.transaction.max or its heap",
      { cause: failure },
    )
    : failure;
}

/** A statement's lists, by the names of its parameters. */
export type Lists = Readonly<Record<string, readonly unknown[]>>;

/** The cells of columns as a statement takes them: `$c0`, `$c1` and on. */
export function listsOf(columns: readonly ColumnData[], rows: number): Lists {
  return Object.fromEntries(
    columns.map((column, at) => {
      const cell = cellsOf(column);
      return [`c${at}`, Array.from({ length: rows }, (_, row) => cell(row))];
    }),
  );
}

/** The lists with the server's ids for the two numbers before the properties; null where there is no such node. */
function joined(
  columns: readonly ColumnData[],
  rows: number,
  ...ends: readonly (Ids | undefined)[]
): Lists | null {
  const [sources, targets] = ends.map((ids, at) => {
    const numbers = columns[at]?.values ?? [];
    return Array.from({ length: rows }, (_, row) => ids?.get(Number(numbers[row])));
  });
  if (sources === undefined || targets === undefined) return null;
  if (sources.includes(undefined) || targets.includes(undefined)) return null;
  const integers = (ids: readonly (number | undefined)[]) => ids.map((id) => neo4j.int(id ?? 0));
  return { ...listsOf(columns.slice(2), rows), sources: integers(sources), targets: integers(targets) };
}

/** A column's cells as the driver takes them: integers as such, for it sends plain numbers as floats. */
function cellsOf({ type, values, valid }: ColumnData): (row: number) => unknown {
  const cell = (row: number): unknown => {
    switch (type) {
      case "int32":
        return neo4j.int(values[row] ?? 0);
      case "bool":
        return values[row] === 1;
      default:
        return values[row];
    }
  };
  return valid === undefined ? cell : (row) => valid[row] === 0 ? null : cell(row);
}
