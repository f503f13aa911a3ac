import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["test/neo4j/setup.ts"],
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
