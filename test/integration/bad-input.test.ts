import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noise, writeRaw, writeTensors } from "../support/files/safetensors-file.ts";
import { svr } from "./svr.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-bad-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const GOOD = [["fc1.weight", [6, 8], noise(48)], ["fc2.weight", [4, 6], noise(24, 2)]] as const;
const entry = (shape: readonly number[], offsets: readonly number[], dtype = "F32") =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

/** A file, how to make it, and what the message must say beside its name. */
const HOSTILE: readonly (readonly [what: string, make: (path: string) => Promise<void>, says: RegExp])[] = [
  ["a truncated file", async (path) => {
    await writeTensors(path, GOOD);
    await truncate(path, 200);
  }, /required/],
  ["an empty file", (path) => writeFile(path, ""), /found 0 bytes/],
  [
    "wrong magic (a zip)",
    (path) => writeFile(path, Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(500, 0x41)])),
    /header length at byte 0/,
  ],
  [
    "a header larger than the file",
    (path) => writeRaw(path, "{}", new Uint8Array(4), 1e6),
    /header length at byte 0: found 1000000/,
  ],
  [
    "overlapping offsets",
    (path) =>
      writeRaw(path, `{"a": ${entry([2, 2], [0, 16])}, "b": ${entry([2, 2], [8, 24])}}`, new Uint8Array(24)),
    /"b".*overlap/,
  ],
  [
    "out-of-range offsets",
    (path) => writeRaw(path, `{"a": ${entry([2, 2], [0, 1600])}}`, new Uint8Array(16)),
    /"a", data_offsets/,
  ],
  [
    "a shape that does not match its bytes",
    (path) => writeRaw(path, `{"a": ${entry([3, 2], [0, 16])}}`, new Uint8Array(16)),
    /"a", shape \[3,2\].*found 16 bytes, required 24/,
  ],
  [
    "10^12 elements",
    (path) => writeRaw(path, `{"a": ${entry([1e6, 1e6], [0, 16])}}`, new Uint8Array(16)),
    /"a", shape.*required 4000000000000/,
  ],
  ["a directory where a file should be", (path) => mkdir(path), /found no model|folder/],
  ["no file at all", () => Promise.resolve(), /no such file/],
];

describe("bad input", () => {
  it.each(HOSTILE)(
    "%s is refused in one line that names the file, and leaves nothing",
    async (_, make, says) => {
      const path = join(folder, "bad.safetensors");
      await make(path);
      const out = join(folder, "out");
      const { code, stdout, stderr } = await svr(["run", path, "--out", out]);
      expect(code).toBe(1);
      expect(stdout).toBe("");
      const lines = stderr.trimEnd().split("\n");
      expect(lines).toHaveLength(1);
      expect(stderr).toContain(path);
      expect(stderr).toMatch(says);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(await readdir(folder)).not.toContain("out");
    },
  );

  it("does a good model beside a bad one, names the bad one, and ends with 3", async () => {
    await mkdir(join(folder, "models"));
    await writeTensors(join(folder, "models", "good.safetensors"), GOOD);
    await writeFile(join(folder, "models", "bad.safetensors"), "no");
    const { code, stderr, stdout } = await svr(["run", join(folder, "models"), "--out", join(folder, "out")]);
    expect(code).toBe(3);
    expect(stderr).toContain("bad.safetensors");
    expect(stdout).toContain("1 model failed: bad; report.md says why\n");
    const report = JSON.parse(await readFile(join(folder, "out", "report.json"), "utf8")) as {
      models: { id: string }[];
      failed: { id: string }[];
    };
    expect(report.models.map(({ id }) => id)).toEqual(["good"]);
    expect(report.failed.map(({ id }) => id)).toEqual(["bad"]);
    expect(await readdir(join(folder, "out", "models"))).toEqual(["model=good"]);
    expect((await readdir(join(folder, "out"))).filter((name) => name.startsWith(".")).sort())
      .toEqual([".cache", ".state"]);
  });

  it("takes __proto__ for a tensor's name", async () => {
    const path = join(folder, "proto.safetensors");
    await writeTensors(path, [["__proto__", [6, 8], noise(48)], ["constructor", [4, 6], noise(24, 3)]]);
    const { code } = await svr(["run", path, "--out", join(folder, "out"), "--quiet"]);
    expect(code).toBe(0);
    const report = JSON.parse(await readFile(join(folder, "out", "report.json"), "utf8")) as {
      models: { layers: { name: string }[] }[];
    };
    expect(report.models[0]?.layers.map(({ name }) => name).sort()).toEqual(["__proto__", "constructor"]);
  });

  it.each([["NaN", NaN], ["Inf", -Infinity]])(
    "skips a layer with %s weights, and says so of its connections",
    async (_, value) => {
      const broken = noise(24, 4);
      broken[7] = value;
      const path = join(folder, "nan.safetensors");
      await writeTensors(path, [...GOOD.slice(0, 1), ["fc2.weight", [4, 6], broken], [
        "fc3.weight",
        [5, 4],
        noise(20, 5),
      ]]);
      const { code, stdout } = await svr(["run", path, "--out", join(folder, "out")]);
      expect(code).toBe(0);
      const report = JSON.parse(await readFile(join(folder, "out", "report.json"), "utf8")) as {
        models: {
          skipped: { subject: string; name: string; reason: string }[];
          connections: unknown[];
          layers: { rank: number | null }[];
        }[];
      };
      const skipped = report.models[0]?.skipped ?? [];
      expect(skipped).toContainEqual({
        subject: "layer",
        name: "fc2",
        reason: expect.stringMatching(/NaN|Infinity/) as string,
      });
      for (const name of ["fc1 -> fc2", "fc2 -> fc3"]) {
        expect(skipped).toContainEqual({ subject: "connection", name, reason: "layer fc2 was skipped" });
      }
      expect(report.models[0]?.connections).toEqual([]);
      expect(report.models[0]?.layers.map(({ rank }) => rank)).toEqual([6, null, 4]);
      expect(stdout).toContain("layer fc2 was skipped");
    },
  );

  it("refuses an output folder that cannot be written to", async () => {
    const model = join(folder, "good.safetensors");
    await writeTensors(model, GOOD);
    await writeFile(join(folder, "file"), "");
    const out = join(folder, "file", "out");
    const { code, stderr } = await svr(["run", model, "--out", out]);
    expect(code).toBe(1);
    expect(stderr).toContain(out);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual(["file", "good.safetensors"]);
  });

  it("keeps a model id that is a path inside the output folder", async () => {
    const model = join(folder, "good.safetensors");
    await writeTensors(model, GOOD);
    await writeFile(
      join(folder, "run.yaml"),
      `models: [{path: good.safetensors, id: "../../escape"}]\nout: ${
        JSON.stringify(join(folder, "deep", "er", "out"))
      }\n`,
    );
    const { code } = await svr(["run", join(folder, "run.yaml")]);
    expect(code).toBe(0);
    expect((await readdir(folder)).sort()).toEqual(["deep", "good.safetensors", "run.yaml"]);
    expect(await readdir(join(folder, "deep"))).toEqual(["er"]);
    expect(await readdir(join(folder, "deep", "er", "out", "models"))).toEqual([
      "model=..%2F..%2Fescape".replace("..", "%2E%2E"),
    ]);
  });

  it("does not follow a link out of the output folder", async () => {
    const model = join(folder, "good.safetensors");
    await writeTensors(model, GOOD);
    const config = join(folder, "run.yaml");
    await writeFile(config, "models: good.safetensors\nout: out\n");
    await mkdir(join(folder, "out"));
    await mkdir(join(folder, "elsewhere"));
    await cp(model, join(folder, "elsewhere", "precious"));
    await symlink(join(folder, "elsewhere"), join(folder, "out", ".staging-link"));
    const { code } = await svr(["run", config], { cwd: folder });
    expect(code).toBe(0);
    expect(await readdir(join(folder, "elsewhere"))).toEqual(["precious"]);
    await chmod(join(folder, "elsewhere"), 0o755);
  });

  it.each([
    [
      "models: good.safetensors\nunfoldng: svr\n",
      /run\.yaml:2:\d+: .*unknown key "unfoldng", did you mean "unfolding"\?/,
    ],
    [
      "models: good.safetensors\nnearKernel:\n  relativ: 0.1\n",
      /run\.yaml:3:\d+: .*"relativ", did you mean "relative"\?/,
    ],
    [
      "models: good.safetensors\nsigma: high\n",
      /run\.yaml:2:8: sigma: found "high", required a value of type number/,
    ],
    ["models: good.safetensors\nsigma: 3\nalpha: 0.01\n", /run\.yaml:3:8: alpha: .*sigma or alpha, not both/],
    [
      "models: good.safetensors\nnull: chi3\n",
      /run\.yaml:2:7: null: found "chi3", required one of rotation, beta, chi2/,
    ],
    ["models: good.safetensors\nmemory: lots\n", /run\.yaml:2:9: memory: found "lots", required a size/],
    ["models: [\n", /run\.yaml:\d+:\d+: /],
    ['models: good.safetensors\nweight: "x = overlap"\n', /weight .*x = overlap/],
    ['models: good.safetensors\nweight: "f(x) = overlap"\n', /weight/],
    ['models: good.safetensors\nweight: "import({overlap: 1})"\n', /weight/],
    ['models: good.safetensors\nweight: "sum(1:1000000000)"\n', /weight/],
    ['models: good.safetensors\nweight: "map([1,2], g(x) = x)"\n', /weight/],
    ['models: good.safetensors\nweight: "overlap.constructor"\n', /weight/],
  ])("refuses the config %j before anything is written", async (text, says) => {
    await writeTensors(join(folder, "good.safetensors"), GOOD);
    const config = join(folder, "run.yaml");
    await writeFile(config, text);
    const { code, stderr } = await svr(["run", config, "--out", join(folder, "out")]);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
    expect((await readdir(folder)).sort()).toEqual(["good.safetensors", "run.yaml"]);
  });
});
