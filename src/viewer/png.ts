/** SVG as PNG, through resvg and a font, both of which are the user's to install: most pictures are SVG. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { env } from "node:process";
import { codeOf, messageOf, show } from "../model/errors.ts";

/** Pixels of the PNG per pixel of the SVG, for screens and paper of today; fewer in large pictures, whose files would be too large to send. */
const ZOOM = { most: 2, least: 1 } as const;
const PIXELS = 4_500_000;

/** Fonts where systems keep them, the first that is there is taken. */
const SYSTEM_FONTS: readonly string[] = [
  "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
  "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
  "/usr/share/fonts/TTF/DejaVuSans.ttf",
  "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
  "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
  "/System/Library/Fonts/Supplemental/Arial.ttf",
  "/System/Library/Fonts/Helvetica.ttc",
  "C:\\Windows\\Fonts\\arial.ttf",
];

/** How fonts and collections of them begin. resvg passes over anything else, and draws no text. */
const FONT_MAGIC: readonly string[] = ["\0\u0001\0\0", "true", "OTTO", "ttcf"];

/** The packages of npm that do it. */
const RESVG = "@resvg/resvg-wasm";
const FONTS = "dejavu-fonts-ttf";

/** Turns the text of an SVG into the bytes of a PNG. */
export type PngWriter = (svg: string) => Uint8Array;

let started: Promise<void> | undefined;

/**
 * Loads resvg and a font: the file that `SVRFLOW_FONT` names, else the package `dejavu-fonts-ttf`, else a font of the system.
 *
 * @throws {Error} when either is missing; says what to install
 */
export async function openPngWriter(): Promise<PngWriter> {
  const { resolve } = createRequire(import.meta.url);
  const { Resvg, initWasm } = await import("@resvg/resvg-wasm").catch((cause: unknown) => {
    throw missing(`found no ${RESVG}, required it`, RESVG, cause);
  });
  const fonts = await fontFiles(resolve);
  // A WebAssembly module is initialized once in a process.
  started ??= readFile(resolve(`${RESVG}/index_bg.wasm`)).then(initWasm);
  await started;
  return (svg) => {
    const extent = (name: string) => Number(new RegExp(`<svg [^>]*?\\b${name}="(\\d+)"`).exec(svg)?.[1]);
    const fitting = Math.sqrt(PIXELS / (extent("width") * extent("height")));
    const picture = new Resvg(svg, {
      fitTo: { mode: "zoom", value: Math.max(ZOOM.least, Math.min(ZOOM.most, fitting)) },
      font: { fontBuffers: fonts, sansSerifFamily: "DejaVu Sans", defaultFontFamily: "DejaVu Sans" },
    });
    try {
      const image = picture.render();
      try {
        return image.asPng();
      } finally {
        image.free();
      }
    } finally {
      picture.free();
    }
  };
}

async function fontFiles(resolve: (name: string) => string): Promise<Uint8Array[]> {
  const chosen = env["SVRFLOW_FONT"];
  if (chosen !== undefined && chosen !== "") {
    const bytes = await readFile(chosen).catch((cause: unknown) => {
      throw new Error(`SVRFLOW_FONT ${show(chosen)}: ${messageOf(cause)}; required a font`, { cause });
    });
    const magic = bytes.toString("latin1", 0, 4);
    if (!FONT_MAGIC.includes(magic)) {
      throw new Error(
        `SVRFLOW_FONT ${show(chosen)}: found ${
          show(magic)
        } at its start, required a TrueType or OpenType font`,
      );
    }
    return [bytes];
  }
  try {
    return await Promise.all(
      ["DejaVuSans", "DejaVuSans-Bold"].map((face) => readFile(resolve(`${FONTS}/ttf/${face}.ttf`))),
    );
  } catch (cause) {
    for (const path of SYSTEM_FONTS) {
      try {
        return [await readFile(path)];
      } catch (failure) {
        if (codeOf(failure) === undefined) throw failure;
      }
    }
    throw missing("found no font, required one (or SVRFLOW_FONT=/path/to/font.ttf)", FONTS, cause);
  }
}

function missing(what: string, name: string, cause: unknown): Error {
  // That it is not installed has been said.
  const why = /NOT_FOUND$/.test(codeOf(cause) ?? "") ? "" : ` (${messageOf(cause)})`;
  return new Error(`drawing a PNG: ${what}: npm install ${name}; SVG needs neither${why}`, { cause });
}
