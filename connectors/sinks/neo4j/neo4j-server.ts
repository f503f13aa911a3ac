/** The graph server as its sink and its reader use it: managed transactions, patience, errors in words that say what to do. */

import neo4j, { type Driver, type ManagedTransaction, type Session } from "neo4j-driver";
import { messageOf, show } from "../../../src/model/errors.ts";
import { backoff, retry } from "../../../src/base/retry.ts";
import { findCredentials, type Neo4jSettings } from "./neo4j-settings.ts";

/** Rows of one statement, keyed by column. */
export type ServerRows = readonly Readonly<Record<string, unknown>>[];

/** Runs one statement within a transaction. */
export type RunStatement = (cypher: string, parameters?: Record<string, unknown>) => Promise<ServerRows>;

/** A connection to one database. Must be closed. */
export interface GraphServer {
  readonly settings: Neo4jSettings;
  /**
   * One transaction, repeated while the server is away or refuses for a passing reason, for as long as the settings'
   * patience. A transaction whose commit was not confirmed may be repeated though it happened.
   *
   * @throws {TransactionTooLarge} when the server has no memory for it
   * @throws {Error} says what to do
   */
  write<T>(work: (run: RunStatement) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** One statement outside of a transaction of ours, for changes of the schema. */
  alone(cypher: string, signal?: AbortSignal): Promise<ServerRows>;
  /** A session that only reads; the caller closes it. */
  reading(): Session;
  close(): Promise<void>;
}

/** The server has not the memory for one transaction. */
export class TransactionTooLarge extends Error {
  override readonly name = "TransactionTooLarge";
}

const NO_MEMORY = new Set([
  "Neo.TransientError.General.TransactionOutOfMemoryError",
  "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
  "Neo.TransientError.General.OutOfMemoryError",
]);

/** Passing refusals that the driver does not take for such outside of a cluster's own protocol. */
const PASSING = new Set([
  "Neo.ClientError.Cluster.NotALeader",
  "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
]);

/** Milliseconds between two attempts: the first and the longest. */
const PAUSE = { first: 100, longest: 2000 };

/**
 * Connects.
 *
 * @param integers how integers come back: `number` rounds those beyond 2^53, `bigint` is exact
 * @param waiting told, each time that the server is found away, for how many seconds it has been waited for
 * @throws {RangeError} when there are no credentials
 */
export async function connectServer(
  settings: Neo4jSettings,
  integers: "number" | "bigint" = "number",
  waiting: (seconds: number) => void = () => undefined,
): Promise<GraphServer> {
  const { username, password } = await findCredentials(settings);
  const driver: Driver = neo4j.driver(settings.uri, neo4j.auth.basic(username, password), {
    userAgent: "svrflow",
    ...integers === "bigint" ? { useBigInt: true } : { disableLosslessIntegers: true },
    // Repeated here, where the signal is heard and the pauses are shorter.
    maxTransactionRetryTime: 0,
    connectionTimeout: 10_000,
    connectionAcquisitionTimeout: 15_000,
    telemetryDisabled: true,
  });
  const session = (mode: "READ" | "WRITE") =>
    driver.session({ database: settings.database, defaultAccessMode: neo4j.session[mode] });
  const once = async <T>(use: (session: Session) => Promise<T>): Promise<T> => {
    const opened = session("WRITE");
    try {
      return await use(opened);
    } finally {
      // A session whose connection broke may fail to close; what went wrong has been said by then.
      await opened.close().catch(() => undefined);
    }
  };
  return {
    settings,
    write: (work, signal) =>
      patiently(
        settings,
        waiting,
        () =>
          once((opened) =>
            opened.executeWrite((tx) =>
              work(async (cypher, parameters) => await rowsOf(tx, cypher, parameters))
            )
          ),
        signal,
      ),
    alone: (cypher, signal) =>
      patiently(settings, waiting, () =>
        once(async (opened) => {
          const { records } = await opened.run(cypher);
          return records.map((record) => record.toObject());
        }), signal),
    reading: () => session("READ"),
    close: () => driver.close(),
  };
}

async function rowsOf(
  tx: ManagedTransaction,
  cypher: string,
  parameters: Record<string, unknown> = {},
): Promise<ServerRows> {
  try {
    const { records } = await tx.run(cypher, parameters);
    return records.map((record) => record.toObject());
  } catch (cause) {
    // Not the server's own error any more, so that nobody takes it for one that passes.
    throw NO_MEMORY.has(codeOf(cause)) ? new TransactionTooLarge(messageOf(cause), { cause }) : cause;
  }
}

async function patiently<T>(
  settings: Neo4jSettings,
  waiting: (seconds: number) => void,
  attempt: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const start = Date.now();
  return await retry(attempt, (failure, attempts) => {
    const left = start + settings.patience * 1000 - Date.now();
    if (!passes(failure) || left <= 0) throw inWords(settings, failure);
    waiting((Date.now() - start) / 1000);
    return Math.min(backoff(attempts, PAUSE.first, PAUSE.longest), left);
  }, signal);
}

function passes(failure: unknown): boolean {
  const code = codeOf(failure);
  return !NO_MEMORY.has(code) && failure instanceof Error &&
    (PASSING.has(code) || neo4j.isRetryableError(failure));
}

/** The server's code of a failure, such as `Neo.ClientError.Security.Unauthorized`, or an empty text. */
export function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure && typeof failure.code === "string"
    ? failure.code
    : "";
}

/** A failure of the server in words for the user; others as they are. */
export function inWords(settings: Neo4jSettings, failure: unknown): unknown {
  const code = codeOf(failure);
  if (failure instanceof TransactionTooLarge || code === "") return failure;
  if (NO_MEMORY.has(code)) return new TransactionTooLarge(messageOf(failure), { cause: failure });
  const { uri, database, patience } = settings;
  const advice = adviceOn(code, database);
  const away = code === "ServiceUnavailable" || code === "SessionExpired"
    ? `; it was given ${patience} s to come back`
    : "";
  return new Error(
    `graph server ${show(uri)}: ${advice ?? messageOf(failure)}${away} (${code})`,
    { cause: failure },
  );
}

function adviceOn(code: string, database: string): string | undefined {
  switch (code) {
    case "Neo.ClientError.Security.Unauthorized":
    case "Neo.ClientError.Security.CredentialsExpired":
      return "user name or password was refused; set NEO4J_USERNAME and NEO4J_PASSWORD, or name a credentials file";
    case "Neo.ClientError.Security.AuthenticationRateLimit":
      return "too many wrong passwords, the server takes none for some seconds; wait, then set NEO4J_PASSWORD";
    case "Neo.ClientError.Security.Forbidden":
      return `the user may not do this in database ${
        show(database)
      }; required one that may write, and make indexes`;
    case "Neo.ClientError.Database.DatabaseNotFound":
      return `there is no database ${show(database)}; set neo4j.database, --neo4j-database or NEO4J_DATABASE`;
    case "Neo.ClientError.Cluster.NotALeader":
    case "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase":
      return "this member of the cluster takes no writes; required an address that begins with neo4j:// and so finds the leader";
    case "ServiceUnavailable":
      return "cannot be reached; required a running server at this address";
    default:
      return undefined;
  }
}
