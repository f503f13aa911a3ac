/** Suites that need a graph server: the one that the test run shares, else they are skipped, by name. */

import neo4j, { type Driver } from "neo4j-driver";
import { inject } from "vitest";
import type { Neo4jChoices } from "../../connectors/sinks/neo4j/neo4j-settings.ts";
import { describeUnless } from "../support/shared.ts";
import type { Access } from "./provided.ts";

const { access, missing, missingOwn } = inject("graphServer");

/** The shared server; null where there is none. */
export const SHARED_SERVER: Access | null = access;

/** A suite that needs the shared server. */
export function describeWithServer(name: string, body: (server: Access) => void): void {
  describeUnless(missing, name, () => body(access ?? { uri: "", username: "", password: "" }));
}

/** A suite that starts a server of its own, to stop it or to write over its files. */
export function describeWithOwnServer(name: string, body: () => void): void {
  describeUnless(missingOwn, name, body);
}

/** User name and password where the product looks for them: in an environment. */
export function userOf({ username, password }: Access): Record<string, string> {
  return { NEO4J_USERNAME: username, NEO4J_PASSWORD: password };
}

/** Puts them into the environment of this process. */
export function asUser(access: Access): void {
  Object.assign(process.env, userOf(access));
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
