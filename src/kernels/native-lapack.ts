/** LAPACK and BLAS of the machine, OpenBLAS as a rule: one thread per matrix, in double or in single precision. */

import { type ForeignFunction, loadBlas } from "./foreign.ts";
import type { Block, Dense, Lapack, Numbers } from "./lapack.ts";
import { converged } from "./wasm-lapack.ts";

/** LAPACK's routines that we call, without the letter of the precision, each with its number of arguments. */
const ROUTINES = { gemm_: 13, syrk_: 10, syevd_: 11, gesdd_: 14, geqrf_: 8, orgqr_: 9 } as const;

type Routine = keyof typeof ROUTINES;

/** 32-bit integers count the entries of a matrix's side; JavaScript bounds an array. */
const MOST_BYTES = 2 ** 36;

/**
 * Opens the BLAS of this machine, or the one that `SVRFLOW_BLAS` names.
 *
 * @throws {Error} when there is none; says what was tried
 */
export async function openNativeLapack(precision: "f64" | "f32"): Promise<Lapack> {
  const library = await loadBlas();
  const letter = precision === "f64" ? "d" : "s";
  const names = Object.entries(ROUTINES).map(([name, arity]) => [`${letter}${name}`, arity] as const);
  const found = library.functions(Object.fromEntries(names));
  const routines = Object.fromEntries(
    Object.keys(ROUTINES).map((name) => [name, found[`${letter}${name}`]]),
  ) as Record<Routine, ForeignFunction>;
  library.callWithInt("openblas_set_num_threads", 1);
  const version = library.text("openblas_get_config")?.trim() ?? library.path;
  return new NativeLapack(routines, { name: "native", version, precision });
}

/** Memory that a thread keeps for its next matrices. */
const SPARE_BYTES = 64 * 2 ** 20;

/** The first arrays that fit together. */
function mostRecent(arrays: readonly Numbers[], bytes: number): Numbers[] {
  let total = 0;
  return arrays.filter(({ byteLength }) => (total += byteLength) <= bytes);
}

class NativeBlock implements Block {
  readonly #data: Numbers;

  constructor(data: Numbers) {
    this.#data = data;
  }

  get length(): number {
    return this.#data.length;
  }

  data(): Numbers {
    return this.#data;
  }

  part(from: number, length: number): NativeBlock {
    return new NativeBlock(this.#data.subarray(from, from + length));
  }
}

const integer = (value: number): Int32Array => Int32Array.of(value);
const letter = (text: string): Uint8Array => new TextEncoder().encode(text);

class NativeLapack implements Lapack {
  readonly info;
  readonly mostBytes = MOST_BYTES;
  readonly instead = "rank: k";
  readonly #call: Record<Routine, ForeignFunction>;
  #used: Numbers[] = [];
  #spare: Numbers[] = [];
  readonly #array: new (from: number | Float64Array) => Numbers;

  constructor(routines: Record<Routine, ForeignFunction>, info: Lapack["info"]) {
    this.#call = routines;
    this.info = info;
    this.#array = info.precision === "f64" ? Float64Array : Float32Array;
  }

  scoped<T>(work: () => T): T {
    const outer = this.#used;
    this.#used = [];
    try {
      return work();
    } finally {
      // The next matrix is likely of the shape of one of the last.
      this.#spare = mostRecent([...this.#used, ...this.#spare], SPARE_BYTES);
      this.#used = outer;
    }
  }

  allocate(length: number): NativeBlock {
    return new NativeBlock(this.#new(Math.max(1, length)));
  }

  hold(data: Float64Array): NativeBlock {
    return new NativeBlock(this.info.precision === "f64" ? data : new this.#array(data));
  }

  take(block: Block): Float64Array {
    const data = block.data();
    this.#used = this.#used.filter((each) => each !== data);
    return data instanceof Float64Array ? data : Float64Array.from(data);
  }

  multiply(
    x: Dense,
    y: Dense,
    out: Dense,
    { transposeY = false, subtract = false }: { transposeY?: boolean; subtract?: boolean } = {},
  ): void {
    // Row-major is the transpose of column-major: out' = op(y)' x'.
    this.#call.gemm_(
      ...[letter(transposeY ? "T" : "N"), letter("N")],
      ...[out.cols, out.rows, x.cols].map(integer),
      ...[this.#number(subtract ? -1 : 1), y.block.data(), integer(y.cols), x.block.data(), integer(x.cols)],
      ...[this.#number(subtract ? 1 : 0), out.block.data(), integer(out.cols)],
    );
  }

  gram(a: Dense, of: "rows" | "cols"): Dense {
    const [order, inner] = of === "rows" ? [a.rows, a.cols] : [a.cols, a.rows];
    const block = this.allocate(order * order);
    this.#call.syrk_(
      ...[letter("L"), letter(of === "rows" ? "T" : "N"), integer(order), integer(inner)],
      ...[this.#number(1), a.block.data(), integer(a.cols), this.#number(0), block.data(), integer(order)],
    );
    return { block, rows: order, cols: order };
  }

  eigen(gram: Dense): Float64Array {
    const n = integer(gram.rows);
    const values = this.#new(gram.rows);
    const info = integer(0);
    const call = (work: Numbers, workLength: number, integers: Int32Array, integersLength: number) =>
      this.#call.syevd_(
        ...[letter("V"), letter("L"), n, gram.block.data(), n, values],
        ...[work, integer(workLength), integers, integer(integersLength), info],
      );
    const [size, integerSize] = [this.#new(1), integer(0)];
    call(size, -1, integerSize, -1);
    const [length, integersLength] = [Math.ceil(size[0]!), integerSize[0]!];
    call(this.#new(length), length, new Int32Array(integersLength), integersLength);
    converged("syevd", info[0]!);
    return Float64Array.from(values);
  }

  decompose(a: Dense) {
    const r = Math.min(a.rows, a.cols);
    // The column-major matrix is the transpose: its left vectors are our right ones.
    const right = { block: this.allocate(r * a.cols), rows: r, cols: a.cols };
    const left = { block: this.allocate(a.rows * r), rows: a.rows, cols: r };
    const values = this.#new(r);
    const [m, n, rank, info] = [a.cols, a.rows, r, 0].map(integer) as Four;
    const integers = new Int32Array(8 * r);
    const call = (work: Numbers, length: number) =>
      this.#call.gesdd_(
        ...[letter("S"), m, n, a.block.data(), m, values, right.block.data(), m, left.block.data(), rank],
        ...[work, integer(length), integers, info],
      );
    const size = this.#new(1);
    call(size, -1);
    // Single precision may round the size down.
    const length = Math.ceil(size[0]! * (1 + 2 ** -22));
    call(this.#new(length), length);
    converged("gesdd", info[0]!);
    return { left, singularValues: values.slice(), right };
  }

  orthonormalize(a: Dense): void {
    const [m, n, info] = [integer(a.cols), integer(a.rows), integer(0)];
    const length = 64 * a.rows;
    const [tau, work] = [this.#new(a.rows), this.#new(length)];
    this.#call.geqrf_(m, n, a.block.data(), m, tau, work, integer(length), info);
    this.#call.orgqr_(m, n, n, a.block.data(), m, tau, work, integer(length), info);
  }

  overlap(tested: Dense, other: Dense, positions: number, out: Dense): void {
    const channels = other.cols;
    // As many neurons as give a product of 4 MiB, at least one.
    const most = Math.max(1, Math.floor(2 ** 19 / (positions * other.rows)));
    const sums = out.block.data();
    sums.fill(0);
    const vectors = tested.block.data();
    const rows = this.#new(most * positions * channels);
    const inner = this.#new(most * positions * other.rows);
    for (let first = 0; first < tested.rows; first += most) {
      const count = Math.min(most, tested.rows - first);
      byPosition(vectors, rows, first, count, channels, positions);
      const product = { block: new NativeBlock(inner), rows: count * positions, cols: other.rows };
      const factor = { block: new NativeBlock(rows), rows: count * positions, cols: channels };
      this.multiply(factor, other, product, { transposeY: true });
      for (let i = 0; i < count; i++) {
        const to = (first + i) * other.rows;
        for (let k = 0; k < positions; k++) {
          const from = (i * positions + k) * other.rows;
          for (let j = 0; j < other.rows; j++) sums[to + j]! += inner[from + j]! * inner[from + j]!;
        }
      }
    }
  }

  /** Memory that is there already is much cheaper than new memory, above all to several threads. */
  #new(length: number): Numbers {
    const at = this.#spare.findIndex((each) => each.length === length);
    const numbers = at < 0 ? new this.#array(length) : this.#spare.splice(at, 1)[0]!;
    this.#used.push(numbers);
    return numbers;
  }

  #number(value: number): Numbers {
    const out = this.#new(1);
    out[0] = value;
    return out;
  }
}

type Four = [Int32Array, Int32Array, Int32Array, Int32Array];

/** `to[(i, k), c] = from[i, c, k]` for `count` vectors. */
function byPosition(
  from: Numbers,
  to: Numbers,
  first: number,
  count: number,
  channels: number,
  positions: number,
): void {
  const width = channels * positions;
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < positions; k++) {
      const start = (first + i) * width + k;
      const at = (i * positions + k) * channels;
      for (let c = 0; c < channels; c++) to[at + c] = from[start + c * positions]!;
    }
  }
}
