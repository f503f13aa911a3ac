/** Pictures of the page for `docs/view.md`: `node test/browser/pictures.ts <run> [names]` draws them from the demo's run with `--compare all`. */

import { mkdir } from "node:fs/promises";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { openBrowser } from "../support/browser.ts";
import { served } from "./served.ts";

const FOLDER = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));

/** Views by the names of their pictures, and what stands behind `#`. */
const SHOWN: Readonly<Record<string, string>> = {
  view: "model=vgg16s-wd&layer=7&neuron=0",
  layer: "model=vgg16s-wd&layer=7",
  patterns: "model=vgg16s-wd&layer=0&neuron=0&patterns=true",
  connection: "model=vgg16s-wd&connection=10-11-0",
  compare: "view=compare&base=mnist-mlp%2Fepoch-000&model=mnist-mlp%2Fepoch-010&pair=1-1",
  series: "view=series&step=2&layer=1",
  models: "view=models",
  report: "view=report",
  sql: "view=ask&language=sql&query=%40strongest-edges&model=vgg16s-wd",
  ask: "view=ask&query=%40hubs&model=vgg16s-wd",
};

const [server, url] = await served([argv[2] ?? "svr-out"]);
const browser = await openBrowser();
await mkdir(FOLDER, { recursive: true });
for (const colorScheme of ["light", "dark"] as const) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 680 }, colorScheme });
  for (const [name, hash] of Object.entries(SHOWN)) {
    if (argv.length > 3 && !argv.includes(name)) continue;
    await page.goto(`${url}#${hash}`);
    await page.reload();
    await page.locator("main").waitFor();
    await page.getByText(/^(Reading|Opening|Choosing|Asking|Comparing|Decomposing)/).first().waitFor({
      state: "detached",
    });
    if (name === "models") await page.locator(".sparkline").first().waitFor();
    if (name === "ask" || name === "sql") {
      await page.getByRole("button", { name: "Ask", exact: true }).last().click();
      await page.locator("tbody").waitFor();
    }
    await page.screenshot({ path: `${FOLDER}${name}-${colorScheme}.png` });
  }
}
await browser.close();
server.kill();
