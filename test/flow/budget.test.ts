import { describe, expect, it } from "vitest";
import { ByteBudget, type Grant } from "../../src/flow/budget.ts";

/** Lets every promise that can be settled be settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Asks for bytes and notes when they come. */
function ask(budget: ByteBudget, bytes: number, name: string, order: string[], urgent = false) {
  return budget.acquire(bytes, name, { urgent }).then((grant) => {
    order.push(name);
    return grant;
  });
}

describe("byte budget", () => {
  it("grants what fits at once and counts it", async () => {
    const budget = new ByteBudget(100);
    const a = await budget.acquire(60, "a");
    const b = await budget.acquire(40, "b");
    expect(budget.used).toBe(100);
    a.release();
    a.release();
    expect(budget.used).toBe(40);
    b.shrink(10);
    b.shrink(30);
    expect(budget.used).toBe(10);
    b.release();
    expect(budget.used).toBe(0);
  });

  it("lets the others wait, and admits whoever fits first", async () => {
    const budget = new ByteBudget(100);
    const order: string[] = [];
    const first = await budget.acquire(80, "first");
    const large = ask(budget, 90, "large", order);
    const small = ask(budget, 15, "small", order);
    await settled();
    expect(order).toEqual(["small"]);
    first.release();
    await settled();
    expect(order).toEqual(["small"]);
    (await small).release();
    await large;
    expect(order).toEqual(["small", "large"]);
  });

  it("admits the urgent before those that came earlier", async () => {
    const budget = new ByteBudget(100);
    const order: string[] = [];
    const first = await budget.acquire(100, "first");
    const waiting = [
      ask(budget, 100, "layer", order),
      ask(budget, 100, "connection", order, true),
    ];
    first.release();
    await settled();
    expect(order).toEqual(["connection"]);
    (await waiting[1]!).release();
    await waiting[0];
    expect(order).toEqual(["connection", "layer"]);
  });

  it("never grants more than it has, whatever comes and goes", async () => {
    const budget = new ByteBudget(1000);
    let most = 0;
    let state = 7;
    const next = (below: number) => (state = state * 1_103_515_245 + 12_345 & 0x7fffffff) % below;
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const grant = await budget.acquire(next(1000) + 1, String(i), { urgent: i % 3 === 0 });
      most = Math.max(most, budget.used);
      await settled();
      grant.shrink(next(500));
      await settled();
      grant.release();
    }));
    expect(most).toBeGreaterThan(500);
    expect(most).toBeLessThanOrEqual(1000);
    expect(budget.used).toBe(0);
  });

  it("refuses what can never fit, with the number that would do", async () => {
    await expect(new ByteBudget(100).acquire(101, "layer conv1")).rejects.toThrow(
      new RangeError("memory: found a budget of 100 bytes, required at least 101 bytes for layer conv1"),
    );
    expect(() => new ByteBudget(0)).toThrow("memory: found 0 bytes, required more than 0");
    expect(() => new ByteBudget(NaN)).toThrow(RangeError);
  });

  it("lets go of who is told to stop, and gives the place to the next", async () => {
    const budget = new ByteBudget(100);
    const first = await budget.acquire(100, "first");
    const controller = new AbortController();
    const stopped = budget.acquire(100, "stopped", { signal: controller.signal });
    const next = budget.acquire(100, "next");
    controller.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    await expect(budget.acquire(1, "late", { signal: controller.signal })).rejects.toThrow("enough");
    first.release();
    (await next).release();
    expect(budget.used).toBe(0);
  });

  it("asks for bytes back when somebody waits, exactly as many as are missing", async () => {
    const budget = new ByteBudget(100);
    const idle: Grant[] = [await budget.acquire(40, "idle"), await budget.acquire(50, "idle")];
    const asked: number[] = [];
    budget.reclaimWith(async (bytes) => {
      asked.push(bytes);
      await settled();
      const grant = idle.shift();
      grant?.release();
      return grant === undefined ? 0 : 1;
    });
    (await budget.acquire(80, "job")).release();
    expect(asked).toEqual([70, 30]);
  });

  it("keeps waiting where nothing can be had back, until somebody gives", async () => {
    const budget = new ByteBudget(100);
    const first = await budget.acquire(100, "first");
    let asked = 0;
    budget.reclaimWith(() => {
      asked++;
      return Promise.resolve(0);
    });
    const second = budget.acquire(100, "second");
    await settled();
    expect(asked).toBe(1);
    first.release();
    (await second).release();
  });

  it("asks again where something became idle while nothing could be had back", async () => {
    const budget = new ByteBudget(100);
    const used = await budget.acquire(60, "used");
    const other = await budget.acquire(40, "other");
    let isIdle = false;
    budget.reclaimWith(() => {
      if (!isIdle) return Promise.resolve(0);
      used.release();
      return Promise.resolve(60);
    });
    const second = budget.acquire(100, "second");
    await settled();
    // What is given back first asks at once, while the other is still in use.
    other.release();
    isIdle = true;
    budget.review();
    (await second).release();
  });

  it("tells whoever waits why no bytes can be had back", async () => {
    const budget = new ByteBudget(100);
    await budget.acquire(100, "first");
    budget.reclaimWith(() => Promise.reject(new Error("ENOSPC: the disk is full")));
    await expect(budget.acquire(1, "second")).rejects.toThrow("the disk is full");
  });

  it("leaves nothing at the signal of a run, which outlives thousands of grants", async () => {
    const budget = new ByteBudget(100);
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = Object.assign(Object.create(signal) as AbortSignal, {
      addEventListener: () => void listeners++,
      removeEventListener: () => void listeners--,
      throwIfAborted: () => signal.throwIfAborted(),
    });
    const first = await budget.acquire(100, "first", { signal: counted });
    const second = budget.acquire(50, "second", { signal: counted });
    expect(listeners).toBe(1);
    first.release();
    (await second).release();
    expect(listeners).toBe(0);
  });
});
