import { describe, expect, it } from "vitest";
import { type Asker, refusal } from "../../../src/viewer/server/access.ts";
import { rangeOf } from "../../../src/viewer/server/view-server.ts";

const reader: Asker = { method: "GET", host: "127.0.0.1:8080", origin: undefined, token: undefined };
const asker: Asker = {
  method: "POST",
  host: "localhost:8080",
  origin: "http://localhost:8080",
  token: "secret",
};

describe("who is answered", () => {
  it("is this page on this machine", () => {
    expect(refusal(reader, 8080, null)).toBeNull();
    expect(refusal({ ...reader, method: "HEAD", host: "[::1]:8080" }, 8080, null)).toBeNull();
    expect(refusal(asker, 8080, "secret")).toBeNull();
    expect(refusal({ ...reader, host: "127.0.0.1", origin: "http://127.0.0.1" }, 80, null)).toBeNull();
    expect(refusal({ ...reader, host: "127.0.0.1" }, 8080, null)).toMatch(/found Host/);
  });

  for (
    const [what, given, token, says] of [
      [
        "a name that was made to point here",
        { ...reader, host: "evil.example:8080" },
        null,
        /found Host "evil\.example:8080"/,
      ],
      ["another port", { ...reader, host: "127.0.0.1:80" }, null, /found Host/],
      ["no host", { ...reader, host: undefined }, null, /found Host ""/],
      ["another page", { ...reader, origin: "http://evil.example" }, null, /found Origin/],
      ["a page of a file", { ...reader, origin: "null" }, null, /found Origin "null"/],
      ["another page's question", { ...asker, origin: "https://localhost:8080" }, "secret", /found Origin/],
      ["a question without token", { ...asker, token: undefined }, "secret", /found no token/],
      ["a question with another token", { ...asker, token: "secreu" }, "secret", /found no token/],
      ["a question by GET", { ...asker, method: "GET" }, "secret", /found method GET/],
      ["what would change something", { ...reader, method: "PUT" }, null, /found method PUT/],
    ] as const
  ) {
    it(`is not ${what}`, () => {
      expect(refusal(given, 8080, token)).toMatch(says);
    });
  }
});

describe("a range of a file of 100 bytes", () => {
  for (
    const [header, range] of [
      [undefined, [0, 100]],
      ["bytes=0-9", [0, 10]],
      ["bytes=90-", [90, 100]],
      ["bytes=-8", [92, 100]],
      ["bytes=-800", [0, 100]],
      ["bytes=50-1000", [50, 100]],
      ["bytes=100-", null],
      ["bytes=9-3", null],
      ["bytes=-0", null],
      ["bytes=-", null],
      ["bytes=0-1,5-6", null],
      ["lines=0-1", null],
      ["bytes=0x1-9", null],
    ] as const
  ) {
    it(`${header} is ${JSON.stringify(range)}`, () => {
      expect(rangeOf(header, 100)).toEqual(range);
    });
  }
});
