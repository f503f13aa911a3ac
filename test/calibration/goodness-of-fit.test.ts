/** Whether there is a power law: how often true ones are refused, and what the reference method says of other samples. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";
import { fitPowerLaw } from "../../src/stats/power-law.ts";
import { goodnessOfFit } from "../../src/stats/power-law-bootstrap.ts";

/** Clauset, Shalizi and Newman refuse a power law up to here. */
const LEVEL = 0.1;

interface Golden {
  readonly rounds: number;
  readonly samples: readonly {
    readonly name: string;
    readonly values: readonly number[];
    readonly D: number;
    readonly xmin: number;
    readonly alpha: number;
    readonly p: number;
  }[];
}

const GOLDEN = JSON.parse(
  readFileSync(new URL("../golden/goodness-of-fit/p-values.json", import.meta.url), "utf8"),
) as Golden;

describe("goodness of fit", () => {
  it("refuses true power laws at the nominal rate, with a body below them and without", () => {
    const [samples, rounds] = [200, 60];
    for (const body of [0, 0.5]) {
      const source = random(23, `body ${body}`);
      const draw = () => source.uniform() < body ? source.uniform() : source.uniform() ** (-1 / 1.5);
      let refused = 0;
      for (let at = 0; at < samples; at++) {
        const values = Float64Array.from({ length: 100 }, draw).sort();
        if (goodnessOfFit(values, fitPowerLaw(values)!, rounds, source) <= LEVEL) refused++;
      }
      const error = Math.sqrt(LEVEL * (1 - LEVEL) / samples);
      expect(Math.abs(refused / samples - LEVEL), `body ${body}`).toBeLessThan(3 * error);
    }
  });

  for (const { name, values, D, xmin, alpha, p } of GOLDEN.samples) {
    it(`gives the reference method's p of a sample: ${name}`, () => {
      const sample = Float64Array.from(values);
      const fit = fitPowerLaw(sample)!;
      expect([fit.alpha, fit.xmin, fit.distance].map((value) => value.toPrecision(9)))
        .toEqual([alpha, xmin, D].map((value) => value.toPrecision(9)));
      const rounds = 600;
      const found = goodnessOfFit(sample, fit, rounds, random(5, name));
      const error = Math.sqrt(Math.max(p * (1 - p), 0.002) * (1 / rounds + 1 / GOLDEN.rounds));
      expect(Math.abs(found - p)).toBeLessThan(4 * error);
    });
  }

  it("refuses exponential and lognormal samples there, and no power law", () => {
    const refused = GOLDEN.samples.filter(({ p }) => p <= LEVEL).map(({ name }) => name);
    expect(refused).toEqual(["exponential", "lognormal", "uniform"]);
  });
});
