/** The graph of a run, asked again and again. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { GRAPH_FILE } from "../../connectors/sinks/ladybug/ladybug.ts";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";
import type { QueryAnswer } from "../model/graph-reader.ts";
import type { LibraryEntry } from "../viewer/app/protocol.ts";
import { typeInWords } from "./query-header.ts";
import { askQuery, listQueries, loadQuery } from "./query-library.ts";

/** What a page needs to ask. */
export interface RunGraph {
  readonly library: readonly LibraryEntry[];
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
  if (!existsSync(path)) return null;
  const library = (await listQueries()).map(({ name, summary, parameters }) => ({
    name,
    answers: summary,
    parameters: parameters.map((parameter) => ({
      name: parameter.name,
      type: typeInWords(parameter),
      default: parameter.default === undefined ? null : String(parameter.default),
    })),
  }));
  // One at a time: each holds pages of the store in memory.
  let last: Promise<unknown> = Promise.resolve();
  return {
    library,
    ask(query, parameters) {
      const answer = last.then(() => answered(path, query, parameters));
      last = answer.catch(() => undefined);
      return answer;
    },
    async close() {
      await last;
    },
  };
}

async function answered(
  path: string,
  query: string,
  parameters: Readonly<Record<string, string>>,
): Promise<QueryAnswer> {
  const reader = await openLadybugReader(path);
  try {
    if (query.startsWith("@")) return await askQuery(reader, await loadQuery(query.slice(1)), parameters);
    return await reader.query(query);
  } finally {
    await reader.close();
  }
}
