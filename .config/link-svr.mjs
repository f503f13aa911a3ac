// Run by npm after every install, by whatever Node the host has: makes `npx svr` work in a checkout. The command runs
// TypeScript as it stands, so it needs the Node 24 that comes as a dev dependency, not the host's.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { platform } from "node:process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../node_modules/.bin/", import.meta.url));

if (existsSync(bin)) {
  if (platform === "win32") {
    writeFileSync(`${bin}svr.cmd`, '@"%~dp0\\node.cmd" "%~dp0\\..\\..\\src\\cli.ts" %*\r\n');
  } else {
    const launcher = `#!/bin/sh
bin=$(dirname -- "$(readlink -f -- "$0")")
exec "$bin/node" "$bin/../../src/cli.ts" "$@"
`;
    writeFileSync(`${bin}svr`, launcher);
    chmodSync(`${bin}svr`, 0o755);
  }
}
