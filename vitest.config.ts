import { defineConfig } from "vitest/config";

/**
 * Folders and files of each project but `unit`, which has all others; docs/development.md says what the projects are. A file in two
 * is in the first.
 */
const PLACES = {
  slow: [
    "calibration",
    "words",
    "golden/svr-large.test.ts",
    "integration/neo4j-faults.test.ts",
    "redis",
    "integration/resume.test.ts",
    "library/package.test.ts",
    "stats/permutation-test.test.ts",
    "stats/rotation-null.test.ts",
  ],
  contract: ["contract"],
  integration: [
    "base/file-lock.test.ts",
    "base/lru-folder.test.ts",
    "browser",
    "cli",
    "connectors/lake",
    "connectors/places",
    "flow/spectra/overlap-record.test.ts",
    "golden",
    "integration",
    "kernels",
    "library",
    "neo4j",
    "queries",
    "repo",
    "run",
    "untrained",
  ],
};

/** Seconds that one test, or one hook, may take where it says nothing else. */
const SECONDS = { slow: 120, contract: 90, integration: 90, unit: 20 };

const globs = (places: readonly string[]) =>
  places.map((place) => place.endsWith(".ts") ? `test/${place}` : `test/${place}/**/*.test.ts`);

function project(name: keyof typeof SECONDS, include: readonly string[], others: readonly string[]) {
  const timeout = SECONDS[name] * 1000;
  return {
    test: { name, include: [...include], exclude: [...others], testTimeout: timeout, hookTimeout: timeout },
  };
}

const { slow, contract, integration } = {
  slow: globs(PLACES.slow),
  contract: globs(PLACES.contract),
  integration: globs(PLACES.integration),
};

export default defineConfig({
  test: {
    // The root's: once, whatever the projects.
    globalSetup: ["test/neo4j/setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    projects: [
      project("unit", ["test/**/*.test.ts"], [...slow, ...contract, ...integration]),
      project("integration", integration, [...slow, ...contract]),
      project("contract", contract, slow),
      project("slow", slow, []),
    ],
  },
});
