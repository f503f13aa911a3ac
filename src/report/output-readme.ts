/** The `README.md` of an output folder and of a lake: what lies there, how to open it, what its columns mean. */

import { SCHEMA_VERSION, type TableName } from "../model/tables.ts";
import { ALL_TABLE_ROWS } from "../model/comparison-tables.ts";
import { ALL_TABLE_NAMES, briefTable } from "./tables-page.ts";
import { markdownText } from "./text.ts";

/** How a README of ours begins: one that begins otherwise is somebody's own. */
export const README_MARK =
  "<!-- Written by svrflow, and again with every run. Without this line it is yours. -->";

/** What a folder's README is made from. */
export interface FolderFacts {
  readonly runId: string;
  /** Of svrflow. */
  readonly version: string;
  /** When the run ended: ISO 8601, UTC. */
  readonly ended: string;
  /** Models of the run. */
  readonly models: number;
  readonly sinks: readonly ("parquet" | "arrow")[];
  /** Tables of which the folder has Parquet files. */
  readonly tables: readonly TableName[];
  /** Where the Parquet tables lie, if not in the folder. */
  readonly lake?: string;
  /** Name of the graph's file; null where there is none. */
  readonly graph: string | null;
}

/** The README of an output folder. */
export function folderReadme(facts: FolderFacts): string {
  const { runId, version, ended, models, sinks, tables, lake, graph } = facts;
  const parquet = sinks.includes("parquet");
  const here = parquet && lake === undefined;
  const lines = [
    [
      "`report.html`",
      "what was found, as a page with pictures; `report.md` is the same as text, `report.json` as data",
    ],
    ["`run.json`", "the last run: settings, versions, inputs with SHA-256, what was skipped and why"],
    ...here
      ? [
        [
          tables.map((table) => `\`${table}\``).join(", "),
          "the tables that have rows as Parquet, in a folder `model=<id>` for each model",
        ],
        ["`_manifest.json`", "every Parquet file of every model: rows, bytes, SHA-256"],
      ]
      : [],
    ...sinks.includes("arrow") ? [["`arrow`", "the same tables as Arrow IPC"]] : [],
    ...graph === null ? [] : [[`\`${graph}\``, "the property graph, for `svr query`"]],
  ];
  const elsewhere = parquet && lake !== undefined
    ? `The Parquet tables lie in the lake ${markdownText(lake)}, which has a README of its own.\n\n`
    : "";
  return `${README_MARK}

# Spectral graphs of neural networks

svrflow ${version} wrote this folder. The last run is \`${runId}\` (${ended}), with ${models} ${
    models === 1 ? "model" : "models"
  }. Tables of
earlier runs stay; each file names its own run in its metadata (\`svrflow.run_id\`).

| here | what it is |
|---|---|
${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}

${elsewhere}${
    opening(here ? parquetBlocks("") : sinks.includes("arrow") ? ARROW : [], graph !== null)
  }${columns()}`;
}

/**
 * The README of a lake, the same whatever run writes it.
 *
 * @param root what stands before a path in the lake: nothing where it is a folder, the address of a bucket with `/`
 */
export function lakeReadme(root: string): string {
  return `${README_MARK}

# A lake of spectral graphs of neural networks

The Parquet tables of many runs of svrflow (schema ${SCHEMA_VERSION}), in a folder \`model=<id>\` for each model;
those of comparisons in a folder \`model=<id>/base=<id>\` for each pair. \`_manifest.json\` names every file, with rows,
bytes, SHA-256 and the run that wrote it. Each file names its run in its metadata too (\`svrflow.run_id\`).

${
    opening(parquetBlocks(root), false)
  }\`svr lake check <address>\` verifies every file. \`svr lake sql <address>\` prints a view for each table.

${columns()}`;
}

const block = (language: string, ...lines: readonly string[]) =>
  ["```" + language, ...lines, "```", "", ""].join("\n");

function opening(blocks: readonly string[], graph: boolean): string {
  const query = graph ? [block("sh", "svr query --out . @strongest-edges")] : [];
  return `## How to open it\n\nFrom this folder:\n\n${[...query, ...blocks].join("")}`;
}

function parquetBlocks(root: string): readonly string[] {
  return [
    block(
      "sh",
      `duckdb -c "SELECT model, source_layer, target_layer, count(*) AS edges, max(overlap) AS max_overlap`,
      `    FROM read_parquet('${root}edges/*/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"`,
    ),
    block(
      "python",
      "import pandas as pd",
      "import polars as pl",
      "",
      `layers = pd.read_parquet("${root}layers")`,
      `edges = pl.read_parquet("${root}edges/*/*.parquet", hive_partitioning=True)`,
    ),
  ];
}

const ARROW = [
  block(
    "python",
    "import polars as pl",
    "",
    `edges = pl.read_ipc("arrow/edges/*/*.arrow", memory_map=False)`,
  ),
];

function columns(): string {
  const rows = ALL_TABLE_NAMES.map((table) => `| [${table}](#${table}) | ${ALL_TABLE_ROWS[table]} |`);
  return `## What the tables say

Files say the same of their columns, with range, formula, and when they are null: in \`svrflow.columns\` of a Parquet file,
and in the metadata of Arrow's fields. Logarithms are natural. Indices count from 0.

| table | a row is |
|---|---|
${rows.join("\n")}

${ALL_TABLE_NAMES.map(briefTable).join("\n")}`;
}
