import { describe, expect, it } from "vitest";
import { LazyEngine } from "../../src/run/engine/lazy-engine.ts";
import { matrix } from "../../src/model/tensor.ts";

describe("an engine on demand", () => {
  it("opens the kernel once, and tells of it only when somebody needs it", async () => {
    const told: string[] = [];
    const engine = new LazyEngine({ kernel: "wasm", threads: 1 }, ({ name }) => told.push(name));
    expect(told).toEqual([]);
    const [first, second] = await Promise.all([engine.open(), engine.open()]);
    expect(second).toBe(first);
    expect(told).toEqual(["wasm"]);
    expect(engine.kernel).toMatchObject({ name: "wasm", threads: 1 });
    const { singularValues } = await first.kernel.svd(matrix(2, 2, Float64Array.of(3, 0, 0, 4)));
    expect([...singularValues]).toEqual([4, 3]);
    await engine.dispose();
    await engine.dispose();
  });

  it("opens no kernel that nobody needs", async () => {
    const engine = new LazyEngine({ kernel: "wasm", threads: 2 }, () => expect.unreachable());
    await engine.dispose();
    expect(engine.kernel).toBeNull();
  });

  it("says what a kernel has failed of when it is opened", async () => {
    const engine = new LazyEngine({ kernel: "reference", precision: "f32" }, () => expect.unreachable());
    await expect(engine.open()).rejects.toThrow("kernel reference: found precision f32, required f64");
    expect(engine.failure?.message).toContain("f32");
    await engine.dispose();
  });
});
