/** The graph of a run, asked again and again. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { GRAPH_FILE } from "../../connectors/sinks/ladybug/ladybug.ts";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";
import type { CypherDialect, GraphReader, QueryAnswer } from "../model/graph-reader.ts";
import type { LibraryEntry } from "../viewer/app/protocol.ts";
import { typeInWords } from "./query-header.ts";
import { askQuery, type LibraryQuery, listQueries, loadQuery } from "./query-library.ts";

/** What a page needs to ask. */
export interface RunGraph {
  readonly library: readonly LibraryEntry[];
  /** The store that answers. */
  readonly dialect: CypherDialect;
  /**
   * Answers a statement that only reads, or `@name` of the query library. The graph is opened for each question: a run may load another one
   * meanwhile.
   *
   * @throws {SyntaxError | RangeError | TypeError} as `svr query`
   */
  ask(query: string, parameters: Readonly<Record<string, string>>): Promise<QueryAnswer>;
  close(): Promise<void>;
}

/** The embedded graph in a run's folder; null where there is none. */
export async function graphOf(run: string): Promise<RunGraph | null> {
  const path = join(run, GRAPH_FILE);
  return existsSync(path) ? await graphBehind(() => openLadybugReader(path), "embedded") : null;
}

/** A graph that is opened for each question. @param open opens it */
export async function graphBehind(
  open: () => Promise<GraphReader>,
  dialect: CypherDialect,
): Promise<RunGraph> {
  const library = (await listQueries()).map(libraryEntry);
  // One at a time: each holds pages of the store in memory.
  let last: Promise<unknown> = Promise.resolve();
  return {
    library,
    dialect,
    ask(query, parameters) {
      const answer = last.then(() => answered(open, query, parameters));
      last = answer.catch(() => undefined);
      return answer;
    },
    async close() {
      await last;
    },
  };
}

/** A query as a page shows it. */
export function libraryEntry({ name, summary, parameters }: LibraryQuery): LibraryEntry {
  return {
    name,
    answers: summary,
    parameters: parameters.map((parameter) => ({
      name: parameter.name,
      type: typeInWords(parameter),
      default: parameter.default === undefined ? null : String(parameter.default),
    })),
  };
}

async function answered(
  open: () => Promise<GraphReader>,
  query: string,
  parameters: Readonly<Record<string, string>>,
): Promise<QueryAnswer> {
  const reader = await open();
  try {
    if (query.startsWith("@")) return await askQuery(reader, await loadQuery(query.slice(1)), parameters);
    return await reader.query(query);
  } finally {
    await reader.close();
  }
}
