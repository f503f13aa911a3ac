/** `svr view`: a run or a lake in the browser. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { platform, stderr } from "node:process";
import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFAULTS } from "../../config/defaults.ts";
import { messageOf } from "../model/errors.ts";
import { printable } from "../report/text.ts";
import type { RunWeights } from "../run/patterns/run-weights.ts";
import type { RunGraph } from "../query/graph-of-run.ts";
import type { LakeTables } from "../query/sql/tables-of-lake.ts";
import type { AskTables } from "../viewer/server/questions.ts";
import type { ViewIndex } from "../viewer/server/view-files.ts";
import { addServerOptions, serverChoices, type ServerOptions, withServer } from "../query/server-options.ts";
import { countFrom } from "./argument-values.ts";

interface Options extends ServerOptions {
  readonly port: number;
  readonly open: boolean;
  readonly lake?: string;
  readonly export?: string;
  readonly patterns: number;
  readonly graph: "embedded" | "neo4j";
}

/** Adds the command. @param write takes what belongs on stdout @param signal ends the server */
export function addViewCommand(program: Command, write: (text: string) => void, signal: AbortSignal): void {
  const command = program.command("view")
    .description(
      "move through a run in the browser: models, neurons, edges, the report, questions in Cypher and SQL",
    )
    .argument("[run]", "output folder of a run, or a lake (default: svr-out, and with --lake none)")
    .option("--port <n>", "to listen on, on this machine alone; 0 is any that is free", portOf, 0)
    .option("--no-open", "print the address, and open no browser")
    .option(
      "--lake <place>",
      "where its tables lie, if not in the folder: another one, or s3://bucket/prefix",
    )
    .option("--export <folder>", "write the page as a new folder that any file server can serve, and end")
    .option(
      "--patterns <n>",
      "in an exported page, so many neurons of each model with what they look like, if the weights are there",
      countFrom(0),
      64,
    )
    .addOption(
      new Option("--graph <store>", "which graph Cypher asks: that of the run, or the one of a server")
        .choices(["embedded", "neo4j"]).default("embedded"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  svr view my-run\n  svr view my-run --port 8080 --no-open\n  svr view my-run --export my-page\n" +
        "  svr view my-run --graph neo4j --neo4j-uri neo4j://localhost:7687",
    )
    .action(async (run: string | undefined, options: Options) => {
      await view(run, options, write, signal);
    });
  addServerOptions(command);
}

async function view(
  named: string | undefined,
  options: Options,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const [{ openLake }, { pageFiles }, { viewIndex }, { tablesOf }, { RunWeights }] = await Promise.all([
    import("../../connectors/lake/open.ts"),
    import("../viewer/server/page-files.ts"),
    import("../viewer/server/view-files.ts"),
    import("../query/sql/tables-of-lake.ts"),
    import("../run/patterns/run-weights.ts"),
  ]);
  // A lake that is named alone has no report and no graph: those of another run would speak of other models.
  const run = named ?? (options.lake === undefined ? DEFAULTS.out : null);
  const lake = await openLake(options.lake ?? run ?? DEFAULTS.out);
  const report = async (name: string) =>
    run === null ? null : await readFile(join(run, name), "utf8").catch(() => null);
  const served = options.export === undefined;
  const graph = served ? await graphFor(run, options) : null;
  const sql = served ? await tablesOf(options.lake ?? run ?? DEFAULTS.out, lake) : null;
  const weights = run === null ? null : await RunWeights.open(run).catch((failure: unknown) => {
    stderr.write(`What neurons look like is not shown: ${printable(messageOf(failure))}\n`);
    return null;
  });
  const shown = {
    files: await pageFiles(),
    index: await viewIndex(lake, {
      report: await report("report.json") !== null,
      queries: graph?.library ?? null,
      graph: options.graph,
      sql: sql === null ? null : { queries: sql.library, lacks: sql.lacks },
      weights: weights !== null,
    }),
    lake,
    report,
    ask: graph?.ask ?? null,
    askTables: sql?.lacks === null ? askWithWords(sql) : null,
    weights,
  };
  if (options.export !== undefined) {
    const { exportView } = await import("../viewer/server/view-export.ts");
    const patterns = await patternsFor(shown.index, weights, options.patterns, signal);
    const { files, bytes } = await exportView(shown, options.export, patterns, signal);
    await weights?.close();
    write(`${printable(options.export)}: ${files} files, ${bytes} bytes; serve it with any file server\n`);
    return;
  }
  const { serveView } = await import("../viewer/server/view-server.ts");
  const server = await serveView(shown, options.port);
  try {
    write(`${server.url}\n`);
    stderr.write("Ctrl-C ends it.\n");
    if (options.open) openBrowser(server.url);
    await new Promise<void>((ended) => {
      if (signal.aborted) ended();
      signal.addEventListener("abort", () => ended(), { once: true });
    });
  } finally {
    await server.close();
    await graph?.close();
    await weights?.close();
  }
}

/** The graph that the options name; null where a run has none. @throws {Error} when a server cannot be reached or refuses */
async function graphFor(run: string | null, options: Options): Promise<RunGraph | null> {
  const { graphBehind, graphOf } = await import("../query/graph-of-run.ts");
  if (options.graph === "embedded") return run === null ? null : await graphOf(run);
  const { openNeo4jReader } = await import("../../connectors/readers/neo4j-reader.ts");
  const choices = serverChoices(withServer(options).neo4j);
  // What is wrong with the server shows before a page is opened.
  await (await openNeo4jReader(choices)).close();
  return await graphBehind(() => openNeo4jReader(choices), "neo4j");
}

/** Progress in words. */
function askWithWords(tables: LakeTables): AskTables {
  return (query, parameters, { signal, progress }) =>
    tables.ask(query, parameters, {
      signal,
      progress: (share) => progress(share === null ? "Asking …" : `Asking: ${Math.floor(100 * share)} % …`),
    });
}

/** Patterns that go along with a page, by the ids of their models. */
async function patternsFor(
  { index: { models } }: ViewIndex,
  weights: RunWeights | null,
  most: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, object>> {
  const found = new Map<string, object>();
  if (weights === null || most === 0) return found;
  const { exportedPatterns } = await import("../run/patterns/exported-patterns.ts");
  for (const { id } of models) {
    found.set(id, await exportedPatterns(weights, id, most, { signal, progress: () => undefined }));
  }
  return found;
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError("Not a port, 0 to 65535.");
  }
  return Number(text);
}

/** Where there is no browser, the printed address is enough. */
function openBrowser(url: string): void {
  const [program, ...args] = platform === "darwin"
    ? ["open", url]
    : platform === "win32"
    ? ["cmd", "/c", "start", "", url]
    : ["xdg-open", url];
  execFile(program, args, () => undefined).unref();
}
