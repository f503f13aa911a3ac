/**
 * Refuses a Node that lacks what we use. Whoever imports this imports it first: modules are evaluated in the order of their imports.
 *
 * @module
 */

import { version, versions } from "node:process";

/** The oldest that has `Map.groupBy`, iterator helpers and `Promise.withResolvers`. */
const OLDEST = 22;

// Deno names the version of Node that it stands in for.
if (Number.parseInt(versions.node) < OLDEST) {
  throw new Error(`svrflow needs Node ${OLDEST} or newer; this is ${version}`);
}
