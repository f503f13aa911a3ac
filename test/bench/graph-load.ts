/**
 * Loads one large model into the graph server and into the embedded store, each from a process of its own, and says how fast
 * that was and what the process took: `node test/bench/graph-load.ts [neurons] [edges]`, 100,000 and 2,000,000 by default.
 * Beside them: the server's offline import of the same model, and a bare loop over the driver that sends edges of the same size
 * and does nothing else. The server is like the tests', with a heap of 2 GB and a page cache of 512 MB, and is not fresh from its
 * start: it has loaded a tenth of the rows before, in the same way. The client's heap is bounded, and it is started as `svr` is.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, env, execPath, resourceUsage } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import neo4j from "neo4j-driver";
import { SINKS } from "../../connectors/sinks/registry.ts";
import {
  batchOfRows,
  type ColumnData,
  type ColumnSchema,
  type TableBatch,
  TABLES,
} from "../../src/model/tables.ts";
import { adminTool, startServer, type TestServer } from "../neo4j/server.ts";

/** What one load took. */
interface Measured {
  /** Seconds of writing rows into the sink, until the model is committed. */
  readonly staging: number;
  /** Seconds from then until the graph answers. */
  readonly loading: number;
  /** Processor time of the loading process, in seconds. */
  readonly client: number;
  /** Largest resident set of the process, in MB. */
  readonly peak: number;
}

const LAYERS = 50;
const LABELS = {
  neo4j: "graph server, by its driver",
  import: "graph server, offline",
  ladybug: "embedded store",
  bare: "bare loop over the driver",
} as const;
type Way = keyof typeof LABELS;
const isWay = (text: string | undefined): text is Way => text !== undefined && text in LABELS;

/** Where a machine has much memory, V8 lets garbage lie until it has taken its share of that: so its heap has a bound here. */
const HEAP = "--max-old-space-size=192";

/** What the launcher of `svr` sets too. */
const YOUNG = "--max-semi-space-size=4";

/** What the launcher of `svr` sets too (`.config/link-svr.mjs`). */
const LAUNCHED = { MALLOC_ARENA_MAX: "1" };

/** Rows of one transaction of the bare loop. */
const BARE_ROWS = 2500;

const [first] = argv.slice(2);
const [neuronsText = "100000", edgesText = "2000000", home = ""] = argv.slice(isWay(first) ? 3 : 2);
const [neurons, edges] = [Number(neuronsText), Number(edgesText)];
const width = neurons / LAYERS;

if (isWay(first)) console.log(JSON.stringify(await measure(first)));
else await compare();

async function compare(): Promise<void> {
  console.log(`${neurons} neurons, ${edges} edges`);
  console.log(
    "way                            staging   loading   edges/s   processor: client  server   peak RSS of the client",
  );
  for (const way of Object.keys(LABELS) as Way[]) {
    const server = way === "ladybug"
      ? null
      : await startServer({ "server.memory.pagecache.size": "512m" }, "2g");
    try {
      // What a Java server does first takes it several times as long as what it does later.
      if (way === "neo4j" || way === "bare") await apart(way, server, 10);
      if (way === "import") await server?.kill();
      const before = await server?.processorTime() ?? NaN;
      const { staging, loading, client, peak } = await apart(way, server);
      const busy = (await server?.processorTime() ?? NaN) - before;
      const seconds = (value: number) => Number.isNaN(value) ? "-" : `${value.toFixed(1)} s`;
      console.log(
        [
          LABELS[way].padEnd(28),
          seconds(staging).padStart(9),
          seconds(loading).padStart(9),
          `${Math.round(edges / loading)}`.padStart(9),
          seconds(client).padStart(17),
          seconds(busy).padStart(9),
          `${peak.toFixed(0)} MB`.padStart(10),
        ].join(" "),
      );
    } finally {
      await server?.stop();
    }
  }
}

/** In a process of its own. */
async function apart(way: Way, server: TestServer | null, part = 1): Promise<Measured> {
  const access = server === null
    ? {}
    : { NEO4J_URI: server.uri, NEO4J_USERNAME: server.username, NEO4J_PASSWORD: server.password };
  const size = [neurons, edges].map((count) => String(Math.round(count / part / LAYERS) * LAYERS));
  const args = [HEAP, YOUNG, fileURLToPath(import.meta.url), way, ...size, server?.home ?? ""];
  const { stdout } = await promisify(execFile)(execPath, args, { env: { ...LAUNCHED, ...env, ...access } });
  return JSON.parse(stdout) as Measured;
}

async function measure(way: Way): Promise<Measured> {
  const out = await mkdtemp(join(tmpdir(), "svrflow-bench-"));
  try {
    const start = performance.now();
    const finish = way === "bare" ? await bareLoop() : await stage(way, out);
    const staged = performance.now();
    await finish();
    const done = performance.now();
    const { userCPUTime, systemCPUTime, maxRSS } = resourceUsage();
    return {
      staging: (staged - start) / 1000,
      loading: (done - staged) / 1000,
      client: (userCPUTime + systemCPUTime) / 1e6,
      peak: maxRSS / 1024,
    };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/** Writes the model into a sink; what remains to be done is answered. */
async function stage(way: Exclude<Way, "bare">, out: string): Promise<() => Promise<void>> {
  const sink = await (await SINKS[way === "import" ? "parquet" : way]())({
    runId: "bench",
    version: "0.0.0",
    out,
  });
  // Of another size, another model: what has warmed the server is not replaced.
  const model = await sink.begin({
    id: `bench ${edges}`,
    uri: "bench",
    format: "synthetic",
    key: "0".repeat(64),
  });
  for (let layer = 0; layer + 1 < LAYERS; layer++) {
    await model.write("edges", columnsOf(TABLES.edges, rowsOf(layer), edgeEnds(layer)));
  }
  await model.write("layers", columnsOf(TABLES.layers, LAYERS, { layer_index: (row) => row }));
  for (let layer = 0; layer < LAYERS; layer++) {
    await model.write(
      "neurons",
      columnsOf(TABLES.neurons, width, { layer_index: () => layer, neuron: (row) => row }),
    );
  }
  await model.write("connections", batchOfRows(TABLES.connections, []));
  await model.commit();
  if (way !== "import") return () => sink.finish();
  await sink.finish();
  return async () => {
    const { exportForNeo4jAdmin } = await import("../../src/run/export.ts");
    const { folder, arguments: args } = await exportForNeo4jAdmin(out);
    const { code, text } = await adminTool(home, folder, [...args, "--overwrite-destination"]);
    if (code !== 0) throw new Error(`the import ended with ${code}: ${text.slice(-2000)}`);
  };
}

/** Edges of the same size between bare nodes, one transaction after another. */
async function bareLoop(): Promise<() => Promise<void>> {
  const auth = neo4j.auth.basic(env["NEO4J_USERNAME"] ?? "", env["NEO4J_PASSWORD"] ?? "");
  const driver = neo4j.driver(env["NEO4J_URI"] ?? "", auth, { disableLosslessIntegers: true });
  const { records } = await driver.executeQuery(
    "UNWIND range(1, $neurons) AS n CREATE (b:Bare {n: n}) RETURN id(b) AS id",
    { neurons: neo4j.int(neurons) },
  );
  const ids = records.map((record) => neo4j.int(Number(record.get("id"))));
  const names = TABLES.edges.slice(4).map(({ name }) => name);
  const cypher = "UNWIND $rows AS row MATCH (a) WHERE id(a) = row[0] MATCH (b) WHERE id(b) = row[1] " +
    `CREATE (a)-[:CONNECTS {${names.map((name, at) => `${name}: row[${at + 2}]`).join(", ")}}]->(b)`;
  return async () => {
    const session = driver.session();
    for (let layer = 0; layer + 1 < LAYERS; layer++) {
      const { source_neuron: source, target_neuron: target } = edgeEnds(layer);
      for (let at = 0; at < rowsOf(layer); at += BARE_ROWS) {
        const rows = Array.from({ length: Math.min(BARE_ROWS, rowsOf(layer) - at) }, (_, i) => [
          ids[layer * width + source(at + i)],
          ids[(layer + 1) * width + target(at + i)],
          ...names.map((name, column) => name === "significant" ? i % 2 === 0 : i / (column + 3)),
        ]);
        await session.executeWrite((tx) => tx.run(cypher, { rows }));
      }
    }
    await session.close();
    await driver.close();
  };
}

/** Edges that leave a layer. */
function rowsOf(layer: number): number {
  return Math.round(edges * (layer + 1) / (LAYERS - 1)) - Math.round(edges * layer / (LAYERS - 1));
}

function edgeEnds(layer: number) {
  return {
    source_layer: () => layer,
    target_layer: () => layer + 1,
    source_neuron: (row: number) => row % width,
    // No pair twice.
    target_neuron: (row: number) => (7 * row + Math.floor(row / width)) % width,
  };
}

/** Columns of the table; those not named hold any number. */
function columnsOf(
  schema: readonly ColumnSchema[],
  rows: number,
  named: Readonly<Record<string, (row: number) => number>>,
): TableBatch {
  const any = (row: number) => ((row * 2654435761) % 4294967296) / 4294967296;
  const columns = schema.map(({ name, type }): ColumnData => {
    const length = { length: rows };
    switch (type) {
      case "utf8":
        return { type, values: Array.from(length, (_, row) => `${name} ${row}`) };
      case "int32":
        return { type, values: Int32Array.from(length, (_, row) => named[name]?.(row) ?? 0) };
      case "int64":
        return { type, values: BigInt64Array.from(length, (_, row) => BigInt(row)) };
      case "float64":
        return { type, values: Float64Array.from(length, (_, row) => any(row)) };
      case "bool":
        return { type, values: Uint8Array.from(length, (_, row) => row % 2) };
    }
  });
  return { schema, rows, columns };
}
