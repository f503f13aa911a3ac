import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { drawPicture } from "../../src/viewer/picture.ts";
import { openPngWriter } from "../../src/viewer/png.ts";
import { deep, odd, plain } from "./pictured.ts";

afterEach(() => vi.unstubAllEnvs());

const LINEAR = { scale: "linear" } as const;

/** A PNG of eight-bit RGBA without interlacing, decoded here, independently of who wrote it. */
function decoded(png: Uint8Array) {
  const bytes = Buffer.from(png);
  expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  expect([...bytes.subarray(24, 29)]).toEqual([8, 6, 0, 0, 0]);
  const parts: Buffer[] = [];
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT") {
      parts.push(bytes.subarray(at + 8, at + 8 + length));
    }
    at += 12 + length;
  }
  const rows = inflateSync(Buffer.concat(parts));
  const stride = 4 * width;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const left = x < 4 ? 0 : pixels[y * stride + x - 4]!;
      const up = y === 0 ? 0 : pixels[(y - 1) * stride + x]!;
      const corner = x < 4 || y === 0 ? 0 : pixels[(y - 1) * stride + x - 4]!;
      const guess = left + up - corner;
      const [toLeft, toUp, toCorner] = [
        Math.abs(guess - left),
        Math.abs(guess - up),
        Math.abs(guess - corner),
      ];
      const paeth = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
      const predicted = [0, left, up, (left + up) >> 1, paeth][filter]!;
      pixels[y * stride + x] = rows[y * (stride + 1) + 1 + x]! + predicted;
    }
  }
  return { width, height, pixels };
}

/** Share of pixels whose colour is about this one. */
function share(pixels: Uint8Array, [r, g, b]: readonly [number, number, number]): number {
  let found = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const far = Math.abs(pixels[at]! - r) + Math.abs(pixels[at + 1]! - g) + Math.abs(pixels[at + 2]! - b);
    if (far < 12) found++;
  }
  return 4 * found / pixels.length;
}

describe("a PNG", () => {
  it("is the picture at twice its size, with lines, dots and text on white", async () => {
    const svg = drawPicture(await plain(), LINEAR);
    const { width, height, pixels } = decoded((await openPngWriter())(svg));
    const [, w, h] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
    expect([width, height]).toEqual([2 * w!, 2 * h!]);
    expect(share(pixels, [255, 255, 255])).toBeGreaterThan(0.7);
    expect(share(pixels, [0xd5, 0x5e, 0x00])).toBeGreaterThan(0.001);
    expect(share(pixels, [0x00, 0x72, 0xb2])).toBeGreaterThan(0.0001);
    // The title, the only thing of that colour in its rows.
    const title = pixels.subarray(4 * width * 20, 4 * width * 60);
    expect(share(title, [0x1b, 0x1e, 0x23])).toBeGreaterThan(0.005);
    // Nothing shines through.
    expect(pixels.every((value, at) => at % 4 !== 3 || value === 255)).toBe(true);
  });

  it("is smaller where the picture is large, and below 2 MB", async () => {
    const svg = drawPicture(await deep(120, 64, 500), LINEAR);
    const png = (await openPngWriter())(svg);
    const { width, height } = decoded(png);
    expect(width * height).toBeLessThan(4_600_000);
    expect(png.length).toBeLessThan(2e6);
  });

  it("is made of any names", async () => {
    expect((await openPngWriter())(drawPicture(await odd(), { scale: "log" })).length).toBeGreaterThan(
      10_000,
    );
  });

  it("has the font that SVRFLOW_FONT names", async () => {
    const svg = drawPicture(await plain(), LINEAR);
    const usual = (await openPngWriter())(svg);
    vi.stubEnv(
      "SVRFLOW_FONT",
      createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf"),
    );
    const other = decoded((await openPngWriter())(svg));
    expect(other.pixels).not.toEqual(decoded(usual).pixels);
    const title = other.pixels.subarray(4 * other.width * 20, 4 * other.width * 60);
    expect(share(title, [0x1b, 0x1e, 0x23])).toBeGreaterThan(0.005);
  });

  it("is refused where resvg is missing, with what to install", async () => {
    vi.resetModules();
    vi.doMock("@resvg/resvg-wasm", () => {
      throw new Error("Cannot find package");
    });
    const { openPngWriter: open } = await import("../../src/viewer/png.ts");
    await expect(open()).rejects.toThrow(
      /^drawing a PNG: found no @resvg\/resvg-wasm, required it: npm install @resvg\/resvg-wasm; SVG needs neither/,
    );
    vi.doUnmock("@resvg/resvg-wasm");
  });

  it("is refused where that is no font, with its name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "svr-font-"));
    const path = join(folder, "none.ttf");
    vi.stubEnv("SVRFLOW_FONT", path);
    await expect(openPngWriter()).rejects.toThrow(/SVRFLOW_FONT ".*none\.ttf": ENOENT/);
    await writeFile(path, "no font");
    await expect(openPngWriter()).rejects.toThrow(
      /SVRFLOW_FONT ".*none\.ttf": found .*required a TrueType or OpenType font/,
    );
    await rm(folder, { recursive: true });
  });
});
