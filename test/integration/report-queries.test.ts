import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLadybugReader } from "../../src/mod.ts";
import { run, type RunReport } from "../../src/run.ts";
import { expectations, expectRows } from "../queries/report-queries.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { ROOT, svr } from "./svr.ts";

/** An id that means something to Cypher, SQL, Markdown, a shell and a terminal, and names that do. */
const HOSTILE = "it's \"quoted\" `ticked` \\back\\\n| <b> ]( $x' OR 1=1 -- 🧠";
const NAMES = ["a'b", "`;| <script>", "c\nd", "}) DELETE n //", 'e"f', "🧠", "x".repeat(300)];

/** Layers that read what one layer writes. */
const READERS = ["a'b", "two", "three", "four"];

/** A network whose first layer writes one direction that all later ones read. */
async function writeHub(path: string): Promise<void> {
  const direction = noise(32, 1);
  const rank1 = (left: Float32Array, right: Float32Array, seed: number) =>
    noise(left.length * right.length, seed).map((value, at) =>
      value + 9 * left[Math.floor(at / right.length)]! * right[at % right.length]!
    );
  await writeTensors(path, [
    ["writer", [32, 8], rank1(direction, noise(8, 2), 3)],
    ...READERS.map((name, at) => [name, [16, 32], rank1(noise(16, 10 + at), direction, 20 + at)] as const),
  ]);
}

/** Two layers whose eigenvalues follow power laws of exponent 1.5 and 9, as their quantiles do. */
async function writePowerLaws(path: string): Promise<void> {
  const side = 120;
  const diagonal = (alpha: number) =>
    Float32Array.from(
      { length: side * side },
      (_, at) => at % (side + 1) === 0 ? (1 - (at / (side + 1) + 0.5) / side) ** (-0.5 / (alpha - 1)) : 0,
    );
  await writeTensors(path, [["heavy", [side, side], diagonal(1.5)], ["light", [side, side], diagonal(9)]]);
}

type Ask = (text: string) => Promise<{ columns: readonly string[]; rows: readonly (readonly unknown[])[] }>;

let folder = "";
let out = "";
let report: RunReport;
let askers: Readonly<Record<string, Ask>>;
let close = () => Promise.resolve();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-report-"));
  out = join(folder, "out");
  const layers = NAMES.map((name, at) => ({
    name,
    out: 24,
    in: at === 0 ? 12 : 24,
    ...at < 5 ? { kernel: [3, 3] } : {},
  }));
  const planted = NAMES.slice(1).map((to, at) => ({ from: NAMES[at]!, to, cosine: 0.95, gain: 20 }));
  const models = join(ROOT, "pipelines/models");
  const hub = join(folder, "hub.safetensors");
  await writeHub(hub);
  const laws = join(folder, "laws.safetensors");
  await writePowerLaws(laws);
  await run({
    models: [
      { path: join(models, "mnist-mlp"), topology: { chain: ["fc1", "fc2", "fc3"] } },
      { path: join(models, "vgg16s-bn-wd/epoch-012.f16.safetensors"), id: "vgg16s-bn-wd" },
      { path: join(models, "vgg16s-wd/epoch-012.f16.safetensors"), id: "vgg16s-wd" },
      { path: hub, topology: { connections: READERS.map((to) => ({ from: "writer", to })) } },
      { path: laws, topology: { chain: ["heavy", "light"] } },
      { id: HOSTILE, synthetic: { seed: 5, layers, planted } },
      { id: "y".repeat(10_240), synthetic: { seed: 6, layers, planted } },
    ],
    out,
    nearKernel: { relative: 0.3 },
    layerMetrics: { permuted: true, bootstrap: 40 },
    compare: {
      pairs: [["mnist-mlp/epoch-000", "mnist-mlp/epoch-010"], ["vgg16s-wd", "vgg16s-bn-wd"], [
        HOSTILE,
        "y".repeat(10_240),
      ]],
    },
  });
  report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
  const graph = await openLadybugReader(join(out, "graph.lbug"));
  const duckdb = await (await DuckDBInstance.create()).connect();
  await duckdb.run(`SET file_search_path = '${out.replaceAll("'", "''")}'`);
  askers = {
    cypher: (text) => graph.query(text),
    sql: async (text) => {
      const answer = await duckdb.runAndReadAll(text);
      return { columns: answer.columnNames(), rows: answer.getRowsJS() };
    },
  };
  close = () => graph.close();
}, 120_000);
afterAll(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

describe("every query of a report, run as printed", () => {
  it("gives the numbers beside it, in the embedded graph and in DuckDB", async () => {
    const all = [...report.models.map(({ id, findings }) => ({ title: id, findings })), ...report.compared]
      .flatMap(({ title, findings }) => findings.flatMap((found) => expectations(title, found)));
    for (
      const kind of [
        "dominant-connection",
        "excess-edges",
        "near-kernels",
        "near-kernel-block",
        "hub",
        "outlying-layer",
        "over-trained",
        "under-trained",
        "traps",
        "kinship",
        "intruders",
        "changed-layers",
      ]
    ) {
      for (const language of ["cypher", "sql"]) {
        expect(all.some((each) => each.where.endsWith(kind) && each.language === language), kind).toBe(true);
      }
    }
    for (const expectation of all) {
      const { columns, rows } = await askers[expectation.language]!(expectation.text);
      expect(columns, expectation.text).toEqual(expectation.columns);
      expectRows(rows, expectation);
    }
    for (const id of [HOSTILE, "y".repeat(10_240)]) {
      const kinds = report.models.find((model) => model.id === id)!.findings.map(({ kind }) => kind);
      expect(kinds).toContain("dominant-connection");
    }
  });

  it("is answered by svr query", async () => {
    const { findings } = report.models.find(({ id }) => id === HOSTILE)!;
    const found = findings.find(({ kind }) => kind === "dominant-connection")!;
    const [query] = found.queries;
    const ended = await svr(["query", "--out", out, "--format", "json", query!.text]);
    const [row] = JSON.parse(ended.stdout) as Record<string, unknown>[];
    const asked = found.numbers.filter(({ derived }) => derived === null);
    expect(Object.keys(row ?? {})).toEqual(asked.map(({ name }) => name));
    expect(row!["edges"]).toBe(found.numbers[0]!.value);
  });

  it("stands in report.md, within a fence, as it is in report.json", async () => {
    const text = await readFile(join(out, "report.md"), "utf8");
    for (const { findings } of [...report.models, ...report.compared]) {
      for (const { queries, table } of findings) {
        for (const query of [...queries, ...table?.queries ?? []]) {
          expect(text).toContain(`\n\`\`\`${query.language}\n${query.text}\n\`\`\`\n`);
        }
      }
    }
  });
});
