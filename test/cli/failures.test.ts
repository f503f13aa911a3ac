import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../src/run.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { ROOT, svr } from "../integration/svr.ts";

let folder = "";
let models = "";
/** One good model, two broken ones, a format that cannot be read, and what is nobody's business. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-failures-"));
  models = join(folder, "models");
  await mkdir(models);
  const good = [["fc1.weight", [6, 8], noise(48)], ["fc2.weight", [4, 6], noise(24, 2)]] as const;
  await writeTensors(join(models, "good.safetensors"), good);
  await writeFile(join(models, "bad.safetensors"), "no");
  await writeFile(join(models, "worse.onnx"), "no");
  await writeFile(join(models, "other.msgpack"), "x");
  await writeFile(join(models, "README.md"), "# Models");
  await cp(join(ROOT, "package.json"), join(models, "config.json"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (out: string, ...args: string[]) =>
  svr(["run", ...args, "--graph", "none", "--kernel", "reference", "--out", join(folder, out)], {
    cwd: folder,
  });

type Event = { readonly event: string; readonly time: string } & Readonly<Record<string, unknown>>;
const eventsOf = (stderr: string) => stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as Event);

describe("what failed", () => {
  it("is said with --quiet, and nothing else is", async () => {
    const { code, stdout, stderr } = await run("quiet", models, "--quiet");
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr.trimEnd().split("\n").sort()).toEqual([
      expect.stringMatching(/^error: bad: .*bad\.safetensors: found 2 bytes, required/) as string,
      expect.stringMatching(/^error: worse: .*worse\.onnx: /) as string,
    ]);
  });

  it("is an event of --json, with its file; every line has its time, and the last is done", async () => {
    const { code, stdout, stderr } = await run("json", models, "--json");
    expect(code).toBe(3);
    const events = eventsOf(stderr);
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time);
    expect(events.at(-1)).toMatchObject({ event: "done", done: 1, failed: 2 });
    const failed = events.filter(({ event }) => event === "model-failed");
    expect(failed.map(({ file }) => file).sort()).toEqual(
      ["bad.safetensors", "worse.onnx"].map((name) => join(models, name)),
    );
    const other = {
      path: join(models, "other.msgpack"),
      reason: expect.stringMatching(/^found Flax/) as string,
    };
    expect(events.filter(({ event }) => event === "not-taken")).toMatchObject([other]);
    const record = JSON.parse(await readFile(join(folder, "json", "run.json"), "utf8")) as RunRecord;
    expect(record.not_taken).toEqual([other]);
    expect(JSON.parse(stdout)).toMatchObject({ failed: [{ id: "bad" }, { id: "worse" }] });
  });

  it("on a terminal and in a log stands beside the file that is not taken", async () => {
    const { code, stdout, stderr } = await run("log", models);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^1 file not taken: .*other\.msgpack: found Flax, .*safetensors\.flax/m);
    expect(stderr).not.toMatch(/README|config\.json/);
    expect(stderr).toMatch(/^1 model done, 2 failed; 2 spectra computed/m);
    expect(stdout).toMatch(/^2 models failed: bad, worse; report\.md says why$/m);
  });

  it.each<[what: string, args: () => string[], expected: Record<string, unknown>]>([
    ["no such file", () => [join(folder, "gone.safetensors")], {
      exit_code: 1,
      message: expect.stringContaining("no such file"),
      file: /gone\.safetensors$/,
    }],
    ["an option that there is not", () => [models, "--outt", "x"], {
      exit_code: 2,
      message: expect.stringContaining("--outt"),
      file: null,
    }],
    ["a setting that there is not", () => ["unknown.yaml"], {
      exit_code: 2,
      message: expect.stringContaining("unknown.yaml:2:9: found unknown key"),
      file: /unknown\.yaml$/,
    }],
    ["a layer that the model has not", () => ["layer.yaml"], {
      exit_code: 2,
      message: expect.stringMatching(/layer\.yaml:2:\d+: topology, layer "fc7": found no weight/),
      file: /layer\.yaml$/,
    }],
    ["models that all fail", () => ["models/bad.safetensors", "models/worse.onnx"], {
      exit_code: 1,
      message: "all 2 models failed",
      file: null,
    }],
  ])("ends --json with an error: %s", async (_, args, { file, ...expected }) => {
    await writeFile(join(folder, "unknown.yaml"), "models: models\nsigmaa: 3\n");
    await writeFile(
      join(folder, "layer.yaml"),
      "models: models/good.safetensors\ntopology: {chain: [fc1, fc7]}\n",
    );
    const { code, stdout, stderr } = await run("error", ...args(), "--json");
    expect([code, stdout]).toEqual([expected["exit_code"], ""]);
    const last = eventsOf(stderr).at(-1);
    expect(last).toMatchObject({ event: "error", ...expected });
    if (file instanceof RegExp) expect(last?.["file"]).toMatch(file);
    else expect(last?.["file"]).toBeNull();
  });

  it("is told once for each of several models that all fail", async () => {
    const { code, stderr } = await run("all", "models/bad.safetensors", "models/worse.onnx");
    expect(code).toBe(1);
    expect(stderr.match(/found 2 bytes/g)).toHaveLength(1);
    expect(stderr).toMatch(/\nsvr: all 2 models failed\n$/);
  });

  it("by a layer that a declared topology makes up is bad usage for svr inspect too", async () => {
    await writeFile(join(folder, "mine.yaml"), "chain: [fc1, fc7]\n");
    const { code, stderr } = await svr(["inspect", "models/good.safetensors", "--topology", "mine.yaml"], {
      cwd: folder,
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^svr: .*mine\.yaml:1:\d+: topology, layer "fc7"/);
  });

  it("by an option names the option once", async () => {
    const { code, stderr } = await run("option", models, "--alpha", "2");
    expect([code, stderr]).toEqual([2, "svr: --alpha: found 2, required at most 0.5\n"]);
  });
});
