/** Starts the graph server that suites share, once for a test run, when a suite that needs one is among the chosen files. */

import { readFile } from "node:fs/promises";
import { argv, env } from "node:process";
import type { TestProject } from "vitest/node";
import { type Access, missingForServer, startServer } from "./server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The shared server where a suite asked for it, and what is missing to start any. */
    graphServer: { readonly access: Access | null; readonly missing: string | null };
  }
}

/** Vitest's global setup. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { testFiles } = await project.globTestFiles(argv.slice(3).filter((each) => !each.startsWith("-")));
  const texts = await Promise.all(testFiles.map((file) => readFile(file, "utf8")));
  const missing = texts.some((text) => text.includes("neo4j/suite.ts")) ? await missingForServer() : null;
  const shared = missing === null && texts.some((text) => text.includes("describeWithServer("));
  const { NEO4J_URI: uri, NEO4J_USERNAME: username = "neo4j", NEO4J_PASSWORD: password = "" } = env;
  if (shared && uri === undefined) {
    const server = await startServer();
    const access = { uri: server.uri, username: server.username, password: server.password };
    project.provide("graphServer", { access, missing });
    return () => server.stop();
  }
  const access = shared && uri !== undefined ? { uri, username, password } : null;
  project.provide("graphServer", { access, missing });
  return undefined;
}
