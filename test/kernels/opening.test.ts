import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { newOpening, noneOpens, opens } from "../../src/kernels/opening.ts";

/** So long that the end looks several times whether a thread is opening. */
const looks = () => setTimeout(10);

describe("the end of threads that open a library", () => {
  it("waits for those that do, whatever comes of it, and lets no other begin", async () => {
    const opening = newOpening();
    const events: string[] = [];
    const [library, broken] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const works = opens(opening, () => library.promise);
    const fails = opens(opening, () => broken.promise);
    const ended = noneOpens(opening).then(() => events.push("ended"));
    const late = opens(opening, () => Promise.resolve(events.push("late")));
    await expect(late).rejects.toThrow("the kernel's threads are being ended");
    await looks();
    library.resolve("library");
    await expect(works).resolves.toBe("library");
    await looks();
    // One of them still opens.
    expect(events).toEqual([]);
    broken.reject(new Error("no such library"));
    await expect(fails).rejects.toThrow("no such library");
    await ended;
    expect(events).toEqual(["ended"]);
  });

  it("does not wait for ever for one that died", async () => {
    const opening = newOpening();
    let opened = false;
    const dead = Promise.withResolvers<void>();
    const held = opens(opening, () => dead.promise).then(() => opened = true);
    const begun = performance.now();
    // It does wait as long as it may, and the opening is pending. Timers may be a millisecond early.
    await noneOpens(opening, 100);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(99);
    expect(opened).toBe(false);
    dead.resolve();
    await held;
  });
});
