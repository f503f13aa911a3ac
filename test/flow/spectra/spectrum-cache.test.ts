import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { removeSpectra, spectraIn } from "../../../src/run/workers/lake-spectra.ts";
import type { CacheOptions } from "../../../src/flow/spectra/archive-cache.ts";
import { SpectrumCache } from "../../../src/flow/spectra/spectrum-cache.ts";
import { spectrumKey } from "../../../src/flow/spectra/spectrum-key.ts";
import { matrix } from "../../../src/model/tensor.ts";
import type { Spectrum } from "../../../src/model/spectrum.ts";
import { layerOf, spectrumOf } from "../../support/layer-fixture.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-cache-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const opened = (options: Partial<CacheOptions> = {}) =>
  SpectrumCache.open({ folder: join(folder, "spectra"), limit: 1e6, alone: true, ...options });

/** What a file holds of a spectrum. */
const bareOf = ({ left, right, singularValues, group, norm }: Spectrum) => ({
  left,
  right,
  singularValues,
  group,
  norm,
});

const bare = (seed: number) => {
  const rest = bareOf(spectrumOf(layerOf(0, 12, 9), "svr", 8, seed));
  return rest;
};
const SHAPE = { rank: 9, leftCols: 12, rightCols: 9 };
const keyOf = (at: number) => at.toString(16).padStart(64, "0");

/** Takes a spectrum, and says whether it had to be computed. */
async function take(cache: SpectrumCache, at: number, shape = { ...SHAPE, ...shapeOf() }) {
  const { spectrum, from } = await cache.take(keyOf(at), shape, () => Promise.resolve(bare(at + 1)));
  expect(spectrum).toEqual(bare(at + 1));
  return from;
}

function shapeOf() {
  const { left, right, singularValues } = bare(1);
  return { rank: singularValues.length, leftCols: left.cols, rightCols: right.cols };
}

/** Bytes of a file whose spectrum is like `bare`'s. */
const fileBytes = async (at = 1) => (await stat(join(folder, "spectra", `${keyOf(at)}.spectrum`))).size;

const names = async () => (await readdir(join(folder, "spectra")).catch(() => [])).sort();

describe("spectrum cache", () => {
  it("takes what it lacks from a lake that other machines see, whole or not at all", async () => {
    const lake = folderLake(join(folder, "lake"));
    const machine = (name: string, limit = 1e6) =>
      opened({ folder: join(folder, name), limit, beyond: spectraIn(lake) });
    expect(await take(await machine("a"), 1)).toBe("kernel");
    const path = `.state/spectra/${keyOf(1)}.spectrum`;
    expect(await lake.list(".state/")).toEqual([path]);
    const other = await machine("b");
    expect(await take(other, 1)).toBe("cache");
    expect(await take(other, 2)).toBe("kernel");
    expect(await take(await machine("a"), 2)).toBe("cache");
    // What is damaged, or too large for the folder, is computed.
    expect(await take(await machine("small", 100), 1)).toBe("kernel");
    await writeFile(join(folder, "lake", path), "damaged");
    expect(await take(await machine("c"), 1)).toBe("kernel");
    expect(await take(await machine("d"), 1)).toBe("cache");
    await removeSpectra(lake);
    expect(await lake.list(".state/")).toEqual([]);
    expect(await take(await machine("e"), 1)).toBe("kernel");
  });

  it("goes on without a lake that cannot be reached, and says so once", async () => {
    const told: string[] = [];
    const refused = () => Promise.reject(new Error("s3://bucket: 503"));
    const beyond = { find: refused, put: refused };
    const cache = await opened({ beyond, full: (reason) => void told.push(reason) });
    expect([await take(cache, 1), await take(cache, 2), await take(cache, 1)]).toEqual([
      "kernel",
      "kernel",
      "cache",
    ]);
    expect(told).toEqual(["s3://bucket: 503"]);
  });

  it("gives back bit for bit what was computed once, also to a later run", async () => {
    const first = await opened();
    expect(await take(first, 1)).toBe("kernel");
    expect(await take(first, 1)).toBe("cache");
    const later = await opened();
    expect(await take(later, 1)).toBe("cache");
    expect(await take(later, 2)).toBe("kernel");
    expect(await names()).toEqual([1, 2].map((at) => `${keyOf(at)}.spectrum`));
    expect(later.bytes).toBe(await fileBytes(1) + await fileBytes(2));
  });

  it("gives large ones back too", async () => {
    const large = bareOf(spectrumOf(layerOf(0, 300, 260), "svr", 256, 11));
    const shape = { rank: 256, leftCols: 300, rightCols: 260 };
    await (await opened({ limit: 1e8 })).take(keyOf(9), shape, () => Promise.resolve(large));
    expect(await fileBytes(9)).toBeGreaterThan(2 ** 20);
    const later = await opened({ limit: 1e8 });
    const { spectrum, from } = await later.take(keyOf(9), shape, () => Promise.reject(new Error("no")));
    expect(from).toBe("cache");
    expect(spectrum).toEqual(large);
  });

  it("keeps what a randomized method leaves out, and numbers that are no ordinary ones", async () => {
    const cache = await opened();
    const odd = { ...bare(3), residual: 0.25, norm: 5e-324 };
    odd.singularValues.set([Infinity, -0]);
    await cache.take(keyOf(3), shapeOf(), () => Promise.resolve(odd));
    const { spectrum, from } = await cache.take(keyOf(3), shapeOf(), () => Promise.reject(new Error("no")));
    expect(from).toBe("cache");
    expect(spectrum).toEqual(odd);
    expect(Object.is(spectrum.singularValues[1], -0)).toBe(true);
  });

  it.each(
    [
      ["cut", (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
      ["longer", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])],
      ["empty", () => Buffer.alloc(0)],
      ["without its name", (bytes: Buffer) => Buffer.concat([Buffer.from("X"), bytes.subarray(1)])],
      ["one bit of a vector off", (bytes: Buffer) => flipped(bytes, bytes.length - 200)],
      ["one bit of the norm off", (bytes: Buffer) => flipped(bytes, bytes.indexOf('"norm":') + 10)],
      ["one bit of the digest off", (bytes: Buffer) => flipped(bytes, 20)],
      ["four thousand millions of bytes of text", (bytes: Buffer) => Buffer.from(bytes).fill(255, 40, 44)],
      [
        "more numbers than there are",
        (bytes: Buffer) =>
          Buffer.from(bytes.toString("latin1").replace('"length":8', '"length":9'), "latin1"),
      ],
    ] as const,
  )("computes anew what is damaged: %s", async (_, damage) => {
    await take(await opened(), 1);
    const path = join(folder, "spectra", `${keyOf(1)}.spectrum`);
    const whole = await readFile(path);
    await writeFile(path, damage(whole));
    const cache = await opened();
    expect(await take(cache, 1)).toBe("kernel");
    expect(await readFile(path)).toEqual(whole);
    expect(await take(cache, 1)).toBe("cache");
  });

  it("takes no spectrum for another's, whatever its file is called", async () => {
    await take(await opened(), 1);
    const path = join(folder, "spectra", `${keyOf(1)}.spectrum`);
    await writeFile(join(folder, "spectra", `${keyOf(2)}.spectrum`), await readFile(path));
    expect(await take(await opened(), 2)).toBe("kernel");
  });

  it("stays within its limit; what was not asked for longest goes first, over runs", async () => {
    await take(await opened(), 1);
    const limit = 3 * await fileBytes() + 60; // what is text in them may be a few bytes longer
    const first = await opened({ limit });
    for (const at of [1, 2, 3]) await take(first, at);
    expect(await take(first, 1)).toBe("cache");
    await take(first, 4);
    expect(await names()).toEqual([1, 3, 4].map((at) => `${keyOf(at)}.spectrum`));
    // By the files' times, which the next run goes by.
    for (const [at, time] of [[4, 1], [1, 2], [3, 3]] as const) {
      await utimes(join(folder, "spectra", `${keyOf(at)}.spectrum`), time, time);
    }
    const next = await opened({ limit: first.bytes - 1 });
    expect(await names()).toEqual([1, 3].map((at) => `${keyOf(at)}.spectrum`));
    expect(next.bytes).toBeLessThan(first.bytes);
    const small = await opened({ limit: 10 });
    expect(await names()).toEqual([]);
    expect(await take(small, 1)).toBe("kernel");
    expect(await names()).toEqual([]);
  });

  it("lets whoever asks for what is being computed wait, and compute where that failed", async () => {
    const cache = await opened();
    let computed = 0;
    const once = (fail: boolean) => async () => {
      computed++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (fail) throw new Error("not this time");
      return bare(8);
    };
    const all = await Promise.allSettled(
      [true, false, false, false].map((fail) => cache.take(keyOf(7), shapeOf(), once(fail))),
    );
    expect(all.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
    expect(computed).toBe(2);
  });

  it("goes on without where nothing can be written, and says so once", async () => {
    await writeFile(join(folder, "file"), "");
    const said: string[] = [];
    const cache = await opened({ folder: join(folder, "file", "spectra"), full: (why) => said.push(why) })
      .catch(() => null);
    // A folder that cannot be read at all is a setting that is wrong.
    expect(cache).toBeNull();
    await writeFile(join(folder, "spectra"), "in the way");
    await rm(join(folder, "spectra"));
    const open = await opened({ full: (why) => said.push(why) });
    await writeFile(join(folder, "spectra"), "in the way");
    expect(await take(open, 1)).toBe("kernel");
    expect(await take(open, 1)).toBe("kernel");
    expect(said).toHaveLength(1);
    expect(open.bytes).toBe(0);
  });

  it("removes what a killed run was writing; in a shared folder only what is old", async () => {
    await take(await opened(), 1);
    const partial = join(folder, "spectra", `.${keyOf(2)}.ab12.partial`);
    await writeFile(partial, "half");
    await opened({ alone: false });
    expect(await names()).toHaveLength(2);
    await utimes(partial, 1, 1);
    await opened({ alone: false });
    expect(await names()).toHaveLength(1);
    await writeFile(partial, "half");
    await opened();
    expect(await names()).toHaveLength(1);
  });
});

describe("the key of a spectrum", () => {
  const kernel = { name: "wasm", version: "1", precision: "f64" } as const;
  const blocks = [matrix(2, 3, Float64Array.of(1, 2, 3, 4, 5, 6))];
  const key = spectrumKey(blocks, "svr", kernel, {});

  it("is the same for the same, and another for whatever changes the spectrum", () => {
    expect(spectrumKey([matrix(2, 3, Float64Array.of(1, 2, 3, 4, 5, 6))], "svr", { ...kernel }, {}))
      .toBe(key);
    const others = [
      spectrumKey([matrix(2, 3, Float64Array.of(1, 2, 3, 4, 5, 7))], "svr", kernel, {}),
      spectrumKey([matrix(3, 2, Float64Array.of(1, 2, 3, 4, 5, 6))], "svr", kernel, {}),
      spectrumKey(
        [matrix(1, 3, Float64Array.of(1, 2, 3)), matrix(1, 3, Float64Array.of(4, 5, 6))],
        "svr",
        kernel,
        {},
      ),
      spectrumKey(blocks, "cosvr", kernel, {}),
      spectrumKey(blocks, "svr", kernel, { rank: 1 }),
      spectrumKey(blocks, "svr", kernel, { rank: 1, noise: true }),
      spectrumKey(blocks, "svr", kernel, { rank: 1, tolerance: 1e-6 }),
      spectrumKey(blocks, "svr", { ...kernel, name: "native" }, {}),
      spectrumKey(blocks, "svr", { ...kernel, version: "2" }, {}),
      spectrumKey(blocks, "svr", { ...kernel, precision: "f32" }, {}),
    ];
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
