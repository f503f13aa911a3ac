/**
 * Whether what is there is found: a planted chain among noise, beside the same chain with nothing to find.
 */

import { describe, expect, it } from "vitest";
import { openSynthetic, type SyntheticSpec } from "../../connectors/sources/synthetic.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { type Candidates, joinedCandidates, type TestSettings } from "../../src/stages/candidates.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { decide } from "../../src/stages/significance.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { seen } from "./null-models.ts";

const BH: TestSettings = { null: "rotation", logAlpha: Math.log(0.05), correction: "bh", edges: "all" };

/** Leading input patterns at this cosine to the output patterns before them. */
const COSINE = 0.9;
const GAIN = 10;

/** A direct, a convolutional, a flattened and a narrow layer. Noise has singular values up to about 2. */
function chain(seed: number, cosine: number): SyntheticSpec {
  return {
    seed,
    layers: [
      { name: "first", out: 24, in: 32, kernel: [3, 3] },
      { name: "second", out: 32, in: 24, kernel: [3, 3] },
      { name: "flat", out: 24, in: 32, positions: 4 },
      { name: "last", out: 10, in: 24 },
    ],
    planted: [{ from: "first", to: "last", cosine, gain: GAIN }],
  };
}

/** The edge between the leading neurons of each connection, and the largest overlap among the others. */
async function leadingEdges(cosine: number, seed: number) {
  const kernel = openReferenceKernel();
  const model = openSynthetic(chain(seed, cosine), "planted");
  const { layers, connections } = layerGraph(model);
  const spectra = await Promise.all(
    layers.map(async (layer) =>
      spectrum(layer, unfold(layer, await model.read(layer.weight.tensor), "svr"), "svr", kernel)
    ),
  );
  expect(connections).toHaveLength(3);
  return await Promise.all(connections.map(async (connection) => {
    const target = spectra[connection.target]!;
    const { candidates, geometry } = await seen(connection, spectra[connection.source]!, target, BH);
    return leading(joinedCandidates([candidates], geometry), target.singularValues[0]!);
  }));
}

function leading(candidates: Candidates, gain: number) {
  const { overlap, logP, sourceNeuron, targetNeuron } = candidates;
  const { logQ, significant } = decide([candidates], BH)[0]!;
  const at = overlap.findIndex((_, i) => sourceNeuron[i] === 0 && targetNeuron[i] === 0);
  return {
    gain,
    overlap: overlap[at]!,
    others: overlap.reduce((most, value, i) => i === at ? most : Math.max(most, value), 0),
    logP: logP[at]!,
    logQ: logQ[at]!,
    significant: significant[at] === 1,
    tests: candidates.tests,
  };
}

const SEEDS = [1, 2, 3, 4, 5];

describe("a planted chain", () => {
  it.each(SEEDS)("is found at bh 0.05 in every connection, seed %i", async (seed) => {
    for (const edge of await leadingEdges(COSINE, seed)) {
      expect(edge.significant).toBe(true);
      // Far beyond the level, as an overlap near 0.81 on 24 channels must be: p < 1e-8, q at most p times the
      // tests.
      expect(edge.logP).toBeLessThan(Math.log(1e-8));
      expect(edge.logQ).toBeLessThanOrEqual(edge.logP + Math.log(edge.tests) + 1e-9);
      // Noise of norm 2 turns vectors of gain 10 by some degrees: cos^2 = 0.81 loses up to a tenth either
      // way.
      expect(edge.overlap).toBeGreaterThan(COSINE ** 2 - 0.1);
      expect(edge.overlap).toBeLessThan(COSINE ** 2 + 0.1);
      expect(edge.overlap).toBeGreaterThan(edge.others);
      expect(Math.abs(edge.gain - GAIN)).toBeLessThan(0.1 * GAIN);
    }
  });

  it.each(SEEDS)("has no edge where its patterns do not meet, seed %i", async (seed) => {
    // The same patterns, orthogonal: strong neurons alone are no reason for an edge.
    for (const edge of await leadingEdges(0, seed)) {
      expect(Math.abs(edge.gain - GAIN)).toBeLessThan(0.1 * GAIN);
      expect(edge.significant).toBe(false);
      expect(edge.logP).toBeGreaterThan(Math.log(0.05));
    }
  });
});
