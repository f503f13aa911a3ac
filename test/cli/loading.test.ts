import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The packages that a file loads, itself or by what it imports, before any `import()`. */
async function packagesOf(file: string): Promise<Set<string>> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const waiting = [resolve(ROOT, file)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const source = await readFile(path, "utf8");
    for (const [, from = ""] of source.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from\s"([^"]+)"/gm)) {
      if (from.startsWith(".")) waiting.push(join(dirname(path), from));
      else if (!from.startsWith("node:")) packages.add(from);
    }
  }
  return packages;
}

/** What takes long to load, and is for some runs and some answers only. */
const HEAVY = [
  "apache-arrow",
  "hyparquet",
  "piscina",
  "mathjs",
  "neo4j-driver",
  "@observablehq/plot",
  "linkedom",
];

describe("commands", () => {
  it.each(["src/cli.ts", "src/cli/run-command.ts", "src/query/query.ts"])(
    "load what they use: %s",
    async (file) => {
      const packages = await packagesOf(file);
      // The walk has seen something.
      expect(packages.size).toBeGreaterThan(0);
      expect(HEAVY.filter((name) => packages.has(name))).toEqual([]);
    },
  );

  it("load what they use, where they use it", async () => {
    expect(await packagesOf("src/run/open-engine.ts")).toContain("piscina");
    expect(await packagesOf("connectors/sinks/copy-model.ts")).toContain("hyparquet");
  });
});
