/** What is selected in the page, in a real browser: what a click leads to, what is not there, what is left behind. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage, hashOf } from "./browser-page.ts";
import { served } from "./served.ts";

describeInBrowser("what is selected", () => {
  const browser = browserPage();
  let [folder, url] = ["", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-selection-"));
    const out = join(folder, "run");
    const models = ["003", "010"].map((epoch) => ({
      path: join(ROOT, `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`),
      id: `mlp-${epoch}`,
      topology: { chain: ["fc1", "fc2", "fc3"] },
    }));
    await run({ out, models, graph: "none" });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const opened = async (more: string) => await browser.open(`${url}${hashOf("mlp-003", more)}`);

  it.each([
    ["&connection=0-7-0", "There is no connection from layer 0 to layer 7, part 0, in this model."],
    ["&layer=99", "There is no layer 99 in this model."],
    ["&layer=1&neuron=9999", "There is no neuron 9999 in layer 1 of this model."],
  ])("is said not to be there: %s", async (more, said) => {
    const page = await opened(more);
    await page.getByRole("alert").getByText(said).waitFor();
    await page.getByRole("button", { name: "Let go of the selection" }).click();
    await expect.poll(() => page.getByRole("alert").count()).toBe(0);
  });

  it("is let go once: what changes nothing is no step to go back", async () => {
    const page = await opened("&layer=1&neuron=1");
    const canvas = page.locator(".stage canvas");
    const steps = () => page.evaluate("history.length");
    const before = Number(await steps());
    for (const key of ["Escape", "Escape", "Escape"]) await canvas.press(key);
    expect(await steps()).toBe(before + 1);
    await page.goBack();
    await page.getByRole("heading", { name: "fc2, neuron 1" }).waitFor();
  });

  it("is no neuron of another model when the report leads to one", async () => {
    const page = await opened("&layer=1&neuron=1");
    await page.getByRole("navigation").getByRole("button", { name: "Report" }).click();
    await page.getByRole("button", { name: "mlp-010", exact: true }).click();
    await page.getByText("Strongest edges drawn").waitFor();
    expect(new URL(page.url()).hash).toMatch(/model=mlp-010/);
    expect(new URL(page.url()).hash).not.toMatch(/layer|neuron/);
  });

  it("stays when another button of the mouse is pressed, or the system takes the pointer", async () => {
    const page = await opened("&layer=1&neuron=1");
    const canvas = page.locator(".stage canvas");
    await canvas.click({ button: "right", position: { x: 300, y: 200 } });
    await page.getByRole("heading", { name: "fc2, neuron 1" }).waitFor();
    await page.getByRole("button", { name: "Zoom in" }).click();
    // The picture of neuron 0 of the first layer moves with a drag, and only with one.
    const picture = () => page.evaluate<string>(`document.querySelector(".stage canvas").toDataURL()`);
    const frames = () =>
      page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))",
      );
    await frames();
    const before = await picture();
    await canvas.dispatchEvent("pointerdown", { button: 0, pointerId: 1, clientX: 300, clientY: 300 });
    await canvas.dispatchEvent("pointercancel", { pointerId: 1 });
    await canvas.dispatchEvent("pointermove", { pointerId: 1, clientX: 380, clientY: 360 });
    await frames();
    expect(await picture()).toBe(before);
    // `setPointerCapture` knows no pointer that a test made up.
    browser.complaints = browser.complaints.filter((each) => !each.includes("setPointerCapture"));
  });
});
