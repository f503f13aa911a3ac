import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plotRun, plotSeries, run, type RunRecord } from "../../src/run.ts";
import { DENO } from "../../.config/checks.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { parsed } from "../viewer/parsed-svg.ts";
import { wellFormed } from "../viewer/well-formed.ts";
import { execute, ROOT, svr } from "./svr.ts";

const HOSTILE = `<script>alert("1")</script> & ../../\u001b[31m 🧠${"x".repeat(3000)}`;

let folder = "";
let out = "";
let record: RunRecord;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-plot-"));
  out = join(folder, "run");
  const layers = ["fc1", "fc2", "fc3", "fc4"].map((name) => ({ name, out: 48, in: 48 }));
  const planted = [{ from: "fc1", to: "fc4", cosine: 0.9, gain: 8 }];
  const models = [
    { id: "planted", synthetic: { seed: 1, layers, planted } },
    { id: HOSTILE, synthetic: { seed: 2, layers } },
  ];
  record = (await run({ models, out, graph: "none", edges: { top: 40 } })).record;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = (name: string) => join(folder, name);
const drawn = (svg: string) => parsed(svg).all('g[aria-description="edges"] path').length;

/** Rows of the table of edges, asked of another reader. */
async function rows(where: string): Promise<number> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  const answer = await duckdb.runAndReadAll(
    `SELECT count(*) FROM read_parquet('${out}/edges/model=planted/*.parquet') WHERE ${where}`,
  );
  return Number(answer.getRows()[0]?.[0]);
}

/** The run's report with a dominant connection of the planted model, as runs write it. */
async function withChain(logP: number): Promise<void> {
  const path = join(out, "report.json");
  const report = JSON.parse(await readFile(path, "utf8")) as { models: { id: string; measures?: unknown }[] };
  const edges = [0, 1, 2].map((at) => ({
    sourceLayer: at,
    sourceNeuron: 0,
    targetLayer: at + 1,
    targetNeuron: 0,
    part: 0,
    overlap: 0.8,
    logP: -60,
    source: `fc${at + 1}`,
    target: `fc${at + 2}`,
  }));
  const chains = [{ edges, logFisher: logP - 9, logChains: 9, logP }];
  const models = report.models.map((model) =>
    model.id === "planted" ? { ...model, measures: { chains, pathMetric: { unknown: "not asked" } } } : model
  );
  await writeFile(path, JSON.stringify({ ...report, models }));
}

describe("svr plot", () => {
  it("says of a guessed topology that it is one", async () => {
    const model = file("named.safetensors");
    await writeTensors(model, [["a.weight", [8, 8], noise(64)], ["b.weight", [8, 8], noise(64, 2)]]);
    const guessed = file("guessed-run");
    await run({ models: model, out: guessed, graph: "none" });
    await plotRun(guessed, file("guessed.svg"));
    expect(await readFile(file("guessed.svg"), "utf8")).toContain(
      "topology guessed: all connections are guessed from names and shapes",
    );
    await plotRun(out, file("known.svg"), { model: "planted" });
    expect(await readFile(file("known.svg"), "utf8")).not.toContain("guessed");
  });

  it("draws the significant edges of a model, and says what it drew", async () => {
    const { code, stdout, stderr } = await svr([
      "plot",
      out,
      "--model",
      "planted",
      "-o",
      file("planted.svg"),
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const significant = await rows("significant");
    expect(significant).toBeGreaterThan(2);
    expect(stdout).toBe(`${file("planted.svg")}: planted, ${significant} edges drawn, 0 left out\n`);
    const svg = await readFile(file("planted.svg"), "utf8");
    expect(wellFormed(svg)).toEqual([]);
    expect(drawn(svg)).toBe(significant);
    expect(svg).toContain(
      "p at most 0.00135 (3 sigma) under the rotation null, corrected (bh) over the connection",
    );
  });

  it("draws the strongest, and with --all those that are not significant too", async () => {
    const all = await rows("true");
    for (const most of [1, 10, all, 8000]) {
      const path = file(`most-${most}.svg`);
      const { edges, leftOut } = await plotRun(out, path, { model: "planted", maxEdges: most, all: true });
      expect([edges, leftOut]).toEqual([Math.min(most, all), Math.max(0, all - most)]);
      expect(drawn(await readFile(path, "utf8"))).toBe(Math.min(most, all));
    }
  });

  it("shows the dominant connection where it is more than chance", async () => {
    const draw = async () => {
      await plotRun(out, file("chain.svg"), { model: "planted" });
      const svg = await readFile(file("chain.svg"), "utf8");
      const lines = parsed(svg).all('g[aria-description="dominant connection"] path').length;
      return [lines, /dominant connection: ([^<]*)</.exec(svg)?.[1]] as const;
    };
    await withChain(-200 * Math.LN10);
    expect(await draw()).toEqual([
      3,
      expect.stringMatching(/^3 edges from fc1 #0 to fc4 #0, joint p (1e-200|9.9e-201)$/),
    ]);
    await withChain(Math.log(0.0014));
    expect(await draw()).toEqual([0, "none beyond chance"]);
  });

  it("draws a PNG", async () => {
    const { code, stderr } = await svr([
      "plot",
      out,
      "--model",
      "planted",
      "--scale",
      "log",
      "-o",
      file("a.PNG"),
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const bytes = await readFile(file("a.PNG"));
    expect(bytes.toString("latin1", 1, 4)).toBe("PNG");
    expect(bytes.length).toBeGreaterThan(20_000);
  });

  it("draws a model with a hostile name", async () => {
    const { stdout } = await svr(["plot", out, "--model", HOSTILE, "-o", file("hostile.svg")]);
    expect(stdout).not.toContain("\u001b");
    const svg = await readFile(file("hostile.svg"), "utf8");
    expect(wellFormed(svg)).toEqual([]);
    expect(svg).not.toContain("<script");
    expect(svg).toContain("&lt;script");
  });

  it("draws the same on Deno, byte for byte", async () => {
    const args = (name: string) => ["plot", out, "--model", "planted", "--all", "-o", file(name)];
    await svr(args("node.svg"));
    const { code, stderr } = await execute(DENO, ["run", "-A", `${ROOT}src/cli.ts`, ...args("deno.svg")]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(await readFile(file("deno.svg"), "utf8")).toBe(await readFile(file("node.svg"), "utf8"));
    const png = await execute(DENO, ["run", "-A", `${ROOT}src/cli.ts`, ...args("deno.png")]);
    expect([png.code, png.stderr]).toEqual([0, ""]);
    expect((await readFile(file("deno.png"))).length).toBeGreaterThan(20_000);
  });

  it.each([
    [["-o", "x.svg"], 2, /found 2 models, required --model with one of "/],
    [["--model", "other", "-o", "x.svg"], 2, /found no model "other", required one of ".*"planted"/],
    [
      ["--model", "planted", "-o", "x.pdf"],
      2,
      /picture "x.pdf": found the extension ".pdf", required .svg or .png; rsvg-convert -f pdf/,
    ],
    [
      ["--model", "planted", "-o", "x.svg", "--max-edges", "0"],
      2,
      /max-edges: found 0, required a whole number from 1 to 8000/,
    ],
    [["--model", "planted", "-o", "x.svg", "--max-edges", "8001"], 2, /max-edges: found 8001/],
    [["--model", "planted", "-o", "x.svg", "--max-edges", "many"], 2, /Not a whole number/],
    [["--model", "planted", "-o", "x.svg", "--scale", "cube"], 2, /Allowed choices are linear, log/],
    [
      ["--model", "planted"],
      2,
      /required option '-o, --output <file>' not specified\n\(svr plot --help says what it takes\)/,
    ],
    [["--model", "planted", "-o", "none/x.svg"], 1, /ENOENT/],
  ])("refuses %j", async (args, code, message) => {
    const ended = await svr(["plot", out, ...args], { cwd: folder });
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
    expect((await readdir(folder)).filter((name) => name.startsWith("x.") || name.startsWith("."))).toEqual(
      [],
    );
  });

  it("refuses a folder without tables", async () => {
    const ended = await svr(["plot", folder, "-o", file("x.svg")]);
    expect(ended.stderr).toMatch(/found no Parquet tables, required the output folder of a run/);
    expect(ended.code).toBe(1);
  });
});

describe("svr plot of several models", () => {
  const checkpoints = [3, 1, 10, 2];
  let series = "";
  beforeAll(async () => {
    series = file("series-run");
    const layers = ["net.fc1", "net.fc2"].map((name) => ({ name, out: 12, in: 12 }));
    const models = checkpoints.map((step) => ({
      id: `net/epoch-${step}`,
      synthetic: { seed: step, layers },
    }));
    await run({ models, out: series, graph: "none", edges: { top: 5 } });
  });

  it("draws one file of each into a folder, as each alone would be", async () => {
    const { code, stdout } = await svr(["plot", series, "-o", `${file("all")}/`, "--all", "--normalize"]);
    expect(code).toBe(0);
    const names = [1, 2, 3, 10].map((step) => `net%2Fepoch-${step}.svg`);
    expect((await readdir(file("all"))).sort()).toEqual([...names].sort());
    const told = [1, 2, 3, 10].map((step) =>
      `${join(file("all"), `net%2Fepoch-${step}.svg`)}: net/epoch-${step}, 5 edges drawn, 0 left out\n`
    );
    expect(stdout).toBe(told.join(""));
    const settings = { model: "net/epoch-10", all: true, normalize: true };
    await plotRun(series, file("alone.svg"), settings);
    expect(await readFile(join(file("all"), names[3]!), "utf8")).toBe(
      await readFile(file("alone.svg"), "utf8"),
    );
  });

  it("draws one of them into a folder that is there, as PNG where it is told so", async () => {
    await mkdir(file("there"));
    const args = ["--model", "net/epoch-2", "--format", "png", "--bare"];
    expect((await svr(["plot", series, "-o", file("there"), ...args])).code).toBe(0);
    expect(await readdir(file("there"))).toEqual(["net%2Fepoch-2.png"]);
  });

  it("draws a series by its steps: singular values as DuckDB reads them", async () => {
    const { code, stdout } = await svr(["plot", series, "--series", "net", "-o", file("net.svg")]);
    expect([code, stdout]).toEqual([0, `${file("net.svg")}: net, 4 checkpoints, 2 layers\n`]);
    const svg = await readFile(file("net.svg"), "utf8");
    expect(wellFormed(svg)).toEqual([]);
    const largest = async (step: number) => {
      const duckdb = await (await DuckDBInstance.create()).connect();
      const answer = await duckdb.runAndReadAll(
        `SELECT singular_value FROM read_parquet('${series}/neurons/model=net%2Fepoch-${step}/*.parquet')
         WHERE layer_index = 1 AND neuron = 0`,
      );
      return Number(Number(answer.getRows()[0]?.[0]).toPrecision(3));
    };
    expect(parsed(svg).all("title").map(({ text }) => text)).toContain(
      `fc2, singular value 1 of 12\n${await largest(1)} at step 1, ${await largest(10)} at step 10`,
    );
  });

  it.each([
    [
      ["--series", "nets"],
      /series "nets": found 0 checkpoints with a step, required two at least; series: "net"/,
    ],
    [["--series", "net", "--all"], /'--series <name>' cannot be used with option '--all'/],
    [["--format", "png"], /--format png: found the file .*y\.svg, required a folder/],
    [[], /required --model with one of .*, or a folder for all of them/],
  ])("refuses %j", async (args, message) => {
    const ended = await svr(["plot", series, "-o", file("y.svg"), ...args]);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(2);
  });

  it("says of a run without series that it has none", async () => {
    await expect(plotSeries(out, "net", file("y.svg"))).rejects.toThrow(/no model is in a series/);
  });
});

describe("records", () => {
  const draw = async () => {
    await plotRun(out, file("records.svg"), { model: "planted" });
    return await readFile(file("records.svg"), "utf8");
  };

  it("that speak of other tables are not believed", async () => {
    const path = join(out, "run.json");
    const models = record.models.map((model) => ({
      ...model,
      files: model.files.map((each) => ({ ...each, path: each.path.replace(/part-\w+/, "part-other") })),
    }));
    await writeFile(path, JSON.stringify({ ...record, models }));
    expect(await draw()).toContain("how the edges were tested is not known");
    await rm(path);
    expect(await draw()).toContain("how the edges were tested is not known");
    await writeFile(path, JSON.stringify(record));
    expect(await draw()).toContain("p at most 0.00135");
  });

  it("that are damaged are refused, with the place", async () => {
    const path = join(out, "report.json");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.slice(0, 100));
    await expect(draw()).rejects.toThrow(/report\.json: /);
    await writeFile(path, text.replaceAll('"alpha"', '"beta"'));
    await expect(draw()).rejects.toThrow(/report\.json, models\.0\.test\.alpha: /);
    await writeFile(path, text);
  });

  it("of a chain through neurons that are none are refused", async () => {
    await withChain(-1000);
    const path = join(out, "report.json");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace('"targetNeuron":0', '"targetNeuron":48'));
    await expect(draw()).rejects.toThrow(
      /dominant connection: found neuron 48 of layer 1, required one of its 48/,
    );
    await writeFile(path, text);
  });

  it("are no way out of the folder", async () => {
    await mkdir(join(folder, "elsewhere"), { recursive: true });
    const models = record.models.map((model) => ({ ...model, files: [{ path: "../elsewhere" }] }));
    await writeFile(join(out, "run.json"), JSON.stringify({ ...record, models }));
    expect(await draw()).toContain("how the edges were tested is not known");
    await writeFile(join(out, "run.json"), JSON.stringify(record));
  });
});
