/** From a network's dataflow to its connections: which out channels of which layer are which in channels of which other. */

import type {
  ChannelRange,
  Folding,
  HeadChannels,
  HeadScores,
  Layer,
  LayerGraph,
  Skipped,
  Via,
} from "../../model/layer.ts";
import { finishLayer } from "../../model/layer-draft.ts";
import type { Operator, OperatorGraph, Signal } from "../../model/operators.ts";
import { identity } from "../channel-map.ts";
import { connectionsOf, type Reading } from "./connections.ts";
import {
  crossing,
  either,
  joined,
  lost,
  plain,
  positionsOf,
  sum,
  through,
  type Traced,
  UNKNOWN,
} from "./signal.ts";

/**
 * Traces an operator graph into layers and connections. A connection's `via` is the most telling thing on its way, in the order
 * `recurrent`, `attention-head`, `tied`, `concat`, `split`, `flatten`, `residual`, `pool` (global), else `direct`.
 *
 * @throws {RangeError} when a layer does not fit its tensor; names it
 */
export function trace(graph: OperatorGraph): LayerGraph {
  const { layers, connections, skipped, scores } = new Tracer(graph).finish();
  return {
    layers,
    connections,
    skipped: [...graph.skipped, ...skipped],
    warnings: graph.warnings,
    evidence: graph.evidence,
    ...scores.length === 0 ? {} : { scores },
  };
}

class Tracer {
  readonly #graph: OperatorGraph;
  readonly #signals: Traced[] = [];
  readonly #readings: Reading[] = [];
  readonly #foldings = new Map<number, Folding>();
  /** Layers behind which a batch normalization stands, whether or not it can be folded in. */
  readonly #normalized = new Set<number>();
  readonly #users: Uint32Array;
  readonly #scores: HeadScores[] = [];

  constructor(graph: OperatorGraph) {
    this.#graph = graph;
    this.#users = new Uint32Array(graph.operators.length);
    for (const operator of graph.operators) for (const input of inputsOf(operator)) this.#users[input]! += 1;
    for (const operator of graph.operators) this.#signals.push(this.#named(operator));
  }

  finish(): Pick<LayerGraph, "layers" | "connections"> & { skipped: Skipped[]; scores: HeadScores[] } {
    const layers = this.#graph.layers.map((draft, index): Layer => {
      const reading = this.#readings.find(({ target }) => target === index);
      const layer = finishLayer(draft, {
        index,
        positions: reading === undefined ? null : positionsOf(reading.signal, draft.inputs * draft.groups),
        ...reading?.signal.flattened == null ? {} : { flattened: reading.signal.flattened },
      });
      const folding = this.#foldings.get(index);
      return {
        ...layer,
        batchNorm: this.#normalized.has(index) ? "raw" : "none",
        normGain: folding?.gain === undefined ? "none" : "raw",
        ...folding === undefined ? {} : { folding },
      };
    });
    return {
      layers,
      ...connectionsOf(this.#readings, layers, this.#graph.evidence),
      scores: this.#scores,
    };
  }

  #at(signal: Signal): Traced {
    const traced = this.#signals[signal];
    if (traced === undefined) {
      throw new RangeError(`operator graph: found signal ${signal} before its operator`);
    }
    return traced;
  }

  /** A step, with the name of its node before what is lost there. */
  #named(operator: Operator): Traced {
    const traced = this.#step(operator);
    if (operator.node === undefined || operator.op === "stop" || traced.lost.length === 0) return traced;
    const before = new Set(inputsOf(operator).flatMap((input) => this.#at(input).lost));
    const reasons = traced.lost.map((reason) => before.has(reason) ? reason : `${operator.node}: ${reason}`);
    return { ...traced, lost: reasons };
  }

  #step(operator: Operator): Traced {
    switch (operator.op) {
      case "input":
        return { ...UNKNOWN, width: operator.channels ?? null };
      case "layer":
        return this.#read(operator.layer, this.#at(operator.input));
      case "keep":
        return plain(this.#at(operator.input));
      case "batch-norm":
        return this.#batchNorm(operator);
      case "gain": {
        const input = plain(this.#at(operator.input));
        const { gain, offset } = operator;
        if (gain === null) return input;
        return { ...input, gain, ...offset === undefined ? {} : { gainOffset: offset } };
      }
      case "global-pool":
        return crossing(this.#at(operator.input), "pool");
      case "flatten": {
        const input = this.#at(operator.input);
        return { ...plain(input), flattened: input.flattened ?? operator.order };
      }
      case "add":
        return sum(operator.inputs.map((input) => this.#at(input)));
      case "either":
        return either(operator.inputs.map((input) => this.#at(input)));
      case "concat":
        return joined(operator.inputs.map((input) => this.#at(input)));
      case "map": {
        const input = this.#at(operator.input);
        const mapped = input.flattened === null ? through(input, operator.channels, operator.width) : lost(
          [input],
          "channels of a flattened map are taken apart",
        );
        return operator.via === undefined ? mapped : crossing(mapped, operator.via);
      }
      case "heads":
        return this.#heads(operator);
      case "cell":
        return this.#cell(operator);
      case "stop":
        return lost(operator.inputs.map((input) => this.#at(input)), operator.reason);
    }
  }

  #read(layer: number, signal: Traced): Traced {
    this.#readings.push({ target: layer, signal });
    const { gain, gainOffset } = signal;
    const known = this.#foldings.get(layer);
    const readings = this.#readings.filter(({ target }) => target === layer);
    // Shared weights behind different gains have no one gain to take in.
    if (gain !== undefined && readings.every((each) => each.signal.gain === gain)) {
      this.#foldings.set(layer, { ...known, gain, ...gainOffset === undefined ? {} : { gainOffset } });
    } else if (known?.gain !== undefined) {
      const { gain: _dropped, gainOffset: _too, ...rest } = known;
      this.#foldings.set(layer, rest);
    }
    const { outChannels } = this.#graph.layers[layer]!;
    const origin = { layer, part: 0, channels: identity(outChannels), crossed: new Set<Via>() };
    return { ...UNKNOWN, width: outChannels, origins: [origin], output: layer };
  }

  #batchNorm({ input, scale }: Operator & { op: "batch-norm" }): Traced {
    const signal = this.#at(input);
    const layer = signal.output;
    if (layer !== undefined) {
      this.#normalized.add(layer);
      // Where somebody else reads the layer without the normalization, the layer cannot take it in.
      const alone = this.#users[input] === 1 &&
        this.#readings.filter(({ target }) => target === layer).length === 1;
      if (scale !== null && alone) {
        this.#foldings.set(layer, { ...this.#foldings.get(layer), batchNorm: scale });
      }
    }
    return plain(signal);
  }

  #heads({ input, parts, width, scores }: Operator & { op: "heads" }): Traced {
    const signal = this.#at(input);
    parts.forEach((channels, part) => {
      const values = headChannels(signal, channels);
      if (values === null || scores === undefined) return;
      // A head's queries are as its outputs lie, its keys as its values do.
      const asOutputs = channels.map(({ target, length }) => ({ source: target, target, length }));
      const queries = headChannels(this.#at(scores.queries), asOutputs);
      const keys = headChannels(this.#at(scores.keys), channels);
      if (queries !== null && keys !== null) {
        this.#scores.push({ values: values.layer, part, queries, keys });
      }
    });
    const origins = parts.flatMap((channels, part) =>
      through(signal, channels, width).origins.map((origin) => ({ ...origin, part }))
    );
    return crossing({ ...UNKNOWN, width, origins, lost: signal.lost }, "attention-head");
  }

  #cell({ input, inputLayer, hiddenLayer, candidate }: Operator & { op: "cell" }): Traced {
    this.#read(inputLayer, this.#at(input));
    const channels = [{ source: candidate.from, target: 0, length: candidate.length }];
    const crossed = new Set<Via>(["recurrent"]);
    const origins = [inputLayer, hiddenLayer].map((layer) => ({ layer, part: 0, channels, crossed }));
    const state: Traced = { ...UNKNOWN, width: candidate.length, origins };
    this.#read(hiddenLayer, state);
    return state;
  }
}

/** The channels of the one layer that some channels of a signal come from; null where it is not one, or not all of them are known. */
function headChannels(signal: Traced, channels: readonly ChannelRange[]): HeadChannels | null {
  const wanted = channels.reduce((sum, { length }) => sum + length, 0);
  const [origin, ...others] = through(signal, channels, wanted).origins;
  if (origin === undefined || others.length > 0) return null;
  const found = origin.channels.map(({ source, length }) => ({ from: source, length }));
  return found.reduce((sum, { length }) => sum + length, 0) === wanted
    ? { layer: origin.layer, channels: found }
    : null;
}

/** The signals that an operator reads. */
function inputsOf(operator: Operator): readonly Signal[] {
  if (operator.op === "input") return [];
  return "inputs" in operator ? operator.inputs : [operator.input];
}
