import { describe, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { modelFlops } from "../../../src/run/forecast/model-flops.ts";
import { divided, shareOf } from "../../../src/run/workers/share.ts";
import { describeWithShared, shared } from "../../support/shared.ts";

const models = (...flops: readonly (number | null)[]) =>
  flops.map((each, at) => ({ id: `m${String(at).padStart(3, "0")}`, uri: `/m${at}`, flops: each }));

/** What each share takes. */
const loads = (all: ReturnType<typeof models>, of: number) => {
  const flops = new Map(all.map((model) => [model.id, model.flops ?? 0]));
  return divided(all, of).map((ids) => ids.reduce((sum, id) => sum + flops.get(id)!, 0));
};

describe("shares", () => {
  it("hold each model once, whatever the order of the models", () => {
    const all = models(5, 3, 3, 8, 1, null, 2, 2, null, 7);
    const shares = divided(all, 4);
    expect(shares.flat().sort()).toEqual(all.map(({ id }) => id));
    expect(divided(all.toReversed(), 4)).toEqual(shares);
    expect(divided(all, 20).filter((ids) => ids.length === 0)).toHaveLength(10);
    // Those whose headers cannot be read are divided too.
    expect(divided(models(null, null, null, null), 2).map((ids) => ids.length)).toEqual([2, 2]);
  });

  it("take the same to within what the greedy rule promises", () => {
    // The worst case of the rule: 4/3 - 1/(3 m) of the least possible maximum, which is 9 here.
    expect(loads(models(5, 5, 4, 4, 3, 3, 3), 3).sort((a, b) => a - b)).toEqual([8, 8, 11]);
    const state = { seed: 1 };
    const random = () => (state.seed = (state.seed * 48271) % 2147483647) / 2147483647;
    const many = models(...Array.from({ length: 500 }, () => Math.exp(4 * random())));
    const found = loads(many, 16);
    expect(Math.max(...found) / Math.min(...found)).toBeLessThan(1.01);
  });

  it("are named by numbers", () => {
    expect(shareOf("3/16", {})).toEqual({ at: 3, of: 16 });
    for (const wrong of ["0/3", "4/3", "3", "3/", "a/b", "-1/3", "1.5/3", "1/0", "1/10000000"]) {
      expect(() => shareOf(wrong, {})).toThrow(`--share: found "${wrong}", required a share such as 3/16`);
    }
  });

  it("are named by the environment of a scheduler only when it is asked for", () => {
    const slurm = { SLURM_ARRAY_TASK_ID: "12", SLURM_ARRAY_TASK_MIN: "10", SLURM_ARRAY_TASK_COUNT: "4" };
    expect(shareOf("auto", slurm)).toEqual({ at: 3, of: 4 });
    expect(shareOf("1/2", slurm)).toEqual({ at: 1, of: 2 });
    expect(shareOf("auto", { AWS_BATCH_JOB_ARRAY_INDEX: "0", AWS_BATCH_JOB_ARRAY_SIZE: "5" }))
      .toEqual({ at: 1, of: 5 });
    expect(shareOf("auto", { JOB_COMPLETION_INDEX: "4", JOB_COMPLETIONS: "5" })).toEqual({ at: 5, of: 5 });
    expect(() => shareOf("auto", {})).toThrow("found no job of an array, required SLURM_ARRAY_TASK_ID and");
    expect(() => shareOf("auto", { JOB_COMPLETION_INDEX: "4" })).toThrow("JOB_COMPLETIONS not set");
    // An array with gaps.
    expect(() => shareOf("auto", { ...slurm, SLURM_ARRAY_TASK_ID: "19" })).toThrow("without gaps");
  });
});

describeWithShared("shares of the shared models", ["models"], () => {
  it("take the same to within a tenth, as far as the largest model allows", async () => {
    const { config, baseDir } = runConfigOf({ models: shared("models") });
    const all: ReturnType<typeof models> = [];
    for (const planned of await planModels(config, baseDir)) {
      all.push({ id: planned.id, uri: planned.uri, flops: await modelFlops(planned, config) });
    }
    for (const  of of[2, 3, 7]) {
      const single = new Set(divided(all, of).flatMap((ids, at) => ids.length === 1 ? [at] : []));
      // A share of one model cannot be made smaller, and the others have what is left.
      const rest = loads(all, of).filter((_, at) => !single.has(at));
      const mean = rest.reduce((sum, each) => sum + each, 0) / rest.length;
      expect(Math.max(...rest) / mean).toBeLessThan(1.1);
      expect(Math.min(...rest) / mean).toBeGreaterThan(0.9);
    }
  });
});
