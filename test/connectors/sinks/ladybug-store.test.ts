import { readFileSync } from "node:fs";
import { arch, platform } from "node:process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadLadybug } from "../../../connectors/sinks/ladybug/ladybug-store.ts";
import { ROOT } from "../../integration/svr.ts";

describe("the embedded store where it cannot be loaded", () => {
  const failed = () =>
    loadLadybug((name) => {
      throw new Error(`${name}: no such binary`);
    });

  it("says where it can be, and how to do without", () => {
    expect(failed).toThrow(`loading the embedded graph store on ${platform}-${arch}: neither`);
    expect(failed).toThrow(`@ladybugdb/core-${platform}-${arch}: no such binary`);
    expect(failed).toThrow(/--graph none .*--graph neo4j/);
  });

  it("names the platforms that the lock file has binaries for", () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
      packages: Record<string, unknown>;
    };
    const platforms = Object.keys(packages).flatMap((name) =>
      /@ladybugdb\/core-([a-z0-9]+-[a-z0-9]+)$/.exec(name)?.slice(1) ?? []
    );
    expect(platforms).toHaveLength(5);
    for (const each of platforms) expect(failed).toThrow(each);
  });
});
