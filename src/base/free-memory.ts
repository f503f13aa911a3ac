/** How much memory there is for this process: that of the machine, or of its container where that has less. */

import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";

/** How the two editions of Linux's control groups say a group's limit, its use, and how much of that is a cache of files. */
const EDITIONS = [
  { controllers: "", mount: "", limit: "memory.max", used: "memory.current", cache: "inactive_file" },
  {
    controllers: "memory",
    mount: "memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: "total_inactive_file",
  },
] as const;

/**
 * Bytes that are free: of the machine, and of each control group that the process is in.
 *
 * @param root of the file system
 * @param machine bytes that are free on the machine
 */
export function freeMemory(root = "/", machine: () => number = freemem): number {
  return Math.max(0, Math.min(machine(), ...roomInGroups(root)));
}

/** What is left of the limit of each group; empty on other systems, and where nothing limits memory. */
function roomInGroups(root: string): number[] {
  const rooms: number[] = [];
  for (const line of (text(root, "proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, ...rest] = line.split(":");
    const edition = EDITIONS.find((each) => controllers?.split(",").includes(each.controllers) === true);
    if (edition === undefined) continue;
    // A container may see its own group as the root of all.
    const parts = rest.join(":").split("/").filter((part) => part !== "" && part !== "..");
    for (let depth = parts.length; depth >= 0; depth--) {
      const group = join("sys/fs/cgroup", edition.mount, ...parts.slice(0, depth));
      const limit = numberIn(text(root, join(group, edition.limit)));
      if (limit === null) continue;
      const cache = new RegExp(`^${edition.cache} (\\d+)$`, "m").exec(
        text(root, join(group, "memory.stat")) ?? "",
      );
      rooms.push(limit - (numberIn(text(root, join(group, edition.used))) ?? 0) + Number(cache?.[1] ?? 0));
    }
  }
  return rooms;
}

function text(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return null;
  }
}

/** `max` is no number: there is no limit. */
function numberIn(content: string | null): number | null {
  return content !== null && /^\d+\s*$/.test(content) ? Number(content) : null;
}
