import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/run/progress/progress.ts";
import { run } from "../../src/run/run-pipeline.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "run-end-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

const LAYERS = [{ name: "a", out: 24, in: 6 }, { name: "b", out: 32, in: 24 }];
const settings = (sigma: number) => ({
  models: [1, 2, 3].map((seed) => ({ id: `m${seed}`, synthetic: { seed, layers: LAYERS } })),
  kernel: "reference" as const,
  threads: 1,
  sigma,
  out,
});

/** Does `work` just before the graph is loaded. */
const whenLoading = (work: () => void) => (event: ProgressEvent) => {
  if (event.event === "graph") work();
};

async function records(): Promise<string[]> {
  return await Promise.all(
    ["report.json", "report.md", "run.json"].map((name) => readFile(join(out, name), "utf8")),
  );
}

/** Names that a run leaves only while it is at work. */
const unfinished = async () =>
  (await readdir(out)).filter((name) => name.startsWith(".") && name !== ".cache" && name !== ".state");

describe("the end of a run", () => {
  it("that is interrupted when its graph is loaded leaves the earlier report, and nothing half made", async () => {
    await run(settings(3));
    const before = await records();
    const stop = new AbortController();
    const progress = whenLoading(() => stop.abort(new Error("enough")));
    await expect(run(settings(2), { progress, signal: stop.signal })).rejects.toThrow("enough");
    expect(await records()).toEqual(before);
    expect(await unfinished()).toEqual([]);
    // What was tested is not tested again; the graph and the report are made up for.
    const { report, record } = await run(settings(2));
    expect([report.test.sigma, record.counts.spectra_computed]).toEqual([2, 0]);
    expect(await records()).not.toEqual(before);
  });

  it("that cannot draw a model says so in its page, and ends well", async () => {
    const only = { ...settings(3), models: settings(3).models.slice(0, 1), graph: "none" as const };
    await run(only);
    const folder = join(out, "neurons/model=m1");
    const table = join(folder, (await readdir(folder))[0]!);
    const bytes = await readFile(table);
    await writeFile(table, bytes.fill(7, 0, bytes.length - 8));
    await rm(join(out, ".state/model=m1.svg"));
    const { record } = await run(only);
    expect(record.counts).toMatchObject({ done: 1, failed: 0, up_to_date: 1 });
    expect(await readFile(join(out, "report.html"), "utf8")).toMatch(/no picture: .*neurons/);
  });

  it("whose graph cannot be put in its place tells that, and leaves the earlier report", async () => {
    await run(settings(3));
    const before = await records();
    const graph = join(out, "graph.lbug");
    let moved = Promise.resolve();
    const progress = whenLoading(() => {
      moved = (async () => {
        await rm(graph);
        await mkdir(graph);
        await writeFile(join(graph, "obstacle"), "");
      })();
    });
    await expect(run(settings(2), { progress })).rejects.toThrow(/graph\.lbug/);
    await moved;
    expect(await records()).toEqual(before);
    expect(await unfinished()).toEqual([]);
    await rm(graph, { recursive: true });
    expect((await run(settings(2))).record.counts).toMatchObject({ done: 3, failed: 0, spectra_computed: 0 });
  });

  it("whose report cannot be written has its graph, and leaves no part of the report", async () => {
    await run(settings(3));
    const before = await records();
    const partial = join(out, ".report.md.partial");
    let made = Promise.resolve<unknown>(undefined);
    const progress = whenLoading(() => {
      made = mkdir(partial);
    });
    await expect(run(settings(2), { progress })).rejects.toThrow(/report\.md: cannot be written/);
    await made;
    expect(await records()).toEqual(before);
    expect(await unfinished()).toEqual([".report.md.partial"]);
  });
});
