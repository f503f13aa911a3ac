/** Versions of what the program is made of. */

import { readFileSync } from "node:fs";
import { arch, platform, versions } from "node:process";
import { SCHEMA_VERSION } from "../model/tables.ts";
import { VERSION } from "../version.ts";

/** The runtime that this runs on, and its version. */
export function runtime(): string {
  const deno = (versions as Readonly<Record<string, string | undefined>>)["deno"];
  return deno === undefined ? `Node ${versions.node}` : `Deno ${deno}`;
}

/** Our own version on the first line; then the runtime, the tables' schema, and the packages, one a line. */
export function versionText(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const packages = Object.entries(manifest.dependencies).map(([name, version]) => `${name} ${version}`);
  return [
    `svrflow ${VERSION}`,
    `${runtime()} (${platform} ${arch})`,
    `tables: schema ${SCHEMA_VERSION}`,
    ...packages,
  ].join("\n");
}
