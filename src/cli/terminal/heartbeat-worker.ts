/** The thread of the heartbeat: says the last known status, brought up to date, whenever the main thread has said nothing for a while. */

import { writeSync } from "node:fs";
import { memoryUsage } from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import type { HeartbeatPlan } from "./heartbeat.ts";
import { jsonLine } from "../../run/progress/progress.ts";
import { BEGINNING, later, type RunStatus, statusText } from "../../run/progress/progress-line.ts";

const { fd, kind, silence, columns, said } = workerData as HeartbeatPlan;
let status: RunStatus = BEGINNING;
let since = Date.now();

parentPort?.on("message", (newer: RunStatus) => {
  status = newer;
  since = Date.now();
});

/** How often the thread looks; part of the longest silence. */
const LOOK_MS = 200;

setInterval(() => {
  const now = Date.now();
  if (now - Number(Atomics.load(said, 0)) < silence) return;
  Atomics.store(said, 0, BigInt(now));
  const present = later(status, (now - since) / 1000, memoryUsage.rss());
  const text = kind === "json"
    ? jsonLine(present)
    : kind === "terminal"
    ? `\r\x1b[2K${statusText(present, columns - 1)}`
    : `${statusText(present, columns)}\n`;
  try {
    writeSync(fd, text);
  } catch {
    // A pipe that is full or closed: whoever reads it has other things to say.
  }
}, LOOK_MS);
