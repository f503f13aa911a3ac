/** Suites that need a graph server: the one that the test run shares, else they are skipped, by name. */

import neo4j, { type Driver } from "neo4j-driver";
import { inject } from "vitest";
import type { Neo4jChoices } from "../../connectors/sinks/neo4j-settings.ts";
import { describeUnless } from "../shared.ts";
import type { Access } from "./server.ts";

const server = inject("graphServer");

/** What is missing for a server of one's own, or null. */
export const MISSING_SERVER = "missing" in server ? server.missing : null;

/** A suite that needs the shared server. */
export function describeWithServer(name: string, body: (server: Access) => void): void {
  const access = "missing" in server ? { uri: "", username: "", password: "" } : server;
  describeUnless(MISSING_SERVER, name, () => body(access));
}

/** Puts user name and password where the product looks for them. */
export function asUser({ username, password }: Access): void {
  process.env["NEO4J_USERNAME"] = username;
  process.env["NEO4J_PASSWORD"] = password;
}

let prefixes = 0;

/** Settings for a server, under labels that nothing else uses. */
export function choicesFor({ uri }: Access, prefix = freshPrefix()): Neo4jChoices & { labelPrefix: string } {
  return { uri, database: "neo4j", labelPrefix: prefix, patience: 30 };
}

/** A label prefix that nothing else uses, on no server. */
export function freshPrefix(): string {
  return `T${process.pid.toString(36)}x${++prefixes}x${Date.now().toString(36)}_`;
}

/** A driver of the test's own, which sees all. Integers come as bigint. */
export function watcher({ uri, username, password }: Access): Driver {
  return neo4j.driver(uri, neo4j.auth.basic(username, password), { useBigInt: true });
}

/** Rows of a statement, by the watcher. */
export async function asked(
  driver: Driver,
  cypher: string,
  parameters: Record<string, unknown> = {},
): Promise<Record<string, unknown>[]> {
  const { records } = await driver.executeQuery(cypher, parameters, { database: "neo4j" });
  return records.map((record) => record.toObject());
}

/** Nodes by label, for one prefix; labels of which there are none are left out. */
export async function labelCounts(driver: Driver, prefix: string): Promise<Record<string, number>> {
  const rows = await asked(
    driver,
    "MATCH (n) UNWIND labels(n) AS label WITH label WHERE label STARTS WITH $prefix " +
      "RETURN substring(label, size($prefix)) AS label, count(*) AS nodes",
    { prefix },
  );
  return Object.fromEntries(rows.map(({ label, nodes }) => [String(label), Number(nodes)]));
}
