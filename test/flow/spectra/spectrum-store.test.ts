import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/flow/budget.ts";
import { type SpectrumHandle, SpectrumStore } from "../../../src/flow/spectra/spectrum-store.ts";
import { type Spectrum, spectrumBytes } from "../../../src/model/spectrum.ts";
import { layerOf, spectrumOf } from "../../support/layer-fixture.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-store-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const nobody = {};
const spectra = (count: number) =>
  Array.from({ length: count }, (_, i) => spectrumOf(layerOf(i, 12, 9 + i), "svr", 8, i + 1));

const copyOf = ({ left, right }: Spectrum) => ({ left: left.data.slice(), right: right.data.slice() });

function opened(bytes: number) {
  const budget = new ByteBudget(bytes);
  const spill = join(folder, "spill");
  const store = new SpectrumStore(budget, spill);
  const put = async (spectrum: Spectrum, uses = 1, owner: object = nobody) =>
    store.put(spectrum, await budget.acquire(spectrumBytes(spectrum), spectrum.layer.name), uses, owner);
  return { budget, store, spill, put };
}

describe("spectrum store", () => {
  it("gives back what it was given, and forgets after the last use", async () => {
    const { budget, store, spill, put } = opened(1e6);
    const [a, b] = spectra(2) as [Spectrum, Spectrum];
    const [source, target] = [await put(a, 2), await put(b, 1)];
    expect(source.singularValues).toBe(a.singularValues);
    await store.use(source, target, 100, (x, y) => {
      expect([x, y]).toEqual([a, b]);
      expect(budget.used).toBe(spectrumBytes(a) + spectrumBytes(b) + 100);
      return Promise.resolve();
    });
    expect(budget.used).toBe(spectrumBytes(a));
    store.skipUse(source);
    expect(budget.used).toBe(0);
    expect(store.spilled).toBe(0);
    expect(existsSync(spill)).toBe(false);
  });

  it("spills what nobody works with, oldest first, and reads it back bit for bit", async () => {
    const all = spectra(4);
    const copies = all.map(copyOf);
    // Room for two spectra of the largest size and a little more.
    const { store, put } = opened(2.5 * spectrumBytes(all[3]!));
    const handles: SpectrumHandle[] = [];
    for (const each of all) handles.push(await put(each, 3));
    expect(store.spilled).toBe(2);
    for (const [i, j] of [[0, 1], [2, 3], [0, 3], [1, 2]] as const) {
      const found = await store.use(
        handles[i]!,
        handles[j]!,
        10,
        (x, y) => Promise.resolve([copyOf(x), copyOf(y)]),
      );
      expect(found).toEqual([copies[i], copies[j]]);
    }
    // A spectrum is written once, however often it has to leave.
    expect(store.spilled).toBeLessThanOrEqual(4);
  });

  it("keeps within the budget, and lets two connections never wait for each other's bytes", async () => {
    const all = spectra(6);
    const { budget, store, put } = opened(2.2 * spectrumBytes(all[5]!));
    const handles: SpectrumHandle[] = [];
    for (const each of all) handles.push(await put(each, 5));
    const pairs = all.flatMap((_, i) => all.slice(i + 1).map((_, j) => [i, i + 1 + j] as const));
    let most = 0;
    let running = 0;
    await Promise.all(pairs.map(([i, j]) =>
      store.use(handles[i]!, handles[j]!, 50, async (x, y) => {
        expect(++running).toBe(1);
        expect([x.layer.index, y.layer.index]).toEqual([i, j]);
        most = Math.max(most, budget.used);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      })
    ));
    expect(most).toBeLessThanOrEqual(budget.total);
    expect(budget.used).toBe(0);
  });

  it("lets as many connections work at a time as fit into the budget", async () => {
    const all = spectra(6);
    const { budget, store, put } = opened(4.5 * spectrumBytes(all[5]!));
    const handles: SpectrumHandle[] = [];
    for (const each of all) handles.push(await put(each, 5));
    const pairs = all.flatMap((_, i) => all.slice(i + 1).map((_, j) => [i, i + 1 + j] as const));
    let running = 0;
    let atOnce = 0;
    let most = 0;
    await Promise.all(pairs.map(([i, j]) =>
      store.use(handles[i]!, handles[j]!, 50, async (x, y) => {
        atOnce = Math.max(atOnce, ++running);
        for (let turn = 0; turn < 20; turn++) {
          // In memory all the while, whatever the others do.
          expect([x.layer.index, y.layer.index]).toEqual([i, j]);
          expect(x.left.data.length * y.left.data.length).toBeGreaterThan(0);
          most = Math.max(most, budget.used);
          await new Promise((resolve) => setImmediate(resolve));
        }
        running--;
      })
    ));
    expect(atOnce).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(budget.total);
    expect(budget.used).toBe(0);
  });

  it("holds new spectra back while ready connections are being worked on, and only then", async () => {
    const { store, put } = opened(1e6);
    const [owner, other] = [{}, {}];
    const [a, b] = spectra(2) as [Spectrum, Spectrum];
    const [source, target] = [await put(a, 9, owner), await put(b, 9, owner)];
    for (let k = 0; k < 3; k++) store.announce(source);
    // Nobody works on a connection: whoever waited would wait for ever.
    await store.caughtUp(owner, 0);
    const order: string[] = [];
    let finish = () => undefined as void;
    const working = store.use(source, target, 0, () => new Promise<void>((resolve) => finish = resolve));
    const held = store.caughtUp(owner, 2).then(() => order.push("held"));
    await store.caughtUp(owner, 3).then(() => order.push("few enough"));
    await store.caughtUp(other, 0).then(() => order.push("another model"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(["few enough", "another model"]);
    finish();
    await Promise.all([working, held]);
    expect(order).toEqual(["few enough", "another model", "held"]);
  });

  it("lets a layer feed itself", async () => {
    const { budget, store, put } = opened(1e5);
    const handle = await put(spectra(1)[0]!, 1);
    await store.use(handle, handle, 0, (x, y) => Promise.resolve(expect(x).toBe(y)));
    expect(budget.used).toBe(0);
  });

  it("refuses a pair that exceeds the whole budget, with the number that would do", async () => {
    const [a, b] = spectra(2) as [Spectrum, Spectrum];
    const need = spectrumBytes(a) + spectrumBytes(b) + 500;
    const { store, put } = opened(need - 1);
    const [source, target] = [await put(a), await put(b)];
    await expect(store.use(source, target, 500, () => Promise.resolve())).rejects.toThrow(
      `memory: found a budget of ${
        need - 1
      } bytes, required at least ${need} bytes for the connection from layer0 to layer1`,
    );
  });

  it("passes a failure on, counts the use, and goes on with the next", async () => {
    const { budget, store, put } = opened(1e6);
    const [source, target] = [await put(spectra(1)[0]!, 2), await put(spectra(2)[1]!, 2)];
    const failing = store.use(source, target, 1, () => Promise.reject(new Error("no")));
    const next = store.use(source, target, 1, () => Promise.resolve("yes"));
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("yes");
    expect(budget.used).toBe(0);
  });

  it("says which spilled file was shortened", async () => {
    const all = spectra(3);
    const { store, spill, put } = opened(2.1 * spectrumBytes(all[2]!));
    const handles: SpectrumHandle[] = [];
    for (const each of all) handles.push(await put(each, 2));
    const [name] = await readdir(spill);
    await truncate(join(spill, name!), 100);
    await expect(store.use(handles[0]!, handles[2]!, 1, () => Promise.resolve())).rejects.toThrow(
      /0\.vectors: found a damaged file, required the vectors/,
    );
  });

  it("tells whoever waits when it cannot spill", async () => {
    const all = spectra(3);
    const { spill, put } = opened(2.1 * spectrumBytes(all[2]!));
    await writeFile(spill, "a file where the folder should be");
    await put(all[0]!);
    await put(all[1]!);
    await expect(put(all[2]!)).rejects.toThrow(/EEXIST|ENOTDIR/);
  });

  it("keeps nothing but the values of what nobody will use", async () => {
    const { budget, put } = opened(1e5);
    expect((await put(spectra(1)[0]!, 0)).singularValues).toHaveLength(8);
    expect(budget.used).toBe(0);
  });

  it("forgets what belongs to one owner, in memory and on disk, and nothing else", async () => {
    const all = spectra(4);
    const { budget, store, spill, put } = opened(2.1 * spectrumBytes(all[3]!));
    const [one, other] = [{}, {}];
    const kept = spectrumBytes(all[1]!) + spectrumBytes(all[3]!);
    const handles: SpectrumHandle[] = [];
    for (const [i, each] of all.entries()) handles.push(await put(each, 9, i % 2 === 0 ? one : other));
    store.forget(one);
    await expect(store.use(handles[0]!, handles[1]!, 1, () => Promise.resolve())).rejects.toThrow(
      "a spectrum was forgotten",
    );
    expect(await store.use(handles[1]!, handles[3]!, 1, (x) => Promise.resolve(x.layer.index))).toBe(1);
    expect(budget.used).toBe(kept);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await readdir(spill)).toEqual(["1.vectors"]);
  });

  it("leaves no file of what is forgotten while it is written to the disk", async () => {
    for (const how of ["its last use", "its model's end"]) {
      const [small, large] = [spectra(1)[0]!, spectrumOf(layerOf(1, 2000, 1000), "svr", 300, 1)];
      const size = spectrumBytes(large);
      const { budget, store, spill, put } = opened(spectrumBytes(small) + size);
      const inUse = await put(small, 1, {});
      const handle = await put(large, 1);
      const { promise: end, resolve: finish } = Promise.withResolvers<void>();
      const use = store.use(inUse, inUse, 0, () => end);
      const more = budget.acquire(size + 1000, "what needs the place of both");
      // The file is there, so its rows are on their way.
      while (!existsSync(join(spill, "1.vectors"))) await new Promise((resolve) => setImmediate(resolve));
      if (how === "its last use") store.skipUse(handle);
      else store.forget(nobody);
      await expect.poll(() => readdir(spill)).not.toContain("1.vectors");
      // Whoever waits goes on waiting.
      expect(await Promise.race([more, pause(100, "still waiting")])).toBe("still waiting");
      finish();
      await use;
      await more;
      expect(budget.used).toBe(size + 1000);
      await store.dispose();
      expect(existsSync(spill)).toBe(false);
    }
  });

  it("leaves no file and no byte behind", async () => {
    const all = spectra(4);
    const { budget, store, spill, put } = opened(2.1 * spectrumBytes(all[3]!));
    for (const each of all) await put(each, 9);
    expect(await readdir(spill)).not.toEqual([]);
    await store.dispose();
    expect(existsSync(spill)).toBe(false);
    expect(budget.used).toBe(0);
  });
});
