/** One question and its answer over HTTP: redirects, silence and lost connections; what the answer says is judged elsewhere. */

import { codeOf, messageOf } from "../../src/model/errors.ts";
import { TransientError } from "./retry-request.ts";
import { RemoteError } from "./remote-error.ts";
import { remoteSettings } from "./remote-settings.ts";

/** Hubs send to a store, which may send on; more is a loop. */
const MOST_REDIRECTS = 5;

/** A request that may be made again, each time anew. */
export interface Question {
  /** What is asked for, for messages; shows nothing secret. */
  readonly what: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer, while its body has not been read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body in pieces as they come. @throws {TransientError} when the connection is lost or silent */
  body(): AsyncGenerator<Uint8Array>;
}

/**
 * Asks, and hands over the answer; whatever of it is not read is dropped.
 *
 * @throws {TransientError} when nobody answers in time
 * @throws {RemoteError} when redirects do not end, or lead elsewhere than to http(s)
 */
export async function exchange<T>(
  question: Question,
  use: (answer: Answer) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { silence } = remoteSettings();
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  let clock: NodeJS.Timeout | undefined;
  const quiet = new TransientError(`silence of ${silence / 1000} s from ${question.url.host}`);
  const wind = () => {
    clearTimeout(clock);
    clock = setTimeout(() => stop.abort(quiet), silence);
  };
  try {
    signal?.throwIfAborted();
    wind();
    const response = await ask(question, stop.signal);
    return await use({
      status: response.status,
      headers: response.headers,
      body: () => pieces(response, wind, (cause) => lost(question.url.host, cause, stop.signal)),
    });
  } finally {
    clearTimeout(clock);
    signal?.removeEventListener("abort", abort);
    // Ends the connection where the body was not read to its end.
    stop.abort();
  }
}

async function ask(question: Question, signal: AbortSignal): Promise<Response> {
  let { url } = question;
  const headers = new Headers(question.headers);
  // Compressed bytes have other positions.
  headers.set("accept-encoding", "identity");
  for (let redirects = 0;; redirects++) {
    const response = await fetch(url.href, { headers, redirect: "manual", signal }).catch(
      (cause: unknown) => {
        throw lost(url.host, cause, signal);
      },
    );
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await response.body?.cancel().catch(() => {});
    const next = URL.parse(location, url.href);
    const allowed = next !== null && (next.protocol === "https:" || next.protocol === url.protocol);
    if (
      !allowed || !/^https?:$/.test(next.protocol) || next.username !== "" || redirects === MOST_REDIRECTS
    ) {
      throw new RemoteError(
        `${question.what}: found a redirect from ${url.host} to ${
          allowed ? `${next.host}, the ${redirects + 1}th` : next?.protocol ?? "nowhere"
        }, required at most ${MOST_REDIRECTS}, to https (or from http to http)`,
      );
    }
    // What was meant for one server is not told to another.
    if (next.origin !== url.origin) headers.delete("authorization");
    url = next;
  }
}

async function* pieces(
  response: Response,
  wind: () => void,
  failed: (cause: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      wind();
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw failed(cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function lost(host: string, cause: unknown, signal: AbortSignal): Error {
  if (!signal.aborted) return lostConnection(host, cause);
  return signal.reason instanceof Error ? signal.reason : new Error(messageOf(signal.reason));
}

/** Why a connection was lost, without the address, which runtimes put into their messages. */
export function lostConnection(host: string, cause: unknown): TransientError {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const code = codeOf(inner) ?? (inner instanceof AggregateError ? codeOf(inner.errors[0]) : undefined);
  const message = messageOf(inner).replaceAll(/\(?https?:\/\/[^\s)]*\)?/g, "").trim();
  const unreachable = code === undefined
    ? /dns|tcp connect|connection refused|not known/i.test(message)
    : ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"].includes(code);
  return unreachable
    ? new TransientError(`no connection to ${host} (${code ?? message})`, { unreachable })
    : new TransientError(`a lost connection to ${host} (${code ?? message})`);
}
