/** The tracks of a series, in a real browser: what is drawn and listed is what the tables say. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { addressOf, plainServer } from "./plain-server.ts";
import { served } from "./served.ts";

interface TrackRow {
  readonly track: number;
  readonly first: number;
  readonly last: number;
  readonly born: boolean;
  readonly died: boolean;
  readonly largest: number;
  readonly places: number;
}

describeInBrowser("tracks", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;
  let tracks: readonly TrackRow[];

  const rows = async <T>(sql: string) => {
    const duckdb = await (await DuckDBInstance.create()).connect();
    return (await duckdb.runAndReadAll(sql)).getRowObjectsJson() as unknown as readonly T[];
  };
  /** Places of tracks of the second layer, each once. */
  const places = () =>
    `(SELECT track, base_neuron AS neuron, base_step AS step, base_singular_value AS value, death AS died, false AS born
      FROM read_parquet('${out}/tracks/**/*.parquet') WHERE base_layer = 1 AND base_neuron IS NOT NULL
      UNION ALL
      SELECT track, other_neuron, other_step, other_singular_value, false, birth
      FROM read_parquet('${out}/tracks/**/*.parquet') WHERE other_layer = 1 AND other_neuron IS NOT NULL)`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-tracks-"));
    out = join(folder, "run");
    await run({
      out,
      models: {
        path: join(ROOT, "pipelines/models/mnist-mlp"),
        topology: { chain: ["fc1", "fc2", "fc3"] },
      },
      compare: { series: true },
      graph: "none",
    });
    [server, url] = await served([out]);
    tracks = await rows<TrackRow>(
      `SELECT track, min(step) AS first, max(step) AS last, bool_or(born) AS born, bool_or(died) AS died,
       max(value) AS largest, count(DISTINCT step)::INT AS places FROM ${places()} GROUP BY track ORDER BY largest DESC, track`,
    );
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const cellsOf = (page: Page, name: string | RegExp) =>
    page.getByRole("table", { name }).locator("tbody tr").evaluateAll((all) =>
      all.map((row) =>
        [...(row as unknown as { cells: Iterable<{ textContent: string }> }).cells]
          .map(({ textContent }) => textContent)
      )
    );

  it("are listed and drawn as the tables have them, births and deaths marked", async () => {
    expect(tracks.some(({ born }) => born)).toBe(true);
    expect(tracks.some(({ died }) => died)).toBe(true);
    expect(tracks.length).toBeGreaterThan(24);
    const page = await browser.open(`${url}#view=series&layer=1`);
    const section = page.getByRole("region", { name: "Tracks" });
    await section.waitFor();
    const first = await cellsOf(page, "Tracks of this layer");
    expect(first).toHaveLength(24);
    expect(first.map(([track]) => Number(track))).toEqual(tracks.slice(0, 24).map(({ track }) => track));
    await expectNoFaults(page);
    while (await section.getByRole("button", { name: /more tracks/ }).count() > 0) {
      await section.getByRole("button", { name: /more tracks/ }).click();
    }
    const all = await cellsOf(page, "Tracks of this layer");
    expect(all).toHaveLength(tracks.length);
    const now = new Map(
      (await rows<{ track: number; neuron: number }>(
        `SELECT DISTINCT track, neuron FROM ${places()} WHERE step = 0`,
      ))
        .map(({ track, neuron }) => [track, neuron]),
    );
    for (const [at, { track, first, last, born, died, largest }] of tracks.entries()) {
      const [number, steps, value, neuron] = all[at]!;
      expect(Number(number)).toBe(track);
      expect(steps).toBe(`${first}${born ? ", born" : ""} – ${last}${died ? ", died" : ""}`);
      expect(Number(value) / largest).toBeCloseTo(1, 3);
      expect(neuron).toBe(String(now.get(track) ?? "–"));
    }
    const count = (which: (row: TrackRow) => number) => tracks.reduce((sum, row) => sum + which(row), 0);
    expect(await section.locator(".track").count()).toBe(tracks.length);
    expect(await section.locator(".birth").count()).toBe(count(({ born }) => Number(born)));
    expect(await section.locator(".death").count()).toBe(count(({ died }) => Number(died)));
    expect(await section.locator(".hit").count()).toBe(count((row) => row.places));
  });

  it("lead by click and by keys to the neuron at a step, and back", async () => {
    const page = await browser.open(`${url}#view=series&layer=1`);
    const section = page.getByRole("region", { name: "Tracks" });
    const [one, two] = tracks;
    await section.getByRole("button", { name: `track ${one!.track}`, exact: true }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(() => new URL(page.url()).hash).toContain(`track=${two!.track}`);
    expect(await section.locator(".track.selected").count()).toBe(1);
    const found = await cellsOf(page, `Track ${two!.track}, step by step`);
    const wanted = await rows<{ step: number; neuron: number; value: number }>(
      `SELECT DISTINCT step, neuron, value FROM ${places()} WHERE track = ${two!.track} ORDER BY step`,
    );
    expect(found.map(([step, neuron]) => [Number(step), Number(neuron)])).toEqual(
      wanted.map(({ step, neuron }) => [step, neuron]),
    );
    const similarities = await rows<{ similarity: number }>(
      `SELECT similarity FROM read_parquet('${out}/tracks/**/*.parquet')
       WHERE track = ${two!.track} AND similarity IS NOT NULL ORDER BY other_step`,
    );
    for (const [at, { similarity }] of similarities.entries()) {
      expect(Number(found[at + 1]![3])).toBeCloseTo(similarity, 3);
    }
    await expectNoFaults(page);
    const last = wanted.at(-1)!;
    await section.getByRole("table", { name: /step by step/ }).getByRole("button").first().focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: `fc2, neuron ${last.neuron}` }).waitFor();
    expect(decodeURIComponent(page.url())).toContain(`mnist-mlp/epoch-${String(last.step).padStart(3, "0")}`);
    await page.goBack();
    const hit = section.locator(".hit").filter({
      hasText: `track ${two!.track} at step ${wanted[1]!.step}:`,
    });
    await hit.click();
    await page.getByRole("heading", { name: `fc2, neuron ${wanted[1]!.neuron}` }).waitFor();
  });

  it("mark the step of the slider, and are in the page as a folder", async () => {
    const exported = join(folder, "page");
    expect((await svr(["view", out, "--export", exported])).code).toBe(0);
    const plain = await plainServer(exported);
    try {
      const shown: string[][][] = [];
      for (const at of [url, addressOf(plain)]) {
        const page = await browser.open(`${at}#view=series&layer=1&step=1`);
        const section = page.getByRole("region", { name: "Tracks" });
        await section.getByRole("columnheader", { name: "neuron at 1" }).waitFor();
        const before = Number(await section.locator(".now").getAttribute("x1"));
        await page.locator("input[name=step]").press("ArrowRight");
        await section.getByRole("columnheader", { name: "neuron at 3" }).waitFor();
        expect(Number(await section.locator(".now").getAttribute("x1"))).toBeGreaterThan(before);
        shown.push(await cellsOf(page, "Tracks of this layer"));
        await browser.close();
      }
      expect(shown[1]).toEqual(shown[0]);
    } finally {
      plain.close();
    }
  });
});
