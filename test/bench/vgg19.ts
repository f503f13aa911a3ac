/** All spectral neurons and connections of VGG-19's 16 convolutions, from weights in memory to significance. */

import { filter, from, lastValueFrom, mergeMap, of, toArray } from "rxjs";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import type { OpenEngine } from "../../src/run/open-engine.ts";
import { layers } from "../../src/flow/operators/layers.ts";
import { overlap } from "../../src/flow/operators/overlap.ts";
import { svd } from "../../src/flow/operators/svd.ts";
import { test } from "../../src/flow/operators/test.ts";
import { unfold } from "../../src/flow/operators/unfold.ts";
import { normals } from "../../src/kernels/numbers.ts";
import type { Model } from "../../src/model/ports.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

/** Channels between the convolutions. */
export const CHANNELS = [3, 64, 64, 128, 128, 256, 256, 256, 256, ...Array.from({ length: 8 }, () => 512)];

/** A model that gives its weights away, and has to be given new ones for the next run. */
export interface Vgg19 extends Model {
  refill(): void;
}

/** The model, its weights made beforehand. The pipeline uses them up; the peer's stay, so they are copied off the clock: by `refill`. */
export function vgg19(): Vgg19 {
  const model = openSynthetic({
    seed: 19,
    layers: CHANNELS.slice(1).map((out, at) => ({
      name: `conv${at}`,
      out,
      in: CHANNELS[at]!,
      kernel: [3, 3],
    })),
  }, "vgg19");
  const weights = new Map(model.graph!.layers.map(({ weight }) => [
    weight.tensor,
    normals(weight.shape.reduce((product, extent) => product * extent, 1)),
  ]));
  const given = new Map<string, Float64Array>();
  return {
    ...model,
    refill() {
      for (const [name, values] of weights) if (!given.has(name)) given.set(name, values.slice());
    },
    read(name) {
      const values = given.get(name) ?? weights.get(name)!.slice();
      given.delete(name);
      return Promise.resolve(values);
    },
  };
}

/** Runs the pipeline over it, without sinks. @returns how many edges are significant */
export async function spectralEdges(model: Model, engine: OpenEngine): Promise<number> {
  const settings = pipelineSettings(engine, logSurvivalOfSigma(3)).test;
  const connections = await lastValueFrom(
    of(model).pipe(
      layers(),
      unfold("svr"),
      svd(engine, "svr"),
      overlap(engine, settings),
      test(settings),
      filter((item) => item.kind === "connection"),
      mergeMap((connection) => from(connection.edges()), 1),
      toArray(),
    ),
  );
  return connections.reduce((sum, { summary }) => sum + summary.nominal, 0);
}
