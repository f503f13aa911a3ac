import { describe, expect, it } from "vitest";
import { Semaphore } from "../../src/base/semaphore.ts";

/** Acquires, and notes when that has come. */
function taking(semaphore: Semaphore, rank: number, name: string, came: string[]): Promise<() => void> {
  return semaphore.acquire(rank).then((done) => {
    came.push(name);
    return done;
  });
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a semaphore", () => {
  it("lets so many go at a time, and the next when one is over", async () => {
    const semaphore = new Semaphore(2);
    const came: string[] = [];
    const first = await taking(semaphore, 0, "first", came);
    const second = await taking(semaphore, 0, "second", came);
    const third = taking(semaphore, 0, "third", came);
    await settled();
    expect(came).toEqual(["first", "second"]);
    second();
    (await third)();
    first();
    await taking(semaphore, 0, "fourth", came);
    await taking(semaphore, 0, "fifth", came);
    expect(came).toEqual(["first", "second", "third", "fourth", "fifth"]);
  });

  it("goes by rank, and within a rank by who came first", async () => {
    const semaphore = new Semaphore(1);
    const came: string[] = [];
    const holder = await semaphore.acquire(0);
    const waiting = [[1, "b"], [2, "d"], [0, "a"], [2, "e"], [1, "c"]] as const;
    const all = waiting.map(async ([rank, name]) => (await taking(semaphore, rank, name, came))());
    holder();
    await Promise.all(all);
    expect(came).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("is released once, however often that is said", async () => {
    const semaphore = new Semaphore(1);
    const came: string[] = [];
    const done = await semaphore.acquire(0);
    done();
    done();
    await taking(semaphore, 0, "one", came);
    void taking(semaphore, 0, "another", came);
    await settled();
    expect(came).toEqual(["one"]);
  });
});
