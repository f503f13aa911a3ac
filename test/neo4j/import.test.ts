import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import neo4j from "neo4j-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { type Exported, exportForNeo4jAdmin } from "../../src/mod.ts";
import { header, runInto, writeModel } from "../contract/sink/contract.ts";
import { fixture } from "../contract/sink/fixture.ts";
import { describeUnless } from "../shared.ts";
import { classPath, missingForServer, startServer, type TestServer } from "./server.ts";

// A server of our own: its database is written over while it stands still.
const missing = await missingForServer() ??
  (process.env["NEO4J_URI"] === undefined ? null : "needs a server of its own");

/** Ids as users have them, and as they do not. */
const MODELS = new Map([["plain", 1], ['quoted "a, b"\n🧠 `}\'', 2], ["🧠 `}'\"\n,".repeat(1000), 3]]);

describeUnless(missing, "the offline import", () => {
  let folder = "";
  let exported: Exported;
  let server: TestServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-import-"));
    const sink = await (await SINKS.parquet())(runInto(folder));
    for (const [id, seed] of MODELS) await writeModel(sink, header(id), fixture(seed));
    await sink.finish();
    exported = await exportForNeo4jAdmin(folder, { labelPrefix: "Svr" });
    server = await startServer();
    await server.kill();
    const { code, text } = await admin(server.home, exported.folder, [
      ...exported.arguments,
      "--overwrite-destination",
    ]);
    expect(text).toContain("IMPORT DONE");
    expect(code).toBe(0);
    await server.restart();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("holds every row, with the values and types of the tables", async () => {
    const driver = neo4j.driver(server.uri, neo4j.auth.basic(server.username, server.password), {
      useBigInt: true,
    });
    try {
      const ask = async (cypher: string, parameters = {}) =>
        (await driver.executeQuery(cypher, parameters, { database: "neo4j" })).records.map((record) =>
          record.toObject() as Record<string, unknown>
        );
      for (const [id, seed] of MODELS) {
        const tables = fixture(seed);
        const layers = await ask(
          "MATCH (:SvrModel {id: $id})-[:HAS_LAYER]->(l:SvrLayer) RETURN properties(l) AS p ORDER BY l.layer",
          { id },
        );
        expect(layers.map(({ p }) => p)).toEqual(
          tables.layers.map((row) => stored(row, id, ["layer_index"])),
        );
        const neurons = await ask(
          "MATCH (:SvrModel {id: $id})-[:HAS_LAYER]->()-[:HAS_NEURON]->(n:SvrSpectralNeuron) " +
            "RETURN properties(n) AS p ORDER BY n.layer, n.neuron",
          { id },
        );
        expect(neurons.map(({ p }) => p)).toEqual(
          tables.neurons.map((row) => stored(row, id, ["layer_index", "neuron"])),
        );
        for (const [table, type] of [["connections", "FEEDS"], ["edges", "CONNECTS"]] as const) {
          const found = await ask(
            `MATCH ({model: $id})-[r:${type}]->({model: $id}) RETURN properties(r) AS p`,
            { id },
          );
          const ends = ["source_layer", "target_layer", "source_neuron", "target_neuron"];
          expect(texts(found.map(({ p }) => p))).toEqual(
            texts(
              tables[table].map((row) =>
                Object.fromEntries(present(row).filter(([name]) => !ends.includes(name)))
              ),
            ),
          );
        }
      }
      expect(await ask("MATCH (m:SvrModel) RETURN count(*) AS n")).toEqual([{ n: BigInt(MODELS.size) }]);
    } finally {
      await driver.close();
    }
  });

  it("is refused where the folder stands already, and leaves nothing of a run without tables", async () => {
    await expect(exportForNeo4jAdmin(folder)).rejects.toThrow(/found that it exists/);
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    const empty = join(folder, "nothing");
    await expect(exportForNeo4jAdmin(empty)).rejects.toThrow(/found no Parquet tables/);
    expect(existsSync(empty)).toBe(false);
  });
});

type Values = Readonly<Record<string, unknown>>;

/** Without nulls, and NaN is one; integers as bigint. */
function present(row: Values): [string, unknown][] {
  return Object.entries(row).filter(([, value]) => value !== null && !Number.isNaN(value)).map((
    [name, value],
  ) => [
    name,
    INTEGERS.has(name) ? BigInt(value as number) : value,
  ]);
}

const INTEGERS = new Set(
  [
    "layer_index",
    "neuron",
    "group",
    "out_channels",
    "in_channels",
    "positions",
    "groups",
    "rank",
    "part",
    "shared_channels",
  ]
    .concat(["tested_channels", "internal_target", "internal_source"]),
);

function stored(row: Values, model: string, identity: readonly string[]): Values {
  const { layer_index, ...rest } = Object.fromEntries(present(row));
  const id = [encodeModelId(model), ...identity.map((name) => String(row[name]))].join("/");
  return { id, model, layer: layer_index, ...rest };
}

const texts = (rows: readonly unknown[]) =>
  rows.map((row) =>
    JSON.stringify(
      Object.entries(row as object).sort(),
      (_, value: unknown) =>
        typeof value === "bigint"
          ? `${value}n`
          : Object.is(value, -0)
          ? "-0"
          : typeof value === "number"
          ? String(value)
          : value,
    )
  ).sort();

async function admin(
  home: string,
  cwd: string,
  args: readonly string[],
): Promise<{ code: number | null; text: string }> {
  const path = await classPath();
  return await new Promise((resolve, reject) => {
    const child = spawn("java", [
      "-Xmx512m",
      "--add-opens=java.base/java.nio=ALL-UNNAMED",
      "-cp",
      path,
      "org.neo4j.cli.AdminTool",
      ...args,
    ], {
      cwd,
      env: { ...process.env, NEO4J_HOME: home, NEO4J_CONF: join(home, "conf") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => text += piece);
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, text }));
  });
}
