import { cpSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../../config/document.ts";
import { runConfigOf } from "../../../config/load.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { readManifest } from "../../../connectors/lake/manifest.ts";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";
import { show } from "../../../src/model/errors.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { forecast } from "../../../src/run/forecast/dry-run.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";
import { BUCKET, inS3Environment, type S3Server, startS3 } from "../../support/s3-server.ts";

let server: S3Server;
let undo = () => {};
beforeAll(async () => {
  server = await startS3();
  undo = inS3Environment(server);
});
afterAll(async () => {
  undo();
  await server.close();
});

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conflicts-"));
  for (const [seed, name] of ["a", "b"].entries()) {
    await mkdir(join(folder, name, "run1"), { recursive: true });
    await writeTensors(model(name), [
      ["fc1.weight", [12, 8], noise(96, 10 + seed)],
      ["fc2.weight", [6, 12], noise(72, 20 + seed)],
    ]);
  }
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const model = (name: string) => join(folder, name, "run1/model.safetensors");
/** The settings of a run over the folder `name`, into an output folder of its own. */
const over = (name: string, settings: Record<string, unknown> = {}) => ({
  models: join(folder, name),
  out: join(folder, `out-${name}`),
  kernel: "reference" as const,
  graph: "none" as const,
  sinks: ["parquet" as const],
  edges: "all" as const,
  ...settings,
});
const refusal = async (work: Promise<unknown>) => {
  const failure = await work.then(() => null, (thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(ConfigError);
  return (failure as ConfigError).message;
};
/** Ids and URIs of what a lake says that it holds. */
const held = async (lake: string) =>
  ((await readManifest(await openLake(lake)))?.models ?? []).map(({ id, uri }) => [id, uri]);
const both = (text: string) => [text.includes(model("a")), text.includes(model("b"))];

describe("an id under which a model from elsewhere stands", () => {
  const lakes = () =>
    [["a folder", join(folder, "lake")], ["a bucket", `s3://${BUCKET}/${basename(folder)}`]] as const;

  it("is refused in a lake before anything is computed, and the model there stays", async () => {
    for (const [kind, lake] of lakes()) {
      await run(over("a", { lake }));
      const events: string[] = [];
      const message = await refusal(
        run(over("b", { lake }), { progress: ({ event }) => events.push(event) }),
      );
      expect(message, kind).toMatch(/found model "run1\/model" of .*--id-prefix.*--replace/);
      expect(both(message), kind).toEqual([true, true]);
      expect(events.filter((event) => event !== "progress"), kind).toEqual(["run"]);
      expect(await held(lake), kind).toEqual([["run1/model", model("a")]]);
      expect(await readdir(folder), kind).not.toContain("out-b");
      // What a dry run says is what the run does.
      expect(await refusal(forecast(runConfigOf(over("b", { lake })))), kind).toBe(message);
    }
  });

  it("is given away with replace, once and for all", async () => {
    for (const [kind, lake] of lakes()) {
      await run(over("a", { lake }));
      await run(over("b", { lake, replace: true }));
      expect(await held(lake), kind).toEqual([["run1/model", model("b")]]);
      await run(over("b", { lake }));
      expect(await refusal(run(over("a", { lake }))), kind).toContain(model("b"));
      await rm(join(folder, "out-a"), { recursive: true });
      await rm(join(folder, "out-b"), { recursive: true });
    }
  });

  it("is left alone by models that get a prefix", async () => {
    const lake = join(folder, "lake");
    await run(over("a", { lake }));
    await run(over("b", { lake, idPrefix: "{folder}/" }));
    await run(over("b", { lake, out: join(folder, "nightly"), idPrefix: "{run} " }));
    expect(await held(lake)).toEqual([
      ["b/run1/model", model("b")],
      ["nightly run1/model", model("b")],
      ["run1/model", model("a")],
    ]);
  });

  it("is refused in the run's own folder: by its manifest, its records and its graph", async () => {
    const out = join(folder, "out");
    const settings = { out, graph: "embedded" as const, sinks: ["arrow" as const] };
    await run(over("a", { ...settings, sinks: ["parquet"], graph: "none" }));
    expect(await refusal(run(over("b", settings)))).toMatch(/^output folder /);
    await rm(join(out, ".state"), { recursive: true });
    expect(await refusal(run(over("b", { out })))).toMatch(/^lake /);
    await rm(out, { recursive: true });
    await run(over("a", settings));
    expect(await refusal(run(over("b", settings)))).toMatch(/^output folder /);
    await rm(join(out, ".state"), { recursive: true });
    expect(await refusal(run(over("b", settings)))).toMatch(/^graph /);
    await run(over("b", { ...settings, replace: true }));
    const graph = await openLadybugReader(join(out, "graph.lbug"));
    const { rows } = await graph.query("MATCH (m:Model) RETURN m.id, m.uri");
    await graph.close();
    expect(rows).toEqual([["run1/model", model("b")]]);
  });

  it("is refused at the commit, where another run was faster", async () => {
    const lake = join(folder, "lake");
    // The other run puts its model there when this one has looked already.
    const progress = ({ event }: { readonly event: string }) => {
      if (event === "planned") cpSync(join(folder, "lake-of-a"), lake, { recursive: true });
    };
    await run(over("a", { lake: join(folder, "lake-of-a") }));
    const failure = await run(over("b", { lake }), { progress }).catch((thrown: unknown) => thrown);
    expect(String((failure as Error).message)).toMatch(/found model "run1\/model" of .* unasked/);
    expect(await held(lake)).toEqual([["run1/model", model("a")]]);
    // Nothing of the loser is left beside.
    expect(await readdir(join(lake, "edges/model=run1%2Fmodel"))).toHaveLength(1);
  });

  it("is taken where the path is only spelled in another way, or leads there by a link", async () => {
    const lake = join(folder, "lake");
    await run(over("a", { lake }));
    await symlink(join(folder, "a"), join(folder, "link"));
    const { record } = await run(over("a", { lake, models: `${folder}/b/../a/run1/./model.safetensors` }));
    expect(record.counts.up_to_date).toBe(1);
    await run(over("link", { lake }));
    expect(await held(lake)).toEqual([["run1/model", join(folder, "link/run1/model.safetensors")]]);
  });

  it("that moved needs replace, and its tables say then where it lies", async () => {
    const out = join(folder, "out");
    await run(over("a", { out }));
    await rename(join(folder, "a"), join(folder, "moved"));
    expect(await refusal(run(over("moved", { out })))).toContain(model("a"));
    const { record } = await run(over("moved", { out, replace: true }));
    expect(record.counts.spectra_computed).toBe(0);
    expect(await held(out)).toEqual([["run1/model", model("moved")]]);
    await run(over("moved", { out }));
    expect(await readFile(join(out, "report.md"), "utf8")).not.toContain("earlier");
  });
});

describe("a prefix of ids", () => {
  const ids = async (settings: Record<string, unknown>) =>
    (await planModels(runConfigOf({ out: join(folder, "nightly"), ...settings }).config, folder)).map((
      { id },
    ) => id);

  it("names the folder above those that each id names already, and the output folder", async () => {
    expect(await ids({ models: "a", idPrefix: "{run}: {folder}/" })).toEqual(["nightly: a/run1/model"]);
    const above = basename(folder);
    expect(await ids({ models: ["a", "b"], idPrefix: "{folder}/" })).toEqual([
      `${above}/a/run1/model`,
      `${above}/b/run1/model`,
    ]);
    expect(await ids({ models: { path: model("a"), id: "mine" }, idPrefix: "{folder}-" })).toEqual([
      "run1-mine",
    ]);
  });

  it("is that of generated models too", async () => {
    const models = { id: "g", synthetic: { seed: 1, layers: [{ name: "l", out: 2, in: 2 }] } };
    const [planned] = await planModels(runConfigOf({ models, idPrefix: "p-" }).config, folder);
    const model = await planned!.open();
    expect([planned!.id, model.id, model.uri]).toEqual(["p-g", "p-g", "synthetic:g"]);
  });

  it("is refused with other braces, where there is no folder, and where ids are the same then", async () => {
    expect(() => runConfigOf({ models: "a", idPrefix: "{date}/" })).toThrow(/only in \{folder\} and \{run\}/);
    const synthetic = { seed: 1, layers: [{ name: "l", out: 2, in: 2 }] };
    await expect(ids({ models: { id: "x", synthetic }, idPrefix: "{folder}/" })).rejects.toThrow(
      /"\{folder\}" for the model "x"/,
    );
    const given = (name: string, id: string) => ({ path: model(name), id });
    const apart = [given("a", "run1/x"), given("b", "x")];
    expect(await ids({ models: apart, idPrefix: "{folder}/" })).toEqual(["run1/run1/x", "run1/x"]);
    await rename(join(folder, "b/run1"), join(folder, "b/run1-2"));
    const other = join(folder, "b/run1-2/model.safetensors");
    const same = [given("a", "2-x"), { path: other, id: "x" }];
    await expect(ids({ models: same, idPrefix: "{folder}-" })).rejects.toThrow(
      `models: found ${show(model("a"))} and ${show(other)} with the same id "run1-2-x"`,
    );
  });
});
