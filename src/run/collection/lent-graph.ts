/** Lends the graph of one file to a model that has none: an export's, say, to each checkpoint of a training. */

import { ConfigError } from "../../../config/document.ts";
import { formatOf, type Formats } from "../../../connectors/sources/registry.ts";
import type { Model } from "../../model/ports.ts";
import { random } from "../../model/random.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import { knownGraph } from "../../stages/layers.ts";
import {
  lentGraph,
  openClasses,
  type ShapeClass,
  type Twin,
  twinsByName,
  twinsByShape,
} from "../../stages/topology/lent.ts";

/** Numbers of a tensor that are compared: enough that two trained weights are never alike by chance. */
const SAMPLES = 4096;

/** Cosine between samples from which on two tensors are one at two times of a training; unrelated ones have some hundredths. */
const ALIKE = 0.5;

/** The cosine of two unrelated samples of `n` numbers has a deviation of `1 / sqrt(n)`; all pairs of a shape are looked at. */
const MOST_DEVIATIONS = 6;

/** So alike two samples are the same numbers, rounded. */
const SAME = 1 - 1e-6;

/** The least cosine of twins: of few numbers only the same ones count. */
const leastAlike = (samples: number) =>
  samples < 3 ? Infinity : Math.min(SAME, Math.max(ALIKE, MOST_DEVIATIONS / Math.sqrt(samples)));

/** More tensors of one shape are compared with nothing: all pairs are. */
const MOST_OF_A_SHAPE = 1024;

/**
 * A model with the graph of another file. Tensors are matched by their names, else by a shape that only one has, else by
 * their numbers.
 *
 * @param place of the file that lends
 * @throws {ConfigError} when the file says nothing of who feeds whom; the model is closed then
 */
export async function withLentGraph(
  model: Model,
  place: string,
  formats: Formats,
  signal?: AbortSignal,
): Promise<Model> {
  const open = async () => await (await formatOf(place, signal, formats)).open(place, "lender", signal);
  try {
    const lender = await open();
    try {
      const graph = await lent(model, lender, signal);
      const { operators: _own, ...rest } = model;
      return {
        ...rest,
        graph,
        async inputs(signal, tensors, known) {
          const again = await open();
          try {
            return [
              ...await model.inputs(signal, tensors, known),
              ...await again.inputs(signal, undefined, known),
            ];
          } finally {
            await again.close();
          }
        },
      };
    } finally {
      await lender.close();
    }
  } catch (failure) {
    await model.close();
    throw failure;
  }
}

async function lent(model: Model, lending: Model, signal?: AbortSignal) {
  const graph = knownGraph(lending, {});
  if (graph.layers.length === 0 || graph.evidence === "guessed") {
    throw new ConfigError(
      `topology, from: ${lending.uri}: found no graph in it, required a model that says who feeds whom (.onnx, .pt2, .keras)`,
    );
  }
  const { uri, tensors } = lending;
  const lender = { uri, graph, tensors };
  const twins = twinsByName(lender, model.tensors);
  const byShape = () => {
    for (const [name, twin] of twinsByShape(openClasses(lender, model.tensors, twins))) twins.set(name, twin);
  };
  byShape();
  for (const each of openClasses(lender, model.tensors, twins)) {
    for (const [name, twin] of await twinsByNumbers(each, lending, model, signal)) twins.set(name, twin);
  }
  // Where all others of a shape have twins, the last two are each other's.
  byShape();
  return lentGraph(lender, model.tensors, twins);
}

/** Pairs of tensors that are each other's best, and alike. */
async function twinsByNumbers(
  { needed, own }: ShapeClass,
  lending: Model,
  model: Model,
  signal?: AbortSignal,
): Promise<Map<string, Twin>> {
  const twins = new Map<string, Twin>();
  if (own.length === 0 || needed.length > MOST_OF_A_SHAPE || own.length > MOST_OF_A_SHAPE) return twins;
  const theirs = await allSamples(lending, needed, signal);
  const ours = await allSamples(model, own, signal);
  const pairs = theirs.flatMap((a, from) =>
    ours.flatMap((b, to) =>
      [false, true].flatMap((turned) => {
        const [straight, other] = [needed[from]!.shape, own[to]!.shape];
        const fits = String(turned ? [...straight].reverse() : straight) === String(other);
        if (!fits || turned && straight.length !== 2) return [];
        return [{ from, to, turned, alike: cosine(a.straight, turned ? b.turned : b.straight) }];
      })
    )
  ).filter(({ alike }) => alike >= leastAlike(theirs[0]!.straight.length)).sort((a, b) => b.alike - a.alike);
  const [given, taken] = [new Set<number>(), new Set<number>()];
  for (const { from, to, turned } of pairs) {
    const isBest = !given.has(from) && !taken.has(to);
    given.add(from);
    taken.add(to);
    if (!isBest) continue;
    twins.set(needed[from]!.name, { tensor: own[to]!.name, turned, by: "numbers" });
  }
  return twins;
}

interface Samples {
  readonly straight: Float64Array;
  /** Of a matrix: at the same places of its transpose. */
  readonly turned: Float64Array;
}

/** One tensor after another: of whole tensors no more than one is in memory. */
async function allSamples(model: Model, tensors: readonly TensorInfo[], signal?: AbortSignal) {
  const samples: Samples[] = [];
  for (const each of tensors) samples.push(await samplesOf(model, each, signal));
  return samples;
}

/** Numbers at places that are the same for all tensors of a shape, whichever way round. */
async function samplesOf(model: Model, { name, shape }: TensorInfo, signal?: AbortSignal): Promise<Samples> {
  const numbers = await model.read(name, signal);
  const dice = random(numbers.length, "samples");
  const places = Array.from(
    { length: Math.min(SAMPLES, numbers.length) },
    (_, at) => numbers.length <= SAMPLES ? at : Math.floor(dice.uniform() * numbers.length),
  );
  const [rows, columns] = shape.length === 2 ? [shape[0]!, shape[1]!] : [1, numbers.length];
  // A place of a matrix of `columns` rows and `rows` columns, in this one.
  const across = (place: number) => (place % rows) * columns + Math.floor(place / rows);
  return {
    straight: Float64Array.from(places, (place) => numbers[place]!),
    turned: Float64Array.from(places, (place) => numbers[across(place)]!),
  };
}

function cosine(a: Float64Array, b: Float64Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    squareA += a[i]! ** 2;
    squareB += b[i]! ** 2;
  }
  return squareA === 0 || squareB === 0 ? 0 : product / Math.sqrt(squareA * squareB);
}
