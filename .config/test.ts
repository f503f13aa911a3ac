/**
 * `npm test`: the whole suite on Node, then the contract suites on Deno. With arguments (`npm test -- test/stages`,
 * `npm test -- --project unit`) only what they name, on Node. The last line says what ran: `N passed, N failed, N skipped`.
 */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, env, exit } from "node:process";
import { DENO, execute, NODE } from "./checks.ts";
import { provideServices } from "./services.ts";
import { deathOf, isGood, lastLine, sum, type Tally, tally, type VitestReport } from "./tally.ts";

const VITEST = "node_modules/vitest/vitest.mjs";

/** Characters of a failure's message that are repeated at the end. */
const MOST_WORDS = 2_000;

const folder = await mkdtemp(join(tmpdir(), "svrflow-test-"));
const chosen = argv.slice(2);
const tallies: Tally[] = [];

// Unit tests need none.
if (chosen.join(" ") !== "--project unit") await provideServices();
console.log("On Node:");
tallies.push(await suite("node", NODE, [VITEST, "run", ...chosen]));
if (chosen.length === 0) {
  console.log("The contract suites on Deno:");
  tallies.push(await suite("deno", DENO, ["task", "--quiet", "test"]));
}
await rm(folder, { recursive: true, force: true });

const all = sum(tallies);
// Once more at the end: the first run's words are far above, and records of long outputs keep their end.
for (const { name, message } of all.failures) console.log(`FAILED ${name}\n${message.slice(0, MOST_WORDS)}`);
for (const name of all.skippedSuites) console.log(`skipped: ${name}`);
const good = isGood(all, env["CI"] === "true");
if (!good && all.failed === 0) console.log("failed: nothing ran, or a suite was skipped that CI must run");
console.log(lastLine(all));
exit(good ? 0 : 1);

/** Runs Vitest and counts. A run that ends badly without a failed test counts as one failure. */
async function suite(runtime: string, program: string, args: readonly string[]): Promise<Tally> {
  const report = join(folder, `${runtime}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code, output } = await execute(program, [...args, ...reporters], true);
  const said = (message: string): Tally => ({
    passed: 0,
    failed: 1,
    skipped: 0,
    skippedSuites: [],
    failures: [{ name: runtime, message }],
  });
  try {
    const counts = tally(JSON.parse(await readFile(report, "utf8")) as VitestReport);
    const endedBadly = code !== 0 && counts.failed === 0;
    if (endedBadly) {
      return sum([counts, said(`the run ended with ${code}, yet no test failed\n${deathOf(output)}`)]);
    }
    // A file whose process died says nothing.
    const failures = counts.failures.map(({ name, message }) => ({
      name,
      message: message || deathOf(output),
    }));
    return { ...counts, failures };
  } catch {
    return said("no report was written");
  }
}
