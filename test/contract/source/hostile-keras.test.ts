import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keras } from "../../../connectors/sources/keras/keras.ts";
import { kerasFile } from "../../support/files/h5-file.ts";
import { zipOf } from "../../support/files/zip-file.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(bytes: Uint8Array, extension = ".h5"): Promise<string> {
  const path = join(folder, `${count++}${extension}`);
  await writeFile(path, bytes);
  return path;
}

async function refusal(path: string, read?: string): Promise<Error> {
  const attempt = async () => {
    const model = await keras.open(path, "id");
    try {
      if (read !== undefined) await model.read(read);
    } finally {
      await model.close();
    }
  };
  const failure = await attempt().then(() => null, (thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(Error);
  const { message } = failure as Error;
  expect(message.startsWith(path)).toBe(true);
  expect(message).not.toContain("\n");
  return failure as Error;
}

/** Where the only piece of a file that holds these bytes is. */
function placeOf(bytes: Uint8Array, piece: readonly number[]): number {
  const places = Array.from(bytes.keys()).filter((at) => piece.every((byte, i) => bytes[at + i] === byte));
  expect(places).toHaveLength(1);
  return places[0]!;
}

const u64 = (value: number) => [...new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)];
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A dataspace of 53 x 21 elements as the files have it: both extents, and again as their limits. */
async function withExtents(name: string, rows: number, cols: number): Promise<string> {
  const bytes = await kerasFile(name);
  const view = new DataView(bytes.buffer);
  for (const at of bytes.keys()) {
    if (
      u64(53).every((byte, i) => bytes[at + i] === byte) &&
      u64(21).every((byte, i) => bytes[at + 8 + i] === byte)
    ) {
      view.setBigUint64(at, BigInt(rows), true);
      view.setBigUint64(at + 8, BigInt(cols), true);
    }
  }
  return await file(bytes);
}

describe("hostile HDF5 files", () => {
  it("refuses what is no HDF5 file", async () => {
    for (
      const bytes of [
        new Uint8Array(),
        new Uint8Array(1000),
        new TextEncoder().encode("PK\u0003\u0004".repeat(50)),
      ]
    ) {
      const failure = await refusal(await file(bytes));
      expect(failure).toBeInstanceOf(SyntaxError);
      expect(failure.message).toMatch(/required (an HDF5 file of at least 48|HDF5's signature)/);
    }
  });

  it("refuses impossible sizes before it allocates anything", async () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const [rows, cols] of [[2 ** 40, 2 ** 40], [2 ** 31, 4], [2 ** 52, 2 ** 11]] as const) {
      const failure = await refusal(await withExtents("layouts.h5.gz", rows, cols));
      expect(failure).toBeInstanceOf(SyntaxError);
      expect(failure.message).toMatch(/required (at most \d+ in a file of|the \d+ bytes that it has)/);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
  });

  it("refuses chunks that do not make up what is declared, also before it allocates", async () => {
    // Within what deflate could hold, but not what is there.
    const path = await withExtents("layouts.h5.gz", 530, 2100);
    expect((await refusal(path, "deflated")).message).toMatch(
      /found 18 whole chunks of 10 x 10, required 11130/,
    );
  });

  it("refuses data outside of the file", async () => {
    const bytes = await kerasFile("tiny.h5.gz");
    const cut = await file(bytes.slice(0, bytes.length - 200));
    expect((await refusal(cut)).message).toMatch(/required within the file's \d+ bytes/);
  });

  it("refuses a group that holds itself", async () => {
    const bytes = await kerasFile("tiny.weights.h5.gz");
    const view = new DataView(bytes.buffer);
    const root = Number(view.getBigUint64(64, true));
    // The first node of names: its first entry's object becomes the root.
    const node = placeOf(bytes.subarray(0, 2000), [...new TextEncoder().encode("SNOD")]);
    view.setBigUint64(node + 16, BigInt(root), true);
    const failure = await refusal(await file(bytes));
    expect(failure).toBeInstanceOf(SyntaxError);
    expect(failure.message).toMatch(/leads back to itself|met twice/);
  });

  it("follows no link into another file, and opens no data of another one", async () => {
    const path = await file(await kerasFile("layouts.h5.gz"));
    const model = await keras.open(path, "id");
    const listed = new Map(model.tensors.map(({ name, unreadable }) => [name, unreadable]));
    expect(listed.has("elsewhere")).toBe(false);
    expect(listed.get("outside")).toMatch(/another file, which is not opened/);
    expect(listed.get("lzf")).toMatch(/filter 32000.*h5repack/);
    expect(listed.get("never written")).toMatch(/never written/);
    await expect(model.read("outside")).rejects.toThrow(RangeError);
    await expect(model.read("some chunks")).rejects.toThrow(/found 2 whole chunks of 4 x 4, required 4/);
    await model.close();
  });
});

describe("hostile .keras files", () => {
  const archive = async (config: unknown, weights?: Uint8Array) =>
    await file(
      zipOf([
        { name: "../../evil", data: "x" },
        { name: "config.json", data: typeof config === "string" ? config : text(config) },
        { name: "model.weights.h5", data: weights ?? await kerasFile("tiny.weights.h5.gz"), deflate: true },
      ]),
      ".keras",
    );
  const layer = (className: string, name: string, inbound: unknown, config: object = {}) => ({
    class_name: className,
    name,
    config: { name, ...config },
    inbound_nodes: inbound,
  });
  const graph = (layers: readonly unknown[], output = "a") => ({
    class_name: "Functional",
    config: { name: "m", layers, input_layers: [["i", 0, 0]], output_layers: [[output, 0, 0]] },
  });

  it("refuses archives without config or weights, and configs that are none", async () => {
    expect((await refusal(await file(zipOf([{ name: "w", data: "" }]), ".keras"))).message).toMatch(
      /found "w", required config.json/,
    );
    for (const config of ["{", "[1", "{}", JSON.stringify({ config: {} }), "[".repeat(100_000)]) {
      expect(await refusal(await archive(config)), config.slice(0, 20)).toBeInstanceOf(SyntaxError);
    }
    for (const layers of [[3], [{ name: "x" }], [null]]) {
      const model = await keras.open(await archive({ class_name: "Sequential", config: { layers } }), "id");
      expect(model.operators).toBeUndefined();
      await model.close();
    }
  });

  it("refuses layers that read each other, models nested without end, calls without end", async () => {
    const circle = graph([layer("ReLU", "a", [[["b", 0, 0, {}]]]), layer("ReLU", "b", [[["a", 0, 0, {}]]])]);
    expect((await refusal(await archive(circle))).message).toMatch(/found "a, b" reading each other/);
    let nested: object = layer("ReLU", "a", []);
    for (let depth = 0; depth < 50; depth++) {
      nested = { class_name: "Sequential", name: "m", config: { name: "m", layers: [nested] } };
    }
    expect((await refusal(await archive(nested))).message).toMatch(/nested deeper, required at most 32/);
    // Each model calls the one within it ten times: 10^8 calls.
    let many: object = layer("ReLU", "a", []);
    for (let depth = 0; depth < 8; depth++) {
      const inner = many;
      const calls = Array.from({ length: 10 }, () => [["i", 0, 0, {}]]);
      many = {
        ...graph([layer("InputLayer", "i", []), { ...inner, name: "a", inbound_nodes: calls }]),
        name: "m",
      };
    }
    expect((await refusal(await archive(many))).message).toMatch(
      /more calls of layers, required at most 100000/,
    );
  });

  it("takes __proto__ and constructor for names, and writes nothing", async () => {
    const before = await readdir(folder);
    const config = graph([
      layer("InputLayer", "i", []),
      layer("__proto__", "__proto__", [[["i", 0, 0, {}]]]),
      layer("constructor", "constructor", [[["__proto__", 0, 0, {}]]]),
    ], "constructor");
    const path = await archive(config);
    const model = await keras.open(path, "id");
    expect(model.operators?.operators.filter(({ op }) => op === "stop")).toHaveLength(2);
    await model.close();
    expect(await readdir(folder)).toHaveLength(before.length + 1);
    expect(({} as Record<string, unknown>)["layers"]).toBeUndefined();
  });
});
