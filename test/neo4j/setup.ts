/** Starts the graph server that suites share, once for a test run, when a suite that needs one is among the chosen files. */

import { readFile } from "node:fs/promises";
import { argv, env } from "node:process";
import type { TestProject } from "vitest/node";
import { type Access, missingForServer, startServer } from "./server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server, or what is missing to have one. */
    graphServer: Access | { readonly missing: string };
  }
}

/** What a suite that needs the server imports. */
const SUITE = "neo4j/suite.ts";

/** Vitest's global setup. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { testFiles } = await project.globTestFiles(argv.slice(3).filter((each) => !each.startsWith("-")));
  const texts = await Promise.all(testFiles.map((file) => readFile(file, "utf8")));
  if (!texts.some((text) => text.includes(SUITE))) {
    project.provide("graphServer", { missing: "no suite asked for it" });
    return undefined;
  }
  const missing = await missingForServer();
  if (missing !== null) {
    project.provide("graphServer", { missing });
    return undefined;
  }
  const { NEO4J_URI: uri, NEO4J_USERNAME: username = "neo4j", NEO4J_PASSWORD: password = "" } = env;
  if (uri !== undefined) {
    project.provide("graphServer", { uri, username, password });
    return undefined;
  }
  const server = await startServer();
  project.provide("graphServer", { uri: server.uri, username: server.username, password: server.password });
  return () => server.stop();
}
