import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord, RunReport } from "../../src/run.ts";
import { ROOT, svr } from "./svr.ts";

const EPOCH = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-kernels-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const json = async <T>(path: string) => JSON.parse(await readFile(path, "utf8")) as T;

async function ran(name: string, options: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const out = join(folder, name);
  const ended = await svr(["run", EPOCH, "--out", out, "--graph", "none", ...options], { env });
  return { out, ...ended };
}

describe("svr run --kernel", () => {
  it("says which kernel it took, on stderr and in run.json", async () => {
    const { out, code, stderr } = await ran("wasm", ["--kernel", "wasm", "--threads", "1"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^kernel wasm, f64, 1 thread \(lapack-3\.11\.0[^)]*\)$/m);
    expect((await json<RunRecord>(join(out, "run.json"))).kernel).toMatchObject({
      name: "wasm",
      precision: "f64",
      threads: 1,
    });
  });

  it("gives the same edges by every kernel, and the same file names", async () => {
    const one = await ran("one", ["--kernel", "reference", "--edges", "top:100"]);
    const other = await ran("other", ["--kernel", "wasm", "--edges", "top:100"]);
    const files = (out: string) => readdir(join(out, "edges"), { recursive: true });
    expect(await files(other.out)).toEqual(await files(one.out));
    const duckdb = await (await DuckDBInstance.create()).connect();
    const edges = (out: string) => `read_parquet('${join(out, "edges", "*", "*.parquet")}')`;
    const answer = await duckdb.runAndReadAll(
      `SELECT count(*), count(a.overlap), count(b.overlap), max(abs(a.overlap - b.overlap)) FROM ${
        edges(one.out)
      } a FULL JOIN ${edges(other.out)} b USING (source_layer, source_neuron, target_layer, target_neuron)`,
    );
    const [all, here, there, difference] = (answer.getRows()[0] ?? []).map(Number);
    expect([all, here, there]).toEqual([200, 200, 200]);
    expect(difference).toBeLessThan(1e-10);
  });

  const without = { SVRFLOW_BLAS: "/no/such/library" };

  it("takes wasm where there is no OpenBLAS, and says how to get the faster one", async () => {
    const { code, stderr } = await ran("auto", [], without);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^kernel wasm, .*; install OpenBLAS for a faster one/m);
  });

  it("fails where native is insisted on and cannot be had, in one line, and leaves nothing", async () => {
    const { code, stderr, out } = await ran("native", ["--kernel", "native"], without);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^svr: native kernel: found no BLAS, required one of \/no\/such\/library .*\n$/);
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });
});

describe("svr run --rank", () => {
  it("keeps the leading neurons, says what is left out, and still knows the norm of the whole weight", async () => {
    const whole = await ran("whole", ["--kernel", "wasm"]);
    const some = await ran("some", ["--kernel", "wasm", "--rank", "8"]);
    expect(some.code).toBe(0);
    expect(some.stderr).toMatch(
      /warning: .*: fc1: only the 8 leading neurons, by a randomized method; what is left out has \d+(\.\d+)? % of the weight's norm/,
    );
    const [a, b] = await Promise.all(
      [whole, some].map(async ({ out }) => (await json<RunReport>(join(out, "report.json"))).models[0]!),
    );
    expect(b!.rows.neurons).toBe(24);
    expect(b!.warnings.filter((warning) => warning.includes("randomized"))).toHaveLength(3);
    b!.layers.forEach((layer, at) => {
      const all = a!.layers[at]!;
      expect(layer["rank"]).toBe(8);
      for (const column of ["frobenius_norm", "spectral_norm", "stable_rank"]) {
        expect(Number(layer[column]) / Number(all[column])).toBeCloseTo(1, 3);
      }
    });
  });
});

describe("wrong settings of a kernel", () => {
  it.each([
    [["--kernel", "gpu"], 2, /kernel: found "gpu"/],
    [["--threads", "0"], 2, /threads: found 0/],
    [["--rank", "2.5"], 2, /rank: found 2\.5/],
    [["--precision", "f16"], 2, /precision: found "f16"/],
    [["--kernel", "wasm", "--precision", "f32"], 1, /kernel wasm: found precision f32, required f64/],
  ])("%j ends with %d", async (options, expected, message) => {
    const { code, stderr, out } = await ran("wrong", options);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });
});
