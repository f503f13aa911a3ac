/** The checkpoints of a series, in a real browser. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { served } from "./served.ts";

describeInBrowser("a series", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-series-"));
    out = join(folder, "run");
    await run({
      out,
      models: {
        path: join(ROOT, "pipelines/models/mnist-mlp"),
        topology: { chain: ["fc1", "fc2", "fc3"] },
      },
      exclude: "*003*",
      compare: { pairs: [["mnist-mlp/epoch-000", "mnist-mlp/epoch-001"]] },
      graph: "none",
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it("is followed by a slider and by keys; curves and spectra are those of the tables", async () => {
    const page = await browser.open(`${url}#view=series&layer=1`);
    const slider = page.locator("input[name=step]");
    await page.getByText("Spectra at step 0;").waitFor();
    await slider.press("ArrowRight");
    await page.getByText("Spectra at step 1;").waitFor();
    await expect.poll(() => new URL(page.url()).hash).toContain("step=1");
    await slider.press("End");
    await page.getByText("Spectra at step 10;").waitFor();
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows: Record<string, unknown>[] = [];
    for (const epoch of ["000", "001", "010"]) {
      const path = `${out}/layers/model=mnist-mlp%2Fepoch-${epoch}/*.parquet`;
      const read = await duckdb.runAndReadAll(
        `SELECT spectral_norm, near_kernels FROM read_parquet('${path}') WHERE name = 'fc2'`,
      );
      rows.push(...read.getRowObjectsJson());
    }
    expect(rows).toHaveLength(3);
    for (
      const [column, title] of [["spectral_norm", "largest singular value"], ["near_kernels", "near-kernels"]]
    ) {
      const label =
        (await page.getByRole("img", { name: `${title} over steps` }).getAttribute("aria-label"))!;
      const said = [...label.matchAll(/\d+: ([\d.]+)/g)].map(([, value]) => Number(value));
      expect(said).toHaveLength(3);
      for (const [at, row] of rows.entries()) expect(said[at]).toBeCloseTo(Number(row[column!]), 2);
    }
    const spectrum = await page.locator(".panel").filter({ hasText: "fc2" }).getByRole("img").getAttribute(
      "aria-label",
    );
    expect(Number(/the largest ([\d.]+);/.exec(spectrum!)![1])).toBeCloseTo(
      Number(rows[2]!["spectral_norm"]),
      2,
    );
    await expectNoFaults(page);
  });

  it("joins the neurons of two steps where these were compared, and says where they were not", async () => {
    const page = await browser.open(`${url}#view=series&layer=1&step=1`);
    const side = page.getByRole("region", { name: "Selection" });
    await side.getByText("From step 0, on the left, to step 1").waitFor();
    expect(await side.locator(".match").count()).toBeGreaterThan(20);
    await expectNoFaults(page);
    await page.locator("input[name=step]").press("ArrowRight");
    await side.getByText("Steps 1 and 10 were not compared; svr run --compare series does that").waitFor();
    await page.locator("input[name=step]").press("ArrowLeft");
    await side.getByRole("button", { name: "the whole comparison" }).click();
    await page.locator(".sentence").getByText("mnist-mlp/epoch-001 and mnist-mlp/epoch-000").waitFor();
    await page.goBack();
    await side.getByText("From step 0, on the left, to step 1").waitFor();
  });
});
