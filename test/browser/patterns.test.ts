/** What neurons look like, in a real browser. */

import type { ChildProcess } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openModel } from "../../src/mod.ts";
import { run } from "../../src/run.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { browserPage, hashOf } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { addressOf, plainServer } from "./plain-server.ts";
import { served } from "./served.ts";

const HOSTILE = "<img src=x onerror=\"document.title='hacked'\">";

describeInBrowser("what neurons look like", () => {
  const browser = browserPage();
  let [folder, out, url] = ["", "", ""];
  let server: ChildProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-patterns-"));
    out = join(folder, "run");
    const decoder = join(folder, "decoder");
    await cp(join(ROOT, "pipelines/models/small-llama/base"), decoder, { recursive: true });
    const vocab = Object.fromEntries(Array.from({ length: 94 }, (_, id) => [`${HOSTILE}${id}`, id]));
    await writeFile(join(decoder, "tokenizer.json"), JSON.stringify({ model: { vocab } }));
    await cp(join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors"), join(folder, "mlp.safetensors"));
    await run({
      out,
      models: [
        { path: join(decoder, "model.safetensors"), id: "decoder" },
        { path: join(ROOT, "pipelines/models/vgg16s-wd/epoch-012.f16.safetensors"), id: "vgg" },
        { path: join(folder, "mlp.safetensors"), id: "mlp" },
      ],
    });
    [server, url] = await served([out]);
  });
  afterAll(async () => {
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const opened = async (model: string, more: string, at = url) => {
    const page = await browser.open(`${at}${hashOf(model, more)}`);
    await page.getByText(/^(Asking|Opening|Comparing its|Decomposing)/).first().waitFor({
      state: "detached",
    });
    return page;
  };

  it("is shown of the selected neuron and of the next, by a button and by a link, without a fault", async () => {
    const page = await opened("vgg", "&layer=0&neuron=0");
    await page.getByRole("button", { name: "What it looks like" }).click();
    const reads = page.getByRole("figure", { name: "It reads (v)" });
    await reads.getByRole("img").first().waitFor();
    // One picture of all three channels, and one of each.
    expect(await reads.getByRole("img").count()).toBe(4);
    expect(await reads.locator("rect").count()).toBe(4 * 9);
    expect(new URL(page.url()).hash).toContain("patterns=true");
    await expectNoFaults(page);
    await page.locator(".stage canvas").press("ArrowRight");
    await page.getByText("32 channels, the strongest 12").waitFor();
    expect(await reads.getByRole("img").count()).toBe(12);
    await page.goBack();
    await expect.poll(() => reads.getByRole("img").count()).toBe(4);
  });

  it("is what the weights say: their product with the vector that is read is in the vector that is written", async () => {
    const page = await opened("mlp", "&layer=2&neuron=1&patterns=true");
    const writes = page.getByRole("figure", { name: "It writes (u)" });
    const column = async (at: number) =>
      (await writes.locator(`tbody td:nth-child(${at})`).allTextContents()).map(Number);
    const [channels, values] = [await column(1), await column(2)];
    const weights = await openModel(join(folder, "mlp.safetensors"));
    const last = await weights.read("fc3.weight");
    await weights.close();
    const [rows, columns] = [10, last.length / 10];
    expect(channels).toHaveLength(rows);
    const u = new Float64Array(rows);
    for (const [at, channel] of channels.entries()) u[channel] = values[at]!;
    // u' W W' = s^2 u', to the four digits that the page shows.
    const product = (row: number, other: number) => {
      let sum = 0;
      for (let at = 0; at < columns; at++) sum += last[row * columns + at]! * last[other * columns + at]!;
      return sum;
    };
    const again = Float64Array.from(
      u,
      (_, row) => u.reduce((sum, x, other) => sum + x * product(row, other), 0),
    );
    const square = again.reduce((sum, x, at) => sum + x * u[at]!, 0);
    const shown = await page.locator("section").first().locator("dd").first().textContent();
    expect(Math.sqrt(square)).toBeCloseTo(Number(shown), 2);
    for (const [at, x] of again.entries()) expect(x / square).toBeCloseTo(u[at]!, 2);
  });

  it("names tokens and attention heads, and a token stays text", async () => {
    const page = await opened("decoder", "&layer=0&neuron=0&patterns=true");
    await page.getByRole("figure", { name: "It reads (v)" }).getByText("<img src=x").first().waitFor();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).not.toContain("hacked");
    await expectNoFaults(page);
    await browser.close();
    const { models } = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as {
      models: { id: string; layers: { name: string; layer_index: number }[] }[];
    };
    const { layers } = models.find(({ id }) => id === "decoder")!;
    const o = layers.find(({ name }) => name.endsWith("layers.0.self_attn.o_proj"))!.layer_index;
    const attention = await opened("decoder", `&layer=${o}&neuron=0&patterns=true`);
    const heads = attention.getByRole("table", { name: /share of the energy by attention head/ });
    await heads.first().waitFor();
    const shares = await heads.first().locator("tbody tr td:nth-child(2)").allTextContents();
    expect(shares.length).toBe(4);
    expect(shares.reduce((sum, each) => sum + Number(each.replace(" %", "")), 0)).toBeCloseTo(100, -1);
  });

  it("shows the effective filter of an edge: its squares are the edge's overlap", async () => {
    const page = await opened("vgg", "&connection=4-5-0");
    const row = page.getByRole("table", { name: "Edges of this connection" }).locator("tbody tr").first();
    const overlap = Number(await row.locator("td").nth(2).textContent());
    await row.getByRole("button", { name: /^show the effective filter/ }).click();
    const filter = page.getByRole("figure", { name: /^Effective filter from/ });
    await filter.getByText(/Its squares sum up to the overlap/).waitFor();
    expect(Number(/overlap, ([\d.]+)\.$/.exec((await filter.textContent())!)![1])).toBeCloseTo(overlap, 3);
    expect(await filter.locator("rect").count()).toBe(9);
    expect(new URL(page.url()).hash).toContain("filter=");
    await expectNoFaults(page);
  });

  it("goes along with an exported page for some neurons, and says so of the others", async () => {
    const exported = join(folder, "page");
    expect((await svr(["view", out, "--export", exported, "--patterns", "20"])).code).toBe(0);
    const plain = await plainServer(exported);
    try {
      const page = await opened("vgg", "&layer=0&neuron=0&patterns=true", addressOf(plain));
      const text = await page.getByRole("figure", { name: "It writes (u)" }).textContent();
      await browser.close();
      const other = await opened("vgg", "&layer=0&neuron=26&patterns=true", addressOf(plain));
      await other.getByRole("alert").filter({ hasText: "has the patterns of 20 neurons; svr view" })
        .waitFor();
      await browser.close();
      const local = await opened("vgg", "&layer=0&neuron=0&patterns=true");
      expect(text).toContain("32 channels");
      expect(await local.getByRole("figure", { name: "It writes (u)" }).textContent()).toBe(text);
    } finally {
      plain.close();
    }
  });

  it("can be stopped, and is refused without the token", async () => {
    const page = await browser.open(`${url}${hashOf("vgg", "&layer=1&neuron=0")}`);
    // An answer that never comes.
    await page.route("**/api/patterns", () => undefined);
    await page.getByRole("button", { name: "What it looks like" }).click();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped.").waitFor();
    await page.unroute("**/api/patterns");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("figure", { name: "It reads (v)" }).waitFor();
    await page.goto(new URL(`/${hashOf("vgg", "&layer=1&neuron=0&patterns=true")}`, url).href);
    await page.getByRole("alert").filter({ hasText: "required the address that svr view printed" }).waitFor();
    // The browser names the status of what was refused.
    browser.complaints = browser.complaints.filter((each) => !/status of 403/.test(each));
  });

  it("says where a file has changed since the run", async () => {
    await writeTampered(join(folder, "mlp.safetensors"));
    const [own, address] = await served([out]);
    try {
      const page = await opened("mlp", "&layer=2&neuron=1&patterns=true", address);
      await page.getByRole("alert").filter({
        hasText: /mlp\.safetensors has changed since, required the content/,
      })
        .waitFor();
    } finally {
      own.kill();
      browser.complaints = browser.complaints.filter((each) => !/status of 400/.test(each));
    }
  });
});

/** One number of the last tensor is another one. */
async function writeTampered(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeFloatLE(1.5, bytes.length - 4);
  await writeFile(path, bytes);
}
