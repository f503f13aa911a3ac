/** The page at the widths of screens: nothing is cut, nothing overlaps, and the room is used. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage } from "./browser-page.ts";
import { served } from "./served.ts";

/** Widths and heights of screens. */
const SCREENS = [[1280, 800], [1920, 1080], [2560, 1440], [3840, 2160]] as const;

/** What stands behind `#`. */
const VIEWS = {
  model: "model=mlp-003",
  layer: "model=mlp-003&layer=1",
  neuron: "model=mlp-003&layer=1&neuron=0&patterns=true",
  connection: "model=mlp-003&connection=0-1-0",
  models: "view=models",
  compare: "view=compare&base=mlp-000&model=mlp-003&pair=1-1",
  series: "view=series&step=1&layer=1",
  report: "view=report",
  ask: "view=ask&query=%40hubs",
};

/** What is measured of a page. */
interface Measured {
  /** Elements that are wider within than without. */
  readonly overflow: string[];
  /** Elements that go beyond the window. */
  readonly cut: string[];
  /** Texts of more than 90 characters a line. */
  readonly long: string[];
  /** Elements that begin before the one above ends. */
  readonly overlap: string[];
  /** Pixels. */
  readonly letters: number;
  readonly canvas: { readonly width: number; readonly height: number; readonly right: number } | null;
  readonly buttons: number;
  readonly side: number;
}

/** Measures: runs in the page. */
const MEASURE = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const name = (element) => element.tagName + "." + (element.getAttribute("class") ?? "");
  const box = (element) => element.getBoundingClientRect();
  const shown = (element) => element.getClientRects().length > 0;
  const scrolls = (element) =>
    element !== null &&
    ((/auto|scroll/.test(getComputedStyle(element).overflowX) && !element.matches("main, .side, .picture")) ||
      scrolls(element.parentElement));
  const line = (element) => {
    const span = element.appendChild(document.createElement("span"));
    span.style.cssText = "position:absolute;white-space:nowrap";
    span.textContent = "0".repeat(91);
    const { width } = box(span);
    span.remove();
    return width;
  };
  return {
    overflow: [document.documentElement, ...all("main, .side, .picture")]
      .filter((each) => each.scrollWidth > each.clientWidth).map(name),
    cut: all("body *").filter((each) =>
      shown(each) && each.closest(".unseen, .skip, g, option") === null && box(each).right > innerWidth + 0.5 &&
      !scrolls(each.parentElement)
    ).map(name),
    long: all("main p, main h3").filter((each) => each.clientWidth > line(each)).map(name),
    overlap: all(".picture, .side").flatMap(({ children }) => {
      const parts = [...children].filter(shown);
      return parts.slice(1).filter((each, at) => box(each).top < box(parts[at]).bottom - 0.5).map(name);
    }),
    letters: parseFloat(getComputedStyle(document.documentElement).fontSize),
    canvas: all(".stage canvas").map((each) => box(each).toJSON())[0] ?? null,
    buttons: all(".exports").map((each) => box(each).bottom)[0] ?? 0,
    side: all(".side").map((each) => box(each).left)[0] ?? innerWidth,
  };
})()`;

describeInBrowser("the page at the widths of screens", () => {
  const browser = browserPage();
  let [folder, url] = ["", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-widths-"));
    const out = join(folder, "run");
    const mlp = (epoch: string) => ({
      path: join(ROOT, `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`),
      id: `mlp-${epoch}`,
      series: "mlp",
      step: Number(epoch),
      topology: { chain: ["fc1", "fc2", "fc3"] },
    });
    await run({ out, models: [mlp("000"), mlp("003")], compare: { all: true } });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(SCREENS.map(([width, height]) => ({ width, height })))(
    "$width pixels: nothing is cut or overlaps, no line is too long to read",
    async (screen) => {
      const page = await browser.open(url);
      await page.setViewportSize(screen);
      for (const [view, hash] of Object.entries(VIEWS)) {
        await page.goto(`${url}#${hash}`);
        await page.reload();
        await page.locator("main > *").first().waitFor();
        await page.getByText(/^(Reading|Opening|Choosing|Asking|Decomposing)/).first().waitFor({
          state: "detached",
        });
        const { overflow, cut, long, overlap, letters, canvas, buttons, side } = await page.evaluate<
          Measured
        >(MEASURE);
        expect({ overflow, cut, long, overlap }, view).toEqual({
          overflow: [],
          cut: [],
          long: [],
          overlap: [],
        });
        expect(letters, view).toBeCloseTo(Math.min(20, 10 + screen.width / 320), 1);
        if (canvas === null) continue;
        // The picture has all that the panel beside it leaves.
        expect(canvas.width, view).toBeGreaterThan(0.64 * screen.width);
        expect(side - canvas.right, view).toBeLessThan(20);
        expect(canvas.height, view).toBeGreaterThan(0.6 * screen.height);
        expect(buttons, view).toBeLessThanOrEqual(screen.height);
      }
    },
  );
});
