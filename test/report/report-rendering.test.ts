import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ModelReport, modelReport } from "../../src/analysis/report.ts";
import { type RunRecord, writeRecords } from "../../src/run/records/records.ts";
import { reportOf } from "../../src/report/report-rendering.ts";
import {
  answerableReport,
  type FailedModel,
  reportFrame,
  type RunReport,
} from "../../src/report/run-report.ts";
import type { QueryTargets } from "../../src/analysis/findings/query-words.ts";
import { chainOf, connectionRow, layerRow, NO_MEASURES, TEST } from "../analysis/findings-facts.ts";
import { layerOf } from "../support/layer-fixture.ts";

const EMBEDDED: QueryTargets = { labelPrefix: "", tables: true };

/** Three layers with a dominant connection, near-kernels and 100 times the edges of chance. */
function made(id: string, name: (index: number) => string = (index) => `layer${index}`) {
  const layers = [0, 1, 2].map((index) => layerRow(index, { name: name(index), near_kernels: 5 }));
  return modelReport(
    { id, uri: `${id}.safetensors`, format: "safetensors", runId: "run" },
    {
      graph: {
        layers: [0, 1, 2].map((index) => ({ ...layerOf(index, 64, 64), name: name(index) })),
        connections: [],
        skipped: [],
        warnings: [`${id}: guessed`],
      },
      rows: { models: 1, layers: 3, neurons: 192, connections: 2, edges: 3, skipped: 0 },
      layers,
      connections: [0, 1].map((at) => connectionRow(at, at + 1, { nominal: 400, max_overlap: 0.5 })),
      measures: { ...NO_MEASURES, chains: [chainOf(0, 2, -200)] },
      controls: [],
      skipped: [{ subject: "tensor", name: name(0), reason: "a bias" }],
      approximations: [],
      strongest: [],
      hubs: [],
    },
    TEST,
    encodeURIComponent(id),
  );
}

const reported = (answering = EMBEDDED, ...ids: string[]): RunReport =>
  reportOn(ids.map((id) => made(id)), [], answering);

function reportOn(
  models: readonly ModelReport[],
  failed: readonly FailedModel[] = [],
  answering = EMBEDDED,
): RunReport {
  const report = {
    ...reportFrame("run-1", TEST, models, failed),
    models: models.map((model) => answerableReport(model, answering)),
  };
  return JSON.parse(JSON.stringify(report)) as RunReport;
}

/** What a run writes, of a report. */
async function recordsOf(
  { models, ...frame }: RunReport,
): Promise<Record<"report.json" | "report.md", string>> {
  const out = await mkdtemp(join(folder, "records-"));
  await writeRecords(out, {} as RunRecord, frame, () => models);
  const text = async (name: string) => await readFile(join(out, name), "utf8");
  return { "report.json": await text("report.json"), "report.md": await text("report.md") };
}

const markdownOf = async (report: RunReport) => (await recordsOf(report))["report.md"];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-report-file-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(name: string, content: string): Promise<string> {
  const out = join(folder, name);
  await mkdir(out);
  await writeFile(join(out, "report.json"), content);
  return out;
}

describe("svr report", () => {
  it("renders report.json as it was written: Markdown, JSON and text, of all models or one", async () => {
    const report = reported(EMBEDDED, "a", "b");
    const records = await recordsOf(report);
    expect(JSON.parse(records["report.json"])).toEqual(report);
    const out = await written("whole", records["report.json"]);
    expect(await reportOf(out, { format: "md" })).toBe(records["report.md"]);
    expect(await reportOf(out, { format: "json" })).toBe(records["report.json"]);
    expect(await reportOf(out, { format: "text" })).toMatch(
      /Models side by side[^]*2\. The dominant connection runs/,
    );
    const one = JSON.parse(await reportOf(out, { format: "json", model: "b" })) as RunReport;
    expect(one.models).toEqual([report.models[1]]);
    expect(one.comparison).toHaveLength(1);
    expect(await reportOf(out, { format: "text", model: "b" })).not.toContain("Models side by side");
  });

  it("names the models where it is asked for another", async () => {
    const out = await written("names", JSON.stringify(reported(EMBEDDED, "a", "b")));
    await expect(reportOf(out, { format: "md", model: "c" })).rejects.toThrow(
      `--model: found "c", required a model of ${out}: "a", "b"`,
    );
  });

  it.each([
    [
      "cut",
      '{"schema_version": 7, ',
      /cut.report\.json: found .*JSON.*, required the JSON that svr run writes/,
    ],
    ["empty", "", /report\.json: found/],
    ["none", "null", /found schema_version undefined, required 7/],
    ["old", '{"schema_version": 3}', /found schema_version 3, required 7; run the models again/],
    ["bare", '{"schema_version": 7}', /at "run_id": /],
    [
      "changed",
      JSON.stringify({
        ...reported(EMBEDDED, "a"),
        models: [{ ...reported(EMBEDDED, "a").models[0], findings: [7] }],
      }),
      /at "models\.0\.findings\.0": /,
    ],
    [
      "infinite",
      JSON.stringify(reported(EMBEDDED, "a")).replace('"logChains":3', '"logChains":1e999'),
      /logChains/,
    ],
  ])("refuses a report that is damaged or of another version: %s", async (name, content, message) => {
    await expect(reportOf(await written(name, content), { format: "md" })).rejects.toThrow(message);
  });

  it("refuses a folder without a report", async () => {
    await expect(reportOf(join(folder, "nowhere"), { format: "md" })).rejects.toThrow(
      /nowhere.report\.json: found no such file, required the folder of a run/,
    );
  });
});

describe("queries of a report", () => {
  const languages = (report: RunReport) =>
    new Set(
      report.models.flatMap(({ findings }) =>
        findings.flatMap(({ queries, table }) =>
          [...queries, ...table?.queries ?? []].map(({ language }) => language)
        )
      ),
    );

  it("are those that the run can answer, under its labels", async () => {
    expect([...languages(reported(EMBEDDED, "a"))]).toEqual(["cypher", "sql"]);
    expect([...languages(reported({ labelPrefix: null, tables: true }, "a"))]).toEqual(["sql"]);
    expect([...languages(reported({ labelPrefix: "", tables: false }, "a"))]).toEqual(["cypher"]);
    const none = reported({ labelPrefix: null, tables: false }, "a");
    expect(languages(none).size).toBe(0);
    expect(await markdownOf(none)).not.toContain("```");
    const prefixed = reported({ labelPrefix: "Svr", tables: false }, "a").models[0]!.findings
      .find(({ kind }) => kind === "dominant-connection")!;
    expect(prefixed.queries[0]!.text).toContain("MATCH (a:SvrSpectralNeuron {id: hop.source})");
  });
});

describe("the report of many models", () => {
  it("tells the most surprising findings of all of them, each with its model", async () => {
    const ids = Array.from({ length: 12 }, (_, at) => `net-${at}`);
    const report = reported(EMBEDDED, ...ids);
    // Of the last model the most surprising; of each the first finding only, but two of the seventh, and some description.
    const models = report.models.map((model, at) => ({
      ...model,
      findings: model.findings.slice(0, 3).map((finding, rank) => ({
        ...finding,
        title: `${model.id}: finding ${rank}`,
        kind: "dominant-connection" as const,
        surprise: rank === 2 ? null : -(rank === 0 ? 20 * (at + 1) : at === 7 ? 155 : 2),
      })),
    }));
    expect(models[0]?.findings).toHaveLength(3);
    const out = await written("many", JSON.stringify({ ...report, models }));
    const text = await reportOf(out, { format: "text" });
    const told = text.slice(text.indexOf("The most surprising findings")).split("\n").slice(1, 10);
    expect(told.map((line) => / {2}(net-\d+) \(p = .*\): (.*)/.exec(line)?.slice(1))).toEqual([
      ...[11, 10, 9, 8, 7].map((at) => [`net-${at}`, `net-${at}: finding 0`]),
      ["net-7", "net-7: finding 1"],
      ...[6, 5].map((at) => [`net-${at}`, `net-${at}: finding 0`]),
      undefined,
    ]);
  });
});

describe("names in report.md", () => {
  const HOSTILE =
    "|x| `y` <script>alert(1)</script> [z](https://evil.example) *b* _i_ # \\ & www.evil.example\n## Forged\u202e";

  it("are text and nothing else, in titles, tables and warnings", async () => {
    const report = reportOn([made(HOSTILE, () => HOSTILE), made("b", () => HOSTILE)], [
      { id: HOSTILE, uri: "x", error: HOSTILE },
    ]);
    const text = await markdownOf(report);
    // Fenced blocks hold no name at all.
    const outside = text.replaceAll(/^(`{3,})[^]*?^\1$/gm, "");
    expect(text).not.toMatch(/^## Forged/m);
    expect(text).not.toMatch(/[\p{Cf}\t]|[^\P{Cc}\n]/u);
    expect(text.match(/^## /gm)).toHaveLength(4);
    const named = outside.split("\n").filter((line) => line.includes("Forged"));
    expect(named.length).toBeGreaterThan(20);
    for (const line of named) {
      const cells = line.startsWith("| ") ? line.slice(2, -2).split(" | ") : [line.replace(/^> /, "")];
      for (const cell of cells) expect(cell, line).not.toMatch(/(?<!\\)[|`<>*_[\]&]|(?<!\\):\/\/|www\./);
    }
  });

  it("cannot end the block of a query", async () => {
    const report = reported(EMBEDDED, "a");
    const [model] = report.models;
    const forged = { language: "sql" as const, text: "SELECT 1\n```\n# Forged\n````\n\u001b[31m" };
    const [finding] = model!.findings;
    const text = await markdownOf({
      ...report,
      models: [{ ...model!, findings: [{ ...finding!, queries: [forged] }] }],
    });
    expect(text).toContain("\n`````sql\nSELECT 1\n```\n# Forged\n````\n\\u{1b}[31m\n`````\n");
  });
});
