import { describe, expect, it } from "vitest";
import {
  type StepNeurons,
  type Track,
  trackCounts,
  type TrackLink,
  tracksOf,
} from "../../src/compare/tracks.ts";
import { gaussian } from "../support/layer-fixture.ts";

const step = (values: readonly number[], directed = values.map(() => 1)): StepNeurons => ({
  singularValues: Float64Array.from(values),
  directed: Uint8Array.from(directed),
});

const link = (from: number, to: number, base: number, other: number): TrackLink => ({
  from,
  to,
  base,
  other,
  similarity: 0.9,
});

const places = (tracks: readonly Track[]) =>
  tracks.map((track) => track.map(({ step, neuron }) => [step, neuron]));

describe("tracks", () => {
  it("follow links, begin where no link ends, and end where none begins", () => {
    const steps = [step([3, 2]), step([4, 3, 1]), step([5, 4])];
    const tracks = tracksOf(steps, [link(0, 1, 0, 1), link(1, 2, 1, 0), link(1, 2, 0, 1)]);
    expect(places(tracks)).toEqual([
      [[0, 0], [1, 1], [2, 0]],
      [[0, 1]],
      [[1, 0], [2, 1]],
      [[1, 2]],
    ]);
    expect(tracks[0]!.map(({ similarity }) => similarity)).toEqual([null, 0.9, 0.9]);
    expect(trackCounts(tracks, steps, [0, steps.length - 1])).toEqual({
      tracks: 4,
      through: 1,
      births: 2,
      deaths: 2,
      crossings: 1,
    });
  });

  it("leave out neurons without a direction, and go on behind a step at which they had none", () => {
    const steps = [step([3, 1]), step([2, 2], [0, 0]), step([3, 1])];
    const tracks = tracksOf(steps, [link(0, 2, 0, 1), link(0, 2, 1, 0)]);
    expect(places(tracks)).toEqual([[[0, 0], [2, 1]], [[0, 1], [2, 0]]]);
    expect(trackCounts(tracks, steps, [0, steps.length - 1])).toEqual({
      tracks: 2,
      through: 2,
      births: 0,
      deaths: 0,
      crossings: 1,
    });
  });

  it("pass over no step where a neighbouring step has the neuron", () => {
    const steps = [step([1]), step([1]), step([1])];
    expect(places(tracksOf(steps, [link(0, 2, 0, 0), link(0, 1, 0, 0)]))).toEqual([[[0, 0], [1, 0]], [[
      2,
      0,
    ]]]);
  });

  it("cross as often as pairs of them change their order", () => {
    const next = gaussian(5);
    const [neurons, length] = [30, 5];
    // A third of the neurons has no direction at a step between.
    const values = Array.from({ length }, () => Array.from({ length: neurons }, next));
    const lacks = (at: number, track: number) => at === 2 && track % 3 === 0;
    const orders = values.map((all) => [...all.keys()].sort((a, b) => all[b]! - all[a]!));
    const steps = orders.map((order, at) =>
      step(order.map((track) => values[at]![track]!), order.map((track) => lacks(at, track) ? 0 : 1))
    );
    const links: TrackLink[] = [];
    for (let track = 0; track < neurons; track++) {
      const known = steps.map((_, at) => at).filter((at) => !lacks(at, track));
      for (const [at, to] of known.entries()) {
        const from = known[at - 1];
        if (from !== undefined) {
          links.push(link(from, to, orders[from]!.indexOf(track), orders[to]!.indexOf(track)));
        }
      }
    }
    let expected = 0;
    for (let a = 0; a < neurons; a++) {
      for (let b = 0; b < a; b++) {
        const known = steps.map((_, at) => at).filter((at) => !lacks(at, a) && !lacks(at, b));
        for (const [at, to] of known.entries()) {
          if (at === 0) continue;
          const apart = (of: number) => values[of]![a]! - values[of]![b]!;
          if (apart(known[at - 1]!) * apart(to) < 0) expected++;
        }
      }
    }
    const tracks = tracksOf(steps, links);
    expect(tracks).toHaveLength(neurons);
    expect(trackCounts(tracks, steps, [0, steps.length - 1]).crossings).toBe(expected);
  });
});
