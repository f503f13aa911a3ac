/** Seeded random numbers, the same on every machine. */

/** A generator of uniform numbers and normal deviates. */
export interface Random {
  /** Uniform in (0, 1), with 32 random bits. */
  uniform(): number;
  /**
   * Fills an array with standard normals, by Box and Muller: two of two uniform numbers; of an odd number the last one's other is lost. The
   * last digit depends on the engine's `Math.log` and `Math.cos`; Node and Deno share V8's.
   */
  normals(values: Float64Array): void;
}

/** FNV-1a over UTF-16 code units: spreads names over 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/**
 * A stream of random numbers of its own for each `(seed, name)`: sfc32 (Doty-Humphrey), well mixed before first use.
 *
 * @param seed any integer
 */
export function random(seed: number, name: string): Random {
  // a, b, c and the counter.
  const state = Int32Array.of(hash(`${seed}/${name}`), hash(`${name}/${seed}`), seed >>> 0, 1);
  uniforms(state, new Float64Array(20));
  const one = new Float64Array(1);
  const two = new Float64Array(2);
  return {
    uniform() {
      uniforms(state, one);
      return one[0]!;
    },
    normals(values) {
      const even = values.length - values.length % 2;
      boxMuller(state, values.subarray(0, even));
      if (even === values.length) return;
      boxMuller(state, two);
      values[even] = two[0]!;
    },
  };
}

/**
 * Brings the numbers of an array from `from` up to, not including, `to` into an order at random, in place (Fisher and Yates): every order is
 * equally likely.
 *
 * @example
 * shuffle(order, 0, order.length, random(1, "order"));
 */
export function shuffle(
  order: Uint16Array | Int32Array | Float64Array,
  from: number,
  to: number,
  { uniform }: Pick<Random, "uniform">,
): void {
  for (let i = to - 1; i > from; i--) {
    const j = from + Math.floor(uniform() * (i - from + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}

/** The next numbers; the state in local variables meanwhile, which engines keep in registers. */
function uniforms(state: Int32Array, values: Float64Array): void {
  let [a, b, c, counter] = state as unknown as [number, number, number, number];
  for (let i = 0; i < values.length; i++) {
    const sum = (a + b + counter) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    counter = (counter + 1) | 0;
    values[i] = ((sum >>> 0) + 0.5) / 2 ** 32;
  }
  state.set([a, b, c, counter]);
}

/** Fills an array of even length. */
function boxMuller(state: Int32Array, values: Float64Array): void {
  uniforms(state, values);
  for (let i = 0; i < values.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(values[i]!));
    const angle = 2 * Math.PI * values[i + 1]!;
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
}
