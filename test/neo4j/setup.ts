/** Starts the graph server that suites share, once for a test run, when a suite that needs one is among the chosen files. */

import { readFile } from "node:fs/promises";
import { argv, env } from "node:process";
import { parseArgs } from "node:util";
import type { TestProject, Vitest } from "vitest/node";
import type { Access } from "./provided.ts";
import { missingForServer, startServer } from "./server.ts";

/** Vitest's global setup. A server that runs already is shared where `NEO4J_URI` names one (`NEO4J_USERNAME`, `NEO4J_PASSWORD`). */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const testFiles = await chosenFiles(project.vitest);
  const texts = await Promise.all(testFiles.map((file) => readFile(file, "utf8")));
  const wanted = (word: string) => texts.some((text) => text.includes(word));
  const missingOwn = wanted("neo4j/suite.ts") || wanted("WithOwnServer(") ? await missingForServer() : null;
  const { NEO4J_URI: uri, NEO4J_USERNAME: username = "neo4j", NEO4J_PASSWORD: password = "" } = env;
  const missing = missingOwn === null || uri !== undefined ? null : `${missingOwn}, and no NEO4J_URI`;
  const provide = (access: Access | null) => project.provide("graphServer", { access, missing, missingOwn });
  if (missing !== null || !wanted("describeWithServer(")) provide(null);
  else if (uri !== undefined) provide({ uri, username, password });
  else {
    const server = await startServer();
    provide({ uri: server.uri, username: server.username, password: server.password });
    return () => server.stop();
  }
  return undefined;
}

/** The test files that the command line names, of the projects that it names. */
async function chosenFiles({ projects }: Vitest): Promise<string[]> {
  const { positionals } = parseArgs({
    args: argv.slice(3),
    strict: false,
    allowPositionals: true,
    options: { project: { type: "string" }, testNamePattern: { type: "string", short: "t" } },
  });
  const found = await Promise.all(projects.map((each) => each.globTestFiles(positionals)));
  return found.flatMap(({ testFiles }) => testFiles);
}
