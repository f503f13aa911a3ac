import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatOf } from "../../../connectors/sources/registry.ts";
import type { Model } from "../../../src/model/ports.ts";
import { describeWithShared, shared } from "../../support/shared.ts";

const FILES = fileURLToPath(new URL("../../golden/files", import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(join(FILES, name), "utf8")) as unknown;

/** Name, shape, and the digest of the values as float64, little-endian; null where they cannot be read. */
type Row = readonly [name: string, shape: readonly number[], sha256: string | null];

async function opened<T>(path: string, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await (await formatOf(path)).open(path, "id");
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const bytesOf = (values: Float64Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const byName = (rows: readonly Row[]) => [...rows].sort(([a], [b]) => a < b ? -1 : 1);

async function rowsOf(model: Model): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, shape, unreadable } of model.tensors) {
    rows.push([
      name,
      shape,
      unreadable === undefined
        ? createHash("sha256").update(bytesOf(await model.read(name))).digest("hex")
        : null,
    ]);
  }
  return byName(rows);
}

describe("files that torch and numpy made", () => {
  const expected = Object.entries(json("expected.json") as Readonly<Record<string, readonly Row[]>>);

  it.each(expected)(
    "%s has the tensors that its maker says, with their names, shapes and values",
    async (file, rows) => {
      await opened(join(FILES, file), async (model) => {
        expect(await rowsOf(model)).toEqual(byName(rows));
      });
    },
  );

  it("are of every container, and of every protocol that torch writes", () => {
    expect(expected.length).toBeGreaterThanOrEqual(24);
  });

  it("say why a tensor cannot be read", async () => {
    const reasons = async (file: string) =>
      await opened(join(FILES, file), (model) =>
        Promise.resolve(
          new Map(model.tensors.flatMap(({ name, unreadable }) =>
            unreadable === undefined ? [] : [[name, unreadable]]
          )),
        ));
    const special = await reasons("special.pt");
    expect(special.get("sparse")).toMatch(/sparse/);
    expect(special.get("quantized")).toMatch(/quantized/);
    expect((await reasons("checkpoint.pt")).get("optimizer.state.0.exp_avg")).toMatch(/optimizer/);
    const arrays = await reasons("arrays.npz");
    expect(arrays.get("objects")).toMatch(/objects/);
    expect(arrays.get("words")).toMatch(/no real numbers/);
  });

  it("keep plain remarks beside the weights", async () => {
    await opened(join(FILES, "checkpoint.pt"), (model) => {
      expect([...model.metadata]).toEqual([["epoch", "3"], ["arch", "linear"]]);
      return Promise.resolve();
    });
  });
});

/** The manifest counts weights without matrices of a single row or column. */
const isCounted = (shape: readonly number[]) => shape.length > 2 || shape.length === 2 && !shape.includes(1);

const MANIFEST = "models/MANIFEST.csv";
describeWithShared("models of others in PyTorch's and NumPy's formats", [MANIFEST], () => {
  const digests = json("digests.json") as Readonly<
    Record<string, { readonly tensors: number; readonly sha256: string }>
  >;
  const lines = () =>
    readFileSync(shared(MANIFEST), "utf8").split("\n").map((line) => line.split(",")).filter(([file = ""]) =>
      /\.(pt|pth|th|tar|npz|zip)$/.test(file)
    );

  it("are all of the manifest's", () => {
    expect(lines().map(([file]) => file).sort()).toEqual(Object.keys(digests).sort());
  });

  it.each(Object.entries(digests))(
    "%s has as many weights as the manifest says, and the values that torch or numpy reads",
    async (file, digest) => {
      const weights = Number(lines().find(([name]) => name === file)?.[5]);
      await opened(shared(join("models", file)), async (model) => {
        expect(model.tensors.filter(({ shape }) => isCounted(shape))).toHaveLength(weights);
        expect(model.tensors).toHaveLength(digest.tensors);
        const hash = createHash("sha256");
        for (const { name, shape } of [...model.tensors].sort((a, b) => a.name < b.name ? -1 : 1)) {
          hash.update(`${name}\n${JSON.stringify(shape)}\n`);
          hash.update(bytesOf(await model.read(name)));
        }
        expect(hash.digest("hex")).toBe(digest.sha256);
      });
    },
  );

  it("burn_mnist's twins, .pt and .safetensors, have the same tensors (of two trainings: torch finds other values in them too)", async () => {
    const tensors = (extension: string) =>
      opened(
        shared(`models/burn_mnist/mnist${extension}`),
        (model) => Promise.resolve([...model.tensors].sort((a, b) => a.name < b.name ? -1 : 1)),
      );
    const infos = (list: Awaited<ReturnType<typeof tensors>>) =>
      list.map(({ name, dtype, shape, byteLength }) => ({ name, dtype, shape, byteLength }));
    expect(infos(await tensors(".pt"))).toEqual(infos(await tensors(".safetensors")));
  });
});
