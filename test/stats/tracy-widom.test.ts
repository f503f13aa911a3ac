/** The Tracy-Widom law against Fredholm's determinant, computed here, and against published quantiles. */

import { describe, expect, it } from "vitest";
import { logTracyWidomSurvival, TRACY_WIDOM } from "../../src/stats/tracy-widom.ts";

/** Airy's function as a Fourier integral along a shifted line, by the trapezoidal rule. */
function airy(x: number): number {
  const c = x > 1 ? Math.sqrt(x) : 1;
  const step = 0.02;
  let sum = 0.5;
  for (let t = step; t < 8; t += step) {
    sum += Math.exp(-c * t * t) * Math.cos(t ** 3 / 3 + (x - c * c) * t);
  }
  return Math.exp(c ** 3 / 3 - c * x) / Math.PI * step * sum;
}

/** Nodes and weights of Gauss and Legendre on [0, length], by Newton's method. */
function nodes(count: number, length: number): readonly (readonly [number, number])[] {
  return Array.from({ length: count }, (_, at) => {
    let x = Math.cos(Math.PI * (at + 0.75) / (count + 0.5));
    let slope = 0;
    for (let step = 0; step < 50; step++) {
      let [before, now] = [0, 1];
      for (let n = 0; n < count; n++) {
        [before, now] = [now, ((2 * n + 1) * x * now - n * before) / (n + 1)];
      }
      slope = count * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    return [(x + 1) * length / 2, length / ((1 - x * x) * slope * slope)] as const;
  });
}

/** `det(I - B)`, `B(x, y) = Ai(x + y + s)` on (0, inf): Ferrari and Spohn (2005). */
function distribution(s: number): number {
  const points = nodes(40, 16 - Math.min(s, 0));
  const rows = points.map(([x, u], i) =>
    points.map(([y, v], j) => (i === j ? 1 : 0) - Math.sqrt(u * v) * airy(x + y + s))
  );
  let determinant = 1;
  for (const [at, row] of rows.entries()) {
    determinant *= row[at]!;
    for (const below of rows.slice(at + 1)) {
      const factor = below[at]! / row[at]!;
      for (let col = at; col < row.length; col++) below[col]! -= factor * row[col]!;
    }
  }
  return determinant;
}

/** `int_s^inf Ai`, by Simpson's rule. */
function tail(s: number): number {
  const [steps, width] = [400, 4 / 400];
  let sum = 0;
  for (let at = 0; at <= steps; at++) {
    sum += (at === 0 || at === steps ? 1 : at % 2 === 1 ? 4 : 2) * airy(s + at * width);
  }
  return sum * width / 3;
}

describe("the Tracy-Widom law of beta = 1", () => {
  it("is Fredholm's determinant, between the points of its table too", () => {
    for (const s of [-5.9, -3.1, -1.2065, 0.1, 1.37, 2.6]) {
      const required = 1 - distribution(s);
      expect(Math.abs(Math.exp(logTracyWidomSurvival(s)) / required - 1), `${s}`).toBeLessThan(2e-6);
    }
  });

  it("is half the integral of Airy's function far out, on both sides of the end of its table", () => {
    for (const s of [7.9, 9.9, 10.1, 14, 30]) {
      expect(Math.abs(logTracyWidomSurvival(s) - Math.log(tail(s) / 2)), `${s}`).toBeLessThan(5e-6);
    }
  });

  it("has the published quantiles", () => {
    // Bejan (2005), table of percentiles; Johnstone (2001).
    const quantiles = [[0.4501, 0.1], [0.9793, 0.05], [1.4538, 0.025], [2.0234, 0.01], [-3.8954, 0.99]];
    for (const [s, p] of quantiles) expect(Math.exp(logTracyWidomSurvival(s!))).toBeCloseTo(p!, 4);
  });

  it("has the mean and the variance that are published", () => {
    const step = 0.01;
    let [mean, square] = [0, 0];
    for (let s = -12; s < 12; s += step) {
      const share = Math.exp(logTracyWidomSurvival(s)) - Math.exp(logTracyWidomSurvival(s + step));
      mean += share * (s + step / 2);
      square += share * (s + step / 2) ** 2;
    }
    expect(mean).toBeCloseTo(TRACY_WIDOM.mean, 4);
    expect(square - mean * mean).toBeCloseTo(TRACY_WIDOM.variance, 3);
  });

  it("falls without end and never is NaN", () => {
    expect(logTracyWidomSurvival(-100)).toBe(0);
    let before = 0;
    for (let s = -9; s < 1e4; s += 0.07 * (1 + Math.abs(s))) {
      const now = logTracyWidomSurvival(s);
      expect(now).toBeLessThanOrEqual(before);
      expect(Number.isFinite(now)).toBe(true);
      before = now;
    }
  });
});
