/** A kernel over threads: one matrix per thread, so that the thread that reads and writes never waits for arithmetic. */

import { versions } from "node:process";
import { Piscina } from "piscina";
import type { Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { moduleUrl } from "../base/module-url.ts";
import { retry } from "../base/retry.ts";
import { Semaphore } from "../base/semaphore.ts";
import { messageOf } from "../model/errors.ts";
import {
  type CallOptions,
  checkOverlap,
  checkProduct,
  checkRows,
  checkSquare,
  type Handed,
  type Kernel,
  KernelCrash,
  type MultiplyOptions,
  type SvdOptions,
  type WithinOptions,
} from "./kernel.ts";
import { svdBytes } from "./svd-bytes.ts";
import { newOpening, noneIsOpening, noneOpens, type Opening } from "./opening.ts";
import type { Answer, Call, Question, ThreadData, ThreadOptions } from "./worker.ts";

/** How a pool is furnished. */
export interface PoolOptions extends ThreadOptions {
  /** At least 1. */
  readonly threads: number;
  /** The file that threads run; for tests. */
  readonly worker?: URL;
}

const WORKER = moduleUrl("./worker", import.meta.url);

/**
 * Piscina would `require` the worker first. A thread that is ended while it does so takes the whole process with it (Node 24 aborts in
 * `CreateRequiredModuleFacade`): so modules are only imported there. Deno knows no such option, and needs none.
 */
const NOT_REQUIRED = "deno" in versions ? {} : { execArgv: ["--no-experimental-require-module"] };

/**
 * Opens a kernel in as many threads as asked for. A thread that dies is replaced; a product or overlap that died with it is
 * computed once more, a matrix whose SVD died is lost with its thread's memory (`KernelCrash`).
 *
 * @throws what opening the kernel throws
 */
export async function openPool(
  { name, precision, threads, worker = WORKER }: PoolOptions,
): Promise<Kernel> {
  const opening = newOpening();
  const pool = new Pool(
    new Piscina({
      filename: worker.href,
      // The first few start together, the others when there is work for them.
      minThreads: Math.min(threads, 4),
      maxThreads: threads,
      // A thread that went when it was idle would have to load and compile its kernel anew.
      idleTimeout: Infinity,
      // Calls are long: waking a thread up costs nothing against them, and Atomics.wait would keep it from its own events.
      atomics: "disabled",
      ...NOT_REQUIRED,
      // Numbers lie outside of a thread's heap: what little garbage there is need not gather.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      workerData: { name, precision, opening } satisfies ThreadData,
    }),
    threads,
    opening,
  );
  try {
    await pool.open();
  } catch (failure) {
    await pool.dispose();
    throw failure;
  }
  return pool;
}

/** Ranks of calls that wait. */
const URGENT = 0;
const AFTER = 1;

/** `CallOptions`, as they come apart. */
interface Heard {
  readonly signal?: AbortSignal | undefined;
  readonly started?: (() => void) | undefined;
  readonly urgent?: boolean | undefined;
}

class Pool implements Kernel {
  readonly concurrency: number;
  readonly #threads: Piscina<Call, Answer>;
  readonly #opening: Opening;
  readonly #semaphore: Semaphore;
  #info: Kernel["info"] = { name: "", version: "", precision: "f64" };

  constructor(threads: Piscina<Call, Answer>, concurrency: number, opening: Opening) {
    this.#threads = threads;
    this.#opening = opening;
    this.concurrency = concurrency;
    this.#semaphore = new Semaphore(concurrency);
    // A thread that dies between calls is replaced like any other; there is nobody to tell.
    threads.on("error", () => undefined);
  }

  get info(): Kernel["info"] {
    return this.#info;
  }

  async open(): Promise<void> {
    const answer = await this.#run({ kind: "open" }, [], {});
    if (answer.kind === "info") this.#info = answer.info;
  }

  async svd(
    input: Matrix,
    { signal, started, rank, noise, tolerance, gramOf }: SvdOptions = {},
  ): Promise<Svd> {
    const given = whole(input) ? input : copyOf(input);
    const options = {
      ...rank === undefined ? {} : { rank },
      ...noise === undefined ? {} : { noise },
      ...tolerance === undefined ? {} : { tolerance },
      ...gramOf === undefined ? {} : { gramOf },
    };
    const call: Question = { kind: "svd", matrix: given, options };
    const answer = await this.#run(call, [given.data.buffer], { signal, started });
    if (answer.kind !== "svd") throw new TypeError(`svd: found an answer of kind ${answer.kind}`);
    return answer.svd;
  }

  async multiply(
    a: Matrix,
    b: Matrix,
    { transposeB = false, signal, started }: MultiplyOptions = {},
  ): Promise<Matrix> {
    checkProduct(a, b, transposeB);
    const heard = { signal, started };
    // One matrix on this side is one on the other.
    return a === b
      ? await this.#matrix([a], ([x]) => ({ kind: "multiply", a: x, b: x, transposeB }), heard)
      : await this.#matrix([a, b], ([x, y]) => ({ kind: "multiply", a: x, b: y, transposeB }), heard);
  }

  async overlap(
    tested: Matrix,
    other: Matrix,
    positions: number,
    { signal, started }: CallOptions = {},
  ): Promise<Matrix> {
    checkOverlap(tested, other, positions);
    return await this.#matrix(
      [tested, other],
      ([x, y]) => ({ kind: "overlap", tested: x, other: y, positions }),
      { signal, started },
    );
  }

  async orthonormalize(rows: Matrix, { signal, started }: CallOptions = {}): Promise<Matrix> {
    checkRows(rows);
    return await this.#matrix([rows], ([x]) => ({ kind: "orthonormalize", rows: x }), { signal, started });
  }

  async eigenvalues(input: Matrix, { signal, started }: CallOptions = {}): Promise<Float64Array> {
    checkSquare(input);
    const answer = await this.#twice(() => {
      const given = copyOf(input);
      return this.#run({ kind: "eigenvalues", matrix: given }, [given.data.buffer], { signal, started });
    });
    if (answer.kind !== "values") throw new TypeError(`eigenvalues: found an answer of kind ${answer.kind}`);
    return answer.values;
  }

  readonly within = async <Argument, Value>(
    module: string,
    argument: () => Handed<Argument> | Promise<Handed<Argument>>,
    { signal, started, urgent }: WithinOptions = {},
  ): Promise<Value> => {
    const answer = await this.#twice(async () => {
      const { value, given } = await argument();
      return await this.#run({ kind: "within", module, argument: value }, given, { signal, started, urgent });
    });
    if (answer.kind !== "value") throw new TypeError(`within: found an answer of kind ${answer.kind}`);
    // The module's own type, which the caller named with it.
    return answer.value as Value;
  };

  workspace(rows: number, cols: number, rank?: number): number {
    return svdBytes(rows, cols, this.info.precision, rank);
  }

  async dispose(): Promise<void> {
    await noneOpens(this.#opening);
    await this.#threads.destroy();
  }

  /** Copies of the factors are handed over, so that they can be given again. */
  async #matrix<Factors extends readonly Matrix[]>(
    factors: readonly [...Factors],
    call: (copies: Factors) => Question,
    heard: Heard,
  ): Promise<Matrix> {
    const answer = await this.#twice(() => {
      const copies = factors.map(copyOf) as unknown as Factors;
      return this.#run(call(copies), copies.map(({ data }) => data.buffer), heard);
    });
    if (answer.kind !== "matrix") throw new TypeError(`product: found an answer of kind ${answer.kind}`);
    return answer.matrix;
  }

  /** Asks once more where the thread died. */
  async #twice(ask: () => Promise<Answer>): Promise<Answer> {
    return await retry(
      ask,
      (failure, attempts) => failure instanceof KernelCrash && attempts === 1 ? 0 : null,
    );
  }

  async #run(
    question: Question,
    given: readonly ArrayBufferLike[],
    // A product ends the life of vectors, an SVD begins it: memory stays small when products go first.
    { signal, started, urgent = question.kind !== "svd" }: Heard,
  ): Promise<Answer> {
    const done = await this.#semaphore.acquire(urgent ? URGENT : AFTER);
    // To cancel a call is to end its thread, which may still be opening its kernel.
    const stop = new AbortController();
    const cancel = () => void noneIsOpening(this.#opening).then(() => stop.abort(signal?.reason));
    let answer: Answer;
    try {
      signal?.throwIfAborted();
      started?.();
      signal?.addEventListener("abort", cancel, { once: true });
      // Node and Deno type the same list differently.
      answer = await this.#threads.run({ ...question, given: given as never }, {
        transferList: given as never,
        ...signal === undefined ? {} : { signal: stop.signal },
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new KernelCrash(`a thread of the kernel ended: ${messageOf(cause)}`, { cause });
    } finally {
      signal?.removeEventListener("abort", cancel);
      done();
    }
    if (answer.kind === "failed") throw revived(answer);
    return answer;
  }
}

function revived({ error, message }: { readonly error: string; readonly message: string }): Error {
  if (error === "RangeError") return new RangeError(message);
  if (error === "TypeError") return new TypeError(message);
  return new Error(message);
}

/** Whether a matrix is alone in its memory, which can then be given away. */
const whole = ({ data }: Matrix): boolean => data.byteLength === data.buffer.byteLength;

const copyOf = ({ rows, cols, data }: Matrix): Matrix => matrix(rows, cols, data.slice());
