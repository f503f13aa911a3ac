/** `svr view` in a real browser, on a run of this project's own models. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as ask } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { pageFiles } from "../../src/viewer/server/page-files.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { uniform } from "../support/random-flow.ts";
import { browserPage, hashOf, idWith } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { served } from "./served.ts";

const HOSTILE = `<img src=x onerror="document.title='hacked'"> \u202e🧠 ${"x".repeat(10_000)}`;

describeInBrowser("the instrument in the browser", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-view-"));
    out = join(folder, "run");
    const layers = ["fc1", "fc2", "fc3"].map((name) => ({ name: `${name} ${HOSTILE}`, out: 24, in: 24 }));
    await run({
      out,
      models: [
        join(ROOT, "pipelines/models/vgg16s-wd/epoch-012.f16.safetensors"),
        join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors"),
        { id: HOSTILE, synthetic: { seed: 1, layers } },
      ],
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const opened = async (hash = "") => page = await browser.open(`${url}${hash}`);

  /** Changes what stands behind `#`, as a link does. */
  const goTo = (hash: string) => page.evaluate(`location.hash = ${JSON.stringify(hash)}`);

  const idOf = (part: string) => idWith(out, part);

  async function facts(): Promise<Map<string, string>> {
    const [names, values] = await Promise.all([
      page.locator("section").first().locator("dt").allTextContents(),
      page.locator("section").first().locator("dd").allTextContents(),
    ]);
    return new Map(names.map((name, at) => [name, values[at]!]));
  }

  it.each([
    ["a model", "&overlap=0"],
    ["a layer", "&layer=2"],
    ["a neuron", "&layer=2&neuron=1"],
    ["a connection", "&connection=3-4-0"],
    ["all models", "&view=models"],
    ["the report", "&view=report"],
    ["the console", "&view=ask"],
  ])("shows %s without a fault for people who read, hear or type, in light and dark", async (_, more) => {
    await opened(hashOf(await idOf("epoch-012"), more));
    await expectNoFaults(page);
  });

  it("shows the numbers of the tables: 25 neurons and 25 connections, seeded", async () => {
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRowObjectsJson();
    const model = await idOf("epoch-012");
    const table = (name: string) => `read_parquet('${out}/${name}/*/*.parquet', hive_partitioning = true)`;
    const [neurons, connections] = await Promise.all([
      rows(
        `SELECT * FROM ${table("neurons")} WHERE model = '${
          encodeURIComponent(model)
        }' OR model = '${model}'`,
      ),
      rows(
        `SELECT * FROM ${table("connections")} WHERE model = '${
          encodeURIComponent(model)
        }' OR model = '${model}'`,
      ),
    ]);
    expect(neurons.length).toBeGreaterThan(100);
    const draw = uniform(11);
    await opened(hashOf(model));
    const said = (value: unknown) =>
      typeof value === "number" || /^-?[\d.]+(e[-+]?\d+)?$/.test(String(value)) ? Number(value) : value;
    const shown = (text: string) => /^[-\d,.e+]+$/.test(text) ? Number(text.replaceAll(",", "")) : text;
    /** As written with four digits. */
    const close = (found: unknown, expected: unknown) => {
      if (typeof expected !== "number") {
        return expect(String(found)).toBe(expected === null ? "–" : String(expected));
      }
      expect(Math.abs(Number(found) - expected)).toBeLessThanOrEqual(1e-3 * Math.abs(expected) + 1e-12);
    };
    for (let each = 0; each < 25; each++) {
      const row = neurons[Math.floor(draw() * neurons.length)]!;
      await goTo(hashOf(model, `&layer=${String(row["layer_index"])}&neuron=${String(row["neuron"])}`));
      await page.getByRole("region", { name: "Selection" }).getByRole("heading", {
        name: `neuron ${String(row["neuron"])}`,
        exact: false,
      }).first().waitFor();
      const found = await facts();
      for (const name of ["singular_value", "relative", "intensity", "near_kernel", "null"]) {
        close(shown(found.get(name)!), said(row[name]));
      }
    }
    for (let each = 0; each < 25; each++) {
      const row = connections[Math.floor(draw() * connections.length)]!;
      const key = [row["source_layer"], row["target_layer"], row["part"]].join("-");
      await goTo(hashOf(model, `&connection=${key}`));
      await page.locator(`section[aria-label=Connection]`).waitFor();
      await expect.poll(async () => shown((await facts()).get("significant") ?? "")).toBe(
        Number(row["significant"]),
      );
      const found = await facts();
      for (
        const name of [
          "via",
          "evidence",
          "shared_channels",
          "tests",
          "max_overlap",
          "entropy",
          "near_kernel_log_p",
        ]
      ) {
        close(shown(found.get(name)!), said(row[name]));
      }
    }
  });

  it("selects by click and by keys, goes back, and opens where a link points", async () => {
    const model = await idOf("epoch-012");
    await opened(hashOf(model));
    const canvas = page.locator(".stage canvas");
    const box = (await canvas.boundingBox())!;
    await canvas.click({ position: { x: 36, y: 24 } });
    await page.getByRole("heading", { name: /, neuron 0$/ }).waitFor();
    expect(new URL(page.url()).hash).toContain("layer=0&neuron=0");
    await canvas.press("ArrowRight");
    await canvas.press("ArrowDown");
    await expect.poll(() => new URL(page.url()).hash).toContain("layer=1&neuron=1");
    const link = page.url();
    const heading = await page.locator("section h2").first().textContent();
    await canvas.press("Escape");
    await expect.poll(() => new URL(page.url()).hash).not.toContain("layer");
    await page.goBack();
    await expect.poll(() => new URL(page.url()).hash).toContain("layer=1&neuron=1");
    expect(box.width).toBeGreaterThan(500);
    await browser.close();
    await opened(link.slice(link.indexOf("#")));
    expect(await page.locator("section h2").first().textContent()).toBe(heading);
  });

  it("draws fewer edges where a slider says so, and saves those that are drawn", async () => {
    const model = await idOf("epoch-012");
    await opened(hashOf(model));
    const drawn = async () =>
      Number(/^([\d,]+) of/.exec((await page.locator(".said").textContent())!)![1]!.replaceAll(",", ""));
    const all = await drawn();
    await page.locator("input[name=overlap]").fill("0.3");
    await expect.poll(drawn).toBeLessThan(all);
    const some = await drawn();
    expect(some).toBeGreaterThan(0);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByText("edges as CSV").click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
    expect(lines.length).toBe(1 + some);
    for (const line of lines.slice(1)) expect(Number(line.split(",")[5])).toBeGreaterThanOrEqual(0.3);
    await expect.poll(() => new URL(page.url()).hash).toContain("overlap=0.3");
  });

  it("answers questions by the library and by a statement, and refuses one that writes", async () => {
    await opened("#view=ask&query=%40models");
    await page.getByRole("button", { name: "Ask", exact: true }).last().click();
    await page.getByText("3 rows").waitFor();
    await page.locator("textarea").fill("MATCH (n:SpectralNeuron) RETURN count(*) AS neurons");
    await page.getByRole("button", { name: "Ask", exact: true }).last().click();
    await page.getByText("1 row", { exact: true }).waitFor();
    expect(Number((await page.locator("tbody td").first().textContent())!.replaceAll(",", "")))
      .toBeGreaterThan(1000);
    await page.locator("textarea").fill("MATCH (n) DETACH DELETE n");
    await page.getByRole("button", { name: "Ask", exact: true }).last().click();
    await page.getByRole("alert").filter({ hasText: "only reads" }).waitFor();
    await page.goto(new URL("/#view=ask&query=%40models", url).href); // without the token
    await page.getByRole("button", { name: "Ask", exact: true }).last().click();
    await page.getByRole("alert").filter({ hasText: "required the address that svr view printed" }).waitFor();
    // The answer's status is heard as a message of the browser; it is no fault of the page.
    browser.complaints = browser.complaints.filter((each) => !/status of 40[03]/.test(each));
  });

  it("writes hostile names as text", async () => {
    await opened(hashOf(HOSTILE, "&layer=0"));
    expect(await page.title()).toContain("onerror");
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("section h2").first().textContent()).toContain("<img src=x");
    for (const view of ["report", "models"]) {
      await goTo(`#view=${view}`);
      await page.locator("main").getByText("onerror", { exact: false }).first().waitFor();
      expect(await page.locator("img").count()).toBe(0);
    }
  });

  it("refuses other hosts and pages, questions without token, and paths out of the run", async () => {
    const { port } = new URL(url);
    const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
      new Promise<{ status: number; policy: string }>((resolve, reject) => {
        const asked = ask({ host: "127.0.0.1", port, path, headers, method }, (answer) => {
          answer.resume();
          resolve({
            status: answer.statusCode ?? 0,
            policy: String(answer.headers["content-security-policy"]),
          });
        });
        asked.on("error", reject);
        asked.end();
      });
    const { status, policy } = await get("/");
    expect(status).toBe(200);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect((await get("/", { host: "evil.example" })).status).toBe(403);
    expect((await get("/data/index.json", { origin: "http://evil.example" })).status).toBe(403);
    expect((await get("/api/query", {}, "POST")).status).toBe(403);
    expect((await get("/data/index.json", {}, "DELETE")).status).toBe(403);
    for (
      const path of [
        "/../run.json",
        "/tables/../run.json",
        "/tables/%2e%2e/run.json",
        "/run.json",
        "//etc/passwd",
        "/tables/layers/..%2f..%2frun.json",
      ]
    ) {
      expect((await get(path)).status, path).toBe(404);
    }
    expect((await get("/%E0%A4%A")).status).toBe(400);
  });

  it("reads the tables of a model once, however often its view is left", async () => {
    await opened(hashOf(await idOf("epoch-012")));
    const leave = async () => {
      for (const name of ["Report", "Models", "Model"]) {
        await page.getByRole("navigation").getByRole("button", { name, exact: true }).click();
        // The table of models reads the layers of each, once.
        if (name === "Models") await page.locator(".sparkline").first().waitFor();
      }
    };
    await leave();
    const asked: string[] = [];
    page.on("request", (request) => request.url().includes("/tables/") && asked.push(request.url()));
    await leave();
    await page.getByText("edges that pass are drawn").waitFor();
    expect(asked).toEqual([]);
  });

  it("is small, and says what is wrong with a folder without tables", async () => {
    const files = await pageFiles();
    const bytes = [...files.values()].reduce((sum, content) => sum + gzipSync(content).length, 0);
    expect(bytes).toBeLessThan(150_000);
    const { code, stderr } = await svr(["view", folder, "--no-open"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/found no Parquet tables, required the output folder of a run/);
    expect((await svr(["view", out, "--port", "99999"])).code).toBe(2);
  });
});
