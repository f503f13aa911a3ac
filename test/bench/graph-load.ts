/**
 * Loads one large model into the graph server and into the embedded store, each from a process of its own, and says how fast
 * that was and what the process took: `node test/bench/graph-load.ts [neurons] [edges]`, 100,000 and 2,000,000 by default. The
 * server is that of `NEO4J_URI`, else one like the tests' with a larger page cache.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, env, execPath, resourceUsage } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SINKS } from "../../connectors/sinks/registry.ts";
import {
  batchOfRows,
  type ColumnData,
  type ColumnSchema,
  type TableBatch,
  TABLES,
} from "../../src/model/tables.ts";
import { startServer } from "../neo4j/server.ts";

/** What one load took. */
interface Measured {
  /** Writing rows into the sink, until the model is committed. */
  readonly staging: number;
  /** From then until the graph answers. */
  readonly loading: number;
  /** Largest resident set of the process, in MB. */
  readonly peak: number;
}

const LAYERS = 50;
const STORES = ["neo4j", "ladybug"] as const;
const LABELS = { neo4j: "graph server, by its driver", ladybug: "embedded store" } as const;

const [store, neuronsText = "100000", edgesText = "2000000"] = STORES.some((each) => each === argv[2])
  ? argv.slice(2)
  : ["", ...argv.slice(2)];
const [neurons, edges] = [Number(neuronsText), Number(edgesText)];

if (store === "neo4j" || store === "ladybug") console.log(JSON.stringify(await load(store)));
else await compare();

async function compare(): Promise<void> {
  const server = env["NEO4J_URI"] === undefined
    ? await startServer({ "server.memory.pagecache.size": "512m" })
    : null;
  const access = server === null
    ? {}
    : { NEO4J_URI: server.uri, NEO4J_USERNAME: server.username, NEO4J_PASSWORD: server.password };
  try {
    console.log(`${neurons} neurons, ${edges} edges`);
    console.log("store                          staging   loading     edges/s   peak RSS of the client");
    for (const each of STORES) {
      const { stdout } = await promisify(execFile)(execPath, [
        fileURLToPath(import.meta.url),
        each,
        neuronsText,
        edgesText,
      ], { env: { ...env, ...access } });
      const { staging, loading, peak } = JSON.parse(stdout) as Measured;
      console.log(
        [
          LABELS[each].padEnd(28),
          `${staging.toFixed(1)} s`.padStart(9),
          `${loading.toFixed(1)} s`.padStart(9),
          `${Math.round(edges / loading)}`.padStart(11),
          `${peak.toFixed(0)} MB`.padStart(10),
        ].join(" "),
      );
    }
  } finally {
    await server?.stop();
  }
}

async function load(name: typeof STORES[number]): Promise<Measured> {
  const out = await mkdtemp(join(tmpdir(), "svrflow-bench-"));
  try {
    const start = performance.now();
    const sink = await (await SINKS[name]())({ runId: "bench", version: "0.0.0", out });
    const model = await sink.begin({ id: "bench", uri: "bench", format: "synthetic", key: "0".repeat(64) });
    const width = neurons / LAYERS;
    for (let layer = 0; layer + 1 < LAYERS; layer++) {
      const first = Math.round(edges * layer / (LAYERS - 1));
      const rows = Math.round(edges * (layer + 1) / (LAYERS - 1)) - first;
      await model.write(
        "edges",
        columnsOf(TABLES.edges, rows, {
          source_layer: () => layer,
          target_layer: () => layer + 1,
          source_neuron: (row) => row % width,
          // No pair twice.
          target_neuron: (row) => (7 * row + Math.floor(row / width)) % width,
        }),
      );
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
    const staged = performance.now();
    console.error("staged", resourceUsage().maxRSS / 1024, process.memoryUsage());
    await sink.finish();
    const done = performance.now();
    return {
      staging: (staged - start) / 1000,
      loading: (done - staged) / 1000,
      peak: resourceUsage().maxRSS / 1024,
    };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
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
