/** Plain work on numbers in memory that kernels share. */

import type { Numbers } from "./lapack.ts";

/** Seeded standard normals: the same matrix gives the same answer. @param seed a whole number; others give other numbers */
export function normals(count: number, seed = 0): Float64Array {
  // In an array, because an engine would allocate each number that a closure keeps.
  const state = Int32Array.of(0x9e3779b9 ^ Math.imul(seed, 0x85ebca6b));
  const uniform = () => {
    const now = (state[0]! + 0x6d2b79f5) | 0;
    state[0] = now;
    let t = Math.imul(now ^ (now >>> 15), 1 | now);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  return values;
}

/** Transposes a row-major matrix. In squares of 32, so that both sides stay in the cache. */
export function transpose(from: Numbers, to: Numbers, rows: number, cols: number): void {
  for (let row0 = 0; row0 < rows; row0 += 32) {
    for (let col0 = 0; col0 < cols; col0 += 32) {
      for (let row = row0; row < Math.min(rows, row0 + 32); row++) {
        for (let col = col0; col < Math.min(cols, col0 + 32); col++) {
          to[col * rows + row] = from[row * cols + col]!;
        }
      }
    }
  }
}

/** The sum of the squares of numbers that may be squared. */
export function squareSum(data: Numbers): number {
  let sum = 0;
  for (const value of data) sum += value * value;
  return sum;
}
