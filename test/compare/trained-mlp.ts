/** Small networks, trained here: gradient descent on one task, each from its own seed. */

import { gaussian } from "../support/layer-fixture.ts";

/** Widths of input, two hidden layers and output. */
export const WIDTHS = [12, 24, 24, 4] as const;

const SAMPLES = 120;
const EPOCHS = 12;
const RATE = 0.1;

/** Inputs, and targets that a fixed network of tanh units gives them. */
function task(): { readonly inputs: Float64Array[]; readonly targets: Float64Array[] } {
  const next = gaussian(20261130);
  const [inWidth, , , outWidth] = WIDTHS;
  const teacher = Float64Array.from({ length: inWidth * outWidth }, next);
  const inputs = Array.from({ length: SAMPLES }, () => Float64Array.from({ length: inWidth }, next));
  const targets = inputs.map((x) =>
    Float64Array.from(
      { length: outWidth },
      (_, o) => Math.tanh(x.reduce((sum, value, i) => sum + value * teacher[o * inWidth + i]!, 0)) * 2,
    )
  );
  return { inputs, targets };
}

/**
 * Weights of a trained network, `[out, in]` each, layer by layer.
 *
 * @param seed of the initialization; the data are the same for all
 */
export function trainedMlp(seed: number): Float64Array[] {
  const next = gaussian(seed);
  const weights = WIDTHS.slice(1).map((out, at) =>
    Float64Array.from({ length: out * WIDTHS[at]! }, () => next() / Math.sqrt(WIDTHS[at]!))
  );
  const { inputs, targets } = task();
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const [at, input] of inputs.entries()) descend(weights, input, targets[at]!);
  }
  return weights;
}

/** One step down the squared error of one sample; hidden units are rectified. */
function descend(weights: readonly Float64Array[], input: Float64Array, target: Float64Array): void {
  const values = [input];
  for (const [at, weight] of weights.entries()) {
    const x = values[at]!;
    const y = new Float64Array(weight.length / x.length);
    for (let o = 0; o < y.length; o++) {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += weight[o * x.length + i]! * x[i]!;
      y[o] = at + 1 < weights.length ? Math.max(0, sum) : sum;
    }
    values.push(y);
  }
  let slope = values.at(-1)!.map((value, o) => value - target[o]!);
  for (let at = weights.length - 1; at >= 0; at--) {
    const [weight, x] = [weights[at]!, values[at]!];
    const before = new Float64Array(x.length);
    for (let o = 0; o < slope.length; o++) {
      for (let i = 0; i < x.length; i++) {
        before[i]! += weight[o * x.length + i]! * slope[o]!;
        weight[o * x.length + i]! -= RATE / x.length * slope[o]! * x[i]!;
      }
    }
    slope = before.map((value, i) => at > 0 && x[i]! <= 0 ? 0 : value);
  }
}
