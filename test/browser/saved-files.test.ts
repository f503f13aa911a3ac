/** What is saved of a page: edges and pictures, as other programs read them. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { wellFormed } from "../viewer/well-formed.ts";
import { browserPage, hashOf } from "./browser-page.ts";
import { served } from "./served.ts";

const HOSTILE = `<script> \u0001&"`;

describeInBrowser("what is saved", () => {
  const browser = browserPage();
  let [folder, url] = ["", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-saved-"));
    const out = join(folder, "run");
    const layers = ["a", "b"].map((name) => ({ name: `${name}${HOSTILE}`, out: 24, in: 24 }));
    await run({
      out,
      models: [
        { path: join(ROOT, "pipelines/models/vgg16s-wd/epoch-012.f16.safetensors"), id: "vgg" },
        { id: "hostile", synthetic: { seed: 1, layers } },
      ],
      graph: "none",
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  /** Opens a model and saves what a button gives. */
  async function saved(
    model: string,
    button: string,
  ): Promise<{ readonly path: string; readonly drawn: number }> {
    const page = await browser.open(`${url}${hashOf(model)}`);
    const said = page.getByText(/edges that pass are drawn/);
    await said.waitFor();
    const drawn = Number(/^([\d,]+) of/.exec((await said.textContent())!)![1]!.replaceAll(",", ""));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByText(button).click()]);
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    await browser.close();
    return { path, drawn };
  }

  it("as Parquet has the rows of the CSV file, to the last digit", async () => {
    const { path, drawn } = await saved("vgg", "edges as Parquet");
    const { path: csv } = await saved("vgg", "edges as CSV");
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRows();
    const found = await rows(`SELECT * FROM read_parquet('${path}')`);
    expect(found).toHaveLength(drawn);
    expect(drawn).toBeGreaterThan(100);
    const lines = (await readFile(csv, "utf8")).trim().split("\n");
    expect(lines[0]).toBe(
      (await rows(`SELECT name FROM parquet_schema('${path}') WHERE type IS NOT NULL`)).join(),
    );
    expect(lines.slice(1)).toEqual(found.map((row) => row.join()));
  });

  it("as SVG has a line for each edge, and is well formed whatever names are", async () => {
    const { path, drawn } = await saved("vgg", "picture as SVG");
    const svg = await readFile(path, "utf8");
    expect(wellFormed(svg)).toEqual([]);
    expect(svg).not.toContain("color-mix");
    // Eight classes of edges, of which each line begins anew; then the dominant connection, which is one path.
    const edges = [...svg.matchAll(/<path d="([^"]*)"[^>]*opacity=/g)].flatMap(([, d]) =>
      d!.match(/M/g) ?? []
    );
    expect(edges).toHaveLength(drawn);
    expect(svg).toContain(">features.0<");
    const hostile = await readFile((await saved("hostile", "picture as SVG")).path, "utf8");
    expect(wellFormed(hostile)).toEqual([]);
    expect(hostile).not.toContain("<script");
    expect(hostile).toContain("&lt;script");
  });
});
