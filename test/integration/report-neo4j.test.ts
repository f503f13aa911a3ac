import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openNeo4jReader } from "../../connectors/readers/neo4j-reader.ts";
import { run, type RunReport } from "../../src/run.ts";
import { asUser, choicesFor, describeWithServer } from "../neo4j/suite.ts";
import { expectations, expectRows } from "../queries/report-queries.ts";
import { ROOT } from "./svr.ts";

/** An id that means something to Cypher. */
const HOSTILE = 'it\'s "quoted" `ticked` \\back\\ \\u0041\n}) DETACH DELETE (n //';

describeWithServer("the Cypher of a report, in Neo4j", (server) => {
  const choices = choicesFor(server);
  let out = "";
  let report: RunReport;
  beforeAll(async () => {
    asUser(server);
    out = await mkdtemp(join(tmpdir(), "svr-report-neo4j-"));
    const layers = [0, 1, 2, 3, 4].map((at) => ({ name: `l${at}'`, out: 24, in: 24 }));
    const planted = [1, 2, 3, 4].map((at) => ({
      from: `l${at - 1}'`,
      to: `l${at}'`,
      cosine: 0.95,
      gain: 20,
    }));
    const { uri, database, labelPrefix } = choices;
    ({ report } = await run({
      models: [
        ...["000", "003", "010"].map((epoch) => ({
          path: join(ROOT, `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`),
        })),
        { id: HOSTILE, synthetic: { seed: 5, layers, planted } },
      ],
      out,
      sinks: [],
      graph: "neo4j",
      nearKernel: { relative: 0.3 },
      edges: "all",
      compare: { series: true },
      neo4j: { uri, database, labelPrefix },
    }));
  }, 300_000);
  afterAll(() => rm(out, { recursive: true, force: true }));

  it("gives the numbers beside it, under the labels of the run", async () => {
    const all = [...report.models.map(({ id, findings }) => ({ title: id, findings })), ...report.compared]
      .flatMap(({ title, findings }) => findings.flatMap((found) => expectations(title, found)));
    expect(all.length).toBeGreaterThan(8);
    for (const kind of ["kinship", "intruders", "changed-layers", "tracks"]) {
      expect(all.some(({ where }) => where.endsWith(kind)), kind).toBe(true);
    }
    expect(all.every(({ language, text }) => language === "cypher" && text.includes(choices.labelPrefix)))
      .toBe(true);
    const reader = await openNeo4jReader(choices);
    try {
      for (const expectation of all) {
        const { columns, rows } = await reader.query(expectation.text);
        expect(columns).toEqual(expectation.columns);
        expectRows(rows, expectation);
      }
    } finally {
      await reader.close();
    }
  });
});
