/** What runs in a thread of the pool: one kernel, opened before the first call, which answers one call at a time. */

import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import type { Svd } from "../model/spectrum.ts";
import type { Matrix } from "../model/tensor.ts";
import { type ComputingKernelName, openInThread, type Precision } from "./in-thread.ts";
import type { Handed, Kernel, SvdOptions, ThreadWork } from "./kernel.ts";
import { type Opening, opens } from "./opening.ts";

/** How a thread is furnished. */
export interface ThreadOptions {
  readonly name: ComputingKernelName;
  readonly precision: Precision;
}

/** What a pool shares with its threads. */
export interface ThreadData extends ThreadOptions {
  readonly opening: Opening;
}

/** A call, as it comes to the thread. */
export type Call = Question & {
  /** Memory that was handed over with it. */
  readonly given: readonly ArrayBuffer[];
};

/** What is asked. */
export type Question =
  | { readonly kind: "open" }
  | {
    readonly kind: "svd";
    readonly matrix: Matrix;
    readonly options: Omit<SvdOptions, "signal" | "started">;
  }
  | { readonly kind: "multiply"; readonly a: Matrix; readonly b: Matrix; readonly transposeB: boolean }
  | { readonly kind: "overlap"; readonly tested: Matrix; readonly other: Matrix; readonly positions: number }
  | { readonly kind: "orthonormalize"; readonly rows: Matrix }
  | { readonly kind: "eigenvalues"; readonly matrix: Matrix }
  | { readonly kind: "within"; readonly module: string; readonly argument: unknown };

/** An answer. Errors that are the caller's are values, so that whatever is thrown is a crash. */
export type Answer =
  | { readonly kind: "info"; readonly info: Kernel["info"] }
  | { readonly kind: "svd"; readonly svd: Svd }
  | { readonly kind: "matrix"; readonly matrix: Matrix }
  | { readonly kind: "values"; readonly values: Float64Array }
  | ({ readonly kind: "value" } & Handed<unknown>)
  | { readonly kind: "failed"; readonly error: string; readonly message: string };

const { name, precision, opening } = workerData as ThreadData;

/**
 * Opened at once, and counted meanwhile, so that no thread is ended while a library is being loaded: Node aborts
 * then. Why it cannot be opened is what the first call answers.
 */
const opened: Promise<Kernel> = opens(opening, () => openInThread(name, precision));
await opened.catch(() => undefined);

/** Answers one call. The numbers of the answer are handed over, not copied. */
export default async function answer(call: Call): Promise<unknown> {
  const found = await opened.then((kernel) => compute(kernel, call)).catch(failed);
  const given = numbersOf(found);
  // The garbage collector sees how little a thread has to do, and not how much memory was handed to it.
  for (const buffer of call.given) if (!given.includes(buffer) && !buffer.detached) buffer.transfer(0);
  return move({ [transferableSymbol]: given, [valueSymbol]: found });
}

async function compute(kernel: Kernel, call: Question): Promise<Answer> {
  switch (call.kind) {
    case "open":
      return { kind: "info", info: kernel.info };
    case "svd":
      return { kind: "svd", svd: await kernel.svd(call.matrix, call.options) };
    case "multiply": {
      const { a, b, transposeB } = call;
      return { kind: "matrix", matrix: await kernel.multiply(a, b, { transposeB }) };
    }
    case "overlap":
      return { kind: "matrix", matrix: await kernel.overlap(call.tested, call.other, call.positions) };
    case "orthonormalize":
      return { kind: "matrix", matrix: await kernel.orthonormalize(call.rows) };
    case "eigenvalues":
      return { kind: "values", values: await kernel.eigenvalues(call.matrix) };
    case "within": {
      const work = await import(call.module) as { readonly default: ThreadWork<unknown, unknown> };
      return { kind: "value", ...await work.default(call.argument, kernel) };
    }
  }
}

/** An error that says what is wrong with the call; the module's own traps and a memory at its end are crashes. */
function failed(failure: unknown): Answer {
  if (!(failure instanceof Error) || failure.name === "RuntimeError") throw failure;
  return { kind: "failed", error: failure.name, message: failure.message };
}

function numbersOf(answer: Answer): ArrayBufferLike[] {
  switch (answer.kind) {
    case "svd": {
      const { left, right, singularValues, residuals, converged } = answer.svd;
      return [left.data, right.data, singularValues, residuals, converged].flatMap((each) =>
        each?.buffer ?? []
      );
    }
    case "matrix":
      return [answer.matrix.data.buffer];
    case "values":
      return [answer.values.buffer];
    case "value":
      return [...answer.given];
    default:
      return [];
  }
}
