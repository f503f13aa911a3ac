/** The Cypher of a chain, as it is printed: in the embedded store, in Neo4j and on the command line, for whatever a model is called. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openNeo4jReader } from "../../connectors/sinks/neo4j-reader.ts";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { chainQuery, chainSumQuery } from "../../src/analysis/chain-query.ts";
import { measureModel } from "../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openWorkshop } from "../../src/cli/workshop.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import {
  askQuery,
  type Chain,
  compileWeight,
  type GraphReader,
  openLadybugReader,
  queryOf,
  run,
} from "../../src/mod.ts";
import { svr } from "../integration/svr.ts";
import { asUser, choicesFor, describeWithServer } from "../neo4j/suite.ts";

/** Names that mean something to Cypher, to a header or to a label's prefix. */
const NAMES = [
  "plain/model",
  `it's "quoted" \`ticked\` \\back\\ \\users \\u0041 \\\\u`,
  "' OR 1 = 1 //\n// @param x  integer = 1  no\n\tRETURN 1;",
  "a:Layer :Model:SpectralNeuron $model {x} }) DETACH DELETE n //",
  "emoji 🧠👩‍🔬 Ünïcödé\r\n \u0001\u001b[31m\u2028",
  "```\n🧠 `}'\"\\".repeat(300),
];

const ALPHA = 0.01;

/** A chain of four edges through five layers. */
const SPEC = {
  seed: 4,
  layers: ["a", "b", "c", "d", "e"].map((name) => ({ name, out: 24, in: 24 })),
  connections: [["a", "b"], ["b", "c"], ["c", "d"], ["a", "d"], ["d", "e"]].map(([from, to]) => ({
    ...{ from: from!, to: to! },
  })),
  planted: [{ from: "a", to: "e", cosine: 0.8, gain: 12 }],
};

let folder = "";
let chain: Chain;
const models = (names = NAMES) =>
  names.map((id, at) => ({ id, synthetic: { ...SPEC, seed: SPEC.seed + (at === 0 ? 0 : 1) } }));

/** The chain of the second and later models. */
async function chainOf(seed: number): Promise<Chain> {
  const workshop = await openWorkshop({ kernel: "reference" });
  const { measures } = await firstValueFrom(spectralGraph(openSynthetic({ ...SPEC, seed }, "model"), {
    unfolding: "svr",
    test: {
      null: "beta",
      logAlpha: Math.log(ALPHA),
      correction: "bh",
      over: "connection",
      edges: "significant",
      measure: measureOverlap,
      nearKernel: 0.1,
    },
    weight: compileWeight("overlap"),
    measureModel,
    dominant: 1,
    workshop,
    sinks: [],
    header: { id: "model", uri: "", format: "synthetic", key: "" },
    nearKernel: 0.1,
  }));
  await workshop.dispose();
  return measures.chains[0]!;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-chain-"));
  chain = await chainOf(SPEC.seed + 1);
  await run({ models: models(), out: folder, alpha: ALPHA, kernel: "reference", sinks: [] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const expected = () =>
  chain.edges.map((edge, at) => [
    ...[at + 1, edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron, edge.part],
    ...[edge.overlap, edge.logP],
  ]);

function close(found: readonly (readonly unknown[])[]) {
  expect(found).toHaveLength(expected().length);
  expected().forEach((row, at) =>
    row.forEach((value, column) => {
      expect(Number(found[at]![column]), `row ${at}, column ${column}`).toBeCloseTo(value, 8);
    })
  );
}

/** What the texts answer, for every model but the first, whose chain is another one. */
async function answers(
  ask: (text: string) => Promise<readonly (readonly unknown[])[]>,
  names: readonly string[] = NAMES,
) {
  expect(chain.edges.length).toBeGreaterThanOrEqual(4);
  expect(chain.logP).toBeLessThan(Math.log(ALPHA));
  const sum = chain.edges.reduce((total, { logP }) => total + logP, 0);
  for (const id of names.slice(1)) {
    close(await ask(chainQuery(chain, id)));
    const [row] = await ask(chainSumQuery(chain, id));
    expect(Number(row![0])).toBe(chain.edges.length);
    expect(Number(row![1])).toBeCloseTo(sum, 8);
  }
  // The texts speak of one model only.
  const [first] = await ask(chainSumQuery(chain, NAMES[0]!));
  expect(Number(first![1])).not.toBeCloseTo(sum, 3);
  expect(await ask(chainQuery(chain, "none such"))).toEqual([]);
}

describe("the Cypher of a chain", () => {
  let graph: GraphReader;
  beforeAll(async () => {
    graph = await openLadybugReader(join(folder, "graph.lbug"));
  });
  afterAll(() => graph.close());

  it("answers its edges in order, and their sum, in the embedded store", async () => {
    await answers(async (text) => (await graph.query(text)).rows);
  });

  it("is a query with a header, whose answer is the same", async () => {
    await answers(async (text) => (await askQuery(graph, queryOf("chain", text))).rows);
  });

  it("stands on lines of its own: nothing of a model's id begins one", () => {
    for (const id of NAMES) {
      for (const text of [chainQuery(chain, id), chainSumQuery(chain, id)]) {
        for (const line of text.split("\n")) {
          expect(line).toMatch(/^(\/\/ (The|@column) |UNWIND |MATCH |RETURN |ORDER | {6})/);
        }
      }
    }
  });

  it("runs as printed by svr query, as an argument and from a file", async () => {
    for (const id of NAMES.slice(1, 4)) {
      const text = chainQuery(chain, id);
      const file = join(folder, "chain.cypher");
      await writeFile(file, text);
      const asked = ["query", "--out", folder, "--format", "json"];
      for (const how of [[text], ["--file", file]]) {
        const { code, stdout, stderr } = await svr([...asked, ...how]);
        expect([code, stderr]).toEqual([0, ""]);
        const rows = JSON.parse(stdout) as Record<string, unknown>[];
        close(rows.map((row) => Object.values(row)));
      }
    }
  });
});

describeWithServer("the Cypher of a chain in Neo4j", (server) => {
  it("answers the same, under labels with a prefix", async () => {
    asUser(server);
    // Each load of a model is several transactions: those names are enough that the store or a prefix could misread.
    const names = [NAMES[0]!, NAMES[1]!, NAMES[3]!];
    const choices = choicesFor(server);
    const { uri, database, labelPrefix } = choices;
    await run({
      models: models(names),
      out: join(folder, "server"),
      ...{ alpha: ALPHA, kernel: "reference", sinks: [], graph: "neo4j" },
      neo4j: { uri: uri!, database: database!, labelPrefix },
    });
    const graph = await openNeo4jReader(choices);
    try {
      await answers(async (text) => (await askQuery(graph, queryOf("chain", text))).rows, names);
    } finally {
      await graph.close();
    }
  }, 300_000);
});
