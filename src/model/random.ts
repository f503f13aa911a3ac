/** Seeded random numbers, the same on every machine. */

/** A generator of uniform numbers and normal deviates. */
export interface Random {
  /** Uniform in (0, 1), with 32 random bits. */
  uniform(): number;
  /** Standard normal, by Box and Muller. The last digit depends on the engine's `Math.log` and `Math.cos`; Node and Deno share V8's. */
  normal(): number;
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
  return { uniform, normal };
}
