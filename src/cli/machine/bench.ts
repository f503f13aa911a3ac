/** `svr bench`: how fast each kernel is on this machine. */

import { availableParallelism } from "node:os";
import { cpuUsage } from "node:process";
import { type ComputingKernelName, openInThread, type Precision } from "../../kernels/in-thread.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import { openPool } from "../../kernels/pool.ts";
import { normals } from "../../kernels/numbers.ts";
import { messageOf } from "../../model/errors.ts";
import { productFlops, svdFlops } from "../../stages/flops.ts";
import { median } from "../../stats/ordinary.ts";
import { type Matrix, matrix } from "../../model/tensor.ts";
import type { ReportTable } from "../../analysis/report-tables.ts";

/** What is measured. */
export type Operation = "svd" | "overlap" | "multiply";

/** One measurement, of one thread. */
export interface Measurement {
  readonly kernel: string;
  readonly precision: Precision;
  readonly operation: Operation;
  readonly rows: number;
  readonly cols: number;
  readonly positions: number;
  /** Processor time, the median of a few. */
  readonly seconds: number;
  readonly gflops: number;
  /** Of the fastest product in double precision that was measured here. */
  readonly fraction: number;
}

/** The same work by one thread and by several, in turns. */
export interface Scaling {
  readonly kernel: string;
  readonly threads: number;
  /** Median of the ratio of matrices per second. */
  readonly speedup: number;
}

/** A kernel in one precision. */
export interface Contender {
  readonly name: ComputingKernelName;
  readonly precision: Precision;
}

const CONTENDERS: readonly Contender[] = [
  { name: "wasm", precision: "f64" },
  { name: "native", precision: "f64" },
  { name: "native", precision: "f32" },
];

/** A convolution of VGG's deep layers, and squares. */
const SHAPES: readonly (readonly [rows: number, cols: number])[] = [[512, 4608], [1024, 1024], [2048, 2048]];
const POSITIONS = 9;
const ROUNDS = 5;

/** Floating-point operations of the work, whatever way it is done. */
export function flops(operation: Operation, rows: number, cols: number): number {
  return operation === "svd" ? svdFlops(rows, cols) : productFlops(rows, cols, rows);
}

/** Runs one operation once. @returns seconds of processor time, of the whole process */
export async function once(kernel: Kernel, operation: Operation, a: Matrix, b: Matrix): Promise<number> {
  const given = operation === "svd" ? matrix(a.rows, a.cols, a.data.slice()) : a;
  const start = cpuUsage();
  if (operation === "svd") await kernel.svd(given);
  else if (operation === "overlap") await kernel.overlap(given, b, b.cols === a.cols ? 1 : a.cols / b.cols);
  else await kernel.multiply(given, b, { transposeB: true });
  const { user, system } = cpuUsage(start);
  return (user + system) / 1e6;
}

/** How much is measured. */
export interface BenchSize {
  /** Order of the product, and shapes of the SVDs; the first is that of the overlap too, with 9 positions. */
  readonly order: number;
  readonly shapes: readonly (readonly [rows: number, cols: number])[];
  /** Shape of the matrices for several threads. */
  readonly several: readonly [rows: number, cols: number];
}

/** Measures every kernel that works here. @param say told what is being measured */
export async function measureKernels(
  say: (what: string) => void,
  { order, shapes, several }: BenchSize = { order: 1024, shapes: SHAPES, several: [512, 2304] },
): Promise<{
  readonly measurements: readonly Measurement[];
  readonly scalings: readonly Scaling[];
  /** Kernels that do not work here, and why. */
  readonly missing: readonly string[];
}> {
  const found: Omit<Measurement, "fraction">[] = [];
  const scalings: Scaling[] = [];
  const missing: string[] = [];
  for (const { name, precision } of CONTENDERS) {
    let kernel: Kernel;
    try {
      kernel = await openInThread(name, precision);
    } catch (failure) {
      missing.push(`${name} ${precision}: ${messageOf(failure)}`);
      continue;
    }
    const measure = async (operation: Operation, a: Matrix, b: Matrix, positions: number) => {
      say(`${name} ${precision}: ${operation} of ${a.rows} x ${a.cols}`);
      const seconds = await medianOf(() => once(kernel, operation, a, b));
      const gflops = flops(operation, a.rows, a.cols) / seconds / 1e9;
      const [rows, cols] = [a.rows, a.cols];
      found.push({ kernel: name, precision, operation, rows, cols, positions, seconds, gflops });
    };
    const square = random(order, order);
    await measure("multiply", square, square, 1);
    for (const [rows, cols] of shapes) await measure("svd", random(rows, cols), square, 1);
    const [rows, cols] = shapes[0]!;
    await measure("overlap", random(rows, cols), random(rows, cols / POSITIONS), POSITIONS);
    await kernel.dispose();
    if (precision === "f64" && availableParallelism() > 1) {
      say(`${name}: several threads`);
      scalings.push(await scaling({ name, precision }, availableParallelism(), several));
    }
  }
  const peak = Math.max(
    ...found.filter(({ operation, precision }) => operation === "multiply" && precision === "f64")
      .map(({ gflops }) => gflops),
  );
  return {
    measurements: found.map((each) => ({ ...each, fraction: each.gflops / peak })),
    scalings,
    missing,
  };
}

/** Matrices per second by `threads` threads over those by one, in pairs of runs one after the other. */
export async function scaling(
  { name, precision }: Contender,
  threads: number,
  [rows, cols]: readonly [number, number] = [512, 2304],
): Promise<Scaling> {
  const [one, several] = await Promise.all(
    [1, threads].map((count) => openPool({ name, precision, threads: count })),
  );
  const a = random(rows, cols);
  const seconds = async (kernel: Kernel) => {
    const matrices = Array.from({ length: 8 * threads }, () => matrix(a.rows, a.cols, a.data.slice()));
    const start = performance.now();
    await Promise.all(matrices.map((each) => kernel.svd(each)));
    return performance.now() - start;
  };
  try {
    // Every thread compiles for itself, in the course of its first matrices.
    for (const kernel of [one!, several!, several!]) await seconds(kernel);
    return {
      kernel: name,
      threads,
      speedup: await medianOf(async () => await seconds(one!) / await seconds(several!)),
    };
  } finally {
    await Promise.all([one!.dispose(), several!.dispose()]);
  }
}

/** The measurements as tables. */
export function benchTables(
  measurements: readonly Measurement[],
  scalings: readonly Scaling[],
): ReportTable[] {
  const three = (value: number) => String(Number(value.toPrecision(3)));
  const tables: ReportTable[] = [{
    title: "One thread (processor time, median of 5; fraction of the fastest product in f64)",
    header: ["kernel", "precision", "operation", "shape", "seconds", "GFLOP/s", "fraction"],
    numeric: [false, false, false, false, true, true, true],
    rows: measurements.map((each) => [
      each.kernel,
      each.precision,
      each.operation,
      `${each.rows} x ${each.cols}${each.positions > 1 ? `, ${each.positions} positions` : ""}`,
      ...[each.seconds, each.gflops, each.fraction].map(three),
    ]),
  }];
  if (scalings.length > 0) {
    tables.push({
      title: "Several threads (matrices per second against one thread, 512 x 2304)",
      header: ["kernel", "threads", "speedup"],
      numeric: [false, true, true],
      rows: scalings.map(({ kernel, threads, speedup }) => [kernel, String(threads), three(speedup)]),
    });
  }
  return tables;
}

/** Standard normals. */
export function random(rows: number, cols: number): Matrix {
  return matrix(rows, cols, normals(rows * cols));
}

async function medianOf(measure: () => Promise<number>): Promise<number> {
  await measure(); // compiles
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round++) values.push(await measure());
  return median(values);
}
