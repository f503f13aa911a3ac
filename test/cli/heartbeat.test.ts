import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { execPath } from "node:process";
import { describe, expect, it } from "vitest";
import { ROOT } from "../integration/svr.ts";

/** Holds the only thread for five seconds, after a word. */
const BLOCKED = (json: boolean) => `
import { stderr } from "node:process";
import { startHeartbeat } from "${new URL("../../src/cli/heartbeat.ts", import.meta.url).href}";
import { BEGINNING } from "${new URL("../../src/run/progress/progress-line.ts", import.meta.url).href}";
const heartbeat = startHeartbeat(stderr, ${json});
await new Promise((resolve) => setTimeout(resolve, 3000));
heartbeat.progress({ ...BEGINNING, phase: "models", models: 7, seconds: 100, flops: 1e9, flops_left: 3e9, computing_seconds: 10 });
stderr.write("blocked\\n");
const end = Date.now() + 7000;
while (Date.now() < end);
stderr.write("free\\n");
await heartbeat.stop();
`;

async function linesWhileBlocked(json: boolean): Promise<string[]> {
  const child = spawn(execPath, ["--input-type=module", "-e", BLOCKED(json)], { cwd: dirname(ROOT) });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => text += piece);
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, text).toBe(0);
  return text.slice(text.indexOf("blocked\n") + 8, text.indexOf("free\n")).trim().split("\n");
}

describe("while the main thread computes", () => {
  it("JSON goes on, brought up to date", async () => {
    const events = (await linesWhileBlocked(true)).map((line) => JSON.parse(line) as Record<string, number>);
    // Seven seconds, and never two of them in silence.
    expect(events.length).toBeGreaterThanOrEqual(3);
    for (const event of events) {
      expect(event).toMatchObject({ event: "progress", phase: "models", models: 7, flops: 1e9 });
      expect(event["seconds"]).toBeGreaterThan(100);
      expect(event["gflops"]! * event["computing_seconds"]!).toBeCloseTo(1, 9);
    }
    const seconds = events.map((event) => event["seconds"]!);
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  }, 60_000);

  it("a log has a line whenever nothing else was said", async () => {
    const lines = await linesWhileBlocked(false);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(line).toMatch(/^1 min \d+ s, models 0\/7, layers 0\/0, .*GFLOP\/s, ETA/);
  }, 60_000);
});
