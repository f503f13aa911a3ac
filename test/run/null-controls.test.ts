/** Several null controls in one run: what the report says of them, and what of an earlier run may be used again. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../config/document.ts";
import type { RunConfigInput } from "../../config/schema.ts";
import type { Cell } from "../../src/analysis/findings/finding.ts";
import type { ModelReport } from "../../src/analysis/report.ts";
import { run } from "../../src/run/run-pipeline.ts";
import { THREE_SIGMA } from "../support/three-sigma.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-controls-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SQUARE = ["a", "b", "c", "d", "e"].map((name) => ({ name, out: 48, in: 48 }));

/** A chain through all layers in one, nothing in the other; a third of the neurons are near-kernels. */
const settings = (nullControl: number | boolean, nullControlSeed: number, out: string) => ({
  models: [
    {
      id: "planted",
      synthetic: {
        seed: 3,
        layers: SQUARE,
        planted: [{ from: "a", to: "e", cosine: 0.9, gain: 6 }],
      },
    },
    { id: "gaussian", synthetic: { seed: 4, layers: SQUARE } },
  ],
  graph: "none",
  kernel: "wasm",
  threads: 1,
  nearKernel: { relative: 0.3 },
  nullControl,
  nullControlSeed,
  out: join(folder, out),
} satisfies RunConfigInput);

const modelOf = (models: readonly ModelReport[], id: string) => models.find((model) => model.id === id)!;

/** Mean and standard deviation by their definitions. */
function spreadOf(values: readonly number[]): readonly [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / (values.length - 1))];
}

/** What several controls say beside what each of them says alone; returns how many numbers were compared. */
function expectSpread(control: Cell, spread: Cell, singles: readonly Cell[], what: string): number {
  const known = singles.filter((value) => typeof value === "number");
  if (known.length === 0) {
    // Names of layers are the same in all, and what none has is null.
    expect([control, spread], what).toEqual([singles[0], null]);
    return 0;
  }
  const [mean, deviation] = spreadOf(known);
  expect(control, what).toBeCloseTo(mean, 9);
  if (known.length === 1) expect(spread, what).toBeNull();
  else expect(spread, what).toBeCloseTo(deviation, 9);
  return 1;
}

describe("several null controls", () => {
  it("have the mean and the standard deviation of the same controls one by one", async () => {
    const { models } = (await run(settings(3, 11, "three"))).report;
    const singles: ModelReport[][] = [];
    for (const seed of [11, 12, 13]) {
      singles.push([...(await run(settings(true, seed, `one ${seed}`))).report.models]);
    }
    let compared = 0;
    for (const model of models) {
      const alone = singles.map((all) => modelOf(all, model.id));
      expect([model.null_controls, ...alone.map((each) => each.null_controls)]).toEqual([3, 1, 1, 1]);
      model.findings.forEach((finding, at) => {
        const same = alone.map(({ findings }) => findings[at]!);
        finding.numbers.forEach(({ name, control, control_spread: spread }, number) => {
          const each = same.map(({ numbers }) => numbers[number]!);
          expect(each.map((one) => one.control_spread)).toEqual([null, null, null]);
          compared += expectSpread(
            control,
            spread,
            each.map((one) => one.control),
            `${finding.kind} ${name}`,
          );
        });
        finding.table?.control?.forEach((row, place) =>
          row.forEach((cell, column) => {
            if (column < 3) return; // the connection
            const each = same.map(({ table }) => table!.control![place]![column]!);
            compared += expectSpread(
              cell,
              finding.table!.control_spread![place]![column]!,
              each,
              finding.kind,
            );
          })
        );
        expect(same.map(({ table }) => table?.control_spread ?? null)).toEqual([null, null, null]);
      });
      for (const key of ["edges_ratio", "block_energy_ratio", "chain_layers", "log_path_metric"] as const) {
        const each = alone.map(({ null_control: figures }) => figures![key]);
        const { null_control: control, null_control_spread: spread } = model;
        compared += expectSpread(control![key], spread![key], each, key);
      }
      expect(alone.map((each) => each.null_control_spread)).toEqual([null, null, null]);
      // Singular values are the model's own, to the last bit.
      expect(model.null_control!.near_kernel_share).toBe(model.figures.near_kernel_share);
      expect(model.null_control_spread!.near_kernel_share).toBe(0);
    }
    expect(compared).toBeGreaterThan(60);
  });

  it("are as chance gives, and a chain is in none of 20", async () => {
    const { report, record, out } = await run(settings(20, 0, "twenty"));
    const expected = THREE_SIGMA * 4 * 48 * 48;
    for (const { id, null_control: control, null_control_spread: spread } of report.models) {
      const [mean, deviation] = [control!.edges_ratio!, spread!.edges_ratio!];
      // No less than that of a Poisson count: 20 controls may be alike by chance.
      const error = Math.max(deviation, 1 / Math.sqrt(expected)) / Math.sqrt(20);
      expect(Math.abs(mean - 1), `${id}: ${mean} +- ${error}`).toBeLessThan(5 * error);
      expect(deviation).toBeGreaterThan(0);
    }
    const { findings, summary } = modelOf(report.models, "planted");
    const said = (kind: string) => findings.find((finding) => finding.kind === kind)!.null_control;
    expect(said("dominant-connection")).toMatch(
      /^in none of 20 controls at alpha 0\.00135; their best chains run through [\d.]+ ± [\d.]+ layers \(mean and standard deviation\), and the joint p of 0 of 20 reaches this one's$/,
    );
    expect(said("excess-edges")).toMatch(
      /^[\d.]+ ± [\d.]+ times the edges expected by chance \(mean and standard deviation of 20 controls\); \d+ of 20 reach(es)? the model's own [\d.]+$/,
    );
    expect(said("near-kernel-block")).toMatch(
      /^[\d.]+ ± [\d.]+ times the edges and [\d.]+ ± [\d.]+ times the overlap expected by chance \(mean and standard deviation of 20 controls\); of the edges \d+ of 20 .+ the model's own [\d.]+, of the overlap \d+ of 20 .+ the model's own [\d.]+$/,
    );
    expect([record.null_controls, record.null_control_seed]).toEqual([20, 0]);
    const markdown = await readFile(join(out, "report.md"), "utf8");
    expect(markdown).toMatch(/^\| {3}its 20 null controls \|.* [\d.]+ ± [\d.]+ \|/m);
    expect(markdown).toMatch(/^\| log\\_p \| -[\d.]+ \| -[\d.]+ ± [\d.]+ \|/m);
    expect(markdown).toContain("The same in the null controls, mean ± standard deviation:");
    expect(summary.map(({ answer }) => answer).join("\n")).toMatch(
      /has [\d.]+ ± [\d.]+ times the edges of chance, as it stands [\d.]+ times \(mean and standard deviation of 20 controls; \d+ of 20 /,
    );
  });

  it("are told apart by their number and seed: nothing of others is used again", async () => {
    const done: readonly (readonly [number | boolean, number])[] = [[2, 0], [2, 0], [2, 1], [3, 0], [
      true,
      0,
    ]];
    const counts: number[][] = [];
    const paths = new Set<number | null>();
    for (const [controls, seed] of done) {
      const { record, report } = await run(settings(controls, seed, "kept"));
      const [{ null_controls: count, null_control: figures }] = report.models as [ModelReport];
      counts.push([record.counts.up_to_date, count]);
      paths.add(figures!.log_path_metric);
    }
    expect(counts).toEqual([[0, 2], [2, 2], [0, 2], [0, 3], [0, 1]]);
    expect(paths.size).toBe(4);
    // Without one the seed is of no account.
    await run(settings(false, 0, "none"));
    expect((await run(settings(false, 5, "none"))).record.counts.up_to_date).toBe(2);
  });

  it("are from 1 to 1000", async () => {
    for (const count of [0, 1001, 1.5]) {
      await expect(run(settings(count, 0, "refused"))).rejects.toThrow(ConfigError);
    }
  });
});
