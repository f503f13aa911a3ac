import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addressOf,
  beside,
  folderNameOf,
  nameOf,
  placeOf,
  schemeOf,
  shown,
} from "../../../connectors/places/place.ts";
import { retryAfter } from "../../../connectors/places/retry-request.ts";
import { RangeSet } from "../../../connectors/places/range-set.ts";
import { extensionOf } from "../../../connectors/sources/registry.ts";

describe("places", () => {
  it.each([
    ["models/net.pt", null],
    ["C:\\models\\net.pt", null],
    ["https://host/net.pt", "https"],
    ["HTTP://host/net.pt", "http"],
    ["s3://bucket/key", "s3"],
    ["hub:org/name", "hub"],
    ["hubble.pt", null],
  ])("have a scheme or are paths: %s", (place, scheme) => {
    expect(schemeOf(place)).toBe(scheme);
  });

  it("refuse other schemes, and repeat nothing of them", () => {
    expect(() => schemeOf("ftp://user:5ecret@host/net.pt")).toThrow(
      /^a place that begins with ftp:\/\/: found a scheme that is not known, required http, https, s3, hub or a path$/,
    );
    expect(shown("ftp://user:5ecret@host/net.pt")).toBe("ftp://…");
    expect(shown("https://user:5ecret@host/net.pt")).toBe("https://…");
    expect(shown("s3://user:5ecret@bucket/net.pt")).toBe("s3://…");
    expect(shown("models/*.pt")).toBe("models/*.pt");
  });

  it("keep queries to themselves, for files beside them too", () => {
    const place = placeOf("https://Host/a%20b/net.pt?sig=5ecret#part");
    expect(place).toMatch(/^https:\/\/host\/a%20b\/net\.pt#[0-9a-f]{16}$/);
    expect(placeOf(place)).toBe(place);
    expect(addressOf(place).href).toBe("https://host/a%20b/net.pt?sig=5ecret");
    const config = beside(place, "config.json");
    expect(config).not.toContain("5ecret");
    expect(addressOf(config).href).toBe("https://host/a%20b/config.json?sig=5ecret");
    expect(placeOf("https://host/net.pt?file=other")).not.toBe(placeOf("https://host/net.pt?file=net"));
    expect([nameOf(place), folderNameOf(place), extensionOf(place)]).toEqual(["net.pt", "a b", ".pt"]);
    expect(placeOf("https://host/net.pt#made-up")).toBe("https://host/net.pt");
  });

  it.each([
    ["X-Amz-Algorithm=A&X-Amz-Credential=k1%2Fus&X-Amz-Expires=9&X-Amz-Signature=1", "X-Amz-Signature=2"],
    ["AWSAccessKeyId=a&Signature=1&Expires=17", "AWSAccessKeyId=b&Signature=2&Expires=18"],
    ["Policy=1&Key-Pair-Id=K&Signature=1", "Policy=2&Key-Pair-Id=K&Signature=2"],
    ["X-Goog-Signature=1&GoogleAccessId=a", "X-Goog-Signature=2"],
    ["sp=r&st=2026&se=2027&sv=2022&sr=b&sig=1", "sp=r&st=2027&se=2028&sv=2024&sr=b&sig=2"],
    ["access_token=1", "access%5Ftoken=2"],
  ])("are the same however often an address is signed: %s", (first, second) => {
    const [a, b] = [first, second].map((query) => placeOf(`https://host/net.pt?v=1&${query}`));
    expect(a).toBe(b);
    expect(a).not.toBe(placeOf(`https://host/net.pt?v=2&${second}`));
    expect(a).not.toBe(placeOf(`https://host/other.pt?v=1&${second}`));
    expect(addressOf(a!).search).toBe(`?v=1&${second}`);
    // Of a secret that can be guessed no digest tells.
    expect(placeOf(`https://host/net.pt?${first}`)).toBe(placeOf(`https://host/net.pt?${second}`));
  });

  it.each(["sr", "file_token"])("tell files apart by parameters that sign nothing: %s", (name) => {
    expect(placeOf(`https://host/get?${name}=1`)).not.toBe(placeOf(`https://host/get?${name}=2`));
  });

  it.each(
    "token access auth id security session private deploy sas".split(" ").flatMap((kind) =>
      kind === "token" ? [kind] : [`${kind}_token`, `${kind}-token`, `${kind}Token`]
    ),
  )("are the same whoever reads: %s", (name) => {
    expect(placeOf(`https://host/get?${name}=1`)).toBe(placeOf(`https://host/get?${name}=2`));
  });

  it.each([
    ["https://host/a/net.onnx", "weights/ä b#?.bin", "https://host/a/weights/%C3%A4%20b%23%3F.bin"],
    ["https://host/net.onnx", "w.bin", "https://host/w.bin"],
    ["s3://bucket/a/net.onnx", "w%20.bin", "s3://bucket/a/w%20.bin"],
    ["s3://bucket/net.onnx", "w.bin", "s3://bucket/w.bin"],
    ["hub:org/name@main/net.onnx", "w.bin", "hub:org/name@main/w.bin"],
    ["/models/net.onnx", "w.bin", "/models/w.bin"],
  ])("have others beside them: %s, %s", (place, inside, other) => {
    expect(beside(place, inside)).toBe(other);
  });

  it.each(["../w.bin", "a/../../w.bin", "", "/w.bin", "a//b", ".", "a\\b", "a\0b"])(
    "have nothing beside them that is elsewhere: %j",
    (inside) => {
      for (const place of ["https://host/a/net.onnx", "s3://bucket/a/net.onnx", "hub:org/name/net.onnx"]) {
        expect(() => beside(place, inside)).toThrow(/required a file in its folder$/);
      }
    },
  );

  it("stay in their folder whatever the name is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (inside) => {
        try {
          expect(beside("https://host/a/net.onnx", inside)).toMatch(/^https:\/\/host\/a\/./);
        } catch (failure) {
          // Lone surrogates have no UTF-8.
          expect(failure instanceof SyntaxError || failure instanceof URIError).toBe(true);
        }
      }),
      { seed: 6 },
    );
  });
});

describe("a set of ranges", () => {
  it("holds what a set of numbers holds", () => {
    const range = fc.tuple(fc.nat(60), fc.nat(12));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), (ranges) => {
        const set = new RangeSet();
        const numbers = new Set<number>();
        for (const [start, length] of ranges) {
          set.add(start, start + length);
          for (let at = start; at < start + length; at++) numbers.add(at);
        }
        expect(set.total).toBe(numbers.size);
        const held = set.ranges.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, at) => start + at)
        );
        expect(held).toEqual([...numbers].sort((a, b) => a - b));
        // Apart, not only in order.
        set.ranges.slice(1).forEach(({ start }, at) => expect(start).toBeGreaterThan(set.ranges[at]!.end));
      }),
      { seed: 7 },
    );
  });
});

describe("Retry-After", () => {
  it.each<[string | null, number | undefined]>([
    ["3", 3000],
    ["Tue, 24 Nov 2026 08:00:10 GMT", 10_000],
    ["Tue, 24 Nov 2026 07:00:00 GMT", 0],
    ["soon", undefined],
    ["-1", undefined],
    [null, undefined],
  ])("%s", (header, pause) => {
    const found = retryAfter(header, Date.UTC(2026, 10, 24, 8));
    // Some engines read "-1" as a year long gone.
    expect(header === "-1" ? found ?? 0 : found).toBe(header === "-1" ? 0 : pause);
  });
});
