/** Seeded random numbers, the same on every machine. */

/** A generator of uniform numbers and normal deviates. */
export interface Random {
  /** Uniform in (0, 1), with 32 random bits. */
  uniform(): number;
  /** Standard normal, by Box and Muller. The last digit depends on the engine's `Math.log` and `Math.cos`; Node and Deno share V8's. */
  normal(): number;
  /** Fills an array with what as many calls of `normal` would give, in two thirds of their time. */
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
  // a, b, c and the counter: in an array, because an engine would allocate each number that a closure keeps.
  const state = Int32Array.of(hash(`${seed}/${name}`), hash(`${name}/${seed}`), seed >>> 0, 1);
  const next = () => {
    const b = state[1]!;
    const c = state[2]!;
    const counter = state[3]!;
    const sum = (state[0]! + b + counter) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
    state[3] = counter + 1;
    return (sum >>> 0);
  };
  for (let i = 0; i < 20; i++) next();
  const uniform = () => (next() + 0.5) / 2 ** 32;
  const spare = new Float64Array(1);
  let isSpare = false;
  const normal = () => {
    isSpare = !isSpare;
    if (!isSpare) return spare[0]!;
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    spare[0] = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const normals = (values: Float64Array) => {
    let first = 0;
    if (isSpare && values.length > 0) values[first++] = normal();
    const pairs = first + 2 * Math.floor((values.length - first) / 2);
    boxMuller(state, values.subarray(first, pairs));
    if (pairs < values.length) values[pairs] = normal();
  };
  return { uniform, normal, normals };
}

/** Fills an array of even length, as `normal` does number by number; the state in local variables, which engines keep in registers. */
function boxMuller(state: Int32Array, values: Float64Array): void {
  let [a, b, c, counter] = state as unknown as [number, number, number, number];
  for (let i = 0; i < values.length; i += 2) {
    let sum = (a + b + counter) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    counter = (counter + 1) | 0;
    const radius = Math.sqrt(-2 * Math.log(((sum >>> 0) + 0.5) / 2 ** 32));
    sum = (a + b + counter) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    counter = (counter + 1) | 0;
    const angle = 2 * Math.PI * (((sum >>> 0) + 0.5) / 2 ** 32);
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
  state.set([a, b, c, counter]);
}
