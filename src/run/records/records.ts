/** The files beside the tables: `run.json`, `report.json` and `report.md`. */

import { arch, availableParallelism, platform, totalmem } from "node:os";
import { join } from "node:path";
import { versions } from "node:process";
import type { WrittenConfig } from "../../../config/schema.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import { writeWhole } from "../../../connectors/whole-files.ts";
import type { KernelInfo } from "../../kernels/kernel.ts";
import type { Skipped } from "../../model/layer.ts";
import type { InputFile, WrittenFile } from "../../model/ports.ts";
import { SCHEMA_VERSION, type TableName } from "../../model/tables.ts";
import { VERSION } from "../../version.ts";
import { reportMarkdown } from "../../report/report-markdown.ts";
import {
  type EarlierModel,
  type FailedModel,
  type ModelReports,
  type ReportFrame,
  reportJson,
} from "../../report/run-report.ts";
import type { PluginRecord } from "../plugins.ts";
import type { QuantizedWeights } from "./quantized-weights.ts";
import type { WorkSummary } from "../progress/work-summary.ts";

/** `run.json`: what is needed to do the run again, and to trust it. */
export interface RunRecord {
  readonly schema_version: number;
  readonly run_id: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly host: {
    readonly platform: string;
    readonly arch: string;
    readonly cpus: number;
    readonly memory_bytes: number;
  };
  /** Null where nothing had to be computed. */
  readonly kernel: (KernelInfo & { readonly threads: number }) | null;
  /** Seeds of generated models, by id. */
  readonly seeds: Readonly<Record<string, number>>;
  readonly null_controls: number;
  /** Of the first null control, the others' count up from it; null where there is none. */
  readonly null_control_seed: number | null;
  readonly config: WrittenConfig;
  /** Where its Parquet tables are, a folder's absolute path or an address; null for the output folder itself. */
  readonly lake: string | null;
  /** The byte budget that it had. */
  readonly memory_bytes: number;
  /** What came from outside. */
  readonly plugins: readonly PluginRecord[];
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly ended: string;
  readonly counts:
    & {
      /** Models of this run whose tables stand, `up_to_date` ones (an earlier run's, untouched) among them. */
      readonly done: number;
      readonly failed: number;
      readonly up_to_date: number;
      readonly spectra_computed: number;
      readonly spectra_reused: number;
    }
    & Readonly<Record<TableName, number>>;
  /** What this run's kernel did. */
  readonly work: WorkSummary;
  /** All that stand in the folder and can be reported, naturally sorted by their ids. */
  readonly models: readonly {
    readonly id: string;
    readonly uri: string;
    readonly key: string;
    /** The run that computed it, and with what. */
    readonly run_id: string;
    readonly kernel: KernelInfo;
    readonly inputs: readonly InputFile[];
    /** Weights that a file holds as codes and scales, and how they were read; absent in records of earlier versions. */
    readonly quantized?: readonly QuantizedWeights[];
    readonly files: readonly WrittenFile[];
    readonly skipped: readonly Skipped[];
  }[];
  /** Which of the models that stand in the folder are not of this run. */
  readonly earlier: readonly EarlierModel[];
  readonly failed: readonly FailedModel[];
  /** Files beside the models that hold one and cannot be read. */
  readonly not_taken: readonly PassedFile[];
}

/** The parts of a run's record that the machine answers. */
export function hostRecord(): Pick<RunRecord, "schema_version" | "versions" | "host"> {
  const { node, deno, v8 } = versions as Readonly<Record<string, string | undefined>>;
  return {
    schema_version: SCHEMA_VERSION,
    versions: { svrflow: VERSION, ...deno === undefined ? { node: node ?? "" } : { deno }, v8: v8 ?? "" },
    host: { platform: platform(), arch: arch(), cpus: availableParallelism(), memory_bytes: totalmem() },
  };
}

/** Writes the three files, each whole or not at all. `run.json` comes last: where it stands, the run is complete. */
export async function writeRecords(
  out: string,
  record: RunRecord,
  report: ReportFrame,
  models: ModelReports,
): Promise<void> {
  await writeWhole(
    [join(out, "report.json"), reportJson(report, models)],
    [join(out, "report.md"), reportMarkdown(report, models)],
    [join(out, "run.json"), `${JSON.stringify(record, null, 2)}\n`],
  );
}
