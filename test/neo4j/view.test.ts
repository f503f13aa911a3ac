/** The page's questions in Cypher to a graph server. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openNeo4jReader } from "../../connectors/readers/neo4j-reader.ts";
import { graphBehind, type RunGraph } from "../../src/query/graph-of-run.ts";
import { serverChoices, withServer } from "../../src/query/server-options.ts";
import { browserPage } from "../browser/browser-page.ts";
import { expectNoFaults } from "../browser/faults.ts";
import { served } from "../browser/served.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { describeInBrowser } from "../support/browser.ts";
import { asked, asUser, describeWithServer, freshPrefix, userOf, watcher } from "./suite.ts";

describeWithServer("a page that asks a graph server", (server) => {
  const prefix = freshPrefix();
  const driver = watcher(server);
  let folder = "";
  let graph: RunGraph;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-view-server-"));
    const model = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");
    const where = ["--graph", "neo4j", "--neo4j-uri", server.uri, "--neo4j-label-prefix", prefix];
    expect(
      await svr(["run", model, "--out", join(folder, "run"), "--quiet", ...where], { env: userOf(server) }),
    )
      .toMatchObject({ code: 0 });
    asUser(server);
    const choices = serverChoices(withServer({ neo4jUri: server.uri, neo4jLabelPrefix: prefix }).neo4j);
    graph = await graphBehind(() => openNeo4jReader(choices), "neo4j");
  });
  afterAll(async () => {
    await driver.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("has the server's numbers, by a statement and by the library", async () => {
    const [found] = await asked(
      driver,
      `MATCH (:${prefix}SpectralNeuron)-[e:CONNECTS]->() RETURN count(e) AS n`,
    );
    const { rows } = await graph.ask(
      `MATCH (:${prefix}SpectralNeuron)-[e:CONNECTS]->() RETURN count(e) AS n`,
      {},
    );
    expect(rows).toEqual([[Number(found!["n"])]]);
    expect(rows[0]![0]).toBeGreaterThan(0);
    expect((await graph.ask("@models", {})).rows).toHaveLength(1);
    expect((await graph.ask("@hubs", { limit: "3" })).rows).toHaveLength(3);
  });

  it("writes nothing, and fetches nothing", async () => {
    const count = `MATCH (n:${prefix}SpectralNeuron) RETURN count(n) AS n`;
    const before = await asked(driver, count);
    for (
      const cypher of [
        `MATCH (n:${prefix}SpectralNeuron) DETACH DELETE n`,
        `MATCH (n:${prefix}SpectralNeuron) SET n.neuron = 0`,
        `CREATE (:${prefix}SpectralNeuron)`,
        "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
        "CALL dbms.listConfig() YIELD name RETURN name",
      ]
    ) await expect(graph.ask(cypher, {}), cypher).rejects.toThrow(SyntaxError);
    expect(await asked(driver, count)).toEqual(before);
  });

  it("does not begin where the server is not, and says so", async () => {
    const { code, stderr } = await svr(
      ["view", join(folder, "run"), "--no-open", "--graph", "neo4j", "--neo4j-uri", "http://localhost:1"],
      { env: userOf(server) },
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/neo4j:\/\//);
  });

  describeInBrowser("in a real browser", () => {
    const browser = browserPage();

    it("shows the server's answer, without a fault, and its refusal", async () => {
      const where = ["--graph", "neo4j", "--neo4j-uri", server.uri, "--neo4j-label-prefix", prefix];
      const [view, url] = await served([join(folder, "run"), ...where]);
      try {
        const cypher = `MATCH (n:${prefix}SpectralNeuron) RETURN count(n) AS n`;
        const [found] = await asked(driver, cypher);
        const page = await browser.open(`${url}#view=ask`);
        const ask = async (text: string) => {
          await page.getByLabel("Cypher, answered by Neo4j", { exact: true }).fill(text);
          await page.locator("form.ask").getByRole("button", { name: "Ask", exact: true }).click();
        };
        await ask(cypher);
        await page.getByText("1 row", { exact: true }).waitFor();
        expect(await page.locator("tbody td").allTextContents()).toEqual([String(found!["n"])]);
        await expectNoFaults(page);
        await ask(`CREATE (:${prefix}SpectralNeuron)`);
        await page.getByRole("alert").filter({ hasText: "only reads" }).waitFor();
        expect(await asked(driver, cypher)).toEqual([found]);
        // The answer's status is heard as a message of the browser; it is no fault of the page.
        browser.complaints = browser.complaints.filter((each) => !/status of 400/.test(each));
      } finally {
        view.kill();
      }
    });
  });
});
