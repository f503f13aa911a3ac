/** The page as a folder that other servers serve. */

import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage, hashOf, idWith } from "./browser-page.ts";
import { addressOf, plainServer } from "./plain-server.ts";
import { served } from "./served.ts";

describeInBrowser("an exported page", () => {
  const browser = browserPage();
  let [folder, out] = ["", ""];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-exported-"));
    out = join(folder, "run");
    const models = ["vgg16s-wd/epoch-012.f16", "mnist-mlp/epoch-010"].map((name) =>
      join(ROOT, `pipelines/models/${name}.safetensors`)
    );
    await run({ out, models });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("shows the same as the local server", async () => {
    const exported = join(folder, "page");
    expect((await svr(["view", out, "--export", exported])).code).toBe(0);
    const plain = await plainServer(exported);
    const [server, url] = await served([out]);
    try {
      const hash = hashOf(await idWith(out, "epoch-012"), "&layer=3&neuron=0");
      const shown: (string | null)[] = [];
      for (const at of [url, addressOf(plain)]) {
        const page = await browser.open(`${at}${hash}`);
        await page.getByRole("table").first().waitFor();
        shown.push(await page.locator("main").textContent());
        expect(await page.getByRole("button", { name: "Ask" }).count()).toBe(at === url ? 1 : 0);
        await browser.close();
      }
      expect(shown[0]).toContain("neuron 0");
      expect(shown[1]).toBe(shown[0]);
    } finally {
      plain.close();
      server.kill();
    }
  });

  it.each([
    ["edges of another model", async (page: string) => {
      const path = join(page, "data/index.json");
      const index = JSON.parse(await readFile(path, "utf8")) as {
        models: { id: string; tables: Record<string, string[]> }[];
      };
      const [small, large] = ["epoch-010", "epoch-012"].map((part) =>
        index.models.find(({ id }) => id.includes(part))!
      );
      small!.tables["edges"] = large!.tables["edges"]!;
      await writeFile(path, JSON.stringify({ ...index, models: [small] }));
    }, /edges, row \d+: found overlap .* required one in \[0, 1\] between neurons that the layers have/],
    ["a table that is cut", async (page: string) => {
      const tables = await readdir(join(page, "tables/neurons"), { recursive: true });
      for (const each of tables.filter((path) => path.endsWith(".parquet"))) {
        await truncate(join(page, "tables/neurons", each), 100);
      }
    }, /tables\/neurons\/\S+: \S+/],
    ["no worker", (page: string) => rm(join(page, "worker.js")), /the page's worker did not start/],
    [
      "a report that is none",
      (page: string) => writeFile(join(page, "data/report.json"), "{}"),
      /The report is not shown: .*found no models with findings/,
    ],
  ])("says what is wrong with %s", async (name, damage, says) => {
    const damaged = join(folder, name.replaceAll(" ", "-"));
    expect((await svr(["view", out, "--export", damaged])).code).toBe(0);
    await damage(damaged);
    const plain = await plainServer(damaged);
    try {
      const page = await browser.open(addressOf(plain));
      await page.getByRole("alert").filter({ hasText: says }).waitFor();
      // The browser names what it did not get.
      browser.complaints = [];
    } finally {
      plain.close();
    }
  });
});
