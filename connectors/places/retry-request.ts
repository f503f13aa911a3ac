/** Requests to servers that may succeed the next time. */

import { backoff, retry } from "../../src/base/retry.ts";
import { RemoteError } from "./remote-error.ts";
import { remoteSettings } from "./remote-settings.ts";

/** What is known of a failure that may pass. */
interface Transience {
  /** Milliseconds after which the server wants to be asked again. */
  readonly after?: number | undefined;
  /** Whether nobody was reached at all: then a few attempts tell as much as many. */
  readonly unreachable?: boolean;
  /** Whether bytes came before it: such an attempt is not counted. */
  readonly progress?: boolean;
}

/** A failure that may pass: a busy server, a lost connection. */
export class TransientError extends Error {
  readonly after: number | undefined;
  readonly unreachable: boolean;
  readonly progress: boolean;

  constructor(what: string, { after, unreachable = false, progress = false }: Transience = {}) {
    super(what);
    this.after = after;
    this.unreachable = unreachable;
    this.progress = progress;
  }
}

/** Milliseconds before the second attempt; it doubles from one to the next. */
const FIRST_PAUSE = 250;

/** Longer pauses help no server. */
const LONGEST_PAUSE = 15_000;

/** A server that wants to be left alone for longer is not waited for. */
const LONGEST_WISH = 120_000;

/** Attempts to reach a host that is not there. */
const MOST_CALLS = 3;

/**
 * Makes a request until it succeeds, with pauses that grow and are spread by chance.
 *
 * @param what is fetched, for messages; shows nothing secret
 * @throws {RemoteError} when it has failed too often; says how often, and how it did the last time
 */
export async function retryRequest<T>(
  what: string,
  request: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { attempts: allowed } = remoteSettings();
  const started = Date.now();
  let counted = 0;
  return await retry(request, (failure) => {
    if (!(failure instanceof TransientError)) return null;
    const { after = 0, progress, unreachable } = failure;
    if (!progress) counted++;
    const tooLong = after > LONGEST_WISH;
    const most = unreachable ? Math.min(MOST_CALLS, allowed) : allowed;
    if (progress || (counted < most && !tooLong)) {
      return Math.max(after, backoff(Math.max(1, counted), FIRST_PAUSE, LONGEST_PAUSE));
    }
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const tried = tooLong
      ? `asked to wait ${Math.ceil(after / 1000)} s`
      : `after ${counted} ${counted === 1 ? "attempt" : "attempts"} in ${seconds} s`;
    const required = unreachable ? "a host that can be reached (offline?)" : "a server that delivers";
    throw new RemoteError(`${what}: found ${failure.message}, ${tried}, required ${required}`, {
      cause: failure,
    });
  }, signal);
}

/** Milliseconds of a Retry-After header: seconds or a date; undefined where there is none that can be read. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
