import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { lastValueFrom, of, toArray } from "rxjs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { ByteBudget } from "../../src/flow/budget.ts";
import { layers } from "../../src/flow/operators/layers.ts";
import { svd } from "../../src/flow/operators/svd.ts";
import { unfold } from "../../src/flow/operators/unfold.ts";
import { SpectrumStore } from "../../src/flow/spectra/spectrum-store.ts";
import type { ComputingKernelName } from "../../src/kernels/in-thread.ts";
import { type Kernel, KernelCrash } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { openKernel } from "../../src/kernels/select.ts";
import { matrix } from "../../src/model/tensor.ts";
import { describeWithBlas } from "../support/kernels.ts";
import { copyOf, normalMatrix, rowDot } from "../support/matrices.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-pool-"));
});
afterEach(() => {
  delete env["SVRFLOW_TEST_CRASH"];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = (threads: number, worker?: URL) =>
  openPool({ name: "wasm", precision: "f64", threads, ...worker === undefined ? {} : { worker } });

const WORK = new URL("./thread-work.ts", import.meta.url).href;

const CRASHING = new URL("./crashing-worker.ts", import.meta.url);

async function using(kernel: Promise<Kernel>, work: (kernel: Kernel) => Promise<void>): Promise<void> {
  const opened = await kernel;
  try {
    await work(opened);
  } finally {
    await opened.dispose();
  }
}

const doomed = () => {
  const a = normalMatrix(6, 6, 1);
  a.data[0] = 666;
  return a;
};

describe("a pool of threads", () => {
  it("says what it is and how many calls proceed at a time", () =>
    using(open(3), (kernel) => {
      expect(kernel.info).toMatchObject({ name: "wasm", precision: "f64" });
      expect(kernel.info.version).toMatch(/^lapack-3\.11\.0/);
      expect(kernel.concurrency).toBe(3);
      return Promise.resolve();
    }));

  it("hands a matrix over to the thread instead of copying it, and gets its vectors back in the same memory", () =>
    using(open(1), async (kernel) => {
      const a = normalMatrix(30, 80, 4);
      const found = await kernel.svd(a);
      expect(a.data.length).toBe(0);
      expect(found.right.data.length).toBe(30 * 80);
    }));

  it("works on several matrices at a time", () =>
    using(open(2), async (kernel) => {
      await Promise.all([1, 2].map((seed) => kernel.svd(normalMatrix(200, 200, seed))));
      // A long call and, started after it, a short one: with one thread the short one would come second.
      const order: string[] = [];
      await Promise.all([
        kernel.svd(normalMatrix(700, 700, 1)).then(() => order.push("long")),
        kernel.svd(normalMatrix(20, 20, 2)).then(() => order.push("short")),
      ]);
      expect(order).toEqual(["short", "long"]);
    }));

  it("stops a decomposition in the middle, and goes on with the next", () =>
    using(open(2), async (kernel) => {
      const controller = new AbortController();
      const ends: string[] = [];
      const whole = kernel.svd(normalMatrix(1800, 1800, 1)).then(() => ends.push("whole"));
      // A tenth of a second after its begin the thread is in the midst of it: the whole takes seconds.
      const started = () => setTimeout(() => controller.abort(new Error("enough")), 100);
      const stopped = kernel.svd(normalMatrix(1800, 1800, 1), { signal: controller.signal, started })
        .finally(() => ends.push("stopped"));
      await expect(stopped).rejects.toThrow("enough");
      expect((await kernel.svd(matrix(2, 2, Float64Array.of(3, 0, 0, 4)))).singularValues).toEqual(
        Float64Array.of(4, 3),
      );
      // Stopped, not waited for: the same work, begun before it, ends behind it.
      await whole;
      expect(ends).toEqual(["stopped", "whole"]);
    }));

  it("may be ended while its threads load, and the process goes on", () => shortLived("reference"));

  it("replaces a thread that dies; its matrix is lost and the caller told", () =>
    using(open(1, CRASHING), async (kernel) => {
      await expect(kernel.svd(doomed())).rejects.toThrow(KernelCrash);
      await expect(kernel.svd(doomed())).rejects.toThrow("a thread of the kernel ended");
      expect((await kernel.svd(normalMatrix(5, 5, 2))).singularValues).toHaveLength(5);
    }));

  it("reports a product whose thread dies every time", () =>
    using(open(1, CRASHING), async (kernel) => {
      await expect(kernel.multiply(doomed(), doomed())).rejects.toThrow(KernelCrash);
    }));

  it.each(["multiply", "overlap"] as const)(
    "computes %s once more when its thread dies",
    async (operation) => {
      env["SVRFLOW_TEST_CRASH"] = join(folder, operation);
      await using(open(1, CRASHING), async (kernel) => {
        const a = doomed();
        const found = operation === "multiply"
          ? await kernel.multiply(a, a, { transposeB: true })
          : await kernel.overlap(a, a, 1);
        const inner = rowDot(a, 0, a, 1);
        expect(found.data[1]! / (operation === "multiply" ? inner : inner ** 2)).toBeCloseTo(1, 10);
        expect(a.data[0]).toBe(666);
      });
    },
  );

  it("does a module's work in a thread, with the kernel of that thread, and hands memory over", () =>
    using(open(2), async (kernel) => {
      const a = normalMatrix(6, 6, 1);
      const argument = () => {
        const given = copyOf(a);
        return { value: { a: given, shift: 2 }, given: [given.data.buffer] };
      };
      const found = await kernel.within!<unknown, { sum: number; product: Float64Array }>(WORK, argument);
      expect(found.product[1]! / rowDot(a, 0, a, 1)).toBeCloseTo(1, 10);
      expect(found.sum).toBeCloseTo(2 + found.product.reduce((sum, value) => sum + value, 0), 10);
      await expect(kernel.within!(WORK, () => ({ value: { a: null }, given: [] }))).rejects.toThrow(
        new RangeError("work: found no matrix, required one"),
      );
      await expect(kernel.within!(`${WORK}.none`, argument)).rejects.toThrow(/Cannot find module/);
    }));

  it("does a module's work once more when its thread dies", async () => {
    env["SVRFLOW_TEST_CRASH"] = join(folder, "within");
    let asked = 0;
    await using(open(1, CRASHING), async (kernel) => {
      const found = await kernel.within!<unknown, { sum: number }>(WORK, () => {
        asked++;
        return { value: { a: matrix(1, 1, Float64Array.of(666)), shift: 0 }, given: [] };
      });
      expect(found.sum).toBe(666 ** 2);
    });
    expect(asked).toBe(2);
  });

  it("reads a layer once more when the thread that had its weight dies", async () => {
    env["SVRFLOW_TEST_CRASH"] = join(folder, "layer");
    const model = openSynthetic({ seed: 1, layers: [{ name: "a", out: 6, in: 6 }] }, "one");
    let reads = 0;
    const watched = {
      ...model,
      read: () => {
        reads++;
        return Promise.resolve(doomed().data);
      },
    };
    await using(open(1, CRASHING), async (kernel) => {
      const budget = new ByteBudget(2 ** 26);
      const store = new SpectrumStore(budget, join(folder, "spill"));
      const [job] = await lastValueFrom(
        of(watched).pipe(
          layers(),
          unfold("svr"),
          svd({ kernel, budget, store }, "svr"),
          toArray(),
        ),
      );
      expect(reads).toBe(2);
      expect(job!.spectrum).toHaveProperty("singularValues");
    });
  });

  it("repeats errors that are the caller's as they are", () =>
    using(open(1), async (kernel) => {
      const bad = matrix(2, 2, Float64Array.of(1, 2, NaN, 4));
      await expect(kernel.svd(bad)).rejects.toThrow(
        new RangeError("svd, row 1, column 0: found NaN, required a finite number"),
      );
    }));

  it("refuses a matrix beyond what WebAssembly can address, and says what to use", () =>
    using(open(1), async (kernel) => {
      // Never filled: only its size is looked at before the refusal.
      const huge = matrix(14_000, 16_000, new Float64Array(14_000 * 16_000));
      await expect(kernel.svd(huge)).rejects.toThrow(
        /^svd: found a 14000 x 16000 matrix, which takes \d+ bytes, required at most \d+ that wasm can address; use the native kernel.*or rank/,
      );
      expect((await kernel.svd(copyOf(normalMatrix(3, 3, 1)))).singularValues).toHaveLength(3);
    }));
});

describe("the choice of a kernel", () => {
  it("fits the threads to the memory", async () => {
    const { kernel } = await openKernel("wasm", { memory: 130 * 2 ** 20 });
    expect(kernel.concurrency).toBe(1);
    await kernel.dispose();
  });

  it("takes wasm where there is no BLAS, and says why", async () => {
    env["SVRFLOW_BLAS"] = join(folder, "libnothing.so");
    try {
      const { kernel, because } = await openKernel("auto", { threads: 1 });
      expect(kernel.info.name).toBe("wasm");
      expect(because).toMatch(/found no BLAS, required one of .*libnothing\.so/);
      await kernel.dispose();
      await expect(openKernel("native", { threads: 1 })).rejects.toThrow("libnothing.so");
    } finally {
      delete env["SVRFLOW_BLAS"];
    }
  });

  it("refuses single precision where a kernel has none", async () => {
    await expect(openKernel("wasm", { precision: "f32", threads: 1 })).rejects.toThrow(
      "kernel wasm: found precision f32, required f64",
    );
    await expect(openKernel("reference", { precision: "f32" })).rejects.toThrow(RangeError);
  });
});

describeWithBlas("a pool of OpenBLAS", () => {
  it("may be ended while its threads load the library, and the process goes on", () => shortLived("native"));
});

async function shortLived(kernel: ComputingKernelName): Promise<void> {
  const script = fileURLToPath(new URL("./short-lived-pools.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(execPath, [script, kernel]);
  expect(stdout).toBe("done\n");
}
