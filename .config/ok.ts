/** `npm run ok`: all that can be said of the source without running it. Imports, docs and other rules are tests (`test/repo`), run here too. */

import { exit } from "node:process";
import { DENO, execute, NODE } from "./checks.ts";

const SOURCES = ["src", "connectors", "config", "test", ".config"];

/** What is checked, by which program. */
const CHECKS: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  ["format", DENO, ["fmt", "--check", "--quiet", ".", ".config"]],
  ["lint", DENO, ["lint", "--quiet"]],
  ["lint with types", NODE, [
    "node_modules/eslint/bin/eslint.js",
    "-c",
    ".config/eslint.config.js",
    ...SOURCES,
  ]],
  ["types on Node", NODE, ["node_modules/typescript/bin/tsc", "-p", "."]],
  ["types in the browser", NODE, ["node_modules/typescript/bin/tsc", "-p", ".config/tsconfig.app.json"]],
  ["types on Deno", DENO, ["task", "--quiet", "check"]],
  ["imports, docs and other rules of the house", NODE, [
    "node_modules/vitest/vitest.mjs",
    "run",
    "test/repo",
  ]],
];

let failed = 0;
for (const [name, program, args] of CHECKS) {
  const { code, output, seconds } = await execute(program, args);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds.toFixed(1)} s)`);
  if (code !== 0) {
    failed++;
    console.log(output);
  }
}
exit(failed === 0 ? 0 : 1);
