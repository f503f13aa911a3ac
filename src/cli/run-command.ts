/** `svr run`: runs a config, then prints what was found. */

import { join, relative } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import type { RunConfig } from "../../config/schema.ts";
import { GRAPH_FILE } from "../../connectors/sinks/ladybug/ladybug.ts";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { formatAnswer } from "../query/answer.ts";
import type { Progress } from "../run/progress/progress.ts";
import { askQuery, bindQuery, loadQuery } from "../query/query-library.ts";
import { collectionText, comparisonText, indented, modelText, MOST_SHOWN } from "../report/report-text.ts";
import { type RunOutcome, runPipeline } from "../run/run-pipeline.ts";
import { serverChoices } from "../query/server-options.ts";
import { printable } from "../report/text.ts";

/** The query of the library that every run answers at its end. */
const SAMPLE_QUERY = "strongest-paths";

/**
 * Runs a config and prints its findings.
 *
 * @param print takes what belongs on stdout
 * @returns the exit code: 0, or 3 when some models failed
 */
export async function runCommand(
  loaded: LoadedConfig,
  print: (text: string) => void,
  progress: Progress,
  signal: AbortSignal,
): Promise<0 | 3> {
  const outcome = await runPipeline(loaded, { progress, signal });
  const { report, models, told } = outcome;
  const say = (text: string) => text === "" ? undefined : print(`${text}\n\n`);
  const mine = new Set(told.map(({ id }) => id));
  say(comparisonText({ comparison: report.comparison.filter(({ id }) => mine.has(id)) }));
  if (mine.size <= MOST_SHOWN) {
    const ask = await sampleQuery(outcome, loaded);
    for await (const model of models()) {
      // Of earlier runs' models only report.md speaks.
      if (!mine.has(model.id)) continue;
      say(modelText(model));
      say(await ask(model.id));
    }
  } else {
    say(collectionText(report, told));
  }
  print(`${closingText(outcome, loaded)}\n`);
  return report.failed.length > 0 ? 3 : 0;
}

/** How to ask the run's graph the sample query; says nothing where there is no graph. */
async function sampleQuery(
  { out }: RunOutcome,
  { config }: LoadedConfig,
): Promise<(model: string) => Promise<string>> {
  if (config.graph === "none") return () => Promise.resolve("");
  const query = await loadQuery(SAMPLE_QUERY);
  return async (model) => {
    const reader = config.graph === "neo4j"
      ? await (await import("../../connectors/readers/neo4j-reader.ts")).openNeo4jReader(
        serverChoices(config.neo4j),
      )
      : await openLadybugReader(join(out, GRAPH_FILE));
    try {
      const answer = new TextDecoder().decode(
        await formatAnswer(await askQuery(reader, query, { model }), "table"),
      );
      const { cypher, parameters } = bindQuery(query, { model }, reader);
      const values = Object.entries(parameters).map(([name, value]) =>
        `$${name} = ${JSON.stringify(typeof value === "string" ? printable(value) : value)}`
      );
      return `Cypher (svr query @${SAMPLE_QUERY})\n${indented(cypher)}\nanswers, for ${values.join(", ")}\n${
        indented(answer.trimEnd())
      }`;
    } finally {
      await reader.close();
    }
  };
}

function closingText({ out, record, report, told }: RunOutcome, { config }: LoadedConfig): string {
  const place = relative(".", out) || ".";
  const where = place.startsWith("..") ? out : place;
  const failed = report.failed.map(({ id, error }) => printable(`failed: ${id}: ${error}`));
  const option = config.graph === "neo4j"
    ? serverFlags(config.neo4j)
    : config.out === "svr-out"
    ? ""
    : ` --out ${where}`;
  const first = JSON.stringify(told[0]?.id ?? "");
  const next = [
    ...config.graph === "none" || isPrefixed(config) ? [] : [
      `svr query${option} "MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron) RETURN a.model, a.layer, a.neuron, b.layer, b.neuron, e.overlap ORDER BY e.overlap DESC LIMIT 5"`,
      `svr query${option} @connections --param model=${first} --format csv`,
      "svr query --list",
    ],
    ...config.sinks.includes("parquet")
      ? [
        ...config.lake === undefined
          ? [
            `duckdb -c "SELECT model, count(*) FROM read_parquet('${where}/edges/*/*.parquet', hive_partitioning = true) GROUP BY ALL"`,
          ]
          : [],
        `svr lake sql ${config.lake ?? where} | duckdb my.db`,
      ]
      : [],
    "svr run your-model.safetensors --out my-run",
  ];
  const { done, failed: failures, edges, neurons } = record.counts;
  return [
    pValueMeaning(config.null).long,
    `${done} models done, ${failures} failed: ${neurons} spectral neurons, ${edges} edges in ${
      config.lake ?? where
    } (tables${config.lake === undefined ? "" : `), and ${where} (the rest`}, ${
      { none: "", embedded: `${GRAPH_FILE}, `, neo4j: "" }[config.graph]
    }report.md, run.json)`,
    ...earlierText(report.earlier.length),
    ...failed,
    "What to try next (npx svr in a checkout):",
    ...next.map((line) => `  ${line}`),
  ].join("\n");
}

function earlierText(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? "1 model of an earlier run stands" : `${count} models of earlier runs stand`;
  return [`${which} in the folder too; report.md has all`];
}

function isPrefixed({ graph, neo4j }: RunConfig): boolean {
  return graph === "neo4j" && (neo4j?.labelPrefix ?? "") !== "";
}

function serverFlags({ uri, database, credentials }: NonNullable<RunConfig["neo4j"]> = {}): string {
  const flags = [["uri", uri], ["database", database], ["credentials", credentials]];
  return [
    " --graph neo4j",
    ...flags.flatMap(([name, value]) => value === undefined ? [] : [`--neo4j-${name} ${value}`]),
  ].join(" ");
}
