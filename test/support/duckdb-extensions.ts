/**
 * DuckDB's extensions for tables: in the folder `SVRFLOW_DUCKDB_EXTENSIONS`, else taken from the Python packages that carry them, by pip and
 * without running Python's code, else installed by DuckDB itself.
 */

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { arch, env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { execute } from "../../.config/checks.ts";
import { openPlace } from "../../connectors/places/open.ts";
import { openZip } from "../../connectors/sources/zip/zip.ts";
import { messageOf } from "../../src/model/errors.ts";
import { describeUnless } from "./shared.ts";

/** Iceberg's needs Avro's, so that comes before it. */
const NAMES = ["avro", "iceberg", "delta", "ducklake"] as const;

/** Programs that pip goes by. */
const PIPS = [["python3", "-m", "pip"], ["pip3"], ["pip"]] as const;

/** Where extensions lie by version and kind of machine: a newer DuckDB loads none of an older one. */
async function folderOf(): Promise<string> {
  const named = env["SVRFLOW_DUCKDB_EXTENSIONS"];
  if (named !== undefined) return named;
  const cache = fileURLToPath(new URL("../../node_modules/.cache/svrflow/duckdb", import.meta.url));
  return join(cache, `${await version()}-${platform}-${arch}`);
}

/** Of DuckDB, without its `v`. */
async function version(): Promise<string> {
  const connection = await (await DuckDBInstance.create()).connect();
  return String((await connection.runAndReadAll("SELECT version()")).getRows()[0]?.[0]).replace(/^v/, "");
}

/** A connection of a database of its own that knows Delta, Iceberg and DuckLake. @throws {Error} when it cannot be had */
export async function connectWithExtensions(): Promise<DuckDBConnection> {
  const folder = await folderOf();
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  for (const name of NAMES) {
    const path = join(folder, `${name}.duckdb_extension`);
    if (!existsSync(path)) await fetchExtension(name, path).catch(() => undefined);
    await connection.run(
      existsSync(path) ? `LOAD '${path.replaceAll("'", "''")}'` : `INSTALL ${name}; LOAD ${name};`,
    );
  }
  return connection;
}

/** Takes an extension out of its package. */
async function fetchExtension(name: string, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "svrflow-duckdb-"));
  try {
    const wanted = `duckdb-extension-${name}==${await version()}`;
    for (const [program, ...args] of PIPS) {
      const flags = [
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
      ];
      const ended = await execute(program, [...args, ...flags, "--dest", folder, wanted]).catch(() => null);
      if (ended?.code === 0) break;
    }
    const wheel = (await readdir(folder)).find((file) => file.endsWith(".whl"));
    if (wheel === undefined) return;
    const source = await openPlace(join(folder, wheel));
    try {
      const archive = await openZip(wheel, source);
      const ending = `/${name}.duckdb_extension`;
      const entry = [...archive.entries.values()].find((each) => each.name.endsWith(ending));
      if (entry === undefined) return;
      await mkdir(dirname(path), { recursive: true });
      // Whole or not at all: another process may look for it.
      const beside = `${path}.${process.pid}`;
      await writeFile(beside, await archive.read(entry));
      await rename(beside, path);
    } finally {
      await source.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A suite that needs the extensions; where they cannot be had it is skipped, and its name says why. */
export async function describeWithExtensions(
  name: string,
  body: (duckdb: DuckDBConnection) => void,
): Promise<void> {
  const found = await connectWithExtensions().catch((failure: unknown) =>
    messageOf(failure).split("\n", 1)[0] ?? ""
  );
  const missing = typeof found === "string"
    ? `needs DuckDB's extensions, or SVRFLOW_DUCKDB_EXTENSIONS: ${found}`
    : null;
  describeUnless(missing, name, () => body(found as DuckDBConnection));
}
