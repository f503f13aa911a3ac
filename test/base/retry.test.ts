import { describe, expect, it } from "vitest";
import { backoff, retry } from "../../src/base/retry.ts";

const failing = (times: number) => {
  let made = 0;
  return () => ++made <= times ? Promise.reject(new Error(`attempt ${made}`)) : Promise.resolve(made);
};

describe("retry", () => {
  it("makes attempts until one succeeds, and tells how many have failed", async () => {
    const heard: string[] = [];
    const done = await retry(failing(3), (failure, attempts) => {
      heard.push(`${String(failure)} ${attempts}`);
      return attempts % 2;
    });
    expect(done).toBe(4);
    expect(heard).toEqual(["Error: attempt 1 1", "Error: attempt 2 2", "Error: attempt 3 3"]);
  });

  it("gives up with the last failure, or with what it is told instead", async () => {
    await expect(retry(failing(9), (_, attempts) => attempts < 3 ? 0 : null)).rejects.toThrow("attempt 3");
    const refusal = () => {
      throw new RangeError("in other words");
    };
    await expect(retry(failing(9), refusal)).rejects.toThrow("in other words");
  });

  it("ends a pause, and makes no attempt, once it is aborted", async () => {
    const stop = new AbortController();
    const waiting = retry(failing(9), () => 3_600_000, stop.signal);
    setImmediate(() => stop.abort(new Error("enough")));
    await expect(waiting).rejects.toThrow("enough");
    let made = 0;
    const counted = () => Promise.resolve(made++);
    await expect(retry(counted, () => 0, stop.signal)).rejects.toThrow("enough");
    expect(made).toBe(0);
  });
});

describe("pauses between attempts", () => {
  it("double up to the longest, and are cut by half at most", () => {
    for (const [attempts, most] of [[1, 100], [2, 200], [5, 1600], [6, 2000], [99, 2000]] as const) {
      const pauses = Array.from({ length: 50 }, () => backoff(attempts, 100, 2000));
      expect(Math.max(...pauses)).toBeLessThanOrEqual(most);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(most / 2);
      expect(new Set(pauses).size).toBeGreaterThan(1);
    }
  });
});
