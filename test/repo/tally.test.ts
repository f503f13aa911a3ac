import { describe, expect, it } from "vitest";
import { deathOf, isGood, lastLine, sum, tally, type VitestReport } from "../../.config/tally.ts";

const test = (status: string, suite = "a suite") => ({ status, ancestorTitles: [suite], title: "a test" });
const report = (
  ...files: readonly (readonly [status: string, ...tests: ReturnType<typeof test>[]])[]
): VitestReport => ({
  testResults: files.map(([status, ...assertionResults], at) => ({
    name: `${at}.test.ts`,
    status,
    message: "",
    assertionResults,
  })),
});

describe("the tally of a test run", () => {
  it("counts what passed, failed and was skipped, and names suites that were skipped", () => {
    const counted = tally(report(
      ["passed", test("passed"), test("passed")],
      ["failed", test("passed"), test("failed")],
      ["passed", test("skipped", "real models (needs x in /shared)"), test("pending", "other")],
    ));
    expect(counted).toEqual({
      passed: 3,
      failed: 1,
      skipped: 2,
      skippedSuites: ["real models (needs x in /shared)", "other"],
      failures: [{ name: "1.test.ts > a suite > a test", message: "" }],
    });
    expect(lastLine(counted)).toBe("3 passed, 1 failed, 2 skipped");
  });

  it("counts a file that did not load as a failure", () => {
    expect(tally(report(["failed"], ["passed", test("passed")]))).toMatchObject({ passed: 1, failed: 1 });
  });

  it("is good only when something passed and nothing failed", () => {
    const passed = tally(report(["passed", test("passed")]));
    expect(isGood(passed, true)).toBe(true);
    expect(isGood(tally(report()), false)).toBe(false);
    expect(isGood(sum([passed, tally(report(["failed"]))]), false)).toBe(false);
  });

  it("lets CI skip what needs shared files, and nothing else", () => {
    const shared = tally(report(["passed", test("passed"), test("skipped", "real models (needs x)")]));
    const service = tally(
      report(["passed", test("passed"), test("skipped", "a graph server (no java to start one)")]),
    );
    expect([isGood(shared, true), isGood(service, true), isGood(service, false)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe("deathOf", () => {
  it("repeats a process's last words, and no more than that", () => {
    const quiet = Array.from({ length: 500 }, (_, at) => `line ${at}`);
    expect(deathOf(quiet.join("\n"))).toBe("");
    const said = [...quiet, "FATAL ERROR: Error::ThrowAsJavaScriptException napi_throw", "stack", ...quiet];
    const found = deathOf(said.join("\n")).split("\n");
    expect(found.slice(0, 3)).toEqual([said[500], "stack", "line 0"]);
    expect(found.length).toBe(12);
    expect(deathOf(Array(500).fill("Unhandled Error").join("\n")).split("\n")).toHaveLength(40);
  });
});
