/** Locks between processes: a file that says who holds it, and is taken over from the dead. */

import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { link, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process, { pid } from "node:process";
import { codeOf, show } from "../model/errors.ts";
import { isAlive, processStart, thisHost } from "./processes.ts";
import { retry } from "./retry.ts";

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** The host and, where processes are numbered per container, the container. */
  readonly host: string;
  /** When the lock was taken, ISO 8601, UTC. */
  readonly since: string;
  /** When its process began, in the system's own count: numbers of processes come again. Empty where that is not told. */
  readonly process: string;
  /** Another for each lock. */
  readonly id: string;
}

/** A lock that is held. */
export interface FileLock {
  /** Gives the lock up. More calls have no effect. */
  release(): Promise<void>;
}

/** The lock is another's, who may be alive. */
export class LockHeldError extends Error {
  override readonly name = "LockHeldError";
}

/** Locks of the dead are taken over under a lock of their own, whose holder may have died too. */
const MOST_DEEP = 4;

/** Where links cannot be made, a lock is written in place: one that stays empty for so long (ms) is of a process that died doing so. */
const EMPTY_FOR = 10_000;

/** Milliseconds between two attempts to take a lock: at least, and beyond that at random. */
const PAUSE = 5, SPREAD = 20;

/**
 * Takes the lock at a path, at once or not at all. The lock goes with the process, unless the process is killed. A lock whose holder
 * has died, a zombie included, is taken over.
 *
 * @param doing begins the message: what the lock is needed for
 * @param staleAfter milliseconds after which any lock is taken over; for locks that are held for moments, by processes of other hosts too
 * @throws {LockHeldError} when another process holds it; names its number, its host and since when
 * @example
 * const lock = await takeLock(join(out, ".lock"), `output folder ${out}`);
 * try { await work(); } finally { await lock.release(); }
 */
export async function takeLock(path: string, doing: string, staleAfter = Infinity): Promise<FileLock> {
  return await take(path, doing, staleAfter, 0);
}

/** Takes the lock at a path as `takeLock` does, and waits for as long as another holds it. */
export async function waitForLock(path: string, staleAfter: number): Promise<FileLock> {
  return await retry(
    () => take(path, path, staleAfter, 0),
    (failure) => failure instanceof LockHeldError ? PAUSE + SPREAD * Math.random() : null,
  );
}

async function take(path: string, doing: string, staleAfter: number, depth: number): Promise<FileLock> {
  const mine = JSON.stringify(
    {
      pid,
      host: thisHost(),
      since: new Date().toISOString(),
      process: processStart(pid),
      id: randomBytes(6).toString("hex"),
    } satisfies Holder,
  );
  for (;;) {
    if (await create(path, mine)) return held(path, mine);
    const found = await readFile(path, "utf8").catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") return null;
      throw cause;
    });
    if (found === null) continue;
    const holder = holderOf(found);
    if (depth === MOST_DEEP || !await isDead(path, found, holder, staleAfter)) {
      throw locked(path, doing, holder);
    }
    // Two that find the same dead lock must not both take it: the second would take the first one's.
    const turn = await take(`${path}-next`, doing, staleAfter, depth + 1);
    try {
      const now = await readFile(path, "utf8").catch(() => null);
      if (now === found) await rm(path, { force: true });
    } finally {
      await turn.release();
    }
  }
}

/** Whole or not at all, and only where there is none. */
async function create(path: string, text: string): Promise<boolean> {
  const beside = join(dirname(path), `${basename(path)}.${randomBytes(6).toString("hex")}.partial`);
  try {
    await writeFile(beside, text, { flag: "wx" });
    // Whoever holds the folder may have cleared the file away.
    return await link(beside, path).then(() => true, (failure: unknown) => {
      if (codeOf(failure) === "ENOENT") return false;
      throw failure;
    });
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "EEXIST") return false;
    if (code === undefined || !["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP", "EMLINK"].includes(code)) {
      throw cause;
    }
    return await writeFile(path, text, { flag: "wx" }).then(() => true, (failure: unknown) => {
      if (codeOf(failure) === "EEXIST") return false;
      throw failure;
    });
  } finally {
    await rm(beside, { force: true });
  }
}

function held(path: string, mine: string): FileLock {
  const remove = () => {
    // Somebody may have removed it by hand, and a third have taken it.
    try {
      if (readFileSync(path, "utf8") === mine) rmSync(path, { force: true });
    } catch {
      // Gone already.
    }
  };
  process.on("exit", remove);
  return {
    release() {
      process.off("exit", remove);
      remove();
      return Promise.resolve();
    },
  };
}

/** Untrusted; null where it is nobody. */
function holderOf(text: string): Omit<Holder, "id"> | null {
  try {
    const { pid: by, host, since, process: start } = JSON.parse(text) as Partial<Record<string, unknown>>;
    // Numbers of processes fit 31 bits; 0 and below mean groups to whoever asks whether they live.
    if (typeof by !== "number" || !Number.isInteger(by) || by < 1 || by >= 2 ** 31) return null;
    if (typeof host !== "string" || typeof since !== "string") return null;
    return { pid: by, host, since, process: typeof start === "string" ? start : "" };
  } catch {
    return null;
  }
}

async function isDead(
  path: string,
  text: string,
  holder: Omit<Holder, "id"> | null,
  staleAfter: number,
): Promise<boolean> {
  if (holder?.host === thisHost()) {
    if (!isAlive(holder.pid)) return true;
    const start = processStart(holder.pid);
    if (start !== "" && holder.process !== "" && start !== holder.process) return true;
  }
  const found = await stat(path).catch(() => null);
  const longest = text === "" ? Math.min(EMPTY_FOR, staleAfter) : staleAfter;
  return found !== null && Date.now() - found.mtimeMs > longest;
}

function locked(path: string, doing: string, holder: Omit<Holder, "id"> | null): Error {
  const who = holder === null
    ? "a lock that says nobody"
    : `process ${holder.pid} on ${show(holder.host.split(" ")[0])} at work in it since ${show(holder.since)}`;
  return new LockHeldError(
    `${doing}: found ${who}, required a folder of one's own; wait for it, or remove ${path} if that process is dead`,
  );
}
