/** Processes of this host: whoever holds a lock, or owns what is half written, may be dead. */

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { codeOf } from "../model/errors.ts";

/**
 * Whether a process of this host is there, and not only its number: a zombie waits for whoever started it to ask how it ended. Where the
 * system does not tell, it counts as there.
 */
export function isAlive(number: number): boolean {
  // As Linux calls zombies, and those just gone; in containers without an init nobody may ever ask.
  if (/^[ZXx]$/.test(statusOf(number)[0] ?? "")) return false;
  try {
    process.kill(number, 0);
    return true;
  } catch (failure) {
    // EPERM: there, but another user's. Deno without --allow-run tells of none, and its error has no code: each may be there.
    return codeOf(failure) !== "ESRCH";
  }
}

/** When a process began, as Linux counts it; empty elsewhere. */
export function processStart(number: number): string {
  // The 22nd field.
  return statusOf(number)[19] ?? "";
}

/** What Linux tells of a process, from the third field on: its state first. Empty elsewhere. */
function statusOf(number: number): string[] {
  try {
    // The second field is a name in brackets, which may hold anything.
    const text = readFileSync(`/proc/${number}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** This host and, where processes are numbered per container, this container. Asked only by whoever holds a lock: Deno wants leave for it. */
export function thisHost(): string {
  return `${hostname()} ${processSpace()}`;
}

function processSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}
