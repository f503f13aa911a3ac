import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { type GraphReader, openLadybugReader } from "../../src/mod.ts";
import { naturalOrder } from "../../src/model/natural-order.ts";
import { askQuery, loadQuery, run, type RunRecord } from "../../src/run.ts";

/** Names that mean something to Cypher, SQL, a shell, a path, a terminal or JSON. */
const NAMES = [
  `it's "quoted" \`ticked\` \\back\\`,
  "}) DETACH DELETE n //",
  "' OR 1 = 1 --",
  "line\nbreak\r\ntab\t\u001b[31mred",
  "emoji 🧠👩‍🔬 Ünïcödé \u202etrick",
  "../../escape/$HOME;*?",
  "__proto__",
  "%2F%00",
  "🧠 `}'\"\n".repeat(1000),
  "x".repeat(10_240),
];

let folder = "";
let out = "";
let record: RunRecord;
let graph: GraphReader;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-hostile-"));
  out = join(folder, "a 'quoted' out {x}");
  const layers = NAMES.map((name) => ({ name, out: 4, in: 4 }));
  const models = NAMES.map((id, at) => ({ id, synthetic: { seed: at + 1, layers } }));
  record = (await run({ models, out, edges: "all" })).record;
  graph = await openLadybugReader(join(out, "graph.lbug"));
});
afterAll(async () => {
  await graph.close();
  await rm(folder, { recursive: true, force: true });
});

const texts = (rows: readonly (readonly unknown[])[]) => rows.map(([text]) => text);

describe("names that mean something elsewhere", () => {
  it("come back from the graph unchanged, as models, layers and neurons", async () => {
    const byCode = [...NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(texts((await graph.query("MATCH (m:Model) RETURN m.id AS id ORDER BY id")).rows)).toEqual(byCode);
    expect(
      texts(
        (await graph.query("MATCH (n:SpectralNeuron) RETURN DISTINCT n.model AS model ORDER BY model")).rows,
      ),
    )
      .toEqual(byCode);
    const layers = await graph.query("MATCH (l:Layer {model: $model}) RETURN l.name ORDER BY l.layer", {
      model: NAMES[8],
    });
    expect(texts(layers.rows)).toEqual(NAMES);
  });

  it("can be asked for as parameters, one by one and as a list", async () => {
    for (const name of NAMES) {
      const { rows } = await graph.query(
        "MATCH (m:Model {id: $name})-[:HAS_LAYER]->(l:Layer {name: $name})-[:HAS_NEURON]->(n) RETURN count(*), $name",
        { name },
      );
      expect(rows).toEqual([[4, name]]);
      const near = await askQuery(graph, await loadQuery("neighbourhood"), {
        model: name,
        layer: name,
        neuron: 0,
      });
      expect(near.rows.length).toBeGreaterThanOrEqual(4);
    }
    const { rows } = await graph.query("MATCH (m:Model) WHERE m.id IN $names RETURN count(*)", {
      names: [...NAMES, "no"],
    });
    expect(rows).toEqual([[NAMES.length]]);
  });

  it("come back from the tables: from paths where they are whole, and from each file", async () => {
    const duckdb = await (await DuckDBInstance.create()).connect();
    const glob = join(out, "layers", "*", "*.parquet");
    const answer = await duckdb.runAndReadAll(
      "SELECT model, list(name ORDER BY layer_index) FROM read_parquet($glob, hive_partitioning = true, " +
        "hive_types = {'model': VARCHAR}) GROUP BY model",
      { glob },
    );
    const found = new Map(answer.getRowsJS().map(([model, names]) => [String(model), names]));
    expect(found.size).toBe(NAMES.length);
    for (const name of NAMES) expect(found.get(decodeURIComponent(encodeModelId(name)))).toEqual(NAMES);
    const metadata = await duckdb.runAndReadAll(
      "SELECT decode(value) FROM parquet_kv_metadata($glob) WHERE decode(key) = 'svrflow.model'",
      { glob },
    );
    expect(texts(metadata.getRowsJS()).sort()).toEqual([...NAMES].sort());
    for (const name of NAMES) {
      const place = join(out, "arrow", "layers", `model=${encodeModelId(name)}`);
      const [file = ""] = await readdir(place);
      const table = tableFromIPC(await readFile(join(place, file)));
      expect(table.schema.metadata.get("svrflow.model")).toBe(name);
      expect([...table.getChild("name") ?? []]).toEqual(NAMES);
    }
  });

  it("stand whole in run.json, and cannot move a line of the report", async () => {
    const written = JSON.parse(await readFile(join(out, "run.json"), "utf8")) as RunRecord;
    expect(written.models.map(({ id }) => id)).toEqual([...NAMES].sort(naturalOrder));
    expect(record.counts.done).toBe(NAMES.length);
    expect(await readFile(join(out, "report.md"), "utf8")).not.toMatch(/[\p{Cf}\t]|[^\P{Cc}\n]/u);
    expect(await readdir(folder)).toEqual(["a 'quoted' out {x}"]);
    expect((await readdir(out)).sort()).toEqual([
      ...[
        ".cache",
        ".state",
        "README.md",
        "_manifest.json",
        "arrow",
        "connections",
        "edges",
        "graph.lbug",
        "layers",
        "models",
        "neurons",
        "report.html",
        "report.json",
        "report.md",
        "run.json",
      ],
    ]);
  });
});
