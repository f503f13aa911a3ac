import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { pearsonLogTail } from "../../src/stats/pearson-curve.ts";
import { logGammaCdf, logGammaSurvival } from "../../src/stats/special-functions.ts";

/** `ln P(Z >= z)` of type III, by mpmath with 50 digits: the incomplete gamma function, and the integral of the density below skewness 0.05. */
const TYPE_THREE: readonly (readonly [z: number, skew: number, logP: number])[] = [
  [-2, 0, -0.02301290932896349],
  [3, 0, -6.60772622151035],
  [21.3, 0, -230.8248377384818],
  [37, 0, -689.0305855768906],
  [-0.9, 2, -0.1],
  [3, 2, -4.0],
  [229, 2, -230.0],
  [-1.5, 1, -0.01917074698827376],
  [3, 1, -4.57211742909732],
  [120, 1, -229.2879347236765],
  [350, 1, -686.1171600191881],
  [-2, 0.3, -0.01425151714368592],
  [0, 0.3, -0.7338639342722876],
  [3, 0.3, -5.631025741487115],
  [37, 0.3, -167.6713653596598],
  [80, 0.3, -424.6404490332308],
  [-4, -0.3, -0.0002832546170156132],
  [0, -0.3, -0.6540236225992346],
  [3, -0.3, -8.641793094023989],
  [6.5, -0.3, -123.4100578701428],
  [0, -1, -0.5682254556273524],
  [1.9, -1, -9.775266019027304],
  [1.999999, -1, -55.66750893996521],
  [-3, -2, -0.01848544682588656],
  [0.5, -2, -0.9327521295671886],
  [0.999999, -2, -13.81551105796423],
  [3, 0.05, -6.400805709435195],
  [25, 0.05, -227.3279470467123],
  [50, 0.05, -707.343566106382],
  [3, -0.05, -6.840076241986882],
  [18, -0.05, -240.3502516507345],
  [30, -0.05, -1022.391443144452],
  [3, 0.0101, -6.564024516864579],
  [21.3, 0.0101, -215.766685543026],
  [37, 0.0101, -614.1674791871984],
  [0, 0.0099, -0.6944645576247135],
  [3, 0.0099, -6.564880100817594],
  [21.3, 0.0099, -216.0432202755201],
  [37, 0.0099, -615.4735538031736],
  [-1, -0.0099, -0.1727526086568141],
  [3, -0.0099, -6.651565689826989],
  [21.3, -0.0099, -248.1470362984096],
  [37, -0.0099, -786.0751745164226],
  [3, -0.0001, -6.608164018672133],
  [37, -0.0001, -689.8759739832407],
];

/** `ln P(X >= x)` of `X ~ Beta(p, q)`, by mpmath. */
const BETA: readonly (readonly [p: number, q: number, x: number, logP: number])[] = [
  [1, 1, 0.05, -0.05129329438755053],
  [1, 1, 0.999999, -13.81551055796427],
  [2, 5, 0.05, -0.03332292062354291],
  [2, 5, 0.99, -21.24245971038292],
  [2, 5, 0.999999, -67.285794153927],
  [5, 2, 0.05, -1.796876614381817e-6],
  [5, 2, 0.6, -0.2656336029351619],
  [5, 2, 0.99, -6.529012311480436],
  [30, 90, 0.2, -0.1032021895462095],
  [30, 90, 0.9, -146.6369048898598],
  [0.5, 4, 0.05, -0.6262511625134115],
  [0.5, 4, 0.99, -19.7133458457964],
  [7, 3000, 0.002, -0.5035630012159683],
  [7, 3000, 0.2, -637.6133136097721],
];

/** The moments of a beta law, from its exponents. */
function momentsOfBeta(p: number, q: number) {
  const sum = p + q;
  return {
    mean: p / sum,
    deviation: Math.sqrt(p * q / (sum + 1)) / sum,
    skew: 2 * (q - p) * Math.sqrt(sum + 1) / ((sum + 2) * Math.sqrt(p * q)),
    kurtosis: 3 +
      6 * ((p - q) ** 2 * (sum + 1) - p * q * (sum + 2)) / (p * q * (sum + 2) * (sum + 3)),
  };
}

describe("the tail of a Pearson curve", () => {
  it.each(TYPE_THREE)("is that of type III: z %d, skewness %d", (z, skew, logP) => {
    // Of p itself, up to 1e-300.
    expect(Math.abs(pearsonLogTail(z, skew) - logP)).toBeLessThan(2e-8);
  });

  it.each(BETA)("is that of type I with a kurtosis: Beta(%d, %d) at %d", (p, q, x, logP) => {
    const { mean, deviation, skew, kurtosis } = momentsOfBeta(p, q);
    expect(Math.abs(pearsonLogTail((x - mean) / deviation, skew, kurtosis) / logP - 1)).toBeLessThan(1e-8);
  });

  it("is that of type III where the kurtosis says so, exceeds it or is none", () => {
    for (const skew of [-0.7, 0, 0.7]) {
      for (const kurtosis of [3 + 1.5 * skew * skew, 9, 1 + skew * skew, 0, NaN]) {
        expect(pearsonLogTail(2.5, skew, kurtosis)).toBe(pearsonLogTail(2.5, skew));
      }
      // Type I comes near it from below.
      expect(pearsonLogTail(2.5, skew, 3 + 1.5 * skew * skew - 2e-6)).toBeCloseTo(
        pearsonLogTail(2.5, skew),
        3,
      );
    }
  });

  it("has mean 0, variance 1 and its skewness and kurtosis", () => {
    const cases = [[0], [0.004], [-0.004], [0.5], [-0.5], [1.3], [0.4, 2.6], [-0.4, 2.6], [0, 2]] as const;
    for (const [skew, kurtosis] of cases) {
      // E[Z^k] = integral of k t^(k-1) (P(Z >= t) - [t < 0]): by the midpoint rule.
      const moments = [0, 0, 0, 0];
      const step = 0.005;
      for (let t = -25 + step / 2; t < 40; t += step) {
        const above = Math.exp(pearsonLogTail(t, skew, kurtosis)) - (t < 0 ? 1 : 0);
        for (let k = 1; k <= 4; k++) moments[k - 1]! += k * t ** (k - 1) * above * step;
      }
      const expected = [0, 1, skew, kurtosis ?? 3 + 1.5 * skew * skew];
      moments.forEach((moment, at) => expect(moment, `${skew} ${at}`).toBeCloseTo(expected[at]!, 3));
    }
  });

  it("is the normal one without skewness, and smooth where two ways of computing it meet", () => {
    for (const z of [-7, -1, 0, 1e-9, 0.5, 4, 12, 38]) {
      expect(pearsonLogTail(z, 0)).toBeCloseTo(logSurvivalOfSigma(z), 11);
      expect(pearsonLogTail(z, 1e-200)).toBeCloseTo(logSurvivalOfSigma(z), 11);
      for (const seam of [0.01, -0.01]) {
        const [within, beyond] = [seam * (1 - 1e-12), seam].map((skew) => pearsonLogTail(z, skew));
        expect(Math.abs(within! - beyond!)).toBeLessThan(2e-8);
      }
    }
  });

  it("is finite and falls, also past the ends of the law", () => {
    const value = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
    const kurtosis = fc.option(fc.double({ min: 1, max: 6, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(
        value(1e4),
        value(50),
        fc.oneof(value(0.02), value(3), value(1000)),
        kurtosis,
        (z, more, skew, k) => {
          const [here, there] = [pearsonLogTail(z, skew, k), pearsonLogTail(z + Math.abs(more), skew, k)];
          expect(Number.isFinite(here) && here <= 0).toBe(true);
          expect(there - here).toBeLessThanOrEqual(1e-9 * Math.max(1, -here));
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
  });

  it("refuses what is no number", () => {
    for (const [z, skew] of [[NaN, 0], [Infinity, 0], [0, NaN], [1, -Infinity]] as const) {
      expect(() => pearsonLogTail(z, skew)).toThrow(RangeError);
    }
  });
});

describe("the lower tail of a gamma law", () => {
  it("is the complement of the upper one, and keeps its digits near 0", () => {
    for (const a of [0.3, 1, 7.5, 400]) {
      for (const share of [0.5, 0.9, 1.1, 1.5]) {
        const x = a * share;
        expect(Math.exp(logGammaCdf(a, x)) + Math.exp(logGammaSurvival(a, x))).toBeCloseTo(1, 11);
      }
    }
    // P(1, x) = 1 - exp(-x); P(a, x) ~ x^a / (a Gamma(a)).
    expect(logGammaCdf(1, 1e-200)).toBeCloseTo(-200 * Math.LN10, 10);
    expect(logGammaCdf(3, 1e-100)).toBeCloseTo(-300 * Math.LN10 - Math.log(6), 10);
    expect(logGammaCdf(1, 40)).toBeCloseTo(-Math.exp(-40), 30);
    expect([logGammaCdf(2, 0), logGammaCdf(2, -1)]).toEqual([-Infinity, -Infinity]);
  });
});
