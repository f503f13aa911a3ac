/** Audits of chains of layers that share nothing: untrained ones, and parts of trained ones whose every port is relabelled. Nothing may be said of them. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { audit } from "../../src/stages/topology/audit/audit.ts";
import { declaredGraph } from "../../src/stages/topology/declared.ts";
import { KERNELS } from "../support/kernels.ts";
import { unconnectedMakers } from "./unconnected-models.ts";

const SEEDS = [1, 2, 3];

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

it("contradicts no connection between layers that share nothing, and shows no space", async () => {
  const verdicts: string[] = [];
  for (const [at, make] of (await unconnectedMakers()).entries()) {
    for (const seed of SEEDS) {
      const model = make(1000 * at + seed);
      const chain = model.tensors.filter(({ shape }) => shape.length > 1).map(({ name }) => name);
      const found = await audit(model, declaredGraph(model.tensors, { chain }), kernel);
      expect(found).toMatchObject({ contradicted: [], exchanged: [], undeclared: [] });
      verdicts.push(...found.verdicts);
    }
  }
  const share = (verdict: string) => verdicts.filter((each) => each === verdict).length / verdicts.length;
  expect(share("shown")).toBe(0);
  // At a level of 0.01: five in a thousand networks have more than four.
  expect(share("supported")).toBeLessThan(0.05);
  expect(share("untold")).toBeGreaterThan(0.9);
});
