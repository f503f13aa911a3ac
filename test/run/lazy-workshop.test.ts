import { describe, expect, it } from "vitest";
import { LazyWorkshop } from "../../src/run/lazy-workshop.ts";
import { matrix } from "../../src/model/tensor.ts";

describe("a workshop on demand", () => {
  it("opens the kernel once, and tells of it only when somebody needs it", async () => {
    const told: string[] = [];
    const workshop = new LazyWorkshop({ kernel: "wasm", threads: 1 }, ({ name }) => told.push(name));
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

  it("opens no kernel that nobody needs", async () => {
    const workshop = new LazyWorkshop({ kernel: "wasm", threads: 2 }, () => expect.unreachable());
    await workshop.dispose();
    expect(workshop.kernel).toBeNull();
  });

  it("says what a kernel has failed of when it is opened", async () => {
    const workshop = new LazyWorkshop({ kernel: "reference", precision: "f32" }, () => expect.unreachable());
    await expect(workshop.open()).rejects.toThrow("kernel reference: found precision f32, required f64");
    expect(workshop.failure?.message).toContain("f32");
    await workshop.dispose();
  });
});
