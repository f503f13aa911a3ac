import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunReport } from "../../src/mod.ts";
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
    ["run", WITH, WITHOUT, "--null-control", "--alpha", "0.001", "--graph", "none", "--out", out],
    { cwd: ROOT },
  );
  expect(ended.code, ended.stderr).toBe(0);
  printed = ended.stdout;
  report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
}, 240_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = (start: string) => report.models.find(({ id }) => id.startsWith(start))!;

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
    expect(found.null_control).toMatch(/^none at alpha 0\.001 in the same model with random vectors/);
  });

  it("show near-kernels with batch norm only, and more edges than chance between them with less overlap", () => {
    const [bn, plain] = [model("vgg16s-bn-wd"), model("vgg16s-wd")];
    expect(bn.figures.near_kernel_share).toBeCloseTo(0.854, 3);
    expect(plain.figures.near_kernel_share).toBe(0);
    expect(bn.figures.edges_ratio).toBeGreaterThan(20);
    expect(plain.figures.edges_ratio).toBeGreaterThan(1.3);
    expect(plain.figures.edges_ratio).toBeLessThan(2);
    const [low, high] = bn.figures.block_edges_ratio_range!;
    expect(low).toBeGreaterThan(2.5);
    expect(high).toBeLessThan(15);
    expect(bn.figures.block_energy_ratio).toBeLessThan(0.95);
    expect(plain.figures.block_energy_ratio).toBeNull();
    expect(bn.findings.some(({ title }) => title.startsWith("Spontaneous sparsification"))).toBe(true);
  });

  it("stand beside chance", () => {
    for (const { null_control: control } of report.models) {
      expect(control!.edges_ratio).toBeGreaterThan(0.8);
      expect(control!.edges_ratio).toBeLessThan(1.2);
    }
    const { block_energy_ratio: energy } = model("vgg16s-bn-wd").null_control!;
    expect(energy).toBeCloseTo(1, 2);
    expect(printed).toMatch(/^Models side by side\n[^]*vgg16s-bn-wd[^]*its null control[^]*vgg16s-wd/);
    expect(printed).toContain("Null control: none at alpha 0.001");
  });
});
