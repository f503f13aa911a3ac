import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lane, runLanes } from "../../../../connectors/sinks/neo4j/lanes.ts";

describe("lanes", () => {
  it("never run beside one that touches what they shun, run all once, and side by side where they may", async () => {
    const touches = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 2 });
    let most = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(touches, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, workers) => {
          const running = new Map<Lane, number>();
          const done: number[] = [];
          const lanes = all.map((each, at): Lane => {
            const lane: Lane = {
              touches: each,
              shuns: new Set(each.flatMap((what) => [what - 1, what, what + 1])),
              async work(worker) {
                for (const [other, by] of running) {
                  expect(other.touches.some((what) => lane.shuns.has(what))).toBe(false);
                  expect(by).not.toBe(worker);
                }
                running.set(lane, worker);
                expect(running.size).toBeLessThanOrEqual(workers);
                most = Math.max(most, running.size);
                await sleep(0);
                running.delete(lane);
                done.push(at);
              },
            };
            return lane;
          });
          await runLanes(lanes, workers);
          expect(done.sort((a, b) => a - b)).toEqual(all.map((_, at) => at));
        },
      ),
      { seed: 5, numRuns: 100 },
    );
    expect(most).toBeGreaterThan(1);
  });

  it("end with the first failure, once what runs has ended, and start nothing after it", async () => {
    const events: string[] = [];
    const lane = (name: number, work: () => Promise<void>): Lane => ({
      touches: [name],
      shuns: new Set([name]),
      work,
    });
    const lanes = [
      lane(1, () => Promise.reject(new Error("first"))),
      lane(2, async () => {
        await sleep(20);
        events.push("second ended");
      }),
      lane(3, () => Promise.resolve(void events.push("third started"))),
    ];
    await expect(runLanes(lanes, 2)).rejects.toThrow("first");
    expect(events).toEqual(["second ended"]);
  });
});
