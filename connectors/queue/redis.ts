/** A Redis server (or Valkey) for a queue: how it is reached, and whether jobs are safe there. */

import type * as IoRedis from "ioredis";
import type { Redis } from "ioredis";
import { messageOf } from "../../src/model/errors.ts";

/** Milliseconds that a server may take to be reached for the first time. */
const FIRST_CONTACT = 10_000;

/** Milliseconds between two attempts to reach a server that has gone away. */
const LONGEST_PAUSE = 5_000;

/** The address of a server, in a form that may be shown: without user and password. @throws {RangeError} when it is none of Redis */
export function shownServer(address: string): string {
  let url: URL | null = null;
  try {
    url = new URL(address);
  } catch {
    // Said below, without what may be secret.
  }
  if (url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "") {
    throw new RangeError("the address of a queue: found no address of Redis, required redis://host:port/0");
  }
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}

/**
 * Reaches a server.
 *
 * @returns a client that outlasts outages: commands wait until the server is back
 * @throws {RangeError} when the address is none of Redis, or the server forgets or throws away what it is told
 * @throws {Error} when it cannot be reached, or ioredis is not installed
 */
export async function openRedis(address: string): Promise<Redis> {
  const name = shownServer(address);
  const { Redis } = await library();
  const options = { lazyConnect: true, connectTimeout: FIRST_CONTACT };
  // A server that was never there is an error; one that goes away is waited for.
  const first = new Redis(address, { ...options, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  first.on("error", () => undefined); // told by connect
  try {
    await first.connect();
    await checkServer(first, name);
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new Error(`${name}: found no server (${messageOf(cause)}), required Redis or Valkey`, { cause });
  } finally {
    first.disconnect();
  }
  return new Redis(address, {
    ...options,
    retryStrategy: (attempts: number) => Math.min(LONGEST_PAUSE, 100 * attempts),
    // A queue needs that: its commands wait.
    maxRetriesPerRequest: null,
  });
}

/** @throws {RangeError} when the server may lose jobs: says which setting, and what to do */
async function checkServer(client: Redis, name: string): Promise<void> {
  const facts = factsOf(await client.info());
  const refuse = (what: string, required: string, advice: string) => {
    throw new RangeError(
      `${name}: found ${what}, required ${required}: a queue must lose nothing (redis-cli ${advice})`,
    );
  };
  const policy = facts.get("maxmemory_policy") ?? "not told";
  if (policy !== "noeviction") {
    refuse(`maxmemory-policy ${policy}`, "noeviction", "config set maxmemory-policy noeviction");
  }
  if (facts.get("aof_enabled") !== "1") {
    refuse("appendonly no", "appendonly yes", "config set appendonly yes; config rewrite");
  }
}

/** What `INFO` says, by name. */
function factsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(":");
      return line.startsWith("#") || at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

async function library(): Promise<Pick<typeof IoRedis, "Redis">> {
  try {
    return await import("ioredis");
  } catch (cause) {
    throw new Error("a queue: found no ioredis, required it (npm install bullmq ioredis)", { cause });
  }
}
