/** Tries again what may go better the next time. */

import { setTimeout as sleep } from "node:timers/promises";
import { RemoteError } from "./remote-error.ts";
import { remoteSettings } from "./remote-settings.ts";

/** A failure that may pass: a busy server, a lost connection. */
export class Hiccup extends Error {
  /** Milliseconds after which the server wants to be asked again. */
  readonly after: number | undefined;
  /** Whether nobody was reached at all: then a few attempts tell as much as many. */
  readonly unreachable: boolean;
  /** Whether bytes came before it: such an attempt is not counted. */
  readonly progress: boolean;

  constructor(
    what: string,
    { after, unreachable = false, progress = false }: {
      after?: number | undefined;
      unreachable?: boolean;
      progress?: boolean;
    } = {},
  ) {
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
 * Does something until it is done, with pauses that grow and are spread by chance.
 *
 * @param what is fetched, for messages; shows nothing secret
 * @throws {RemoteError} when it has failed too often; says how often, and how it did the last time
 */
export async function persevere<T>(
  what: string,
  attempt: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { attempts } = remoteSettings();
  const started = Date.now();
  for (let made = 1;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (failure) {
      signal?.throwIfAborted();
      if (!(failure instanceof Hiccup)) throw failure;
      const most = failure.unreachable ? Math.min(MOST_CALLS, attempts) : attempts;
      const tooLong = (failure.after ?? 0) > LONGEST_WISH;
      if (!failure.progress && (made >= most || tooLong)) {
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        const tried = tooLong
          ? `asked to wait ${Math.ceil((failure.after ?? 0) / 1000)} s`
          : `after ${made} ${made === 1 ? "attempt" : "attempts"} in ${seconds} s`;
        const required = failure.unreachable
          ? "a host that can be reached (offline?)"
          : "a server that delivers";
        throw new RemoteError(`${what}: found ${failure.message}, ${tried}, required ${required}`, {
          cause: failure,
        });
      }
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (made - 1)) * (0.5 + Math.random() / 2);
      if (!failure.progress) made++;
      await sleep(Math.max(pause, failure.after ?? 0), undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Milliseconds of a Retry-After header: seconds or a date; undefined where there is none that can be read. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
