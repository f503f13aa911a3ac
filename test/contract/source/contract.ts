/** What every file format must do: the same numbers out as in, names exactly, by position, and nothing left open. */

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import type { WrittenTensor } from "../../support/files/written-tensor.ts";

export type { WrittenTensor };

export interface SourceTraits {
  /** Writes a file of the format, by means that share no code with the reader. */
  write(path: string, tensors: readonly WrittenTensor[]): Promise<void>;
  /** Element types that can be read, and hard values that are exact in each. */
  readonly exact: Readonly<Record<string, readonly number[]>>;
  /** An element type that is listed but cannot be read as real numbers. */
  readonly unreadable: string;
  /** The files behind a model, the one with the data last, where they are more than the one that was named. */
  files?(path: string): readonly string[];
  /** Whether the format has a way to write this name. Default: it has one for every name. */
  spells?(name: string): boolean;
}

/** Names that a careless reader loses, mangles or obeys. */
const NAMES = [
  "conv1.weight",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  " ",
  "a/b/../c",
  'it\'s "quoted"\\',
  "line\nbreak\u0000",
  "模型.权重 🧠",
  "x".repeat(2000),
];

/** Runs the suite. */
export function sourceContract(format: SourceFormat, traits: SourceTraits): void {
  const [firstType = ""] = Object.keys(traits.exact);
  const ramp = (name: string, shape: readonly number[]): WrittenTensor => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return { name, dtype: firstType, shape, values: Array.from({ length: count }, (_, i) => i % 97 - 48) };
  };

  describe(`source contract: ${format.name}`, () => {
    let folder = "";
    let path = "";
    const open: Model[] = [];
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "source-"));
      path = join(folder, `model${format.extensions[0]}`);
    });
    afterEach(async () => {
      for (const model of open.splice(0)) await model.close();
      await rm(folder, { recursive: true, force: true });
    });
    const opened = async (...tensors: readonly WrittenTensor[]) => {
      await traits.write(path, tensors);
      const model = await format.open(path, "an id");
      open.push(model);
      return model;
    };

    it.each(Object.entries(traits.exact))("gives %s back bit for bit", async (dtype, values) => {
      const model = await opened({ name: "w", dtype, shape: [values.length, 1], values });
      const read = await model.read("w");
      expect(read).toBeInstanceOf(Float64Array);
      expect(
        Array.from(read, (value, i) => Object.is(value, values[i]) ? null : [i, value, values[i]]).filter(
          Boolean,
        ),
      ).toEqual([]);
    });

    const shaped = [
      ramp("a", [3, 4]),
      ramp("scalar", []),
      ramp("conv", [2, 3, 5, 7]),
      ramp("long", [1, 1000]),
      ramp("tiny", [1, 1]),
    ];

    it("keeps tensors apart and in row-major order, whatever their shapes", async () => {
      const model = await opened(...shaped);
      for (const { name, values } of shaped) expect([...await model.read(name)], name).toEqual(values);
    });

    it("reads a tensor by rows as it reads it whole, where it can", async () => {
      const model = await opened(...shaped);
      for (const { name, shape: [length = 1], values } of shaped) {
        const rows = model.rows?.(name) ?? null;
        if (rows === null) continue;
        const width = values.length / length;
        for (const [first, count] of [[0, length], [length - 1, 1], [0, 1]] as const) {
          expect([...await rows(first, count)], name).toEqual(
            values.slice(first * width, (first + count) * width),
          );
        }
      }
      expect(model.rows?.("__proto__") ?? null).toBeNull();
    });

    it("says what it is, and lists every tensor once, by its exact name", async () => {
      const names = NAMES.filter((name) => traits.spells?.(name) ?? true);
      expect(names.length).toBeGreaterThan(NAMES.length - 2);
      const tensors = names.map((name, at) => ramp(name, [at + 1, 2]));
      const model = await opened(...tensors);
      expect(model).toMatchObject({ id: "an id", uri: path, format: format.name });
      const listed = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
      expect([...listed.keys()].sort()).toEqual([...names].sort());
      expect(model.tensors).toHaveLength(names.length);
      for (const { name, shape, values } of tensors) {
        expect(listed.get(name)?.shape).toEqual(shape);
        expect(listed.get(name)?.unreadable).toBeUndefined();
        expect([...await model.read(name)]).toEqual(values);
      }
      expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
    });

    it("takes a thousand tensors", async () => {
      const tensors = Array.from({ length: 1000 }, (_, at) => ramp(`layer.${at}.weight`, [2, 3]));
      const model = await opened(...tensors);
      expect(model.tensors).toHaveLength(1000);
      expect([...await model.read("layer.999.weight")]).toEqual(ramp("", [2, 3]).values);
    });

    it("lists what it cannot read, with the reason, and refuses to read it", async () => {
      const model = await opened(ramp("w", [2, 2]), {
        name: "ids",
        dtype: traits.unreadable,
        shape: [2],
        values: [1, 2],
      });
      const ids = model.tensors.find(({ name }) => name === "ids");
      expect(ids?.unreadable).toContain(traits.unreadable);
      await expect(model.read("ids")).rejects.toThrow(RangeError);
      await expect(model.read("ids")).rejects.toThrow(/ids/);
      expect([...await model.read("w")]).toEqual(ramp("", [2, 2]).values);
    });

    it("refuses a tensor that it does not hold, `__proto__` among them", async () => {
      const model = await opened(ramp("w", [2, 2]));
      for (const name of ["W", "w ", "", "__proto__", "constructor"]) {
        await expect(model.read(name)).rejects.toThrow(RangeError);
        await expect(model.read(name)).rejects.toThrow(path);
      }
    });

    it("takes reads at the same time", async () => {
      const tensors = Array.from({ length: 20 }, (_, at) => ramp(`t${at}`, [at + 1, 301]));
      const model = await opened(...tensors);
      const read = await Promise.all(tensors.map(({ name }) => model.read(name)));
      read.forEach((values, at) => expect([...values]).toEqual(tensors[at]?.values));
    });

    it("gives an array of its own each time", async () => {
      const model = await opened(ramp("w", [2, 2]));
      (await model.read("w")).fill(NaN);
      expect([...await model.read("w")]).toEqual(ramp("", [2, 2]).values);
    });

    it("digests its file", async () => {
      const model = await opened(ramp("w", [40, 50]));
      const digests = await Promise.all((traits.files?.(path) ?? [path]).map(async (file) => ({
        path: file,
        bytes: (await stat(file)).size,
        sha256: createHash("sha256").update(await readFile(file)).digest("hex"),
      })));
      expect(await model.inputs()).toEqual(digests);
      expect(await model.inputs(undefined, new Set(["w"]))).toEqual(digests);
    });

    it("stops where its signal says so", async () => {
      const model = await opened(ramp("w", [40, 50]));
      const stopped = AbortSignal.abort(new Error("enough"));
      await expect(model.read("w", stopped)).rejects.toThrow("enough");
      await expect(model.inputs(stopped)).rejects.toThrow("enough");
      await expect(format.open(path, "x", stopped)).rejects.toThrow("enough");
    });

    it("says so when its file has become shorter", async () => {
      const model = await opened(ramp("w", [400, 50]));
      const data = traits.files?.(path).at(-1) ?? path;
      await truncate(data, 300);
      await expect(model.read("w")).rejects.toThrow(data);
    });

    it("can be closed, and reads nothing then", async () => {
      const model = await opened(ramp("w", [2, 2]));
      open.splice(0);
      await model.close();
      await expect(model.read("w")).rejects.toThrow();
    });
  });
}
