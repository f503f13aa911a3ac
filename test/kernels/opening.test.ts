import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { newOpening, noneOpens, opens } from "../../src/kernels/opening.ts";

describe("the end of threads that open a library", () => {
  it("waits for those that do, whatever comes of it, and lets no other begin", async () => {
    const opening = newOpening();
    const events: string[] = [];
    const works = opens(opening, async () => {
      await setTimeout(30);
      events.push("opened");
      return "library";
    });
    const fails = opens(opening, async () => {
      await setTimeout(60);
      events.push("failed");
      throw new Error("no such library");
    });
    const ended = noneOpens(opening).then(() => events.push("ended"));
    const late = opens(opening, () => Promise.resolve(events.push("late")));
    await expect(late).rejects.toThrow("the kernel's threads are being ended");
    await expect(works).resolves.toBe("library");
    await expect(fails).rejects.toThrow("no such library");
    await ended;
    expect(events).toEqual(["opened", "failed", "ended"]);
  });

  it("does not wait for ever for one that died", async () => {
    const opening = newOpening();
    void opens(opening, () => new Promise(() => undefined));
    await expect(noneOpens(opening, 100)).resolves.toBeUndefined();
  });
});
