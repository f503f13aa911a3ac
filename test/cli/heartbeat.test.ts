import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { execPath } from "node:process";
import { describe, expect, it } from "vitest";
import { ROOT } from "../integration/svr.ts";

/** Waits for a word, then holds its only thread until a second one comes. */
const BLOCKED = (json: boolean) => `
import { once } from "node:events";
import { readSync } from "node:fs";
import process, { stderr } from "node:process";
import { startHeartbeat } from "${new URL("../../src/cli/terminal/heartbeat.ts", import.meta.url).href}";
import { BEGINNING } from "${new URL("../../src/run/progress/progress-line.ts", import.meta.url).href}";
const heartbeat = startHeartbeat(stderr, ${json});
await once(process, "message");
heartbeat.progress({ ...BEGINNING, phase: "models", models: 7, seconds: 100, flops: 1e9, flops_left: 3e9, computing_seconds: 10 });
stderr.write("blocked\\n");
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let held = true; held;) {
  try {
    readSync(0, new Uint8Array(1));
    held = false;
  } catch {
    Atomics.wait(pause, 0, 0, 10); // nothing there yet
  }
}
stderr.write("free\\n");
await heartbeat.stop();
process.disconnect();
`;

/** Lines that come while the thread is held; it is held until there are three, so without them this does not end. */
async function linesWhileBlocked(json: boolean): Promise<string[]> {
  const args = ["--input-type=module", "-e", BLOCKED(json)];
  const child = spawn(execPath, args, { cwd: dirname(ROOT), stdio: ["pipe", "ignore", "pipe", "ipc"] });
  let text = "";
  let lines: string[] = [];
  let stage: "begun" | "asked" | "freed" = "begun";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
    // The heart beats.
    if (stage === "begun") {
      stage = "asked";
      child.send("block");
    }
    const [, after] = text.split("blocked\n");
    if (stage !== "asked" || after === undefined) return;
    lines = after.split("\n").slice(0, -1);
    if (lines.length < 3) return;
    stage = "freed";
    child.stdin?.end("x");
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, text).toBe(0);
  return lines;
}

describe("while the main thread computes", () => {
  it("JSON goes on, brought up to date", async () => {
    const events = (await linesWhileBlocked(true)).map((line) => JSON.parse(line) as Record<string, number>);
    for (const event of events) {
      expect(event).toMatchObject({ event: "progress", phase: "models", models: 7, flops: 1e9 });
      expect(event["seconds"]).toBeGreaterThan(100);
      expect(event["computing_seconds"]).toBeCloseTo(event["seconds"]! - 90, 9);
      expect(event["gflops"]! * event["computing_seconds"]!).toBeCloseTo(1, 9);
    }
    const seconds = events.map((event) => event["seconds"]!);
    expect(seconds).toEqual([...new Set(seconds)].sort((a, b) => a - b));
  });

  it("a log has a line whenever nothing else was said", async () => {
    const lines = await linesWhileBlocked(false);
    for (const line of lines) expect(line).toMatch(/^1 min \d+ s, models 0\/7, layers 0\/0, .*GFLOP\/s, ETA/);
    // Each is brought up to date: at least a second has gone by.
    expect(new Set(lines).size).toBe(lines.length);
  });
});
