/** Two models compared, in a real browser: what it shows is what the tables say. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { addressOf, plainServer } from "./plain-server.ts";
import { served } from "./served.ts";

const HOSTILE = `<img src=x onerror="document.title='hacked'"> \u202e🧠`;

describeInBrowser("models compared", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-compare-"));
    out = join(folder, "run");
    const mlp = (epoch: string) => ({
      path: join(ROOT, `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`),
      id: `mlp-${epoch}`,
      topology: { chain: ["fc1", "fc2", "fc3"] },
    });
    const layers = ["fc1", "fc2"].map((name) => ({ name: `${name} ${HOSTILE}`, out: 12, in: 12 }));
    await run({
      out,
      models: [
        mlp("000"),
        mlp("003"),
        mlp("010"),
        { id: HOSTILE, synthetic: { seed: 1, layers } },
        { id: `${HOSTILE} 2`, synthetic: { seed: 2, layers } },
      ],
      compare: { all: true },
      graph: "none",
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const opened = (base: string, model: string, more = "", at = url) =>
    browser.open(`${at}#${new URLSearchParams({ view: "compare", base, model }).toString()}${more}`);

  async function rows(sql: string): Promise<Record<string, unknown>[]> {
    const duckdb = await (await DuckDBInstance.create()).connect();
    return (await duckdb.runAndReadAll(sql)).getRowObjectsJson();
  }
  const table = (name: string) => `read_parquet('${out}/${name}/model=mlp-010/base=mlp-000/*.parquet')`;

  it("shows their kinship, and their layers by change as the tables have them", async () => {
    const page = await opened("mlp-000", "mlp-010");
    const [kinship] = await rows(`SELECT * FROM ${table("kinship")}`);
    const sentence = await page.locator(".sentence").textContent();
    expect(sentence).toContain("mlp-010 and mlp-000 are of one lineage");
    const exponent = Math.floor(Number(kinship!["log_p_corrected"]) / Math.LN10);
    expect(sentence).toContain(`e${exponent} over ${String(kinship!["spaces"])} space`);
    const layers = await rows(`SELECT * FROM ${table("correspondences")} ORDER BY relative_change DESC`);
    const cells = await page.getByRole("table", { name: "Corresponding layers" }).locator("tbody tr")
      .evaluateAll(
        (all) =>
          all.map((row) =>
            [...(row as unknown as { cells: Iterable<{ textContent: string }> }).cells].map((
              { textContent },
            ) => textContent)
          ),
      );
    expect(cells.map(([name]) => name)).toEqual(layers.map((row) => row["other_name"]));
    for (const [at, row] of layers.entries()) {
      expect(Number(cells[at]![1])).toBeCloseTo(Number(row["relative_change"]), 3);
      expect(cells[at]![2]).toBe(String(row["kept"]));
      expect(cells[at]![3]).toBe(String(row["intruders"]));
    }
    expect(await page.locator(".panel").count()).toBe(layers.length);
    // The last layer, which was random, has changed by more than its own length.
    const most = Number(layers[0]!["relative_change"]);
    expect(most).toBeGreaterThan(1.05);
    expect(await page.locator(".panel").first().textContent()).toContain(
      `${Math.round(100 * most)} % changed`,
    );
    await expectNoFaults(page);
  });

  it("sorts its layers by each column, and saves them in that order", async () => {
    const page = await opened("mlp-000", "mlp-010");
    const listed = page.getByRole("table", { name: "Corresponding layers" });
    const names = () => listed.locator("tbody tr td:first-child").allTextContents();
    for (
      const [head, order] of [
        ["layer", "other_name"],
        ["layer", "other_name DESC"],
        ["change", "relative_change DESC"],
        ["change", "relative_change"],
        ["kept", "kept DESC, relative_change DESC"],
        ["intruders", "intruders DESC, relative_change DESC"],
      ] as const
    ) {
      await listed.getByRole("button", { name: head, exact: true }).press("Enter");
      const wanted = await rows(`SELECT other_name FROM ${table("correspondences")} ORDER BY ${order}`);
      await expect.poll(names).toEqual(wanted.map((row) => row["other_name"]));
      expect(await listed.getByRole("columnheader", { name: head }).getAttribute("aria-sort")).toBe(
        /^\S+ DESC/.test(order) ? "descending" : "ascending",
      );
    }
    await listed.getByRole("button", { name: "layer", exact: true }).click();
    await expectNoFaults(page);
    for (const [format, read] of [["CSV", "read_csv"], ["Parquet", "read_parquet"]] as const) {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: `layers as ${format}` }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(`mlp-010-mlp-000-layers.${format.toLowerCase()}`);
      const path = join(folder, download.suggestedFilename());
      await download.saveAs(path);
      const saved = await rows(`SELECT * FROM ${read}('${path}')`);
      const same = await rows(
        `SELECT * EXCLUDE (model, base) FROM ${table("correspondences")} ORDER BY other_name`,
      );
      if (format === "Parquet") expect(saved).toEqual(same);
      else {expect(saved.map((row) => Object.values(row).map(String))).toEqual(same.map((row) =>
          Object.values(row).map(String)
        ));}
    }
  });

  it("joins matched neurons and marks intruders, and leads to each neuron and back", async () => {
    const page = await opened("mlp-000", "mlp-010");
    await page.locator(".panel").filter({ hasText: "fc2" }).press("Enter");
    const side = page.getByRole("region", { name: "Selection" });
    await side.getByRole("heading", { name: "fc2" }).waitFor();
    expect(new URL(page.url()).hash).toContain("pair=1-1");
    const matches = await rows(
      `SELECT * FROM ${table("matches")} WHERE base_layer = 1 ORDER BY abs(similarity) DESC, base_neuron`,
    );
    const intruders = await rows(`SELECT * FROM ${table("intruders")} WHERE base_layer = 1`);
    expect(matches.length).toBeGreaterThan(20);
    expect(await side.locator(".match").count()).toBe(matches.length);
    expect(await side.locator(".intruder").count()).toBe(intruders.length);
    const first = side.getByRole("table", { name: /^Matched neurons/ }).locator("tbody tr").first();
    expect(Number(await first.locator("td").nth(2).textContent())).toBeCloseTo(
      Number(matches[0]!["similarity"]),
      3,
    );
    await expectNoFaults(page);
    await first.locator("td").nth(1).getByRole("button").click();
    await page.getByRole("heading", { name: `fc2, neuron ${String(matches[0]!["other_neuron"])}` }).waitFor();
    await page.goBack();
    await side.getByRole("heading", { name: "fc2" }).waitFor();
    await page.locator("select[name=comparison]").selectOption({ label: "mlp-003, compared with mlp-000" });
    await page.getByText("mlp-003 and mlp-000 are of one lineage").waitFor();
    expect(new URL(page.url()).hash).not.toContain("pair");
  });

  it("stand in a table as the tables have them, sorted and filtered", async () => {
    const page = await browser.open(`${url}#view=models`);
    const models = await rows(
      `SELECT * FROM read_parquet('${out}/models/*/*.parquet', hive_partitioning = false)`,
    );
    const shown = page.getByRole("region", { name: "Table of models" }).locator("tbody tr");
    expect(await shown.count()).toBe(models.length);
    for (const model of models) {
      const row = shown.filter({ has: page.getByRole("button", { name: String(model["id"]), exact: true }) });
      const cells = await row.locator("td").allTextContents();
      const counts = ["layers", "neurons", "connections", "edges", "skipped"].map((name) =>
        Number(model[name])
      );
      expect(cells.slice(4, 9).map((each) => Number(each.replaceAll(",", "")))).toEqual(counts);
    }
    await page.getByRole("searchbox").fill("mlp");
    await expect.poll(() => shown.count()).toBe(3);
    await page.getByRole("button", { name: "edges", exact: true }).click();
    const edges = (await shown.locator("td:nth-child(8)").allTextContents()).map(Number);
    expect(edges).toEqual([...edges].sort((a, b) => a - b));
    // One curve of each figure and model: stable ranks over three layers.
    await expect.poll(() => shown.locator("svg").count()).toBe(6);
    const [first] = await rows(
      `SELECT stable_rank FROM read_parquet('${out}/layers/model=mlp-000/*.parquet') ORDER BY layer_index`,
    );
    const curve = page.getByRole("img", { name: "stable rank by layer of mlp-000" });
    const said = /: ([\d.]+) to/.exec((await curve.getAttribute("aria-label"))!)![1];
    expect(Number(said)).toBeCloseTo(Number(first!["stable_rank"]), 1);
    await expectNoFaults(page);
  });

  it("are joined by least distances, strangers apart", async () => {
    const page = await browser.open(`${url}#view=models`);
    const kin = page.getByRole("region", { name: "Kin" });
    await kin.locator("li").first().waitFor();
    expect(await kin.locator("li").count()).toBe(5);
    const distances = await rows(
      `SELECT base_id, other_id, distance FROM read_parquet('${out}/kinship/*/*/*.parquet', hive_partitioning = false)
       WHERE base_id LIKE 'mlp%' AND other_id LIKE 'mlp%' ORDER BY distance`,
    );
    // Of three kin the forest has the two least of three distances.
    expect(distances).toHaveLength(3);
    const said = (await kin.getByRole("button", { name: / % from / }).allTextContents()).sort();
    const expected = distances.slice(0, 2).map((
      { base_id: base, other_id: other, distance },
    ) => [
      `${Math.round(100 * Number(distance))} % from ${String(base)}`,
      `${Math.round(100 * Number(distance))} % from ${String(other)}`,
    ]);
    expect(said).toHaveLength(2);
    for (const both of expected) expect(said.some((each) => both.includes(each)), both.join()).toBe(true);
    await kin.getByRole("button", { name: / % from / }).first().click();
    await page.locator(".sentence").getByText("are of one lineage").waitFor();
  });

  it("writes hostile names as text", async () => {
    const page = await opened(HOSTILE, `${HOSTILE} 2`, "&pair=0-0");
    await page.locator(".sentence").getByText("Nothing says that").waitFor();
    expect(await page.locator(".sentence").textContent()).toContain("<img src=x");
    await page.getByRole("heading", { name: /^fc1 <img/ }).waitFor();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).not.toBe("hacked");
  });

  it("is in an exported page as it is here", async () => {
    const exported = join(folder, "page");
    expect((await svr(["view", out, "--export", exported, "--patterns", "0"])).code).toBe(0);
    const plain = await plainServer(exported);
    try {
      const shown: (string | null)[] = [];
      for (const at of [url, addressOf(plain)]) {
        const page = await opened("mlp-000", "mlp-010", "&pair=1-1", at);
        shown.push(await page.locator("main").textContent());
        await browser.close();
      }
      expect(shown[0]).toContain("Matched neurons");
      expect(shown[1]).toBe(shown[0]);
    } finally {
      plain.close();
    }
  });
});
