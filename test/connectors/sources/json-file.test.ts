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

const read = (text: string) => readJson("config.json", sourceOf(text), 1000);

describe("a JSON file that Python wrote", () => {
  it("may have numbers that JSON does not have, outside of texts", async () => {
    expect(
      await read(
        `{"limit": [0.0, Infinity, -Infinity], "std": NaN, "text": "NaN, \\"Infinity\\" -Infinity"}`,
      ),
    )
      .toEqual({ limit: [0, Infinity, -Infinity], std: null, text: `NaN, "Infinity" -Infinity` });
  });

  it.each(["{Infinity: 1}", "[Infinit]", `["open, NaN]`, "NaNa"])(
    "is no less JSON: %s is refused",
    async (text) => {
      await expect(read(text)).rejects.toThrow(/^config\.json: found no JSON/);
    },
  );
});
