import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LazyWorkshop } from "../../src/run/lazy-workshop.ts";
import { matrix } from "../../src/model/tensor.ts";

/** Names of this process's threads that run JavaScript, by Node and by Deno. */
const THREAD = /^(WorkerThread|worker-)/;

function threads(): number {
  return readdirSync("/proc/self/task").filter((task) => {
    try {
      return THREAD.test(readFileSync(`/proc/self/task/${task}/comm`, "utf8"));
    } catch {
      return false; // it has just ended
    }
  }).length;
}

/** Before any kernel. */
const OTHERS = threads();

/** How many threads a kernel has, once they have all begun or ended, which they do by themselves. */
const kernelThreads = () => expect.poll(() => threads() - OTHERS, { timeout: 20_000 });

describe("a workshop on demand", () => {
  it("opens the kernel that was begun, and tells of it only when somebody needs it", async () => {
    const told: string[] = [];
    const workshop = new LazyWorkshop({ kernel: "wasm", threads: 1 }, ({ name }) => told.push(name));
    workshop.begin();
    workshop.begin();
    expect(told).toEqual([]);
    const [first, second] = await Promise.all([workshop.open(), workshop.open()]);
    expect(second).toBe(first);
    expect(told).toEqual(["wasm"]);
    expect(workshop.kernel).toMatchObject({ name: "wasm", threads: 1 });
    const { singularValues } = await first.kernel.svd(matrix(2, 2, Float64Array.of(3, 0, 0, 4)));
    expect([...singularValues]).toEqual([4, 3]);
    await workshop.dispose();
    await workshop.dispose();
  });

  it("ends the threads of a kernel that nobody needed", async () => {
    await kernelThreads().toBe(0);
    const workshop = new LazyWorkshop({ kernel: "wasm", threads: 2 }, () => expect.unreachable());
    workshop.begin();
    await kernelThreads().toBe(2);
    await workshop.dispose();
    await kernelThreads().toBe(0);
    expect(workshop.kernel).toBeNull();
  });

  it("says what a kernel that was begun has failed of when it is opened", async () => {
    const workshop = new LazyWorkshop({ kernel: "reference", precision: "f32" }, () => expect.unreachable());
    workshop.begin();
    await expect(workshop.open()).rejects.toThrow("kernel reference: found precision f32, required f64");
    expect(workshop.failure?.message).toContain("f32");
    await workshop.dispose();
  });
});
