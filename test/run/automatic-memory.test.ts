import { expect, it } from "vitest";
import { runConfigOf } from "../../config/load.ts";
import { automaticMemory, budgetFor } from "../../src/run/automatic-memory.ts";
import { memoryOf } from "../../src/run/settings.ts";

it("is half of what is free, within bounds", () => {
  const gib = 2 ** 30;
  for (const [free, budget] of [[0.5, 1], [1, 1], [7, 3.5], [12, 6], [32, 16], [200, 16]] as const) {
    expect(budgetFor(() => free * gib)).toBe(budget * gib);
  }
  expect(budgetFor(() => {
    throw new Error("may not know");
  })).toBe(2 * gib);
});

it("is the default, and the same for a whole run", () => {
  const { config } = runConfigOf({ models: "m.safetensors" });
  expect(config.memory).toBe("auto");
  expect(memoryOf(config)).toBe(automaticMemory());
  expect(memoryOf(config)).toBe(memoryOf(config));
  expect(memoryOf(runConfigOf({ models: "m.safetensors", memory: "3GiB" }).config)).toBe(3 * 2 ** 30);
  expect(() => runConfigOf({ models: "m.safetensors", memory: "automatic" })).toThrow(
    /512MiB or 2GiB, or auto/,
  );
});
