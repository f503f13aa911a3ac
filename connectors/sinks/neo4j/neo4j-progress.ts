/** Who loads what, written in the graph server itself: each step happens once, and what a dead run left is found and removed. */

import { randomInt } from "node:crypto";
import { pid } from "node:process";
import neo4j, { type Integer } from "neo4j-driver";
import type { ModelHeader } from "../../../src/model/ports.ts";
import { isAlive, thisHost } from "../../../src/base/processes.ts";
import { deleteOwned } from "./neo4j-delete.ts";
import type { GraphServer, RunStatement } from "./neo4j-server.ts";
import { type Labels, labelsOf } from "./neo4j-statements.ts";
import { encodeModelId } from "../staging.ts";

/** A load that has been removed from the server, by another run that took its process for dead. */
export class LoadLost extends Error {
  override readonly name = "LoadLost";
}

/** A load that its run has not touched for so long belongs to nobody: longer than any patience with an absent server. */
const ABANDONED = 2 * 3600 * 1000;

/** Loads of this process that are under way. */
const UNDER_WAY = new Set<number>();

/** The step of a load that has been taken from its run. */
const REVOKED = -1;

/** One load of one model, as it stands in the server. */
export class Neo4jLoad {
  readonly number: Integer;
  readonly #server: GraphServer;
  readonly #labels: Labels;
  /** The last step of each worker. */
  readonly #steps: number[];

  private constructor(server: GraphServer, number: Integer, workers: number) {
    this.number = number;
    this.#server = server;
    this.#labels = labelsOf(server.settings.labelPrefix);
    this.#steps = Array.from({ length: workers }, () => 0);
  }

  /** Enters a load, with the node of the model that it makes. */
  static async begin(
    server: GraphServer,
    model: ModelHeader,
    runId: string,
    workers: number,
    signal?: AbortSignal,
  ): Promise<Neo4jLoad> {
    const load = new Neo4jLoad(server, neo4j.int(randomInt(2 ** 47)), workers);
    const { load: label, staged } = load.#labels;
    UNDER_WAY.add(load.number.toNumber());
    await server.write(async (run) => {
      // The number is random: where it stands already, this is a repetition.
      const [{ entered } = { entered: 0 }] = await run(
        `MATCH (o:${label} {load: $load}) RETURN count(*) AS entered`,
        { load: load.number },
      );
      if (entered !== 0) return;
      await run(
        `UNWIND range(0, $workers - 1) AS slot ` +
          `CREATE (:${label} {load: $load, slot: slot, step: 0, touched: timestamp(), host: $host, pid: $pid})`,
        { load: load.number, workers: neo4j.int(workers), host: thisHost(), pid: neo4j.int(pid) },
      );
      const { id, uri, format, series = null, step = null } = model;
      const node = { id, uri, format, series, step, run_id: runId, key: encodeModelId(id) };
      await run(
        `MATCH (o:${label} {load: $load, slot: 0}) CREATE (o)-[:LOADS]->(:${staged} $model)`,
        { load: load.number, model: node },
      );
    }, signal);
    return load;
  }

  /** The server's id of the model's node. */
  async owned(): Promise<number> {
    const [row] = await this.#server.write((run) =>
      run(`MATCH (:${this.#labels.load} {load: $load, slot: 0})-[:LOADS]->(m) RETURN id(m) AS id`, {
        load: this.number,
      })
    );
    if (row === undefined) throw new LoadLost("loading the graph: another run has removed this load");
    return Number(row["id"]);
  }

  /**
   * Does the work in a transaction that counts one step of the worker: once, however often it has to be sent.
   *
   * @throws {LoadLost} when another run has removed this load
   */
  async once(
    worker: number,
    work: (run: RunStatement) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const step = (this.#steps[worker] ?? 0) + 1;
    await this.#server.write(async (run) => {
      const [counted] = await run(
        // The node is written, and so locked, before it is read.
        `MATCH (o:${this.#labels.load} {load: $load, slot: $slot}) SET o.touched = timestamp() ` +
          "WITH o, o.step AS before SET o.step = $step RETURN before",
        { load: this.number, slot: neo4j.int(worker), step: neo4j.int(step) },
      );
      if (counted === undefined || counted["before"] === REVOKED) {
        throw new LoadLost(
          "loading the graph: another run took this one for dead and has removed what it had loaded",
        );
      }
      if (counted["before"] !== step) await work(run);
    }, signal);
    this.#steps[worker] = step;
  }

  /** Deletes what the load owns (the model that it replaced, or its own where it has not come so far), then its entry. */
  async remove(signal?: AbortSignal): Promise<void> {
    try {
      await deleteOwned(this.#server, this.number, signal);
    } finally {
      UNDER_WAY.delete(this.number.toNumber());
    }
  }
}

/**
 * Removes what dead runs left: those of this host whose process is gone, and those that nobody has touched for two hours
 * by the server's clock.
 *
 * @returns how many loads it removed
 */
export async function removeAbandoned(server: GraphServer, signal?: AbortSignal): Promise<number> {
  const { load } = labelsOf(server.settings.labelPrefix);
  const loads = await server.write((run) =>
    run(
      `MATCH (o:${load}) RETURN o.load AS load, o.host AS host, o.pid AS pid, ` +
        "max(o.touched) < timestamp() - $abandoned AS abandoned",
      { abandoned: neo4j.int(ABANDONED) },
    ), signal);
  const dead = loads.filter(({ load, host, pid: by, abandoned }) =>
    abandoned === true ||
    (host === thisHost() && (Number(by) === pid ? !UNDER_WAY.has(Number(load)) : !isAlive(Number(by))))
  );
  for (const { load: number } of dead) {
    const found = { load: neo4j.int(Number(number)) };
    // Should its run be alive after all, it may add nothing to what is being deleted.
    await server.write(
      (run) =>
        run(`MATCH (o:${load} {load: $load}) SET o.step = $revoked, o.host = $host, o.pid = $pid`, {
          ...found,
          revoked: neo4j.int(REVOKED),
          host: thisHost(),
          pid: neo4j.int(pid),
        }),
      signal,
    );
    await deleteOwned(server, found.load, signal);
  }
  return dead.length;
}
