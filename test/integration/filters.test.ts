/** `svr filters` and `--null-control`, as a user calls them. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../src/run.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { svr } from "./svr.ts";

let folder = "";
let file = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-filters-"));
  file = join(folder, "two.safetensors");
  await writeTensors(file, [
    ["first.weight", [6, 4, 3, 3], noise(216, 1)],
    ["second.weight", [5, 6, 2, 2], noise(120, 2)],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const filters = (...args: string[]) => svr(["filters", file, ...args]);

describe("svr filters", () => {
  it.each(["svr", "cosvr"])(
    "writes a tensor whose squares add up to the overlaps of a run, in %s",
    async (unfolding) => {
      const out = join(folder, `run-${unfolding}`);
      const ran = await svr(
        [
          "run",
          file,
          "--out",
          out,
          "--graph",
          "none",
          "--edges",
          "all",
          "--unfolding",
          unfolding,
          "--quiet",
          "--kernel",
          "wasm",
        ],
      );
      expect(ran).toMatchObject({ code: 0 });
      const duckdb = await (await DuckDBInstance.create()).connect();
      const edges = await duckdb.runAndReadAll(
        `SELECT target_neuron, source_neuron, overlap FROM read_parquet('${out}/edges/*/*.parquet') ORDER BY 1, 2`,
      );
      const path = join(folder, `${unfolding}.npy`);
      const { code, stdout } = await filters(
        ...["--connection", "first -> second", "--unfolding", unfolding, "--kernel", "wasm", "-o", path],
      );
      const [rows, z, width] = unfolding === "svr" ? [5, 4, 6] : [6, 9, 4];
      expect([code, stdout]).toEqual([0, `${path}: ${rows} x ${z} x ${width}\n`]);
      const bytes = await readFile(path);
      const values = new Float64Array(
        bytes.buffer.slice(bytes.byteOffset + 128, bytes.byteOffset + bytes.length),
      );
      expect(values).toHaveLength(rows * z * width);
      const all = edges.getRowsJS() as [number, number, number][];
      expect(all).toHaveLength(rows * width);
      for (const [i, j, overlap] of all) {
        let sum = 0;
        for (let k = 0; k < z; k++) sum += values[(i * z + k) * width + j]! ** 2;
        expect(sum).toBeCloseTo(overlap, 12);
      }
    },
  );

  it("takes the neurons that it is told, and leaves nothing but its file", async () => {
    const path = join(folder, "some.npy");
    const { code, stdout } = await filters(
      "--connection",
      "first -> second",
      "--neurons",
      "0:3,1:3",
      "-o",
      path,
    );
    expect([code, stdout]).toEqual([0, `${path}: 2 x 4 x 3\n`]);
    expect((await readFile(path)).length).toBe(128 + 8 * 24);
    expect((await readdir(folder)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it.each([
    [
      ["--connection", "first -> third"],
      2,
      'svr: --connection: found no layer "third", required one of first, second\n',
    ],
    [
      ["--connection", "second -> first"],
      2,
      'svr: --connection: found "second -> first", required "<source> -> <target>", one of first -> second\n',
    ],
    [["--connection", "first -> second", "--part", "1"], 2, "svr: --part: found 1, required one of 0\n"],
    [
      ["--connection", "first -> second", "--neurons", "0:3,1:9"],
      2,
      'svr: --neurons: neurons of "second": found 1:9, required first:end within 0:5\n',
    ],
    [
      ["--connection", "first -> second", "--memory", "4KiB"],
      1,
      /^svr: memory: found a budget of 4096 bytes, required at least \d+ bytes for the filters of first -> second\n$/,
    ],
  ])("says what is wrong with %j", async (args, code, message) => {
    const ended = await filters(...args, "-o", join(folder, "none.npy"));
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toMatch(message);
    expect(await readdir(folder)).not.toContain("none.npy");
  });
});

describe("--null-control", () => {
  const controlsOf = async (out: string) => {
    const record = JSON.parse(await readFile(join(out, "run.json"), "utf8")) as RunRecord;
    return [record.null_controls, record.null_control_seed, record.counts.up_to_date];
  };
  const run = (out: string, ...args: string[]) =>
    svr(["run", file, "--out", out, "--graph", "none", "--quiet", "--kernel", "wasm", ...args]);

  it("is in the run's record with number and seed, and makes a run that was done without it be done again", async () => {
    const out = join(folder, "control");
    const runs: readonly (readonly [args: readonly string[], controls: readonly (number | null)[]])[] = [
      [[], [0, null, 0]],
      [["--null-control"], [1, 0, 0]],
      [["--null-control=1", "--null-control-seed", "0"], [1, 0, 1]],
      [["--null-control", "3"], [3, 0, 0]],
      [["--null-control=3", "--null-control-seed=7"], [3, 7, 0]],
    ];
    for (const [args, controls] of runs) {
      expect(await run(out, ...args)).toMatchObject({ code: 0, stderr: "" });
      expect(await controlsOf(out), args.join(" ")).toEqual(controls);
    }
    for (const wrong of ["x", "0", "1001"]) {
      expect(await run(out, "--null-control", wrong), wrong).toMatchObject({ code: 2 });
    }
  });
});
