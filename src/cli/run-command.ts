/** `svr run`: runs a config, then prints what was found. */

import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { DEFAULTS } from "../../config/defaults.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { RunConfig } from "../../config/schema.ts";
import { GRAPH_FILE } from "../../connectors/sinks/ladybug/ladybug.ts";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";
import type { ModelReport } from "../analysis/report.ts";
import type { ReportFrame } from "../report/run-report.ts";
import { counted } from "../model/counted.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { formatAnswer } from "../query/answer.ts";
import type { Progress } from "../run/progress/progress.ts";
import { askQuery, bindQuery, loadQuery } from "../query/query-library.ts";
import {
  collectionText,
  comparisonText,
  indented,
  modelSummary,
  modelText,
  MOST_SHOWN,
} from "../report/report-text.ts";
import { type Screen, wrapped } from "../report/screen.ts";
import { type RunOptions, type RunOutcome, runPipeline } from "../run/run-pipeline.ts";
import { saysUnread } from "../run/unread.ts";
import { serverChoices } from "../query/server-options.ts";
import { printable } from "../report/text.ts";

/** The query of the library that a verbose run answers at its end. */
const SAMPLE_QUERY = "strongest-paths";

/** Where the findings of a run go. */
export interface RunOutput {
  /** Takes what belongs on stdout; null where nothing does. */
  readonly print: ((text: string) => void) | null;
  readonly progress: Progress;
  readonly screen: Screen;
  /** All tables of each model, and a query with its answer. */
  readonly verbose: boolean;
}

/**
 * Runs a config and prints its findings.
 *
 * @param run does it; default: `runPipeline`
 * @returns the exit code: 0, or 3 when some models failed or none has a layer, and where `strict` says so of a model of which much was not read
 */
export async function runCommand(
  loaded: LoadedConfig,
  { print, progress, screen, verbose }: RunOutput,
  signal: AbortSignal,
  run: (loaded: LoadedConfig, options: RunOptions) => Promise<RunOutcome> = runPipeline,
): Promise<0 | 3> {
  const outcome = await run(loaded, { progress, signal });
  if (print !== null) {
    const parts = verbose ? wholeTexts(outcome, loaded, screen) : briefTexts(outcome, screen);
    for await (const text of parts) if (text !== "") print(`${text}\n\n`);
    print(`${closingText(outcome, loaded, screen, verbose)}\n`);
  }
  return isLacking(outcome, loaded.config.strict) ? 3 : 0;
}

/** Whether models failed, none of this run has a layer, or, strictly, much of one was not read. */
function isLacking({ report, told }: RunOutcome, strict: boolean): boolean {
  return report.failed.length > 0 || told.every(({ rows }) => rows.layers === 0) ||
    strict && told.some(({ warnings }) => warnings.some(saysUnread));
}

/** What goes on one screen. */
async function* briefTexts(outcome: RunOutcome, screen: Screen): AsyncGenerator<string> {
  const { report, told } = outcome;
  if (told.length > 1) {
    yield comparisonText(comparisonOf(outcome), screen, true);
    yield collectionText(report, told, screen, true);
  } else for await (const model of ownModels(outcome)) yield modelSummary(model, screen);
}

/** This run's models among those of the folder: of the others only report.md speaks. */
async function* ownModels({ models, told }: RunOutcome): AsyncGenerator<ModelReport> {
  const own = new Set(told.map(({ id }) => id));
  for await (const model of models()) if (own.has(model.id)) yield model;
}

function comparisonOf({ report, told }: RunOutcome): Pick<ReportFrame, "comparison"> {
  const own = new Set(told.map(({ id }) => id));
  return { comparison: report.comparison.filter(({ id }) => own.has(id)) };
}

async function* wholeTexts(
  outcome: RunOutcome,
  loaded: LoadedConfig,
  screen: Screen,
): AsyncGenerator<string> {
  const { report, told } = outcome;
  yield comparisonText(comparisonOf(outcome), screen);
  if (told.length > MOST_SHOWN) {
    yield collectionText(report, told, screen);
    return;
  }
  const ask = await sampleQuery(outcome, loaded, screen);
  for await (const model of ownModels(outcome)) {
    yield modelText(model, screen);
    yield await ask(model.id);
  }
}

/** How to ask the run's graph the sample query; says nothing where there is no graph. */
async function sampleQuery(
  { out }: RunOutcome,
  { config }: LoadedConfig,
  { width }: Screen,
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
        await formatAnswer(await askQuery(reader, query, { model }), "table", width - 2),
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

function earlierText(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? "1 model of an earlier run stands" : `${count} models of earlier runs stand`;
  return [`${which} in the folder too; report.md has all`];
}

function closingText(
  { out, record, report, told }: RunOutcome,
  { config }: LoadedConfig,
  { width, bold }: Screen,
  verbose: boolean,
): string {
  const place = relative(".", out) || ".";
  const where = place.startsWith("..") ? out : place;
  const { done, edges, neurons } = record.counts;
  const comparison = join("comparison", "comparison.md");
  const others = [
    ...when(config.graph === "embedded", GRAPH_FILE),
    "report.html",
    "report.md",
    ...when(config.compare !== undefined && existsSync(join(out, comparison)), comparison),
    "run.json",
  ];
  const tables = config.lake === undefined ? "tables, " : `tables in ${config.lake}, `;
  const found = `${counted(done, "model")} done, ${counted(neurons, "spectral neuron")}, ${
    counted(edges, "edge")
  }: ${tables}${others.join(", ")} in ${where}`;
  const { short, long } = pValueMeaning(config.null);
  const own = new Set(told.map(({ id }) => id));
  const said = [
    verbose ? long : `${short}.`,
    found,
    ...earlierText(report.earlier.length),
    ...failedText(report.failed),
    ...skippedText(record.models.filter(({ id }) => own.has(id))),
  ];
  return [
    ...said.map((text) => wrapped(text, width)),
    bold("What to try next (npx svr in a checkout):"),
    ...nextSteps(config, where, told.map(({ id }) => id), { width, verbose }),
  ].join("\n");
}

/** So many failed models are named again: each was, when it failed. */
const MOST_FAILED = 3;

function failedText(failed: RunOutcome["report"]["failed"]): string[] {
  if (failed.length === 0) return [];
  const names = failed.slice(0, MOST_FAILED).map(({ id }) => printable(id)).join(", ");
  const more = failed.length > MOST_FAILED ? ` and ${failed.length - MOST_FAILED} more` : "";
  return [`${counted(failed.length, "model")} failed: ${names}${more}; report.md says why`];
}

/** So many reasons for skipped layers and connections are told. */
const MOST_SKIPPED = 3;

/** Layers and connections that could not be computed; tensors that are no layers are in the report only. */
function skippedText(models: RunOutcome["record"]["models"]): string[] {
  const all = models.flatMap(({ id, skipped }) =>
    skipped.filter(({ subject }) => subject !== "tensor").map((each) => ({ ...each, id }))
  );
  const groups = [...Map.groupBy(all, ({ subject, reason }) => `${subject} ${reason}`).values()];
  const lines = groups.slice(0, MOST_SKIPPED).map((group) => {
    const [{ subject, name, reason, id }] = group as [typeof group[number]];
    const one = `${name} of ${id}`;
    const which = group.length === 1
      ? `${subject} ${one}`
      : `${counted(group.length, subject)}, such as ${one}`;
    return printable(`skipped: ${which}: ${reason}`);
  });
  const more = groups.length - lines.length;
  return [...lines, ...more > 0 ? [`${counted(more, "more reason")} in report.md`] : []];
}

/** A command and what it does. */
type Step = readonly [command: string, what: string];

function when<T>(is: boolean, ...items: readonly T[]): readonly T[] {
  return is ? items : [];
}

/** Commands for what a run has left, each with what it does where lines have room for that. */
function nextSteps(
  config: RunConfig,
  where: string,
  models: readonly string[],
  { width, verbose }: { readonly width: number; readonly verbose: boolean },
): string[] {
  const usual = config.out === DEFAULTS.out;
  const folder = usual ? "" : ` ${where}`;
  const option = config.graph === "neo4j" ? serverFlags(config.neo4j) : usual ? "" : ` --out ${where}`;
  const model = JSON.stringify(models.at(-1) ?? "");
  const graph = config.graph !== "none" && !isPrefixed(config);
  const parquet = config.sinks.includes("parquet");
  const local = parquet && config.lake === undefined;
  const steps: Step[] = [
    [`svr report${folder} --format text`, "all findings and tables"],
    ...when<Step>(local, [`svr plot${folder} --model ${model} -o picture.svg`, "a picture"]),
    ...when<Step>(local, [`svr view${folder}`, "all of it in the browser"]),
    ...when<Step>(graph, [`svr query${option} @hubs --param model=${model}`, "a question to the graph"]),
    ...when<Step>(graph, ["svr query --list", "all questions"]),
    ...when<Step>(parquet, [`svr lake sql ${config.lake ?? where} | duckdb my.db`, "the tables in DuckDB"]),
    ["svr run your-model.safetensors --out my-run", "your own model"],
  ];
  const longer = [
    ...when(
      verbose && graph,
      `svr query${option} "MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron) RETURN a.model, a.layer, a.neuron, b.layer, b.neuron, e.overlap ORDER BY e.overlap DESC LIMIT 5"`,
      `svr query${option} @connections --param model=${model} --format csv`,
    ),
    ...when(
      verbose && local,
      `duckdb -c "SELECT model, count(*) FROM read_parquet('${where}/edges/*/*.parquet', hive_partitioning = true) GROUP BY ALL"`,
    ),
  ];
  const widest = Math.max(...steps.map(([command]) => command.length));
  const explained = steps.map(([command, what]) => `  ${command.padEnd(widest)}  # ${what}`);
  const lines = explained.every((line) => line.length <= width)
    ? explained
    : steps.map(([command]) => `  ${command}`);
  return [...lines, ...longer.map((command) => `  ${command}`)];
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
