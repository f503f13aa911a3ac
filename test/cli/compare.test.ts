import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ComparisonReport } from "../../src/compare/comparison-report.ts";
import { svr } from "../integration/svr.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";

const [EARLY, LATE] = ["epoch-001", "epoch-010"].map((name) =>
  `pipelines/models/mnist-mlp/${name}.safetensors`
) as [
  string,
  string,
];

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "svr-compare-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

describe("svr compare", () => {
  it("says in words what became of a model, and leaves tables that have the same numbers", async () => {
    const { code, stdout, stderr } = await svr(["compare", EARLY, LATE, "--out", out]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/are of one lineage: .* \(p = \S+ over 1 space of hidden channels/s);
    expect(stdout).toContain("3 layers correspond (3 by name).");
    const folder = join(out, "comparison");
    expect(await readdir(folder)).toEqual(["comparison.json", "comparison.md"]);
    const report = JSON.parse(await readFile(join(folder, "comparison.json"), "utf8")) as ComparisonReport;
    const [pair] = report.comparisons;
    const db = await (await DuckDBInstance.create()).connect();
    const rows = async (sql: string) => (await db.runAndReadAll(sql)).getRowsJS();
    const table = (name: string) => `read_parquet('${out}/${name}/*/*/*.parquet', hive_partitioning = true)`;
    const matches = table("matches");
    const [[count, least, most]] = await rows(
      `SELECT count(*)::INT, min(log_p), max(abs(similarity - left_cosine * right_cosine)) FROM ${matches}`,
    ) as [[number, number, number]];
    expect(count).toBe(pair!.matches);
    expect(least).toBeLessThan(-100);
    expect(most).toBeLessThan(1e-12);
    expect(await rows(`SELECT log_p FROM ${table("kinship")}`)).toEqual([[
      pair!.kinship.log_p,
    ]]);
    const changes = await rows(
      `SELECT other_layer, other_name, relative_change FROM ${table("correspondences")}`,
    );
    expect(changes).toEqual(
      pair!.correspondences.map((row) => [row.other_index, row.other_layer, row.relative_change]),
    );
    db.closeSync();
  });

  it("answers the same as JSON, from the spectra that it has kept", async () => {
    const { code, stdout } = await svr(["compare", EARLY, LATE, "--out", out, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(
      JSON.parse(await readFile(join(out, "comparison", "comparison.json"), "utf8")),
    );
  });

  it("names the nearest of kin of several checkpoints, whatever their order", async () => {
    const [first, second, last] = ["000", "003", "010"].map((epoch) =>
      `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`
    ) as [string, string, string];
    const { code, stdout } = await svr(["compare", last, first, second, "--all", "--out", out, "--json"]);
    expect(code).toBe(0);
    const { comparisons, forest } = JSON.parse(stdout) as ComparisonReport;
    expect(comparisons).toHaveLength(3);
    const links = forest.map(({ base, other }) => [base, other].map((id) => id.slice(-3)).sort().join(" "));
    expect(links.sort()).toEqual(["000 003", "003 010"]);
    expect(await readFile(join(out, "comparison", "forest.svg"), "utf8")).toContain(">3 models in 1 family;");
  });

  it("follows the neurons of a series through its steps, whatever the order of its files", async () => {
    const [first, second, last] = ["000", "003", "010"].map((epoch) =>
      `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`
    ) as [string, string, string];
    const folder = join(out, "series");
    const { code, stdout, stderr } = await svr(["compare", last, first, second, "--series", "--out", folder]);
    expect(code).toBe(0);
    // Three checkpoints are warned of the same: it is said once.
    expect(stderr.match(/^warning: .*$/gm)).toEqual([
      expect.stringMatching(/^warning: \S+ \(and 2 other models\): topology /),
    ]);
    const said =
      /from step 0 to step 10: (\d+) tracks of neurons in 3 layers\.\s(\d+) go through all steps, (\d+) begin .* (\d+) end /
        .exec(stdout.replaceAll("\n", " "));
    const db = await (await DuckDBInstance.create()).connect();
    await db.run((await svr(["lake", "sql", folder])).stdout);
    const [counted] = (await db.runAndReadAll(
      `SELECT count(DISTINCT track)::INT,
        (SELECT count(*)::INT FROM (SELECT track FROM tracks GROUP BY track
          HAVING count(base_neuron) = 2 AND count(other_neuron) = 2)),
        count_if(birth)::INT, count_if(death)::INT FROM tracks`,
    )).getRowsJS();
    db.closeSync();
    expect(said!.slice(1).map(Number)).toEqual(counted);
    expect(Number(said![2])).toBeGreaterThan(100);
    const picture = await readFile(join(folder, "comparison", "tracks.svg"), "utf8");
    expect(picture).toContain(">Tracks of neurons from step 0 to step 10</text>");
  });

  it("is named by the run that made it", async () => {
    const folder = join(out, "run");
    const { code, stdout, stderr } = await svr(["run", EARLY, LATE, "--compare", "series", "--out", folder]);
    expect(code, stderr).toBe(0);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("report.md, comparison/comparison.md, run.json in ");
    const alone = await svr(["run", EARLY, LATE, "--out", folder]);
    expect(alone.stdout).not.toContain("comparison.md");
  });

  it("draws two models, and refuses one alone", async () => {
    const path = join(out, "picture.svg");
    const { code, stdout, stderr } = await svr(["plot", "--compare", EARLY, LATE, "-o", path]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("mnist-mlp/epoch-010, compared with mnist-mlp/epoch-001, 3 layers, ");
    expect((await readFile(path, "utf8")).split('aria-label="layer"')).toHaveLength(4);
    for (const args of [["--compare", EARLY], [EARLY, LATE]]) {
      const ended = await svr(["plot", ...args, "-o", path]);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(/found one model, required two|found a second argument/);
    }
  });

  it("writes nothing without --out", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "svr-compare-nowhere-"));
    const [early, late] = [EARLY, LATE].map((path) => join(process.cwd(), path)) as [string, string];
    const { code } = await svr(["compare", early, late], { cwd });
    expect(code).toBe(0);
    expect(await readdir(cwd)).toEqual([]);
    await rm(cwd, { recursive: true });
  });

  it("refuses an adapter as the base", async () => {
    const folder = join(out, "adapter");
    await mkdir(folder);
    await writeFile(
      join(folder, "adapter_config.json"),
      JSON.stringify({ peft_type: "LORA", lora_alpha: 8 }),
    );
    const adapter = join(folder, "adapter_model.safetensors");
    await writeTensors(adapter, [["base_model.model.fc1.lora_A.weight", [2, 4], new Float32Array(8)]]);
    const { code, stderr } = await svr(["compare", adapter, LATE]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/found an adapter, .*, as the base, required its base model/);
  });

  it.each([
    [[EARLY], 2, /svr compare: found 1 model, required a base and at least one other/],
    [[EARLY, EARLY], 2, /svr compare: found 1 model, required a base and at least one other/],
    [["--series", EARLY], 2, /svr compare: found 1 model, required two or more, or a folder of them/],
    [[EARLY, "nowhere.safetensors"], 1, /nowhere\.safetensors: found no such file/],
    [[EARLY, LATE, "--cosine", "2"], 2, /Not a number from 0 to 1/],
    [[EARLY, LATE, "--all", "--series"], 2, /'--series' cannot be used with option '--all'/],
    [[EARLY, LATE, "--leading", "0"], 2, /Not a number of 1 or more/],
  ])("ends with a sentence for %j", async (args, code, message) => {
    const ended = await svr(["compare", ...args]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
  });
});
