/** The console in SQL, in a real browser: a run's tables asked by DuckDB. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { served } from "./served.ts";

describeInBrowser("the console in SQL", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-ask-"));
    out = join(folder, "run");
    await run({ out, models: [join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors")] });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const askButton = (page: Page) => page.getByRole("button", { name: "Ask", exact: true }).last();
  const cells = async (page: Page, count: number) => {
    await page.locator("caption").waitFor();
    const texts = await page.locator("tbody td").allTextContents();
    return texts.slice(0, count).map((each) => each.replaceAll(",", ""));
  };

  it("answers a query of the library as DuckDB does outside, by its fields; its text can be changed", async () => {
    const page = await browser.open(`${url}#view=ask`);
    await page.getByRole("radio", { name: "SQL" }).press("Space");
    await expect.poll(() => new URL(page.url()).hash).toContain("language=sql");
    await page.locator("form select").selectOption("@hubs");
    expect(await page.locator("input[name=model]").inputValue()).toContain("epoch-010");
    await page.locator("input[name=limit]").fill("3");
    await expectNoFaults(page);
    await askButton(page).click();
    await page.getByText("3 rows").waitFor();
    await expectNoFaults(page);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const edges = `read_parquet('${out}/edges/*/*.parquet')`;
    const expected = await duckdb.runAndReadAll(
      `SELECT layer, neuron, count(*) FROM (SELECT source_layer AS layer, source_neuron AS neuron FROM ${edges} WHERE significant
       UNION ALL SELECT target_layer, target_neuron FROM ${edges} WHERE significant) GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT 1`,
    );
    const [layer, , neuron, degree] = await cells(page, 4);
    expect([layer, neuron, degree].map(Number)).toEqual(expected.getRowsJS()[0]!.map(Number));
    await page.getByText("@hubs in SQL").click();
    await page.getByRole("button", { name: "change it" }).click();
    expect(await page.locator("textarea").inputValue()).toContain("LIMIT $limit");
    expect(await page.locator("input[name=limit]").inputValue()).toBe("3");
    await page.locator("input[name=limit]").fill("2");
    await askButton(page).click();
    await page.getByText("2 rows").waitFor();
    expect((await cells(page, 4)).map(Number)).toEqual([Number(layer), NaN, Number(neuron), Number(degree)]);
  });

  it("refuses what writes and what reads files, and stops what takes long", async () => {
    const page = await browser.open(`${url}#view=ask&language=sql`);
    const ask = async (sql: string) => {
      await page.locator("textarea").fill(sql);
      await askButton(page).click();
    };
    await ask("COPY models TO '/tmp/svr-ask.csv'");
    await page.getByRole("alert").filter({ hasText: "required a statement that only reads" }).waitFor();
    await ask("FROM read_text('/etc/passwd')");
    await page.getByRole("alert").filter({ hasText: "Cannot access file" }).waitFor();
    await ask(
      "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a.range % 7 = b.range % 5",
    );
    await page.getByRole("status").filter({ hasText: "Asking" }).waitFor();
    await page.getByRole("button", { name: "stop" }).click();
    await page.getByRole("alert").filter({ hasText: "It was stopped." }).waitFor();
    await ask("SELECT count(*) AS n FROM models");
    await page.getByText("1 row", { exact: true }).waitFor();
    expect(await cells(page, 1)).toEqual(["1"]);
    await page.goto(new URL("/#view=ask&language=sql&query=%40models", url).href); // without the token
    await askButton(page).click();
    await page.getByRole("alert").filter({ hasText: "required the address that svr view printed" }).waitFor();
    // The answer's status is heard as a message of the browser; it is no fault of the page.
    browser.complaints = browser.complaints.filter((each) => !/status of 40[03]/.test(each));
  });
});
