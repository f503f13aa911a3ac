/**
 * The page on a large model: `node test/bench/view.ts [layers] [neurons] [edges of a connection]`. By default 60 layers of 1,000 neurons with
 * 34,000 edges in each connection: 60,000 neurons and two million edges. Prints the time to the first picture, from a click to a neuron's edges,
 * the page's memory, the times to pictures of 1e4, 1e5 and 1e6 edges by the canvas and by WebGL2, and how many bytes are fetched of those that the columns have.
 */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Browser } from "playwright-core";
import { run } from "../../src/run.ts";
import { served } from "../browser/served.ts";
import { openBrowser } from "../support/browser.ts";

const [layers = 60, neurons = 1000, edges = 34_000] = argv.slice(2).map(Number);

/** Columns of the table of edges that the page reads. */
const READ = ["source_layer", "source_neuron", "target_layer", "target_neuron", "part", "overlap", "log_p"];

/** Done when the canvas has its picture: reading a pixel waits for what draws. */
const PAINTED =
  `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
  document.querySelector(".stage canvas").getContext("2d").getImageData(0, 0, 1, 1);
  done();
}))))`;

const folder = await mkdtemp(join(tmpdir(), "svr-view-bench-"));
try {
  const out = join(folder, "run");
  const names = Array.from(
    { length: layers },
    (_, at) => ({ name: `layer.${at}`, out: neurons, in: neurons }),
  );
  await run({
    out,
    models: [{ id: "large", synthetic: { seed: 1, layers: names } }],
    edges: { top: edges },
    graph: "none",
    cache: "off",
  });
  const needed = await bytesOf(out);

  const [server, url] = await served([out]);
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    let fetched = 0;
    page.on("response", (response) => {
      if (response.url().includes("/tables/edges/") && response.request().method() === "GET") {
        fetched += Number(response.headers()["content-length"] ?? 0);
      }
    });
    const empty = await memoryOf(browser);
    let start = performance.now();
    await page.goto(url);
    await page.getByText(/of .* edges that pass are drawn/).waitFor();
    console.log(`first picture: ${seconds(start)} s`);
    await page.evaluate(PAINTED);
    start = performance.now();
    await page.locator(".stage canvas").focus();
    await page.keyboard.press("ArrowRight");
    await page.getByText("Edges of this neuron").waitFor();
    console.log(`edges of a neuron: ${seconds(start)} s`);
    await page.context().newCDPSession(page).then((session) => session.send("HeapProfiler.collectGarbage"));
    const full = await memoryOf(browser);
    console.log(
      `page and worker: ${megabytes(full.resident)} MB resident, at most ${megabytes(full.peak)} MB; ` +
        `of them ${megabytes(full.own)} MB are no file's. Before the page was opened: ${
          megabytes(empty.resident)
        } MB, ` + `${megabytes(empty.own)} MB`,
    );
    console.log(
      `fetched: ${megabytes(fetched)} MB, ${(fetched / needed).toFixed(3)} times the columns that are read`,
    );
    await page.close();
    for (const most of [10_000, 100_000, 1_000_000]) {
      for (const drawer of ["canvas", "webgl"]) {
        const next = await browser.newPage({ viewport: { width: 1280, height: 800 } });
        start = performance.now();
        await next.goto(`${url}#edges=${most}&drawer=${drawer}`);
        await next.getByText(/of .* edges that pass are drawn/).waitFor();
        await next.evaluate(PAINTED);
        console.log(`${most} edges by ${drawer}: picture after ${seconds(start)} s`);
        await next.close();
      }
    }
  } finally {
    await browser.close();
    server.kill();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** What a process holds. */
interface ProcessMemory {
  readonly resident: number;
  readonly peak: number;
  /** What is no file's: not the browser's program. */
  readonly own: number;
}

/** Bytes of the largest process of a browser that draws pages: that of the page and its worker. Linux tells them; elsewhere they are NaN. */
async function memoryOf(browser: Browser): Promise<ProcessMemory> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const found = await Promise.all(
    processInfo.filter(({ type }) => type === "renderer").map(async ({ id }): Promise<ProcessMemory> => {
      const said = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
      const bytes = (name: string) =>
        1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(said)?.[1] ?? NaN);
      return { resident: bytes("VmRSS"), peak: bytes("VmHWM"), own: bytes("RssAnon") };
    }),
  );
  return found.reduce((most, each) => each.own > most.own ? each : most);
}

/** Bytes of the columns that the page reads, as another reader finds them in the footers. */
async function bytesOf(out: string): Promise<number> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  const columns = READ.map((name) => `'${name}'`).join(", ");
  const answer = await duckdb.runAndReadAll(
    `SELECT sum(total_compressed_size) FROM parquet_metadata('${out}/edges/*/*.parquet') WHERE path_in_schema IN (${columns})`,
  );
  return Number(answer.getRows()[0]?.[0]);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(2);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
