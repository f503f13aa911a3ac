/** Suites that need what may be absent. First of all: real models by others, which are not part of the project: tests that need them are skipped, by name, where they are absent. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { env } from "node:process";
import { describe } from "vitest";

/** The folder of shared models: `SVRFLOW_SHARED`, else `shared` beside the checkout. */
export const SHARED = env["SVRFLOW_SHARED"] ?? fileURLToPath(new URL("../../../shared", import.meta.url));

/** A path within the shared folder. */
export function shared(path: string): string {
  return join(SHARED, path);
}

/**
 * A suite that needs files of the shared folder.
 *
 * @param paths within the shared folder; where one is absent the suite is reported as skipped and its name says why
 */
export function describeWithShared(name: string, paths: readonly string[], body: () => void): void {
  const missing = paths.filter((path) => !existsSync(shared(path)));
  describeUnless(missing.length === 0 ? null : `needs ${missing.join(", ")} in ${SHARED}`, name, body);
}

/** A suite that is skipped where something is missing; its name then says what. */
export function describeUnless(missing: string | null, name: string, body: () => void): void {
  describe.skipIf(missing !== null)(missing === null ? name : `${name} (${missing})`, body);
}
