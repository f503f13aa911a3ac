/** Edges by WebGL2 in a real browser: the picture that the canvas draws, more edges than the canvas takes, a context that is lost. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage, hashOf } from "./browser-page.ts";
import { served } from "./served.ts";

/** A point of the picture: its colours within one pixel, as red, green and blue. */
type Around = readonly (readonly [number, number, number])[];

describeInBrowser("edges by WebGL2", () => {
  const browser = browserPage();
  let [folder, url] = ["", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-webgl-"));
    const out = join(folder, "run");
    const layers = ["a", "b", "c", "d"].map((name) => ({ name, out: 256, in: 256 }));
    await run({
      out,
      models: [
        { path: join(ROOT, "pipelines/models/vgg16s-wd/epoch-012.f16.safetensors"), id: "vgg" },
        { id: "many", synthetic: { seed: 1, layers } },
      ],
      edges: { top: 34_000 },
      graph: "none",
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  async function opened(model: string, more: string): Promise<Page> {
    const page = await browser.open(`${url}${hashOf(model, more)}`);
    await page.getByText(/edges that pass are drawn/).waitFor();
    return page;
  }

  /** Waits for two frames: the first draws, the second begins after it. */
  const painted = (page: Page) =>
    page.evaluate(
      "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))",
    );

  /** The colours around points of the picture. */
  async function colours(page: Page, points: readonly (readonly [number, number])[]): Promise<Around[]> {
    await painted(page);
    return await page.evaluate<Around[]>(`(() => {
      const context = document.querySelector(".stage canvas").getContext("2d");
      return ${JSON.stringify(points)}.map(([x, y]) => {
        const { data } = context.getImageData(Math.round(x) - 1, Math.round(y) - 1, 3, 3);
        return Array.from({ length: 9 }, (_, at) => [...data.slice(4 * at, 4 * at + 3)]);
      });
    })()`);
  }

  /** The middle of every edge that the picture as SVG has, and the strokes' opacity. */
  async function middles(page: Page): Promise<{ x: number; y: number; opacity: number }[]> {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByText("picture as SVG").click(),
    ]);
    const svg = await readFile(await download.path(), "utf8");
    return [...svg.matchAll(/<path d="([^"]+)"[^>]*opacity="([^"]+)"/g)].flatMap(([, d, opacity]) =>
      [...d!.matchAll(/M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)/g)].map(([, x, y, toX, toY]) => ({
        x: (Number(x) + Number(toX)) / 2,
        y: (Number(y) + Number(toY)) / 2,
        opacity: Number(opacity),
      }))
    );
  }

  /** The darkest within a pixel: where the line runs, whichever pixel it falls on. */
  const darkest = (around: Around) =>
    around.reduce((least, each) =>
      each[0] + each[1] + each[2] < least[0] + least[1] + least[2] ? each : least
    );

  const mean = ([red, green, blue]: readonly [number, number, number]) => (red + green + blue) / 3;

  it("have the colours that the canvas gives them, at the middle of each", async () => {
    const canvas = await opened("vgg", "&drawer=canvas");
    const all = await middles(canvas);
    const drawn = Number(
      /^([\d,]+) of/.exec((await canvas.locator(".said").textContent())!)![1]!.replaceAll(",", ""),
    );
    expect(all).toHaveLength(drawn);
    expect(drawn).toBeGreaterThan(100);
    const points = all.map(({ x, y }) => [x, y] as const);
    const byCanvas = await colours(canvas, points);
    await browser.close();
    const gl = await opened("vgg", "&drawer=webgl");
    await gl.getByText(/^Drawn by WebGL2: /).waitFor();
    const byGl = await colours(gl, points);
    const distance = (one: readonly number[], other: readonly number[]) =>
      Math.max(...one.map((level, at) => Math.abs(level - other[at]!)));
    // A line without antialiasing is darker or paler by part of a pixel, never of another colour.
    const distances = points.map((_, at) => distance(darkest(byCanvas[at]!), darkest(byGl[at]!)));
    expect(distances.filter((each) => each <= 40).length).toBeGreaterThan(0.97 * points.length);
    // The picture is not blank: strong edges are dark in both.
    const strong = all.flatMap(({ opacity }, at) => opacity > 0.7 ? [at] : []);
    expect(strong.length).toBeGreaterThan(0);
    for (const at of strong) expect(mean(darkest(byGl[at]!))).toBeLessThan(120);
    const blank = await colours(gl, [[2, 200]]);
    expect(darkest(blank[0]!)).toEqual([255, 255, 255]);
  });

  it("are drawn and picked where there are 100,000 of them, by software only where it is chosen", async () => {
    const page = await opened("many", "&edges=1000000");
    await page.getByText(/^102,000 of 102,000 edges/).waitFor();
    await page.getByText(/^Drawn by the canvas: WebGL2 is without a graphics card here/).waitFor();
    await page.locator("select[name=drawer]").selectOption("webgl");
    await page.getByText(/^Drawn by WebGL2: /).waitFor();
    expect(new URL(page.url()).hash).toContain("drawer=webgl");
    // Between two layers of so many edges no place is blank.
    const box = (await page.locator(".stage canvas").boundingBox())!;
    const grid = Array.from({ length: 50 }, (_, at) => [50 + at * 12, box.height / 2] as const);
    const found = await colours(page, grid);
    expect(found.filter((around) => mean(darkest(around)) < 240).length).toBeGreaterThan(45);
    await page.locator(".stage canvas").click({ position: { x: 36, y: 24 } });
    await page.getByRole("heading", { name: "a, neuron 0" }).waitFor();
    await page.getByText("Edges of this neuron").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByText("edges as CSV").click(),
    ]);
    expect((await readFile(await download.path(), "utf8")).trim().split("\n")).toHaveLength(102_001);
  });

  it("are drawn by the canvas while the context is lost, and by WebGL2 when it is back", async () => {
    const page = await opened("vgg", "&drawer=canvas");
    const { x, y } = (await middles(page)).sort((a, b) => b.opacity - a.opacity)[0]!;
    // Keeps what the page opens, to take it away as a driver does.
    await page.evaluate(`(() => {
      const { getContext } = HTMLCanvasElement.prototype;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        const context = getContext.call(this, kind, ...rest);
        if (kind === "webgl2") globalThis.taken = context.getExtension("WEBGL_lose_context");
        return context;
      };
    })()`);
    await page.locator("select[name=drawer]").selectOption("webgl");
    await page.getByText(/^Drawn by WebGL2: /).waitFor();
    const before = await colours(page, [[x, y]]);
    await page.evaluate("taken.loseContext()");
    await page.getByText(/the graphics card has let go of the page/).waitFor();
    expect(mean(darkest((await colours(page, [[x, y]]))[0]!))).toBeLessThan(120);
    await page.evaluate("taken.restoreContext()");
    await page.getByText(/^Drawn by WebGL2: /).waitFor();
    expect(await colours(page, [[x, y]])).toEqual(before);
  });

  it("are drawn by the canvas where there is no WebGL2, and the page says so", async () => {
    const page = await opened("vgg", "&drawer=canvas");
    await page.evaluate(`(() => {
      const { getContext } = HTMLCanvasElement.prototype;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind === "webgl2" ? null : getContext.call(this, kind, ...rest);
      };
    })()`);
    await page.locator("select[name=drawer]").selectOption("webgl");
    await page.getByText("Drawn by the canvas: this browser has no WebGL2 here.").waitFor();
    const { x, y } = (await middles(page)).sort((a, b) => b.opacity - a.opacity)[0]!;
    expect(mean(darkest((await colours(page, [[x, y]]))[0]!))).toBeLessThan(120);
  });
});
