import { describe, expect, it } from "vitest";
import { Turns } from "../../src/model/turns.ts";

/** Takes a turn, and notes when it has come. */
function taking(turns: Turns, rank: number, name: string, came: string[]): Promise<() => void> {
  return turns.take(rank).then((done) => {
    came.push(name);
    return done;
  });
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("turns", () => {
  it("let so many go at a time, and the next when one is over", async () => {
    const turns = new Turns(2);
    const came: string[] = [];
    const first = await taking(turns, 0, "first", came);
    const second = await taking(turns, 0, "second", came);
    const third = taking(turns, 0, "third", came);
    await settled();
    expect(came).toEqual(["first", "second"]);
    second();
    (await third)();
    first();
    await taking(turns, 0, "fourth", came);
    await taking(turns, 0, "fifth", came);
    expect(came).toEqual(["first", "second", "third", "fourth", "fifth"]);
  });

  it("go by rank, and within a rank by who came first", async () => {
    const turns = new Turns(1);
    const came: string[] = [];
    const holder = await turns.take(0);
    const waiting = [[1, "b"], [2, "d"], [0, "a"], [2, "e"], [1, "c"]] as const;
    const all = waiting.map(async ([rank, name]) => (await taking(turns, rank, name, came))());
    holder();
    await Promise.all(all);
    expect(came).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("are over once, however often that is said", async () => {
    const turns = new Turns(1);
    const came: string[] = [];
    const done = await turns.take(0);
    done();
    done();
    await taking(turns, 0, "one", came);
    void taking(turns, 0, "another", came);
    await settled();
    expect(came).toEqual(["one"]);
  });

  it("may be too many, and are made good as turns end", async () => {
    const turns = new Turns(1);
    const came: string[] = [];
    const first = await turns.take(0);
    const [second, third] = [taking(turns, 0, "second", came), taking(turns, 0, "third", came)];
    expect(turns.waiting).toBe(2);
    turns.admit();
    const doneSecond = await second;
    first();
    await settled();
    // One goes still: as many as may.
    expect(came).toEqual(["second"]);
    doneSecond();
    (await third)();
    // With nobody waiting nothing is given away.
    turns.admit();
    const fourth = await taking(turns, 0, "fourth", came);
    void taking(turns, 0, "fifth", came);
    await settled();
    expect(came).toEqual(["second", "third", "fourth"]);
    fourth();
  });
});
