import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { picturesOf } from "../../src/report/pictures.ts";
import { reportOf } from "../../src/report/report-rendering.ts";
import { run } from "../../src/run/run-pipeline.ts";
import { plotModels } from "../../src/viewer/plot.ts";

let folder = "";
let out = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pictures-"));
  out = join(folder, "out");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const LAYERS = ["a", "b", "c"].map((name) => ({ name, out: 24, in: 24 }));
const over = (settings: Partial<Parameters<typeof run>[0]> = {}, ids = ["m"]) =>
  run({
    models: ids.map((id) => ({ id, synthetic: { seed: 1, layers: LAYERS } })),
    kernel: "reference",
    threads: 1,
    graph: "none",
    sinks: ["parquet"],
    out,
    ...settings,
  });
const page = () => readFile(join(out, "report.html"), "utf8");

describe("the pictures of a report", () => {
  it("are of the tables that it speaks of, wherever the run put them", async () => {
    await over({ edges: "all" });
    expect(await page()).toMatch(/<svg[^]*p at most 0\.00135/);
    const { record, report } = await over({ lake: join(folder, "lake"), sigma: 1 });
    for (const text of [await page(), await reportOf(out, { format: "html" })]) {
      expect(text).toMatch(/<svg[^]*p at most 0\.159/);
    }
    // Of a place that is not known none is drawn, least of all from the older tables.
    const elsewhere = picturesOf(out, { ...record, config: {} });
    expect(await elsewhere(report.models[0]!)).toBeNull();
    expect(await picturesOf(out, null)(report.models[0]!)).toBeNull();
  });

  it("are kept by a run, and drawn again only where they would show something else", async () => {
    await over();
    const before = await page();
    const neurons = join(out, "neurons/model=m");
    const [table] = await readdir(neurons);
    const bytes = await readFile(join(neurons, table!));
    // A run that looked into the table would say that it cannot be read.
    await writeFile(join(neurons, table!), Buffer.alloc(bytes.length, 7));
    await over();
    const svgOf = (text: string) => text.match(/<svg[^]*<\/svg>/)?.[0];
    expect(svgOf(await page())).toBe(svgOf(before));
    // Who asks for a report of a folder that somebody sent takes nothing that is kept there: it is drawn from the tables.
    expect(await reportOf(out, { format: "html" })).toContain("no picture: ");
    await writeFile(join(neurons, table!), bytes);
    const kept = join(out, ".state/model=m.svg");
    const [head] = (await readFile(kept, "utf8")).split("\n");
    await writeFile(kept, `${head}\n<form action="https://example.org">`);
    expect(await reportOf(out, { format: "html" })).not.toContain("<form");
    expect(svgOf(await reportOf(out, { format: "html" }))).toBe(svgOf(before));
    await over({ sigma: 1 });
    expect(svgOf(await page())).toContain("p at most 0.159");
    // Who only asks for a report leaves nothing in the folder.
    await rm(join(out, ".state/model=m.svg"));
    expect(svgOf(await reportOf(out, { format: "html" }))).toBe(svgOf(await page()));
    expect(await readdir(join(out, ".state"))).toEqual(["model=m.json"]);
  });

  it("end where the signal is aborted", async () => {
    const { record, report } = await over();
    const pictures = picturesOf(out, record, { signal: AbortSignal.abort() });
    await expect(pictures(report.models[0]!)).rejects.toThrow(/abort/);
  });
});

describe("the pictures of a run", () => {
  it("are drawn with its records read once", async () => {
    await over({}, ["m", "n"]);
    const texts: string[] = [];
    for await (const { path } of plotModels(out, join(folder, "pictures"))) {
      texts.push(await readFile(path, "utf8"));
      for (const name of ["run.json", "report.json"]) await rm(join(out, name), { force: true });
    }
    expect(texts.map((text) => text.includes("p at most 0.00135"))).toEqual([true, true]);
    expect(await readdir(join(folder, "pictures"))).toHaveLength(2);
  });
});
