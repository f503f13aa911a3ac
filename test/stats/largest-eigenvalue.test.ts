/** The test of the largest eigenvalue; its rates are in `test/calibration/spikes.test.ts`. */

import { describe, expect, it } from "vitest";
import { FEWEST_EIGENVALUES, logLargestEigenvalueP, spikes } from "../../src/stats/largest-eigenvalue.ts";
import { logTracyWidomSurvival } from "../../src/stats/tracy-widom.ts";

describe("the largest eigenvalue", () => {
  it("has the Tracy-Widom law where the variance is as good as known", () => {
    // Johnstone's centring and scaling, of so many entries that the trace says the variance.
    const [n, p] = [4000, 60_000];
    const [a, b] = [Math.sqrt(n - 0.5), Math.sqrt(p - 0.5)];
    for (const s of [-2, 0, 1, 3]) {
      const largest = (a + b) ** 2 + s * (a + b) * Math.cbrt(1 / a + 1 / b);
      const found = logLargestEigenvalueP(largest, n * p, n, p)!;
      expect(Math.abs(found - logTracyWidomSurvival(s))).toBeLessThan(0.02);
    }
  });

  it("does not depend on scale nor on which side is the longer", () => {
    const found = logLargestEigenvalueP(90, 20 * 50, 20, 50)!;
    expect(logLargestEigenvalueP(90e-6, 20e-6 * 50, 50, 20)).toBeCloseTo(found, 9);
  });

  it("is not tested in small matrices, nor in zeros", () => {
    expect(logLargestEigenvalueP(1, 10, FEWEST_EIGENVALUES - 1, 100)).toBeNull();
    expect(logLargestEigenvalueP(0, 0, 20, 20)).toBeNull();
    expect(spikes(new Float64Array(20), 20, 30)).toEqual(new Float64Array(13));
    expect(spikes(new Float64Array(3), 3, 30)).toEqual(new Float64Array());
  });

  it("is less and less surprising from one neuron to the next", () => {
    const eigenvalues = Float64Array.from({ length: 64 }, (_, at) => 1000 / (1 + at) ** 2);
    const found = spikes(eigenvalues, 64, 64);
    expect(found.length).toBe(57);
    expect(found[0]!).toBeLessThan(-100);
    for (let at = 1; at < found.length; at++) expect(found[at]!).toBeGreaterThanOrEqual(found[at - 1]!);
  });
});
