import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { benchTables, flops, measureKernels } from "../../src/cli/machine/bench.ts";
import { NO_BLAS } from "../support/kernels.ts";

describe("svr bench", () => {
  it("measures every kernel, precision and operation, and several threads", async () => {
    const said: string[] = [];
    const { measurements, scalings, missing } = await measureKernels((what) => said.push(what), {
      order: 32,
      shapes: [[16, 72], [40, 40]],
      several: [30, 60],
    });
    const native = NO_BLAS === null ? 2 : 0;
    expect(measurements).toHaveLength(4 * (1 + native));
    expect(missing).toHaveLength(2 - native);
    for (const { seconds, gflops, fraction } of measurements) {
      expect(seconds).toBeGreaterThan(0);
      expect(Number.isFinite(gflops) && Number.isFinite(fraction)).toBe(true);
    }
    const products = measurements.filter(({ operation, precision }) =>
      operation === "multiply" && precision === "f64"
    );
    expect(Math.max(...products.map(({ fraction }) => fraction))).toBe(1);
    const [svd] = measurements.filter(({ operation }) => operation === "svd");
    expect(svd!.gflops * svd!.seconds * 1e9).toBeCloseTo(6 * 72 * 16 ** 2 + 20 * 16 ** 3, 3);
    for (const { speedup } of scalings) expect(speedup).toBeGreaterThan(0);
    expect(said).toContain("wasm f64: svd of 16 x 72");
    const [one] = benchTables(measurements, scalings);
    expect(one!.rows).toHaveLength(measurements.length);
    expect(one!.rows.map((row) => row[3])).toContain("16 x 72, 9 positions");
  });

  it("counts the operations of the textbook methods", () => {
    expect(flops("svd", 10, 100)).toBe(flops("svd", 100, 10));
    expect(flops("svd", 1, 1)).toBe(26);
    // rows x rows results, cols / 9 deep, at 9 positions.
    expect(flops("overlap", 512, 4608)).toBe(2 * 512 * 512 * 512 * 9);
    expect(flops("multiply", 100, 100)).toBe(2e6);
  });
});

describe("the committed WebAssembly", () => {
  const folder = new URL("../../src/kernels/wasm/", import.meta.url);

  it("is what its checksums say, and imports nothing", async () => {
    const sums = (await readFile(new URL("SHA256SUMS", folder), "utf8")).trim().split("\n");
    expect(sums).toHaveLength(2);
    for (const line of sums) {
      const [sum, name] = line.split("  ");
      const bytes = await readFile(new URL(name!, folder));
      expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(sum);
      expect(bytes.length).toBeLessThan(400_000);
      const { WebAssembly } = globalThis as unknown as {
        WebAssembly: { Module: (new (bytes: Uint8Array) => object) & { imports(module: object): unknown[] } };
      };
      expect(WebAssembly.Module.imports(new WebAssembly.Module(bytes))).toEqual([]);
    }
  });

  it("has the licences of what is in it beside it", async () => {
    for (
      const [name, words] of [["lapack", "University of Tennessee"], ["f2c", "AT&T"], ["wasi-libc", "musl"]]
    ) {
      expect(await readFile(new URL(`LICENSE.${name}`, folder), "utf8")).toContain(words);
    }
  });
});
