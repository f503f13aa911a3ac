import { describe, expect, it, vi } from "vitest";
import { EarlyText } from "../../src/report/early-text.ts";

/** Pieces of ten characters, and how many of them have been made. */
function tens(count: number, fails = Infinity) {
  const made: number[] = [];
  async function* pieces() {
    for (let at = 0; at < count; at++) {
      await Promise.resolve();
      if (at === fails) throw new RangeError(`piece ${at}`);
      made.push(at);
      yield String(at).padStart(10, "0");
    }
  }
  return { made, pieces: pieces() };
}

/** Long enough for some more pieces, were any made. */
const settle = () => new Promise((done) => setTimeout(done, 20));

async function all(text: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const piece of text) found.push(piece);
  return found;
}

describe("a text whose beginning is made early", () => {
  it.each([0, 1, 30, 31, 70, 1000])("is whole and in order with %i characters made early", async (most) => {
    const { made, pieces } = tens(7);
    const text = new EarlyText(pieces, most);
    const early = Math.min(7, Math.ceil(most / 10));
    await vi.waitFor(() => expect(made.length).toBe(early), 5000);
    await settle();
    expect(made.length).toBe(early);
    expect(await all(text)).toEqual(Array.from({ length: 7 }, (_, at) => String(at).padStart(10, "0")));
  });

  it("is whole when it is asked for while it is being made", async () => {
    const { pieces } = tens(500);
    expect(new Set(await all(new EarlyText(pieces, 1000))).size).toBe(500);
  });

  it("is not made on when it has been stopped, until it is asked for", async () => {
    const { made, pieces } = tens(1000);
    const text = new EarlyText(pieces, 1e6);
    await Promise.resolve();
    text.stop();
    await settle();
    const early = made.length;
    expect(early).toBeLessThan(5);
    await settle();
    expect(made.length).toBe(early);
    expect((await all(text)).length).toBe(1000);
  });

  it.each([20, 1000])(
    "tells what failed to whoever goes through it, with %i characters made early",
    async (most) => {
      const text = new EarlyText(tens(7, 3).pieces, most);
      await settle();
      const found: string[] = [];
      const read = async () => {
        for await (const piece of text) found.push(piece);
      };
      await expect(read()).rejects.toThrow("piece 3");
    },
  );
});
