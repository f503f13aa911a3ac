/** Circuits as a user meets them: `inspect`, a run's tables and report, and its queries. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLadybugReader } from "../../src/mod.ts";
import { run, type RunReport } from "../../src/run.ts";
import { expectations, expectRows } from "../queries/report-queries.ts";
import { gpt2, llama, WIDTH, writesForQueries } from "../stages/circuits/decoders.ts";
import { writeModelFolder } from "../support/files/model-folder.ts";
import { svr } from "../integration/svr.ts";

let folder = "";
let file = "";
let out = "";
let report: RunReport;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-circuits-"));
  file = await writeModelFolder(join(folder, "gpt2"), gpt2(1, 2, writesForQueries));
  out = join(folder, "out");
  await run({
    models: [{ path: file, id: "with" }],
    out,
    circuits: true,
    nullControl: true,
    sinks: ["parquet"],
    cache: "off",
  });
  report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run with circuits", () => {
  it("reports which heads read what which others write, and both stores answer it", async () => {
    const finding = report.models[0]!.findings.find(({ kind }) => kind === "compositions")!;
    expect(finding.title).toMatch(
      /^48 compositions .* h\.0\.attn\.head_0\.ov writes and h\.1\.attn\.head_2\.qk reads as queries\.$/,
    );
    expect(finding.table!.rows[0]!.slice(0, 3)).toEqual([
      "h.0.attn.head_0.ov",
      "h.1.attn.head_2.qk",
      "Q",
    ]);
    expect(finding.null_control).toMatch(/times the edges expected by chance$/);
    const graph = await openLadybugReader(join(out, "graph.lbug"));
    const duckdb = await (await DuckDBInstance.create()).connect();
    await duckdb.run(`SET file_search_path = '${out}'`);
    const asked = report.models[0]!.findings.flatMap((each) => expectations("with", each));
    try {
      for (const expectation of asked) {
        const { language, text } = expectation;
        const rows = language === "cypher"
          ? (await graph.query(text)).rows
          : (await duckdb.runAndReadAll(text)).getRowsJS();
        expectRows(rows, expectation);
      }
    } finally {
      await graph.close();
    }
  });

  it("answers @compositions, the planted one first", async () => {
    const args = ["query", "--out", out, "@compositions", "--param", "model=with", "--format", "json"];
    const { code, stdout, stderr } = await svr(args);
    expect([code, stderr]).toEqual([0, ""]);
    const rows = JSON.parse(stdout) as Record<string, unknown>[];
    expect(rows).toHaveLength(20);
    expect(rows[0]).toMatchObject({
      source_name: "h.0.attn.head_0.ov",
      target_name: "h.1.attn.head_2.qk",
      composition: "Q",
    });
    expect(rows[0]!["significant"]).toBeGreaterThan(0);
  });

  it("says in the picture that circuits are not in the order of the signal", async () => {
    const picture = join(folder, "picture.svg");
    const { code } = await svr(["plot", out, "--model", "with", "-o", picture]);
    expect(code).toBe(0);
    expect(await readFile(picture, "utf8")).toContain("in the order of the signal, circuits behind");
  });

  it("has the figures of the whole model that a run without them has", async () => {
    const plain = join(folder, "plain");
    await run({
      models: [{ path: file, id: "with" }],
      out: plain,
      nullControl: true,
      sinks: [],
      cache: "off",
    });
    const other = JSON.parse(await readFile(join(plain, "report.json"), "utf8")) as RunReport;
    const [a, b] = [report.models[0]!, other.models[0]!];
    expect(b.layers.some((row) => row["kind"] === "circuit")).toBe(false);
    expect(a.layers.slice(0, b.layers.length)).toEqual(b.layers);
    expect(a.figures).toEqual(b.figures);
    expect(a.measures).toEqual(b.measures);
    expect(a.layer_means).toEqual(b.layer_means);
    expect(a.sparsification).toBe(b.sparsification);
    // Only layers of the network are there, and of them all.
    const known = new Set(b.layers.map((row) => row["name"]));
    const own = a.connections.filter((row) => known.has(row["source"]) && known.has(row["target"]));
    expect(own).toEqual(b.connections);
  });

  it("takes a model again as it stands, and anew where circuits are no longer asked for", async () => {
    const again = async (circuits: boolean) => {
      const models = [{ path: file, id: "with" }];
      const { record: { counts } } = await run({ models, out: join(folder, "again"), sinks: [], circuits });
      const { up_to_date: current, spectra_computed: computed, layers } = counts;
      return { current, computed, layers };
    };
    // Fused queries, keys and values are three layers of one tensor.
    const others = 2 + 2 * 6 + 1;
    expect(await again(true)).toEqual({ current: 0, computed: others + 16, layers: others + 16 });
    expect(await again(true)).toEqual({ current: 1, computed: 0, layers: others + 16 });
    expect(await again(false)).toEqual({ current: 0, computed: 0, layers: others });
  });
});

describe("svr inspect --circuits", () => {
  it("lists them, with the tensors that they are made of", async () => {
    const { code, stdout } = await svr(["inspect", file, "--circuits", "--format", "json"]);
    expect(code).toBe(0);
    const [model] = JSON.parse(stdout) as {
      layers: Record<string, unknown>[];
      tensors: { name: string; what: string }[];
    }[];
    expect(model!.layers.filter(({ kind }) => kind === "circuit")).toHaveLength(16);
    expect(model!.layers.find(({ name }) => name === "h.1.attn.head_3.ov")).toMatchObject({
      tensor: "h.1.attn.c_proj.weight and h.1.attn.c_attn.weight",
      shape: [WIDTH, WIDTH],
    });
    expect(model!.tensors.find(({ name }) => name === "h.1.attn.c_proj.weight")!.what).toBe(
      "h.1.attn.c_proj",
    );
  });

  it("says what is missing where the heads are not known", async () => {
    const lone = await writeModelFolder(join(folder, "lone"), llama(1, 1, {}));
    await rm(join(folder, "lone", "config.json"));
    const { code, stderr } = await svr(["inspect", lone, "--circuits"]);
    expect(code).toBe(0);
    expect(stderr).toContain("circuits: found no attention whose heads are known");
  });
});
