import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunReport } from "../../src/run.ts";
import type { Row } from "../../src/model/tables.ts";
import { ROOT, svr } from "./svr.ts";

const WITH = "pipelines/models/vgg16s-bn-wd/epoch-012.f16.safetensors";
const WITHOUT = "pipelines/models/vgg16s-wd/epoch-012.f16.safetensors";

let folder = "";
let printed = "";
let report: RunReport;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-discoveries-"));
  const out = join(folder, "out");
  const ended = await svr(
    ["run", WITH, WITHOUT, "--null-control", "--verbose", "--graph", "none", "--out", out],
    { cwd: ROOT },
  );
  expect(ended.code, ended.stderr).toBe(0);
  printed = ended.stdout;
  report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
}, 240_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = (start: string) => report.models.find(({ id }) => id.startsWith(start))!;

/**
 * Edges with p at most alpha, over those expected by chance, of five connections between deep layers in a row; and those between their
 * near-kernels. Not by this program.
 */
const DEEP = {
  "vgg16s-bn-wd": {
    from: "features.24",
    edges: [22.25, 17.71, 17.17, 16.38, 12.57],
    between: [1.553, 2.661, 3.474, 4.665, 5.494],
  },
  "vgg16s-wd": { from: "features.17", edges: [1.549, 1.345, 1.537, 1.549, 1.763], between: [] },
} as const;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Within 1 %. */
const expectNear = (found: number, expected: number) =>
  expect(Math.abs(found / expected - 1), `${found}, expected ${expected}`).toBeLessThan(0.01);

describe("the paper's two discoveries, by one command", () => {
  it("show a dominant connection through deep layers, and none in the null control of the same model", () => {
    const found = model("vgg16s-wd").findings[0]!;
    expect(found.kind).toBe("dominant-connection");
    expect(found.surprise! / Math.LN10).toBeLessThan(-50);
    const [chain] = model("vgg16s-wd").measures.chains;
    const deep = chain!.edges.filter(({ sourceLayer, targetLayer }) => sourceLayer >= 3 && targetLayer <= 12);
    expect(deep.length).toBeGreaterThanOrEqual(8);
    expect(deep.every(({ sourceNeuron, targetNeuron }) => sourceNeuron === 0 && targetNeuron === 0)).toBe(
      true,
    );
    expect(found.null_control).toMatch(
      /^none at alpha 0\.00135 in the same model with its channels turned at random/,
    );
  });

  it("show near-kernels with batch norm only, and more edges than chance between them with less overlap", () => {
    const [bn, plain] = [model("vgg16s-bn-wd"), model("vgg16s-wd")];
    expect(bn.figures.near_kernel_share).toBeCloseTo(0.854, 3);
    expect(plain.figures.near_kernel_share).toBe(0);
    // All deep connections are of 256 to 256 channels.
    expectNear(bn.figures.edges_ratio!, mean(DEEP["vgg16s-bn-wd"].edges));
    expectNear(plain.figures.edges_ratio!, mean(DEEP["vgg16s-wd"].edges));
    const between = DEEP["vgg16s-bn-wd"].between;
    expect(bn.figures.block_edges_ratio_range).toHaveLength(2);
    expectNear(bn.figures.block_edges_ratio_range![0], Math.min(...between));
    expectNear(bn.figures.block_edges_ratio_range![1], Math.max(...between));
    expect(bn.figures.block_energy_ratio).toBeLessThan(0.95);
    expect(plain.figures.block_energy_ratio).toBeNull();
    expect(bn.findings[0]!.title).toMatch(/^Spontaneous sparsification: between near-kernels of deep layers/);
    expect(plain.findings.some(({ kind }) => kind === "near-kernel-block")).toBe(false);
  });

  it.each(Object.entries(DEEP))("have, in %s, as many edges per connection as another program counts", (
    name,
    { from, edges, between },
  ) => {
    const alpha = report.test.alpha;
    const { connections } = model(name);
    const first = connections.findIndex(({ source }) => source === from);
    const deep = connections.slice(first, first + edges.length);
    const ratio = (row: Row, tests: string, found: string) =>
      Number(row[found]) / (alpha * Number(row[tests]));
    edges.forEach((expected, at) => expectNear(ratio(deep[at]!, "tests", "nominal"), expected));
    between.forEach((expected, at) =>
      expectNear(ratio(deep[at]!, "near_kernel_tests", "near_kernel_nominal"), expected)
    );
  });

  it("share channels in every connection, by a test that looks at no edge", () => {
    for (const { connections } of report.models) {
      for (const row of connections) expect(Number(row["shared_log_p"])).toBeLessThan(Math.log(1e-3));
    }
  });

  it("stand beside chance", () => {
    for (const { null_control: control } of report.models) {
      expect(control!.edges_ratio).toBeGreaterThan(0.8);
      expect(control!.edges_ratio).toBeLessThan(1.2);
    }
    const { block_energy_ratio: energy } = model("vgg16s-bn-wd").null_control!;
    expect(energy).toBeCloseTo(1, 2);
    expect(printed).toMatch(/^Models side by side\n[^]*vgg16s-bn-wd[^]*its null control[^]*vgg16s-wd/);
    expect(printed).toContain("Null control: none at alpha 0.00135");
  });
});
