/** Table files, encoded and written by a thread of their own, beside whatever the main thread computes. */

import { Worker } from "node:worker_threads";
import type { ColumnData, ColumnSchema, TableBatch } from "../../../src/model/tables.ts";
import { moduleUrl } from "../../../src/base/module-url.ts";
import { eventsOf } from "../../../src/base/thread-events.ts";
import { piecesOf } from "../batch-pieces.ts";
import type { FileDigest } from "../new-file.ts";

/** A table file that is being written. Await each call before the next. */
export interface TableFile {
  readonly rows: number;
  /** So far, about: what waits to be encoded is not among them. */
  readonly bytes: number;
  write(batch: TableBatch): Promise<void>;
  /** Completes the file. */
  close(): Promise<FileDigest>;
  abandon(): Promise<void>;
}

/** A file that is to be made. */
export interface TableFilePlan {
  readonly format: "parquet" | "arrow";
  readonly path: string;
  readonly columns: readonly ColumnSchema[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Of Parquet; see `ParquetChoices`. */
  readonly choices?: {
    readonly rowGroup?: number;
    readonly kept?: boolean;
    readonly constants?: Readonly<Record<string, string>>;
  };
}

/** What the thread is told. */
export interface FileRequest {
  readonly id: number;
  readonly file: number;
  /** With a file's first request. */
  readonly plan: TableFilePlan | null;
  readonly step:
    | { readonly kind: "write"; readonly rows: number; readonly columns: readonly ColumnData[] }
    | { readonly kind: "close" | "abandon" };
}

/** What it answers. */
export interface FileAnswer {
  readonly id: number;
  /** Bytes of the file so far. */
  readonly bytes: number;
  readonly sha256?: string;
  readonly failed?: { readonly message: string; readonly code?: string };
}

const WORKER = moduleUrl("./table-file-worker", import.meta.url);

/** The thread, for all files of this process. */
let running: FileThread | null = null;

/** Ends the thread where no file is open: its memory may be wanted. It is started again for the next file. */
export async function endTableFiles(): Promise<void> {
  if (running === null || running.open.size > 0) return;
  const ending = running;
  running = null;
  await ending.end();
}

/** Lets the thread start while there is nothing to write yet. */
export function prepareTableFiles(): void {
  if (running === null || running.ended !== null) running = new FileThread();
}

/**
 * A file that is made with its first batch, or when it is closed. One batch is on its way while the next is made: what fails shows with a
 * later call, at the latest with `close`.
 */
export function newTableFile(plan: TableFilePlan): TableFile {
  prepareTableFiles();
  return new ThreadFile(running!, plan);
}

class ThreadFile implements TableFile {
  rows = 0;
  bytes = 0;
  readonly #thread: FileThread;
  readonly #number: number;
  #plan: TableFilePlan | null;
  #last: Promise<FileAnswer> | null = null;

  constructor(thread: FileThread, plan: TableFilePlan) {
    this.#thread = thread;
    this.#plan = plan;
    this.#number = thread.files++;
    thread.open.add(this.#number);
  }

  async write(batch: TableBatch): Promise<void> {
    this.rows += batch.rows;
    // Copies are given away: others write the same rows.
    for (const { rows, columns } of piecesOf(batch)) {
      await this.#next({ kind: "write", rows, columns }, columns.flatMap(buffersOf));
    }
  }

  async close(): Promise<FileDigest> {
    await this.#next({ kind: "close" });
    const { bytes, sha256 = "" } = await this.#last!.finally(() => this.#thread.open.delete(this.#number));
    return { bytes, sha256 };
  }

  async abandon(): Promise<void> {
    await this.#last?.catch(() => undefined);
    this.#last = null;
    await this.#next({ kind: "abandon" });
    await this.#last!.finally(() => this.#thread.open.delete(this.#number));
  }

  /** Asks when the last has been answered, and does not wait for the answer. */
  async #next(step: FileRequest["step"], transfer: readonly ArrayBuffer[] = []): Promise<void> {
    const answer = await this.#last;
    if (answer !== null) this.bytes = answer.bytes;
    this.#last = this.#thread.ask({ file: this.#number, plan: this.#plan, step }, transfer);
    // Whoever asks next learns of a failure.
    this.#last.catch(() => undefined);
    this.#plan = null;
  }
}

/** What a thread's garbage may take before it is looked through: V8 would let it grow to six times that. */
const YOUNG = { maxYoungGenerationSizeMb: 8 };

class FileThread {
  files = 0;
  /** Files that have been begun and not ended. */
  readonly open = new Set<number>();
  /** Why it ended; null while it runs. */
  ended: Error | null = null;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: FileAnswer | Error) => void>();
  #asked = 0;

  constructor() {
    this.#worker = new Worker(WORKER, { execArgv: [], resourceLimits: YOUNG });
    const events = eventsOf(this.#worker);
    events.on("message", (answer: FileAnswer) => this.#settle(answer.id, answer));
    events.on("error", (cause: Error) => this.#end(cause.message));
    events.on("exit", () => this.#end("it was ended"));
    // The process may end while the thread has nothing to do. After the listeners: Node counts the thread in again with one for messages.
    this.#worker.unref();
  }

  async ask(request: Omit<FileRequest, "id">, transfer: readonly ArrayBuffer[]): Promise<FileAnswer> {
    if (this.ended !== null) throw this.ended;
    const id = this.#asked++;
    if (this.#waiting.size === 0) this.#worker.ref();
    const answer = await new Promise<FileAnswer | Error>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker.postMessage({ ...request, id } satisfies FileRequest, [...transfer]);
    });
    if (answer instanceof Error) throw answer;
    const { failed } = answer;
    if (failed === undefined) return answer;
    throw Object.assign(
      new Error(failed.message),
      failed.code === undefined ? {} : { code: failed.code },
    );
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(id: number, answer: FileAnswer | Error): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  #end(why: string): void {
    this.ended ??= new Error(`the thread that writes table files ended: ${why}`);
    for (const id of [...this.#waiting.keys()]) this.#settle(id, this.ended);
  }
}

function buffersOf({ type, values, valid }: ColumnData): ArrayBuffer[] {
  const numbers = type === "utf8" ? [] : [values.buffer as ArrayBuffer];
  return valid === undefined ? numbers : [...numbers, valid.buffer as ArrayBuffer];
}
