/** Ranges of bytes from a server that may be wrong: every answer is held against what was asked, and against what the file was when it was opened. */

import { show } from "../../src/model/errors.ts";
import { type Answer, exchange, type Question } from "./exchange.ts";
import { retryAfter, retryRequest, TransientError } from "./retry-request.ts";
import { RemoteError } from "./remote-error.ts";

/** A file on a server. */
export interface RemoteObject {
  /** For messages; shows nothing secret. */
  readonly place: string;
  /** The request for it, made anew for each attempt: signatures go stale. */
  ask(signal?: AbortSignal): Promise<Pick<Question, "url" | "headers">>;
}

/** What a file was when it was opened. */
export interface Pin {
  readonly size: number;
  /** As the server spells it, quotes and all; absent where it gives none. */
  readonly etag?: string;
  /** Its date, in place of an etag. */
  readonly modified?: string;
}

/** Bytes of the first request: most headers are shorter. */
export const FIRST_BYTES = 64 * 1024;

/** A file on a server that knows no ranges is fetched whole, into memory, if it is no longer. */
const LONGEST_WHOLE = 64 * 2 ** 20;

/** What comes of the first request. */
export type Beginning =
  | { readonly kind: "missing"; readonly why: string }
  | { readonly kind: "unchanged" }
  /** With the first bytes, some or all. */
  | { readonly kind: "opened"; readonly pin: Pin; readonly bytes: Uint8Array };

/**
 * Finds out what a file is, and fetches its beginning on the way.
 *
 * @param known what it was the last time; where it still is, nothing is fetched
 * @param aside whether the file stands beside others and may be missing: then a page for people is none
 * @throws {RemoteError} when the server does not deliver, or contradicts itself
 */
export async function beginning(
  object: RemoteObject,
  known: Pin | null,
  aside: boolean,
  signal?: AbortSignal,
): Promise<Beginning> {
  const what = object.place;
  const condition = known?.etag === undefined ? {} : { "if-none-match": known.etag };
  return await retryRequest(what, async () => {
    const { url, headers } = await object.ask(signal);
    const question = {
      what,
      url,
      headers: { ...headers, ...condition, range: `bytes=0-${FIRST_BYTES - 1}` },
    };
    return await exchange(question, async (answer): Promise<Beginning> => {
      const { status, headers } = answer;
      if (status === 404 || status === 410) return { kind: "missing", why: `no such file (${status})` };
      if (aside && (status === 401 || status === 403)) {
        return { kind: "missing", why: `a refusal (${status})` };
      }
      if (status === 304 && known !== null && [null, known.etag].includes(headers.get("etag"))) {
        return { kind: "unchanged" };
      }
      if (status === 416 && headers.get("content-range") === "bytes */0") {
        return { kind: "opened", pin: pinOf(headers, 0), bytes: new Uint8Array(0) };
      }
      delivers(what, answer, [200, 206]);
      if (aside && /^text\/html\b/i.test(headers.get("content-type") ?? "")) {
        return { kind: "missing", why: "a page for people" };
      }
      if (status === 206) {
        const said = contentRange(what, headers, 0, FIRST_BYTES);
        const bytes = new Uint8Array(said.end);
        const { count } = await fill(what, answer, bytes, 0);
        // Part of the beginning is a beginning; the rest is asked for when it is needed.
        return { kind: "opened", pin: pinOf(headers, said.size), bytes: bytes.subarray(0, count) };
      }
      const bytes = await whole(what, answer);
      return { kind: "opened", pin: pinOf(headers, bytes.length), bytes };
    }, signal);
  }, signal);
}

/**
 * Fetches `[start, end)` of a file that was opened; what a lost connection has brought is kept.
 *
 * @throws {RemoteError} when the server does not deliver, contradicts itself, or has another file now
 */
export async function fetchRange(
  object: RemoteObject,
  pin: Pin,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const what = `${object.place}, bytes ${start} to ${end}`;
  const out = new Uint8Array(end - start);
  let done = 0;
  const strong = pin.etag !== undefined && !pin.etag.startsWith("W/") ? { "if-match": pin.etag } : {};
  await retryRequest(what, async () => {
    const from = start + done;
    const { url, headers } = await object.ask(signal);
    const question = { what, url, headers: { ...headers, ...strong, range: `bytes=${from}-${end - 1}` } };
    const { count, failure } = await exchange(question, async (answer) => {
      const { status, headers } = answer;
      if (status === 412 || status === 416) throw changed(object.place, `an answer of ${status}`);
      delivers(what, answer, from === 0 && end === pin.size ? [200, 206] : [206]);
      const said = status === 200
        ? { end: wholeLength(what, headers, pin.size), size: pin.size }
        : contentRange(what, headers, from, end);
      samePin(object.place, pin, pinOf(headers, said.size));
      return await fill(what, answer, out.subarray(done, done + said.end - from), done);
    }, signal);
    done += count;
    if (done === out.length) return;
    const why = failure instanceof TransientError
      ? failure.message
      : `an end after ${done} of ${out.length} bytes`;
    throw new TransientError(why, { progress: count >= FIRST_BYTES });
  }, signal);
  return out;
}

/** Whether the answer has the bytes. @throws {TransientError} where it may have them later */
function delivers(what: string, { status, headers }: Answer, wanted: readonly number[]): void {
  if ([408, 425, 429, 500, 502, 503, 504].includes(status)) {
    throw new TransientError(`an answer of ${status}`, { after: retryAfter(headers.get("retry-after")) });
  }
  if (status === 401 || status === 403) {
    throw new RemoteError(
      `${what}: found a refusal (${status}), required leave to read (credentials, a token?)`,
    );
  }
  if (status === 404 || status === 410) {
    throw new RemoteError(`${what}: found no such file (${status}), required one`);
  }
  if (!wanted.includes(status)) {
    const all = status === 200 ? " with the whole file" : "";
    throw new RemoteError(`${what}: found an answer of ${status}${all}, required ${wanted.join(" or ")}`);
  }
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new RemoteError(`${what}: found Content-Encoding ${show(encoding)}, required bytes as they are`);
  }
}

/** What a partial answer says it has: from where it was asked, and perhaps less. */
function contentRange(
  what: string,
  headers: Headers,
  start: number,
  most: number,
): { readonly end: number; readonly size: number } {
  const text = headers.get("content-range") ?? "";
  const [first, last, size] = (/^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text) ?? []).slice(1).map(
    Number,
  );
  const fits = first === start && last !== undefined && size !== undefined && last >= first && last < most &&
    last < size;
  if (!fits) {
    throw new RemoteError(
      `${what}: found Content-Range ${show(text)}, required bytes ${start}-${most - 1}/size, or fewer`,
    );
  }
  const length = headers.get("content-length");
  if (length !== null && Number(length) !== last + 1 - first) {
    throw new RemoteError(
      `${what}: found Content-Length ${show(length)}, required ${last + 1 - first} as for Content-Range ${
        show(text)
      }`,
    );
  }
  return { end: last + 1, size };
}

function wholeLength(what: string, headers: Headers, size: number): number {
  const length = headers.get("content-length");
  if (length === null || Number(length) === size) return size;
  throw new RemoteError(`${what}: found Content-Length ${show(length)}, required the file's ${size}`);
}

/**
 * Reads a body into its place.
 *
 * @returns how many bytes came, and why no more, where that is not the end
 * @throws {RemoteError} when there are more than the answer said
 */
async function fill(
  what: string,
  answer: Answer,
  out: Uint8Array,
  before: number,
): Promise<{ readonly count: number; readonly failure?: unknown }> {
  let count = 0;
  try {
    for await (const piece of answer.body()) {
      if (count + piece.length > out.length) {
        throw new RemoteError(
          `${what}: found over ${
            before + out.length
          } bytes in the answer, required the ${out.length} that it declared`,
        );
      }
      out.set(piece, count);
      count += piece.length;
    }
  } catch (failure) {
    if (!(failure instanceof TransientError)) throw failure;
    return { count, failure };
  }
  return { count };
}

/** A whole file from a server that knows no ranges. */
async function whole(what: string, { headers, body }: Answer): Promise<Uint8Array> {
  const text = headers.get("content-length");
  const declared = text === null ? null : Number(text);
  const tooLong = (found: string) =>
    new RemoteError(
      `${what}: found ${found} bytes on a server that knows no ranges, required at most ${LONGEST_WHOLE} (fetch the file first)`,
    );
  if (declared !== null && !(declared <= LONGEST_WHOLE)) throw tooLong(String(declared));
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body()) {
    size += piece.length;
    if (size > LONGEST_WHOLE) throw tooLong(`over ${LONGEST_WHOLE}`);
    pieces.push(piece);
  }
  // Where no length was declared, the protocol's own end of the body is all there is to go by.
  if (declared !== null && size !== declared) {
    throw new TransientError(`an end after ${size} of ${declared} bytes`);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function pinOf(headers: Headers, size: number): Pin {
  const etag = headers.get("etag");
  const modified = headers.get("last-modified");
  return {
    size,
    ...etag === null || etag === "" ? {} : { etag },
    ...modified === null ? {} : { modified },
  };
}

function samePin(place: string, was: Pin, is: Pin): void {
  if (is.size !== was.size) throw changed(place, `${is.size} bytes in place of ${was.size}`);
  if (was.etag !== undefined) {
    if (is.etag !== was.etag) throw changed(place, `etag ${show(is.etag)} in place of ${show(was.etag)}`);
  } else if (is.modified !== was.modified) {
    throw changed(place, `the date ${show(is.modified)} in place of ${show(was.modified)}`);
  }
}

function changed(place: string, found: string): RemoteError {
  return new RemoteError(
    `${place}: found it changed while it was read (${found}), required the same file to the end`,
  );
}
