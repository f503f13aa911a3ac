import { describe, expect, it } from "vitest";
import { readJson } from "../../../connectors/sources/json-file.ts";
import type { ByteSource } from "../../../connectors/bytes.ts";

function sourceOf(text: string): ByteSource {
  const bytes = new TextEncoder().encode(text);
  return {
    size: bytes.length,
    slice: (start: number, end: number) => Promise.resolve(bytes.slice(start, end)),
    close: () => Promise.resolve(),
  } as Partial<ByteSource> as ByteSource;
}

const read = (text: string, most = 1000) => readJson("config.json", sourceOf(text), most);

describe("a JSON file that Python wrote", () => {
  it("may have numbers that JSON does not have, outside of texts", async () => {
    expect(
      await read(
        `{"limit": [0.0, Infinity, -Infinity], "std": NaN, "text": "NaN, \\"Infinity\\" -Infinity"}`,
      ),
    )
      .toEqual({ limit: [0, Infinity, -Infinity], std: null, text: `NaN, "Infinity" -Infinity` });
  });

  it("may have a text of ten million characters", async () => {
    const long = "x".repeat(10_000_000);
    expect(await read(JSON.stringify(long), Infinity)).toBe(long);
    expect(await read(`[NaN, "${long}"]`, Infinity)).toEqual([null, long]);
  });

  it("is refused in a time that grows with its length, where texts are not closed", async () => {
    await expect(read('"\\'.repeat(100_000), Infinity)).rejects.toThrow(/^config\.json: found no JSON/);
  });

  it.each(["{Infinity: 1}", "[Infinit]", `["open, NaN]`, "NaNa"])(
    "is no less JSON: %s is refused",
    async (text) => {
      await expect(read(text)).rejects.toThrow(/^config\.json: found no JSON/);
    },
  );
});
