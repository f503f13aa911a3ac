/** Models of others and a language model in a real browser: 433 connections, names as they come, heads and tokens. */

import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/run.ts";
import { svr } from "../integration/svr.ts";
import { CHROMIUM } from "../support/browser.ts";
import { describeUnless, describeWithShared, shared } from "../support/shared.ts";
import { browserPage, hashOf } from "./browser-page.ts";
import { expectNoFaults } from "./faults.ts";
import { addressOf, plainServer } from "./plain-server.ts";
import { served } from "./served.ts";

const RESNET = "models/resnet_cifar_akamaster/resnet56-4bfd9763.th";
const LLAMA = "our-models/tiny-llama";

/** What stands behind `#` beside the model, and what must then be seen. */
const VIEWS = [
  ["the model", "", "text=Strongest edges drawn"],
  ["a layer", "&layer=1", "text=Connections"],
  ["a neuron", "&layer=1&neuron=2&patterns=true", "text=It writes (u)"],
  ["a connection", "CONNECTION", "text=Edges of this connection"],
  ["all models", "&view=models", "text=of 2 models"],
  ["the report", "&view=report", "text=Null control"],
  ["the console", "&view=ask&query=%40hubs", "textarea"],
] as const;

describeUnless(CHROMIUM === null ? "needs Chromium, or SVRFLOW_CHROMIUM" : null, "real models", () => {
  describeWithShared("resnet56 and tiny-llama in the browser", [RESNET, LLAMA], () => {
    const browser = browserPage();
    let [folder, out, url] = ["", "", ""];
    let server: ChildProcess;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "svr-real-"));
      out = join(folder, "run");
      await run({
        out,
        models: [{ path: shared(RESNET), id: "resnet56" }, {
          path: shared(`${LLAMA}/model.safetensors`),
          id: "tiny-llama",
        }],
      });
      [server, url] = await served([out]);
    });
    afterAll(async () => {
      server?.kill();
      await rm(folder, { recursive: true, force: true });
    });

    const rows = async (sql: string) =>
      (await (await (await DuckDBInstance.create()).connect()).runAndReadAll(sql)).getRowObjectsJson();
    const connectionsOf = (model: string) =>
      rows(
        `SELECT * FROM read_parquet('${out}/connections/model=${model}/*.parquet')
         ORDER BY significant DESC, source_layer, target_layer, part`,
      );
    const strongest = async (model: string) => {
      const [row] = await connectionsOf(model);
      return `${["source_layer", "target_layer", "part"].map((name) => String(row![name])).join("-")}`;
    };

    const opened = async (model: string, more: string, at = url) => {
      const page = await browser.open(
        `${at}${hashOf(model, more === "CONNECTION" ? `&connection=${await strongest(model)}` : more)}`,
      );
      await page.getByText(/^(Asking|Opening|Decomposing)/).first().waitFor({ state: "detached" });
      return page;
    };

    it.each(
      ["resnet56", "tiny-llama"].flatMap((model) => VIEWS.map((view) => [model, ...view] as const)),
    )(
      "%s: %s is shown whole, without a fault for people who read, hear or type",
      async (model, _, more, said) => {
        const page = await opened(model, more);
        await page.locator("main").locator(said).first().waitFor();
        await expectNoFaults(page);
      },
    );

    it("lists all 433 connections, each with its numbers, and leads to them and back", async () => {
      const page = await opened("resnet56", "");
      const connections = await rows(
        `SELECT * FROM read_parquet('${out}/connections/model=resnet56/*.parquet')
         ORDER BY source_layer, target_layer, part`,
      );
      expect(connections).toHaveLength(433);
      const listed = page.getByRole("table", { name: "Connections" }).locator("tbody tr");
      expect(await listed.count()).toBe(433);
      const last = listed.last();
      expect(await last.locator("td").nth(2).textContent()).toBe(String(connections[432]!["significant"]));
      await last.getByRole("button").click();
      const { source_layer: source, target_layer: target, part } = connections[432]!;
      expect(new URL(page.url()).hash).toContain(
        `connection=${String(source)}-${String(target)}-${String(part)}`,
      );
      await page.getByRole("region", { name: "Connection" }).waitFor();
      const link = page.url();
      const shown = await page.locator(".side").textContent();
      await page.goBack();
      await expect.poll(() => listed.count()).toBe(433);
      await browser.close();
      const again = await browser.open(link);
      await again.getByRole("region", { name: "Connection" }).waitFor();
      await expect.poll(() => again.locator(".side").textContent()).toBe(shown);
    });

    it.each(["resnet56", "tiny-llama"])(
      "%s: keys, a query, saved edges, and the same in an exported page",
      async (model) => {
        const page = await opened(model, "");
        const canvas = page.locator(".stage canvas").last();
        for (const key of ["ArrowRight", "ArrowRight", "ArrowDown"]) await canvas.press(key);
        await expect.poll(() => new URL(page.url()).hash).toMatch(/layer=1&neuron=1/);
        await page.getByRole("heading", { name: /, neuron 1$/ }).waitFor();
        await canvas.press("Escape");
        const [edges] = await rows(
          `SELECT count(*)::INTEGER AS edges FROM read_parquet('${out}/edges/model=${model}/*.parquet')`,
        );
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByText("edges as CSV").click(),
        ]);
        const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
        expect(lines.length).toBe(1 + Number(edges!["edges"]));
        await page.getByRole("navigation").getByRole("button", { name: "Ask" }).click();
        await page.locator("textarea").fill(
          `MATCH (n:SpectralNeuron) WHERE n.model = '${model}' RETURN count(*) AS neurons`,
        );
        await page.getByRole("button", { name: "Ask", exact: true }).last().click();
        const [neurons] = await rows(
          `SELECT count(*)::INTEGER AS neurons FROM read_parquet('${out}/neurons/model=${model}/*.parquet')`,
        );
        await expect.poll(async () =>
          (await page.locator("tbody td").first().textContent())!.replaceAll(",", "")
        )
          .toBe(String(neurons!["neurons"]));
        await browser.close();

        const exported = join(folder, `page-${model}`);
        expect((await svr(["view", out, "--export", exported, "--patterns", "4"])).code).toBe(0);
        const plain = await plainServer(exported);
        try {
          const shown: (string | null)[] = [];
          for (const at of [url, addressOf(plain)]) {
            const there = await opened(model, "CONNECTION", at);
            await there.getByText("Edges of this connection").waitFor();
            shown.push(await there.locator("main").textContent());
            await browser.close();
          }
          expect(shown[1]).toBe(shown[0]);
        } finally {
          plain.close();
        }
      },
    );
  });
});
