/**
 * The embedded graph store as its sink and its reader use it: loaded on demand, every answer released at once, errors
 * in words that say what to do.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform } from "node:process";
import type { Connection, Database, LbugValue, PreparedStatement, QueryResult } from "@ladybugdb/core";
import { messageOf, show } from "../../../src/model/errors.ts";

/** The package's classes. */
export interface Ladybug {
  readonly Database: typeof Database;
  readonly Connection: typeof Connection;
}

/** What the store's native code is built for. */
const BINARIES = "linux-x64 and linux-arm64 with glibc, darwin-x64, darwin-arm64 and win32-x64";

/**
 * Loads the store's native code. Where install scripts were skipped, the package lacks its binary, and the package of
 * this platform, which holds the same code, is taken instead.
 *
 * @param load resolves and loads a package by name; Node's own unless a test replaces it
 * @throws {Error} when neither can be loaded; says what to install
 */
export function loadLadybug(load: (name: string) => Ladybug = createRequire(import.meta.url)): Ladybug {
  const names = ["@ladybugdb/core", `@ladybugdb/core-${platform}-${arch}`];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      return load(name);
    } catch (failure) {
      failures.push(failure);
    }
  }
  throw new Error(
    `loading the embedded graph store on ${platform}-${arch}: neither ${names.join(" nor ")} can be loaded (${
      failures.map(messageOf).join("; ")
    }). ` +
      `There are binaries for ${BINARIES}: there, reinstall @ladybugdb/core with optional dependencies and install ` +
      `scripts allowed. Elsewhere, --graph none leaves the graph out and --graph neo4j gives it to a server`,
    { cause: failures[0] },
  );
}

/** The largest store, in bytes: address space that is reserved, not memory. The default (8 TB) fails in containers. */
const LARGEST_STORE = 2 ** 40;

/** An open store. Must be closed, or its lock outlives it. */
export interface Store {
  /**
   * Runs one statement.
   *
   * @param parameters integral numbers arrive as INT64, others as DOUBLE
   * @returns its rows, one record each
   * @throws {Error} the store's own
   */
  run(
    cypher: string,
    parameters?: Readonly<Record<string, LbugValue>>,
  ): Promise<readonly Record<string, LbugValue>[]>;
  readonly connection: Connection;
  close(): Promise<void>;
}

/**
 * Opens the store at `path`.
 *
 * @param access `write` makes the store where there is none, and takes its lock
 * @param pages bytes that it may take for its pages; 0 for most of the machine's memory, where it needs them
 * @throws {Error} when there is none to read, it is locked by another process, or it is no such store; names the path
 */
export async function openStore(
  lbug: Ladybug,
  path: string,
  access: "read" | "write",
  pages = 0,
): Promise<Store> {
  const doing = `opening graph store ${show(path)} to ${access}`;
  if (access === "read" && !existsSync(path)) {
    throw new Error(
      `${doing}: there is no such file; a run writes it as graph.lbug into its output folder (--out)`,
    );
  }
  const database = new lbug.Database(path, pages, true, access === "read", LARGEST_STORE);
  try {
    await database.init();
  } catch (cause) {
    await database.close().catch(() => undefined);
    const locked = /could not set lock/i.test(messageOf(cause));
    const why = locked
      ? "another process has it open for writing; wait until that has ended"
      : messageOf(cause);
    throw new Error(`${doing}: ${why}`, { cause });
  }
  const connection = new lbug.Connection(database);
  // Every thread of a load has a heap of its own, which is not given back before the process ends.
  if (access === "write") connection.setMaxNumThreadForExec(1);
  return {
    connection,
    async run(cypher, parameters) {
      const statement = await prepare(connection, cypher);
      return await takeRows(await connection.execute(statement, { ...parameters }));
    },
    async close() {
      await connection.close();
      await database.close();
    },
  };
}

/** Parses one statement and binds it to the store's tables. @throws {SyntaxError} when that fails */
export async function prepare(connection: Connection, cypher: string): Promise<PreparedStatement> {
  const statement = await connection.prepare(cypher);
  if (!statement.isSuccess()) {
    throw new SyntaxError(
      `preparing Cypher ${show(cypher)}: ${messageOf(new Error(statement.getErrorMessage()))}`,
    );
  }
  return statement;
}

async function takeRows(results: QueryResult | QueryResult[]): Promise<Record<string, LbugValue>[]> {
  const all = Array.isArray(results) ? results : [results];
  try {
    const rows = [];
    for (const result of all) rows.push(...await result.getAll());
    return rows;
  } finally {
    for (const result of all) result.close();
  }
}
