/** What ran, from Vitest's JSON reports. */

/** The part of a report that is counted. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** A test that failed, or a file that did not load. */
export interface Failure {
  /** File, suites and title, joined by ` > `. */
  readonly name: string;
  readonly message: string;
}

/** The counts of one or more reports. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Suites of which no test ran, by name. */
  readonly skippedSuites: readonly string[];
  readonly failures: readonly Failure[];
}

/** Marks the suites that need files which are not part of the project: their absence is no failure, even in CI. */
export const NEEDS_SHARED = "(needs ";

/** Counts a report. A file that failed without a failed test (it did not load) counts as one failure. */
export function tally(report: VitestReport): Tally {
  const counts = { passed: 0, skipped: 0 };
  const skippedSuites = new Set<string>();
  const failures: Failure[] = [];
  for (const file of report.testResults) {
    const before = failures.length;
    for (const { status, ancestorTitles, title, failureMessages = [] } of file.assertionResults) {
      if (status === "passed") counts.passed++;
      else if (status === "failed") {
        const name = [file.name, ...ancestorTitles, title].join(" > ");
        failures.push({ name, message: failureMessages.join("\n") });
      } else {
        counts.skipped++;
        skippedSuites.add(ancestorTitles[0] ?? title);
      }
    }
    if (file.status === "failed" && failures.length === before) {
      failures.push({ name: file.name, message: file.message });
    }
  }
  return { ...counts, failed: failures.length, skippedSuites: [...skippedSuites], failures };
}

/** The sum of tallies. */
export function sum(tallies: readonly Tally[]): Tally {
  const total = (count: (each: Tally) => number) => tallies.reduce((all, each) => all + count(each), 0);
  return {
    passed: total(({ passed }) => passed),
    failed: total(({ failed }) => failed),
    skipped: total(({ skipped }) => skipped),
    skippedSuites: [...new Set(tallies.flatMap(({ skippedSuites }) => skippedSuites))],
    failures: tallies.flatMap(({ failures }) => failures),
  };
}

/** The last line of a test run. */
export function lastLine({ passed, failed, skipped }: Pick<Tally, "passed" | "failed" | "skipped">): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Whether the run was good: something passed, nothing failed, and in CI nothing was skipped but what needs the shared files. */
export function isGood({ passed, failed, skippedSuites }: Tally, ci: boolean): boolean {
  const held = skippedSuites.filter((suite) => !suite.includes(NEEDS_SHARED));
  return passed > 0 && failed === 0 && !(ci && held.length > 0);
}

/** What a process says when it is lost: Node's and V8's last words, those of C and C++, and what Vitest saw of it. */
const LAST_WORDS =
  /FATAL ERROR|Native stack trace|Assertion .*failed|terminate called|what\(\):|corrupted|double free|[Ss]egmentation fault|exited unexpectedly|Unhandled Error/;

/** Lines that follow such a word, and how many of all lines are repeated. */
const FOLLOWING = 12, MOST_LINES = 40;

/** The lines of an output that say how a process died; those of Vitest's own summary, where it has any, are among them. */
export function deathOf(output: string): string {
  const lines = output.split("\n");
  const told = new Set<number>();
  for (const [at, line] of lines.entries()) {
    if (!LAST_WORDS.test(line)) continue;
    for (let next = at; next < Math.min(lines.length, at + FOLLOWING); next++) told.add(next);
  }
  return [...told].slice(0, MOST_LINES).map((at) => lines[at]).join("\n");
}
