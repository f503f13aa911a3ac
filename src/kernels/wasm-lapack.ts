/** LAPACK in WebAssembly: see `wasm/README.md`. The module belongs to one thread. */

import { readFile } from "node:fs/promises";
import type { Block, Dense, Lapack } from "./lapack.ts";

/** LAPACK's release, and the revision of our own part; recorded by every run. */
const VERSION = "lapack-3.11.0+1";

/** 32-bit addresses; what the module itself and its stack take is left out. */
const MOST_BYTES = 4 * 2 ** 30 - 64 * 2 ** 20;

/** The part of WebAssembly's interface that we use: Node's types lack it, Deno's are not Node's. */
interface Runtime {
  validate(bytes: Uint8Array): boolean;
  instantiate(bytes: Uint8Array): Promise<{ readonly instance: { readonly exports: unknown } }>;
}

/** Memory that may grow, and is then another buffer. */
interface Memory {
  readonly buffer: ArrayBuffer;
}

interface Exports {
  readonly memory: Memory;
  malloc(bytes: number): number;
  free(address: number): void;
  gram(transpose: number, n: number, k: number, a: number, lda: number, c: number): void;
  product(...numbers: number[]): void;
  overlap(...numbers: number[]): void;
  dsyevd_(...addresses: number[]): number;
  dgesdd_(...addresses: number[]): number;
  dgeqrf_(...addresses: number[]): number;
  dorgqr_(...addresses: number[]): number;
}

/** A function of one instruction of the relaxed set, `f64x2.relaxed_madd`: it validates where the runtime has that set. */
// deno-fmt-ignore
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 135, 2, 11,
);

/** Opens the module: the build with fused multiply-adds where the runtime has them. */
export async function openWasmLapack(): Promise<Lapack> {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Runtime };
  const name = WebAssembly.validate(RELAXED) ? "lapack-relaxed" : "lapack";
  const bytes = await readFile(new URL(`./wasm/${name}.wasm`, import.meta.url));
  const { instance } = await WebAssembly.instantiate(bytes);
  return new WasmLapack(instance.exports as Exports, name);
}

class WasmBlock implements Block {
  readonly length: number;
  readonly address: number;
  readonly #memory: Memory;

  constructor(memory: Memory, address: number, length: number) {
    this.#memory = memory;
    this.address = address;
    this.length = length;
  }

  data(): Float64Array {
    return new Float64Array(this.#memory.buffer, this.address, this.length);
  }

  part(from: number, length: number): WasmBlock {
    return new WasmBlock(this.#memory, this.address + 8 * from, length);
  }
}

const at = ({ block }: Dense): number => (block as WasmBlock).address;

class WasmLapack implements Lapack {
  readonly info;
  readonly mostBytes = MOST_BYTES;
  readonly instead = "the native kernel, which has no such bound, or rank: k";
  readonly #wasm: Exports;
  readonly #allocated: number[] = [];

  constructor(wasm: Exports, name: string) {
    this.#wasm = wasm;
    const build = name === "lapack" ? "" : " relaxed-simd";
    this.info = { name: "wasm", version: `${VERSION}${build}`, precision: "f64" } as const;
  }

  scoped<T>(work: () => T): T {
    const before = this.#allocated.length;
    try {
      return work();
    } finally {
      for (const address of this.#allocated.splice(before)) this.#wasm.free(address);
    }
  }

  allocate(length: number): WasmBlock {
    return new WasmBlock(this.#wasm.memory, this.#bytes(8 * Math.max(1, length)), length);
  }

  hold(data: Float64Array): WasmBlock {
    const block = this.allocate(data.length);
    block.data().set(data);
    return block;
  }

  take(block: Block): Float64Array {
    return (block as WasmBlock).data().slice();
  }

  multiply(
    x: Dense,
    y: Dense,
    out: Dense,
    { transposeY = false, subtract = false }: { transposeY?: boolean; subtract?: boolean } = {},
  ): void {
    if (!subtract) out.block.data().fill(0);
    // Row-major is the transpose of column-major: out' = op(y)' x'.
    const inner = x.cols;
    const [row, step] = transposeY ? [inner, 1] : [1, y.cols];
    this.#wasm.product(
      ...[0, out.cols, out.rows, inner, subtract ? -1 : 1],
      ...[at(y), row, step, at(x), 1, inner, at(out), out.cols],
    );
  }

  gram(a: Dense, of: "rows" | "cols"): Dense {
    const [order, inner] = of === "rows" ? [a.rows, a.cols] : [a.cols, a.rows];
    const block = this.allocate(order * order);
    this.#wasm.gram(of === "rows" ? 1 : 0, order, inner, at(a), a.cols, block.address);
    return { block, rows: order, cols: order };
  }

  eigen(gram: Dense): Float64Array {
    const n = gram.rows;
    const values = this.allocate(n);
    const [letters, sizes, answer] = [this.#letters("VL"), this.#integers(n, -1, -1, 0), this.allocate(1)];
    const call = (work: number, integers: number) => {
      const [order, length, integerLength, info] = [sizes, sizes + 4, sizes + 8, sizes + 12];
      const routine = [letters, letters + 1, order, at(gram), order, values.address];
      this.#wasm.dsyevd_(...routine, work, length, integers, integerLength, info, 1, 1);
      return this.#view(sizes, 4)[3]!;
    };
    const integerAnswer = this.#integers(0);
    call(answer.address, integerAnswer);
    const [length, integerLength] = [answer.data()[0]!, this.#view(integerAnswer, 1)[0]!];
    const [work, integers] = [this.allocate(length), this.#bytes(4 * integerLength)];
    this.#view(sizes, 4).set([n, length, integerLength, 0]);
    converged("dsyevd", call(work.address, integers));
    return values.data().slice();
  }

  decompose(a: Dense) {
    const r = Math.min(a.rows, a.cols);
    // The column-major matrix is the transpose: its left vectors are our right ones.
    const right = { block: this.allocate(r * a.cols), rows: r, cols: a.cols };
    const left = { block: this.allocate(a.rows * r), rows: a.rows, cols: r };
    const [values, answer] = [this.allocate(r), this.allocate(1)];
    const [letters, integers] = [this.#letters("S"), this.#bytes(4 * 8 * r)];
    const sizes = this.#integers(a.cols, a.rows, r, -1, 0);
    const call = (work: number) => {
      const [m, n, rank, length, info] = [0, 4, 8, 12, 16].map((offset) => sizes + offset) as Five;
      const results = [values.address, right.block.address, m, left.block.address, rank];
      this.#wasm.dgesdd_(letters, m, n, at(a), m, ...results, work, length, integers, info, 1);
      return this.#view(sizes, 5)[4]!;
    };
    call(answer.address);
    const length = answer.data()[0]!;
    const work = this.allocate(length);
    this.#view(sizes, 5)[3] = length;
    converged("dgesdd", call(work.address));
    return { left, singularValues: values.data().slice(), right };
  }

  orthonormalize(a: Dense): void {
    const [tau, answer] = [this.allocate(a.rows), this.allocate(1)];
    const sizes = this.#integers(a.cols, a.rows, -1, 0);
    const [m, n, length, info] = [sizes, sizes + 4, sizes + 8, sizes + 12];
    const factor = (work: number) => this.#wasm.dgeqrf_(m, n, at(a), m, tau.address, work, length, info);
    const form = (work: number) => this.#wasm.dorgqr_(m, n, n, at(a), m, tau.address, work, length, info);
    factor(answer.address);
    const first = answer.data()[0]!;
    form(answer.address);
    const size = Math.max(first, answer.data()[0]!);
    const work = this.allocate(size);
    this.#view(sizes, 4)[2] = size;
    factor(work.address);
    form(work.address);
  }

  overlap(tested: Dense, other: Dense, positions: number, out: Dense): void {
    this.#wasm.overlap(tested.rows, other.rows, other.cols, positions, at(tested), at(other), at(out));
  }

  #bytes(count: number): number {
    const address = count > MOST_BYTES ? 0 : this.#wasm.malloc(count);
    if (address === 0) {
      throw new RangeError(
        `wasm: found no room for ${count} bytes beside the ${this.#wasm.memory.buffer.byteLength} in use, ` +
          `required less than 4 GiB in all; use ${this.instead}`,
      );
    }
    this.#allocated.push(address);
    return address >>> 0;
  }

  #view(address: number, length: number): Int32Array {
    return new Int32Array(this.#wasm.memory.buffer, address, length);
  }

  #integers(...values: number[]): number {
    const address = this.#bytes(4 * values.length);
    this.#view(address, values.length).set(values);
    return address;
  }

  #letters(text: string): number {
    const address = this.#bytes(text.length);
    new Uint8Array(this.#wasm.memory.buffer, address).set(new TextEncoder().encode(text));
    return address;
  }
}

type Five = [number, number, number, number, number];

/** LAPACK says by a positive number that an iteration did not converge; a negative one would be an error of ours. */
export function converged(routine: string, info: number): void {
  if (info !== 0) throw new Error(`${routine}: found info = ${info}, required 0: it did not converge`);
}
