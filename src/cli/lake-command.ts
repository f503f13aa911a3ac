/** `svr lake check`, `svr lake sql`, `svr lake delta`, `svr lake iceberg` and `svr lake rm`. */

import { counted } from "../model/counted.ts";
import { resolve } from "node:path";
import { env, stderr } from "node:process";
import type { Command } from "commander";
import { ConfigError } from "../../config/document.ts";
import { messageOf, show } from "../model/errors.ts";
import { printable } from "../report/text.ts";
import { VERSION } from "../version.ts";

const FORMATS = [
  ["delta", "Delta", "with a log beside the files of each"],
  ["iceberg", "Iceberg", "with metadata in _iceberg/<table>"],
] as const;

/**
 * Adds the commands.
 *
 * @param write takes what belongs on stdout
 * @param leave ends the process with a code
 */
export function addLakeCommand(
  program: Command,
  write: (text: string) => void,
  leave: (code: number) => Promise<never>,
): void {
  const lake = program.command("lake").description(
    "verify a lake of Parquet tables, print its views, make tables of it that engines know, or take models out of it",
  );
  lake.command("check")
    .description(
      "hold every file against the manifest: missing, truncated, altered, unknown files, rows; exit code 1 if any is. " +
        "Models whose source was deleted are named",
    )
    .argument("<place>", "output folder of a run, folder of a lake, or s3://bucket/prefix")
    .option("--quick", "sizes and footers only, no digests")
    .option("--json", "the findings as JSON")
    .action(async (address: string, { quick, json }: { quick?: boolean; json?: boolean }) => {
      const { checkLake } = await import("../../connectors/lake/check.ts");
      const place = await opened(address);
      const began = Date.now();
      let told = began;
      const found = await checkLake(place, {
        quick: quick === true,
        progress: (done, of) => {
          if (json === true || Date.now() - told < 2000) return;
          told = Date.now();
          stderr.write(`${done} of ${of} files\n`);
        },
      });
      if (json === true) {
        write(`${JSON.stringify({ lake: place.name, ok: found.defects.length === 0, ...found }, null, 2)}\n`);
      } else {
        for (const { kind, path, found: is, required } of found.defects) {
          write(`${printable(`${kind}: ${path}: found ${is}, required ${required}`)}\n`);
        }
        for (const { id, uri } of found.gone) {
          write(`${printable(`gone: model ${show(id)}: ${uri} is no longer there; its tables stand`)}\n`);
        }
        const { models, comparisons, files, rows, bytes, defects } = found;
        const compared = comparisons === 0 ? "" : `${counted(comparisons, "comparison")}, `;
        const how = quick === true ? "sizes and footers" : "sizes, digests and footers";
        write(
          `${counted(models, "model")}, ${compared}${counted(files, "file")}, ${counted(rows, "row")}, ${
            counted(bytes, "byte")
          } (${how}): ${counted(defects.length, "defect")}\n`,
        );
      }
      if (found.defects.length > 0) await leave(1);
    });
  lake.command("rm")
    .description(
      "remove models: their entries in the manifest, their files and their comparisons; the graph of a run's folder keeps them",
    )
    .argument("<place>", "as for check")
    .argument("<models...>", 'ids, or globs of ids such as "nightly/**"')
    .action(async (address: string, models: string[]) => {
      const { removeCommand } = await import("./lake-remove.ts");
      await removeCommand(await opened(address), models, write);
    });
  lake.command("sql")
    .description("print CREATE VIEW statements for DuckDB, one per table: svr lake sql my-run | duckdb my.db")
    .argument("<place>", "as for check")
    .option("--pinned", "the files that the manifest names now, not whatever lies in the folders later")
    .option(
      "--ducklake",
      "statements that register the files in a DuckLake instead: svr lake sql my-run --ducklake | duckdb. DuckLake's clean-up deletes files",
    )
    .action(async (address: string, { pinned, ducklake }: { pinned?: boolean; ducklake?: boolean }) => {
      const { readManifest } = await import("../../connectors/lake/manifest.ts");
      const { isBucket } = await import("../../connectors/lake/open.ts");
      const { viewStatements } = await import("../../connectors/lake/sql.ts");
      const { duckLakeStatements } = await import("../../connectors/lake/ducklake.ts");
      const place = await opened(address);
      const manifest = await readManifest(place);
      if (manifest === null) {
        throw new Error(`${place.name}: found no _manifest.json, required a lake that svr run has written`);
      }
      const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
      const region = env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"];
      const statements = ducklake === true ? duckLakeStatements : viewStatements;
      write(statements(manifest, {
        root: isBucket(address) ? place.name : resolve(address),
        pinned: pinned === true,
        ...endpoint === undefined || endpoint === "" ? {} : { endpoint },
        ...region === undefined || region === "" ? {} : { region },
      }));
    });
  for (const [format, name, where] of FORMATS) {
    lake.command(format)
      .description(
        `make ${name} tables of the lake, ${where}, or add a version to each that has changed. No row is written twice. From then on every ` +
          "run keeps them up, and no file goes that a version names",
      )
      .argument("<place>", "as for check")
      .action(async (address: string) => {
        const { commitTables } = await import("../../connectors/lake/table-formats/commit.ts");
        const by = { runId: null, version: VERSION };
        const { tables, old } = await commitTables(await opened(address), [format], by);
        for (const { table, version, added, removed, changed } of tables) {
          const news = changed ? `${counted(added, "file")} added, ${removed} removed` : "as it was";
          write(`${table}: version ${version}, ${news}\n`);
        }
        for (const id of old) {
          write(
            `${printable(`left out ${show(id)}: its files have no ids of columns; run the model again`)}\n`,
          );
        }
      });
  }
}

async function opened(address: string) {
  const { openLake } = await import("../../connectors/lake/open.ts");
  try {
    return await openLake(address);
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}
