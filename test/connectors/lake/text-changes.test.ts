import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TextChanges } from "../../../connectors/lake/text-changes.ts";

type Change = (before: string | null) => string;

/** A text in memory that takes a while to be replaced; how often, and whether ever by two at once. */
function place(before: string | null = null, lost = 0) {
  const state = { text: before, replaced: 0, busy: false, overlapped: false, fail: false };
  const texts = new TextChanges(async (_path: string, change: Change) => {
    state.overlapped ||= state.busy;
    state.busy = true;
    try {
      await delay(5);
      // As where somebody else was faster: what was made of the older text counts for nothing.
      for (let at = 0; at < lost; at++) change(state.text);
      const next = change(state.text);
      if (state.fail) throw new Error("the disk is gone");
      state.text = next;
      state.replaced++;
    } finally {
      state.busy = false;
    }
  });
  return { state, texts };
}

const append = (word: string): Change => (before) => `${before ?? ""}${word}`;

describe("changes of a text that are asked for side by side", () => {
  it("are all made, in their order, those that wait by one replacement", async () => {
    const { state, texts } = place();
    await Promise.all(["a", "b", "c", "d", "e"].map((word) => texts.make("t", append(word))));
    expect(state).toMatchObject({ text: "abcde", replaced: 2, overlapped: false });
    await texts.make("t", append("f"));
    expect(state).toMatchObject({ text: "abcdef", replaced: 3 });
  });

  it("are made anew where somebody else was faster", async () => {
    const { state, texts } = place("-", 2);
    await Promise.all(["a", "b", "c"].map((word) => texts.make("t", append(word))));
    expect(state.text).toBe("-abc");
  });

  it("do not fail with one of them", async () => {
    const { state, texts } = place();
    const refuse: Change = (before) => {
      throw new RangeError(`refused behind ${before}`);
    };
    const outcomes = await Promise.allSettled(
      [append("a"), append("b"), refuse, append("c")].map((change) => texts.make("t", change)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[2]).toMatchObject({ reason: new RangeError("refused behind ab") });
    expect(state.text).toBe("abc");
  });

  it("all fail, and nothing is replaced, where none can be made or the text cannot be written", async () => {
    const { state, texts } = place();
    const refuse: Change = () => {
      throw new Error("no");
    };
    await expect(texts.make("t", refuse)).rejects.toThrow("no");
    expect(state).toMatchObject({ text: null, replaced: 0 });
    state.fail = true;
    const outcomes = await Promise.allSettled(["a", "b", "c"].map((word) => texts.make("t", append(word))));
    expect(outcomes.map((each) => each.status === "rejected" && String(each.reason))).toEqual(
      Array<string>(3).fill("Error: the disk is gone"),
    );
    state.fail = false;
    await texts.make("t", append("d"));
    expect(state.text).toBe("d");
  });
});
