/** Leading neurons in a real browser: what the page says of those that have not converged is what the tables say. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { describeInBrowser } from "../support/browser.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";
import { browserPage } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { served } from "./served.ts";

const SIDE = 64;
const RANK = 6;

/** Hadamard's matrix with its columns scaled, which float32 holds exactly: three singular values apart, and a cluster that rank 6 cuts. */
function weight(): Float32Array {
  const bits = (value: number): number => value === 0 ? 0 : (value & 1) + bits(value >> 1);
  return Float32Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [row, column] = [Math.floor(at / SIDE), at % SIDE];
    return (bits(row & column) % 2 === 0 ? 1 : -1) * ([10, 9, 8][column] ?? 1) / 8;
  });
}

describeInBrowser("leading neurons", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-unconverged-"));
    out = join(folder, "run");
    const path = join(folder, "model.safetensors");
    await writeTensors(path, ["a", "b"].map((name) => [`${name}.weight`, [SIDE, SIDE], weight()] as const));
    const topology = { chain: ["a", "b"] };
    await run({ out, models: [{ path, id: "m", topology }], rank: RANK, graph: "none" });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it("are counted in the findings of the report where they have not converged", async () => {
    const { models: [model] } = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as {
      models: { findings: { kind: string; caveats: string[] }[] }[];
    };
    const excess = model!.findings.find(({ kind }) => kind === "excess-edges");
    expect(excess?.caveats).toContainEqual(
      expect.stringMatching(/^not converged: 6 of 12 neurons of 2 layers. They are not tested/),
    );
  });

  it("show their residual and whether they have converged, as the table has them", async () => {
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = (await duckdb.runAndReadAll(
      `SELECT neuron, residual, converged FROM read_parquet('${out}/neurons/**/*.parquet') WHERE layer_index = 0 ORDER BY neuron`,
    )).getRowObjectsJson();
    expect(rows.map((row) => row["converged"])).toEqual([true, true, true, false, false, false]);
    for (const { neuron, residual, converged } of rows) {
      const page = await browser.open(`${url}#model=m&layer=0&neuron=${Number(neuron)}`);
      const side = page.getByRole("region", { name: "Neuron" });
      const value = (name: string) =>
        side.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("xpath=following-sibling::dd[1]")
          .textContent();
      await side.waitFor();
      expect(Number(await value("residual"))).toBe(Number(Number(residual).toPrecision(4)));
      expect(await value("converged")).toBe(String(converged));
      expect(await side.getByText(/^This neuron has not converged: .* It is not tested/).count()).toBe(
        converged ? 0 : 1,
      );
      if (!converged) await expectNoFaults(page);
      await page.getByRole("region", { name: "Layer" }).getByText(
        "Only the leading neurons were computed: 6. 3 of them have not converged",
      ).waitFor();
      await browser.close();
    }
  });
});
