/** Layers that are longer than memory allows: runs over a file of which no tensor of them fits into the budget. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { safetensors } from "../../connectors/sources/safetensors.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import { random } from "../../src/model/random.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { writeRaw } from "../support/files/safetensors-file.ts";
import { memorySink } from "../support/memory-sink.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

const [TOKENS, WIDTH, RANK] = [8000, 256, 24];

/** The matrix takes 16 MB in double precision, and half as much while it is read. */
const SMALL = 20 * 2 ** 20;

let folder = "";
let path = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tall-layers-"));
  path = join(folder, "model.safetensors");
  const shapes = [["first.weight", [WIDTH, WIDTH]], ["head.weight", [TOKENS, WIDTH]]] as const;
  let at = 0;
  const header = JSON.stringify(Object.fromEntries(shapes.map(([name, shape]) => {
    const begin = at;
    at += 2 * shape[0] * shape[1];
    return [name, { dtype: "BF16", shape, data_offsets: [begin, at] }];
  })));
  const numbers = new Float64Array((TOKENS + WIDTH) * WIDTH);
  random(1, "tall").normals(numbers);
  // What one layer writes to most is what the other reads most: spectra that fall, and edges.
  const single = new Float32Array(numbers.length);
  for (let i = 0; i < single.length; i++) {
    single[i] = numbers[i]! / (1 + (i < WIDTH ** 2 ? Math.floor(i / WIDTH) : i % WIDTH));
  }
  const [bits, halves] = [new Uint32Array(single.buffer), new Uint16Array(single.length)];
  for (let i = 0; i < halves.length; i++) halves[i] = bits[i]! >>> 16;
  await writeRaw(path, header, new Uint8Array(halves.buffer));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @param cache folder of one; none by default */
async function ran(memory: number, cache?: string) {
  const from: string[] = [];
  const engine = await openEngine({
    kernel: "wasm",
    threads: 2,
    rank: RANK,
    memory,
    spectrumDone: (event) => from.push(event.from),
    ...cache === undefined ? {} : { cache: { folder: cache, limit: 2 ** 30, alone: true } },
  });
  const model = await safetensors.open(path, "tall");
  try {
    const { sink, models } = memorySink();
    const settings = { ...pipelineSettings(engine, logSurvivalOfSigma(3)), sinks: [sink] };
    await lastValueFrom(spectralGraph(model, settings));
    const { tables } = models[0]!;
    return { from, neurons: tables.get("neurons") ?? [], edges: tables.get("edges") ?? [] };
  } finally {
    await model.close();
    await engine.dispose();
  }
}

describe("a budget below the size of a layer", () => {
  it("gives the neurons of a budget that holds it", { timeout: 60_000 }, async () => {
    const small = await ran(SMALL);
    const large = await ran(2 ** 30);
    expect(small.neurons).toHaveLength(2 * RANK);
    small.neurons.forEach((row, at) => {
      const other = large.neurons[at]!;
      expect([row["layer_index"], row["neuron"]]).toEqual([other["layer_index"], other["neuron"]]);
      expect(Number(row["relative"])).toBeCloseTo(Number(other["relative"]), 12);
      expect([row["converged"], other["converged"]]).toEqual([1, 1]);
      expect(Number(row["residual"])).toBeLessThan(1e-8);
    });
    const overlaps = ({ edges }: typeof small) =>
      new Map(
        edges.map((row) => [`${row["source_neuron"]} ${row["target_neuron"]}`, Number(row["overlap"])]),
      );
    const [few, many] = [overlaps(small), overlaps(large)];
    expect(few.size).toBeGreaterThan(0);
    expect([...few.keys()]).toEqual([...many.keys()]);
    for (const [pair, overlap] of few) expect(overlap).toBeCloseTo(many.get(pair)!, 9);
  });

  it("is taken from a cache, and not as what a larger one gives", { timeout: 60_000 }, async () => {
    const cache = join(folder, "cache");
    const first = await ran(SMALL, cache);
    const second = await ran(SMALL, cache);
    expect([first.from, second.from]).toEqual([["kernel", "kernel"], ["cache", "cache"]]);
    expect(second.neurons).toEqual(first.neurons);
    expect(second.edges).toEqual(first.edges);
    // The small layer is decomposed alike.
    expect((await ran(2 ** 30, cache)).from.toSorted()).toEqual(["cache", "kernel"]);
  });

  it("is refused where all neurons are wanted", async () => {
    const engine = await openEngine({ kernel: "wasm", threads: 1, memory: SMALL });
    const model = await safetensors.open(path, "tall");
    try {
      const settings = { ...pipelineSettings(engine, logSurvivalOfSigma(3)), sinks: [memorySink().sink] };
      await expect(lastValueFrom(spectralGraph(model, settings))).rejects.toThrow(
        "memory: found a budget of 20971520 bytes, required at least",
      );
    } finally {
      await model.close();
      await engine.dispose();
    }
  });
});
