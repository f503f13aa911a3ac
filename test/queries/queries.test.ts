import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GraphReader } from "../../src/mod.ts";
import { askQuery, type LibraryQuery, listQueries, loadRunConfig, run, runPipeline } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeWithServer } from "../neo4j/suite.ts";
import { writeModelFolder } from "../support/files/model-folder.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { gpt2, writesForQueries } from "../stages/circuits/decoders.ts";
import { STORES } from "./stores.ts";
import { openTables, type Parameters, SQL } from "./tables.ts";

/** Numbers may differ by this much, relative to numbers beyond 1. */
const TOLERANCE = 1e-9;

/** A run, and what its graph is asked. */
interface Subject {
  readonly name: string;
  run(out: string): Promise<unknown>;
  /** Values for parameters without a default; several for several questions. */
  readonly asked: readonly Parameters[];
  /** Queries that answer nothing here. */
  readonly empty: readonly string[];
  /** The queries that it is for; absent: all. */
  readonly queries?: readonly string[];
}

const WIDTH = 6;
const DEPTH = 200;
const name = (at: number) => `block.${at}.weight "quoted"`;

const SUBJECTS: readonly Subject[] = [
  {
    name: "the demo",
    run: async (out) =>
      await runPipeline(
        await loadRunConfig(join(ROOT, "pipelines/demo.yaml"), {
          out,
          sinks: ["parquet"],
          compare: {
            pairs: [
              ["mnist-mlp/epoch-003", "mnist-mlp/epoch-010"],
              ["mnist-mlp/epoch-001", "mnist-mlp/epoch-000"],
              ["vgg16s-bn-wd", "vgg16s-wd"],
            ],
          },
        }),
      ),
    asked: [
      {
        model: "vgg16s-wd",
        base: "mnist-mlp/epoch-003",
        other: "mnist-mlp/epoch-010",
        before: "mnist-mlp/epoch-003",
        after: "mnist-mlp/epoch-010",
        layer: "features.23",
        neuron: 0,
        from: "features.17",
        to: "features.23",
        from_neuron: 0,
        to_neuron: 0,
      },
      {
        model: "vgg16s-bn-wd",
        base: "vgg16s-bn-wd",
        other: "vgg16s-wd",
        before: "mnist-mlp/epoch-000",
        after: "mnist-mlp/epoch-001",
        layer: "features.24",
        neuron: 1,
        from: "features.10",
        to: "features.17",
        from_neuron: 3,
        to_neuron: 1,
        limit: 7,
        hops: 3,
        least: 0.05,
        significant: true,
        first: 3,
        last: 8,
      },
      { model: "", limit: 50, significant: true },
      { base: "mnist-mlp/epoch-003", other: "mnist-mlp/epoch-010", limit: 60 },
    ],
    empty: ["compositions", "tracks"],
  },
  {
    name: "a network of 200 layers with all its edges",
    run: (out) => {
      const layers = Array.from({ length: DEPTH }, (_, at) => ({ name: name(at), out: WIDTH, in: WIDTH }));
      const connections = [
        ...layers.slice(1).map((to, at) => ({ from: name(at), to: to.name })),
        // Ways of different lengths between the same layers, and a loop.
        ...[10, 50, 51, 120].map((at) => ({ from: name(at), to: name(at + 2), via: "residual" as const })),
        { from: name(70), to: name(70), via: "recurrent" as const },
        { from: name(92), to: name(90), via: "recurrent" as const },
      ];
      const planted = [{ from: name(20), to: name(60), cosine: 0.99, gain: 9 }];
      return run({
        models: [
          { id: "deep", synthetic: { seed: 11, layers, connections, planted } },
          { id: 'deep/`}"\n🧠', synthetic: { seed: 12, layers, connections } },
        ],
        out,
        sinks: ["parquet"],
        edges: "all",
        weight: "gain",
        compare: { all: true },
      });
    },
    asked: [
      {
        model: "deep",
        base: "deep",
        other: 'deep/`}"\n🧠',
        before: "deep",
        after: 'deep/`}"\n🧠',
        hops: 2,
        layer: name(51),
        neuron: 2,
        from: name(50),
        to: name(53),
        from_neuron: 0,
        to_neuron: 5,
        limit: 300,
      },
      {
        model: 'deep/`}"\n🧠',
        base: 'deep/`}"\n🧠',
        other: "deep",
        before: 'deep/`}"\n🧠',
        after: "deep",
        hops: 3,
        least: 0.05,
        layer: name(70),
        neuron: 0,
        from: name(89),
        to: name(92),
        from_neuron: 1,
        to_neuron: 1,
        limit: 40,
        significant: false,
        first: 40,
        last: 60,
      },
    ],
    // Layers of 6 neurons are not tested for spikes.
    empty: ["compositions", "series", "spikes", "tracks"],
  },
  {
    name: "a model whose connections have parts, and with channels that are dead",
    run: async (out) => {
      const file = join(out, "heads.safetensors");
      const tensors = ["in", "v", "o", "out"].map((layer, at) => [layer, [8, 8], noise(64, at + 1)] as const);
      tensors[3]![2].fill(0, 48);
      await writeTensors(file, tensors);
      const heads = [0, 1].map((part) => ({
        from: "v",
        to: "o",
        via: "attention-head" as const,
        part,
        channels: [{ source: 4 * part, target: 4 * part, length: 4 }],
      }));
      const topology = { connections: [{ from: "in", to: "v" }, ...heads, { from: "o", to: "out" }] };
      const layerMetrics = { pooled: true, permuted: true, bootstrap: 5 };
      const models = [{ path: file, id: "heads", topology }];
      return run({ models, out, sinks: ["parquet"], edges: "all", layerMetrics });
    },
    asked: [{
      model: "heads",
      base: "heads",
      other: "heads",
      before: "heads",
      after: "heads",
      layer: "o",
      neuron: 3,
      significant: false,
      from: "in",
      to: "out",
      from_neuron: 1,
      to_neuron: 2,
      hops: 3,
      limit: 500,
    }],
    // One model only; of noise.
    empty: [
      "appeared-vanished",
      "changed-layers",
      "compositions",
      "intruders",
      "kinship",
      "match",
      "quantization-damage",
      "series",
      "spikes",
      "tracks",
    ],
  },
  {
    name: "a series of which some neurons change",
    run: async (out) => {
      const models: string[] = [];
      for (const step of [1, 2, 4]) {
        models.push(join(out, `net-step-${step}.safetensors`));
        const tensors = ["in", "out"].map((layer, at) => {
          const [all, rest] = [noise(12 * 12, at + 1), noise(12 * 12, 10 * step + at)];
          return [layer, [12, 12], all.map((value, i) => i % 12 < 9 ? value : step * rest[i]!)] as const;
        });
        await writeTensors(models.at(-1)!, tensors);
      }
      return run({ models, out, sinks: ["parquet"], edges: "all", compare: { series: true } });
    },
    asked: [
      { layer: "in", limit: 500 },
      { event: "birth" },
      { event: "death", limit: 3 },
      { series: "net" },
      { series: "another" },
    ],
    empty: [],
    queries: ["tracks"],
  },
  {
    name: "a decoder with circuits",
    run: async (out) => {
      const path = await writeModelFolder(join(out, "decoder"), gpt2(1, 2, writesForQueries));
      return run({ models: [{ path, id: "decoder" }], out, sinks: ["parquet"], circuits: true });
    },
    asked: [{ model: "decoder", limit: 100 }, { model: "decoder", significant: true }],
    empty: [],
    queries: ["compositions"],
  },
];

describeWithServer("Neo4j", () => {
  it("is asked too", () => expect(Object.keys(STORES)).toEqual(["embedded", "neo4j"]));
});

const queries = await listQueries();

it("every query of the library has its answer in SQL", () => {
  expect(queries.map((query) => query.name)).toEqual(Object.keys(SQL).sort());
});

describe.each(SUBJECTS)("$name", ({ run, asked, empty, queries: chosen }) => {
  let out = "";
  let tables: Awaited<ReturnType<typeof openTables>>;
  const readers = new Map<string, GraphReader>();
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), "svr-queries-"));
    await run(out);
    tables = await openTables(out);
    for (const [store, open] of Object.entries(STORES)) readers.set(store, await open(out));
  }, 400_000);
  afterAll(async () => {
    for (const reader of readers.values()) await reader.close();
    await rm(out, { recursive: true, force: true });
  });

  const own = queries.filter((query) => chosen?.includes(query.name) ?? true);
  it.each(own.map((query) => [query.name, query] as const))("@%s", async (queryName, query) => {
    let rows = 0;
    for (const given of distinct(query, asked)) {
      const expected = await tables(SQL[queryName] ?? "", { ...defaults(query), ...given });
      rows += expected.length;
      for (const [store, reader] of readers) {
        const answer = await askQuery(reader, query, given);
        expect(answer.columns, store).toEqual(query.columns.map((column) => column.name));
        expectTypes(query, answer.rows);
        expectRows(answer.rows, expected, `${store}, ${JSON.stringify(given)}`);
      }
    }
    expect(rows > 0, "whether there are rows").toBe(!empty.includes(queryName));
  });
});

/** What a query takes of each question; questions that lack something it needs are not for it. */
function distinct({ parameters }: LibraryQuery, asked: readonly Parameters[]): Parameters[] {
  const fitting = asked.filter((given) =>
    parameters.every(({ name, type, default: value }) =>
      value !== undefined || (name in given && !(type === "model" && given[name] === ""))
    )
  );
  const taken = fitting.map((given) =>
    Object.fromEntries(Object.entries(given).filter(([name]) => parameters.some((p) => p.name === name)))
  );
  return [...new Map(taken.map((given) => [JSON.stringify(given), given])).values()];
}

const defaults = ({ parameters }: LibraryQuery): Parameters =>
  Object.fromEntries(
    parameters.flatMap(({ name, default: value }) => value === undefined ? [] : [[name, value]]),
  );

/** The order is total, so it is compared too; numbers within the tolerance. */
function expectRows(
  found: readonly (readonly unknown[])[],
  expected: readonly unknown[][],
  what: string,
): void {
  expect(found.length, what).toBe(expected.length);
  for (const [at, row] of found.entries()) {
    if (!close(row, expected[at])) expect(row, `${what}, row ${at}`).toEqual(expected[at]);
  }
}

function close(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, at) => close(each, b[at]));
  }
  if (typeof a === "number" && typeof b === "number") {
    return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
  }
  return Object.is(a, b);
}

function expectTypes({ columns }: LibraryQuery, rows: readonly (readonly unknown[])[]): void {
  const wrong = rows.flatMap((row) => columns.filter((column, at) => !isTyped(row[at], column)));
  expect(wrong).toEqual([]);
}

function isTyped(value: unknown, { type, nullable }: LibraryQuery["columns"][number]): boolean {
  if (value === null) return nullable;
  if (type === "list") return Array.isArray(value);
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "text") return typeof value === "string";
  return type === "number" ? typeof value === "number" : typeof value === "boolean";
}
