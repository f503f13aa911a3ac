/** What a run says of itself when it is over. */

import type { RunConfig } from "../../../config/schema.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import type { SpectraCount } from "../../flow/engine.ts";
import type { KernelInfo } from "../../kernels/kernel.ts";
import { naturalOrder } from "../../model/natural-order.ts";
import { recorded } from "../collection/models.ts";
import { hostRecord, type RunRecord } from "./records.ts";
import type { StandingModels } from "./standing-models.ts";
import { totalRows } from "../../report/run-report.ts";
import type { WorkSummary } from "../progress/work-summary.ts";
import type { ModelsOutcome } from "../run-models.ts";
import { controlSeeds, lakeOf, memoryOf } from "../settings.ts";

/** What a record is made from. */
export interface RunFacts {
  readonly runId: string;
  readonly config: RunConfig;
  readonly plugins: RunRecord["plugins"];
  readonly kernel: (KernelInfo & { readonly threads: number }) | null;
  readonly spectra: SpectraCount;
  readonly work: WorkSummary;
  readonly started: Date;
  readonly outcome: ModelsOutcome;
  readonly standing: StandingModels;
  readonly notTaken: readonly PassedFile[];
}

/** The record of a run that ends now. */
export function runRecord(
  { runId, config, plugins, kernel, spectra, work, started, outcome: { done, failed }, notTaken, standing }:
    RunFacts,
): RunRecord {
  const seeds = controlSeeds(config);
  return {
    ...hostRecord(),
    run_id: runId,
    kernel,
    seeds: seedsOf(config),
    null_controls: seeds.length,
    null_control_seed: seeds[0] ?? null,
    config: recorded(config),
    lake: lakeOf(config),
    memory_bytes: memoryOf(config),
    plugins,
    started: started.toISOString(),
    ended: new Date().toISOString(),
    counts: {
      done: done.length,
      failed: failed.length,
      up_to_date: done.filter(({ work }) => work === "none").length,
      spectra_computed: spectra.computed,
      spectra_reused: spectra.reused,
      ...totalRows(done.map(({ told }) => told)),
    },
    work,
    models: [...done, ...standing.reported].map(({ entry }) => entry)
      .sort((a, b) => naturalOrder(a.id, b.id)),
    earlier: standing.earlier,
    failed,
    not_taken: notTaken,
  };
}

function seedsOf({ models }: RunConfig): Record<string, number> {
  const entries = Array.isArray(models) ? models : [models];
  return Object.fromEntries(
    entries.flatMap((entry) =>
      typeof entry === "object" && "synthetic" in entry ? [[entry.id, entry.synthetic.seed] as const] : []
    ),
  );
}
