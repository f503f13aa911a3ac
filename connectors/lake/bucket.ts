/** A lake in a bucket of S3, or of a store that speaks like it. */

import { open, rm } from "node:fs/promises";
import { messageOf } from "../../src/model/errors.ts";
import { type Bucket, openBucket } from "../s3.ts";
import { readFully } from "../../src/base/read-fully.ts";
import { backoff, retry } from "../../src/base/retry.ts";
import { Semaphore } from "../../src/base/semaphore.ts";
import { waitForAll } from "../../src/base/wait-for-all.ts";
import { type LakeFile, type LakePlace, LARGEST_TEXT, PIECE } from "./place.ts";

/** Parts of an upload that are on their way at once; each is in memory. */
const LANES = 4;

/** Attempts at one request, and milliseconds after the first, which double: about 6 s of trouble are borne. */
const ATTEMPTS = 6, FIRST_PAUSE = 250;

/** Others may replace the manifest at the same time; that many losses in a row are no accident. */
const MOST_LOSSES = 50;

/** Opens the lake at `s3://bucket/prefix`. @throws {SyntaxError | RangeError} when the address or the environment is not valid */
export async function bucketLake(uri: string): Promise<LakePlace> {
  return new BucketLake(await openBucket(uri.replace(/\/+$/, "")));
}

type Call = Parameters<Bucket["client"]["makeRequest"]>[0];

class BucketLake implements LakePlace {
  readonly name: string;
  readonly #bucket: Bucket;
  /** What the keys of all files begin with. */
  readonly #root: string;
  /** Stores that know no conditions lose nothing of one process at least. */
  readonly #turn = new Semaphore(1);

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.#root = bucket.key === "" ? "" : `${bucket.key}/`;
    this.name = `s3://${bucket.bucket}${bucket.key === "" ? "" : `/${bucket.key}`}`;
  }

  async isExclusive(): Promise<boolean> {
    const probe = probeName();
    const put = (condition: Record<string, string>) =>
      this.#send(probe, { method: "PUT", payload: "svrflow", headers: new Headers(condition) });
    const isRefused = async (condition: Record<string, string>) => {
      try {
        await put(condition);
        return false;
      } catch (failure) {
        if (statusOf(failure) === 501) return false;
        if (statusOf(failure) === 412) return true;
        throw failure;
      }
    };
    let isExclusive = false;
    await this.#writing(probe, async () => {
      await this.#send(probe, { method: "PUT", payload: "svrflow" });
      const ofAnother = { "if-match": `"${"0".repeat(32)}"` };
      isExclusive = await isRefused({ "if-none-match": "*" }) && await isRefused(ofAnother);
    });
    await this.remove(probe);
    return isExclusive;
  }

  async prepare(): Promise<void> {
    // A right to read is none to write; better to learn that now than after hours of work.
    const probe = probeName();
    await this.#writing(probe, () => this.#send(probe, { method: "PUT", payload: "svrflow" }));
    await this.remove(probe);
  }

  async publish(from: string, path: string, bytes: number): Promise<void> {
    await this.#writing(path, async () => {
      const file = await open(from, "r");
      try {
        const part = async (start: number) => {
          const piece = new Uint8Array(Math.min(bytes, start + PIECE) - start);
          if (await readFully(file, piece, start) === piece.length) return piece;
          throw new Error(`${from}: it has lost its end while it was read`);
        };
        if (bytes <= 2 * PIECE) {
          const payload = new Uint8Array(bytes);
          for (let start = 0; start < bytes; start += PIECE) payload.set(await part(start), start);
          await this.#send(path, { method: "PUT", payload });
        } else {
          await this.#uploadParts(path, bytes, part);
        }
      } finally {
        await file.close();
      }
    });
    await rm(from, { force: true });
  }

  async remove(path: string): Promise<void> {
    await this.#writing(path, () => this.#send(path, { method: "DELETE", statusCode: 204 }));
  }

  async list(prefix: string): Promise<readonly string[]> {
    return await again(async () => {
      const paths: string[] = [];
      for await (const { key } of this.#bucket.client.listObjects({ prefix: this.#root + prefix })) {
        paths.push(key.slice(this.#root.length));
      }
      return paths.sort();
    });
  }

  async readText(path: string): Promise<string | null> {
    return (await this.#textOf(path)).text;
  }

  replaceText(path: string, change: (before: string | null) => string): Promise<void> {
    return this.#turn.run(() => this.#writing(path, () => this.#replace(path, change)));
  }

  async sizeOf(path: string): Promise<number | null> {
    const head = await this.#unlessMissing(this.#send(path, { method: "HEAD" }));
    return head === null ? null : Number(head.headers.get("content-length"));
  }

  async open(path: string): Promise<LakeFile | null> {
    const head = await this.#unlessMissing(this.#send(path, { method: "HEAD" }));
    if (head === null) return null;
    const bytes = Number(head.headers.get("content-length"));
    // What is read later is what was opened, or an error.
    const same = { "if-match": head.headers.get("etag") ?? "*" };
    return {
      bytes,
      slice: async (start, end) => {
        if (end <= start) return new Uint8Array();
        const headers = { ...same, range: `bytes=${start}-${end - 1}` };
        const piece = new Uint8Array(await this.#body(path, headers, 206));
        if (piece.length !== end - start) {
          throw new Error(`${this.name}/${path}: found ${piece.length} bytes, required ${end - start}`);
        }
        return piece;
      },
      pieces: () => this.#pieces(path, bytes, same),
      close: () => Promise.resolve(),
    };
  }

  async *#pieces(path: string, bytes: number, same: Record<string, string>): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes; start += PIECE) {
      const headers = { ...same, range: `bytes=${start}-${Math.min(bytes, start + PIECE) - 1}` };
      yield new Uint8Array(await this.#body(path, headers, 206));
    }
  }

  async #uploadParts(path: string, bytes: number, part: (start: number) => Promise<Uint8Array<ArrayBuffer>>) {
    const begun = await this.#send(path, { method: "POST", query: "uploads", returnBody: true });
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(await begun.text())?.[1];
    if (uploadId === undefined) throw new Error("the server began an upload without saying which");
    try {
      const tags: string[] = [];
      const count = Math.ceil(bytes / PIECE);
      let next = 0;
      const lane = async () => {
        for (let at = next++; at < count; at = next++) {
          const query = { partNumber: String(at + 1), uploadId };
          const sent = await this.#send(path, { method: "PUT", query, payload: await part(at * PIECE) });
          tags[at] = sent.headers.get("etag") ?? "";
        }
      };
      await waitForAll(Array.from({ length: LANES }, lane));
      const parts = tags.map((tag, at) =>
        `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`
      );
      const payload = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
      const query = { uploadId };
      const ended = await this.#send(path, { method: "POST", query, payload, returnBody: true });
      // Errors of this one request come with a status that says all is well.
      const answer = await ended.text();
      if (!answer.includes("CompleteMultipartUploadResult")) {
        throw new Error(`the server did not complete the upload: ${answer.slice(0, 200)}`);
      }
    } catch (failure) {
      // Parts of an upload that is neither completed nor given up are stored, and paid for, unseen.
      await this.#send(path, { method: "DELETE", query: { uploadId }, statusCode: 204 }).catch(() =>
        undefined
      );
      throw failure;
    }
  }

  async #replace(path: string, change: (before: string | null) => string): Promise<void> {
    await retry(async () => {
      const { text, etag } = await this.#textOf(path);
      const condition = etag === null ? { "if-none-match": "*" } : { "if-match": etag };
      const request = { method: "PUT", payload: change(text) };
      await this.#send(path, { ...request, headers: new Headers(condition) }).catch((failure: unknown) => {
        // Stores that know no conditions take the text, or say 501.
        if (statusOf(failure) === 501) return this.#send(path, request);
        throw failure;
      });
    }, (failure, attempts) => {
      // Another process was faster.
      const lost = [409, 412].includes(statusOf(failure) ?? 0);
      return lost && attempts <= MOST_LOSSES ? 20 + 100 * Math.random() : null;
    });
  }

  async #textOf(path: string): Promise<{ readonly text: string | null; readonly etag: string | null }> {
    const response = await this.#unlessMissing(this.#send(path, { method: "GET", returnBody: true }));
    if (response === null) return { text: null, etag: null };
    const length = Number(response.headers.get("content-length") ?? 0);
    if (length > LARGEST_TEXT) {
      await response.body?.cancel();
      throw new SyntaxError(`${this.name}/${path}: found ${length} bytes, required at most ${LARGEST_TEXT}`);
    }
    return { text: await response.text(), etag: response.headers.get("etag") };
  }

  async #body(path: string, headers: Record<string, string>, statusCode: number): Promise<ArrayBuffer> {
    const request = { method: "GET", headers: new Headers(headers), statusCode, returnBody: true };
    return await again(async () => await (await this.#once(path, request)).arrayBuffer());
  }

  #once(path: string, request: Omit<Call, "objectName">): Promise<Response> {
    // The client changes the headers that it is given.
    const headers = new Headers(request.headers);
    return this.#bucket.client.makeRequest({ ...request, headers, objectName: this.#root + path });
  }

  #send(path: string, request: Omit<Call, "objectName">): Promise<Response> {
    return again(() => this.#once(path, request));
  }

  async #writing(path: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (cause instanceof SyntaxError) throw cause;
      throw new Error(`${this.name}/${path}: cannot be written: ${messageOf(cause)}`, { cause });
    }
  }

  async #unlessMissing(found: Promise<Response>): Promise<Response | null> {
    try {
      return await found;
    } catch (failure) {
      if (statusOf(failure) === 404) return null;
      throw new Error(`${this.name}: cannot be read: ${messageOf(failure)}`, { cause: failure });
    }
  }
}

function probeName(): string {
  return `_probe-${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
}

/** Repeats what failed because of the network or the server's own trouble. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  return await retry(work, (failure, attempts) => {
    const status = statusOf(failure);
    // fetch says of a connection that failed nothing but TypeError.
    const passing = status === undefined
      ? failure instanceof TypeError
      : status === 429 || status === 408 || (status >= 500 && status !== 501);
    return passing && attempts < ATTEMPTS ? backoff(attempts, FIRST_PAUSE, Infinity) : null;
  });
}

function statusOf(failure: unknown): number | undefined {
  if (typeof failure !== "object" || failure === null || !("statusCode" in failure)) return undefined;
  return typeof failure.statusCode === "number" ? failure.statusCode : undefined;
}
