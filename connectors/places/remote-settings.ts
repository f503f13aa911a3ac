/** How patient and how thrifty fetching is: settings of the machine, not of a run, so that they come from the environment. */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { env } from "node:process";

/** Settings of fetching. */
export interface RemoteSettings {
  /** Milliseconds for which a server may say nothing. */
  readonly silence: number;
  /** Times that a request is made in all. */
  readonly attempts: number;
  /** Folder of the disk cache; null where it is off. */
  readonly cache: string | null;
  /** Bytes that the cache may have. */
  readonly cacheBytes: number;
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * The settings: SVRFLOW_TIMEOUT in seconds (30), SVRFLOW_RETRIES (5), SVRFLOW_CACHE, a folder or `off`
 * (`$XDG_CACHE_HOME/svrflow` or `~/.cache/svrflow`), SVRFLOW_CACHE_SIZE (20GiB).
 *
 * @throws {RangeError} when one has no such value
 */
export function remoteSettings(): RemoteSettings {
  return {
    silence: number("SVRFLOW_TIMEOUT", 30, 0.1, 3600, "seconds") * 1000,
    attempts: 1 + Math.floor(number("SVRFLOW_RETRIES", 5, 0, 100, "retries")),
    cache: cacheFolder(),
    cacheBytes: cacheBytes(),
  };
}

function number(name: string, otherwise: number, least: number, most: number, what: string): number {
  const text = env[name] ?? "";
  if (text === "") return otherwise;
  const value = Number(text);
  if (value >= least && value <= most) return value;
  throw new RangeError(`${name}: found ${JSON.stringify(text)}, required ${least} to ${most} ${what}`);
}

function cacheFolder(): string | null {
  const named = env["SVRFLOW_CACHE"] ?? "";
  if (named === "off") return null;
  if (named !== "") {
    if (isAbsolute(named)) return named;
    throw new RangeError(`SVRFLOW_CACHE: found ${JSON.stringify(named)}, required an absolute path or off`);
  }
  const base = env["XDG_CACHE_HOME"] ?? "";
  // The standard says to ignore what is not absolute.
  return join(isAbsolute(base) ? base : join(homedir(), ".cache"), "svrflow");
}

function cacheBytes(): number {
  const text = env["SVRFLOW_CACHE_SIZE"] ?? "";
  if (text === "") return 20 * 2 ** 30;
  const [, digits = "", unit = ""] = /^(\d{1,15})(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (digits !== "" && Number.isSafeInteger(bytes)) return bytes;
  throw new RangeError(`SVRFLOW_CACHE_SIZE: found ${JSON.stringify(text)}, required a size such as 20GiB`);
}
