/** `report.json`, read back. It may have been changed or cut since it was written, so nothing in it is taken on trust. */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FINDING_KINDS } from "../analysis/findings/finding.ts";
import { codeOf, messageOf, show } from "../model/errors.ts";
import { SCHEMA_VERSION, TABLE_NAMES } from "../model/tables.ts";
import type { RunReport } from "./run-report.ts";

/** A text of JavaScript holds less than 2^29 characters. */
const LARGEST = 2 ** 29 - 1024;

const text = z.string();
const count = z.int().min(0);
const number = z.number();
const cell = z.union([text, number, z.boolean(), z.null()]);
const row = z.record(text, cell);
const cells = z.array(z.array(cell));
const queries = z.array(z.looseObject({ language: z.enum(["cypher", "sql"]), text }));

const finding = z.looseObject({
  kind: z.enum(FINDING_KINDS),
  title: text,
  surprise: number.nullable(),
  numbers: z.array(
    z.looseObject({
      name: text,
      value: cell,
      control: cell,
      control_spread: number.nullable(),
      derived: text.nullable(),
    }),
  ),
  queries,
  table: z.looseObject({
    title: text,
    columns: z.array(text),
    rows: cells,
    control: cells.nullable(),
    control_spread: z.array(z.array(number.nullable())).nullable(),
    queries,
  })
    .nullable(),
  null_control: text,
  caveats: z.array(text),
});

const figures = z.looseObject({
  near_kernel_share: number.nullable(),
  edges_ratio: number.nullable(),
  block_edges_ratio: number.nullable(),
  block_edges_ratio_range: z.tuple([number, number]).nullable(),
  block_energy_ratio: number.nullable(),
  chain_layers: number.nullable(),
  chain_log_p: number.nullable(),
  log_path_metric: number.nullable(),
  log_path_metric_overlaps: number.nullable(),
});

const controls = {
  null_controls: count,
  null_control: figures.nullable(),
  null_control_spread: figures.nullable(),
};

const rows = z.looseObject(
  Object.fromEntries(TABLE_NAMES.map((name) => [name, count])) as Record<
    (typeof TABLE_NAMES)[number],
    typeof count
  >,
);

const edge = z.looseObject({
  sourceLayer: count,
  sourceNeuron: count,
  targetLayer: count,
  targetNeuron: count,
  part: count,
  overlap: number,
  logP: number,
  source: text,
  target: text,
});

const measures = z.looseObject({
  chains: z.array(
    z.looseObject({ edges: z.array(edge), logFisher: number, logChains: number, logP: number }),
  ),
  pathMetric: z.union([
    z.looseObject({ unknown: text }),
    z.looseObject({
      logWithSingularValues: number.nullable(),
      logWithout: number.nullable(),
      logAboveFloor: number.nullable(),
      floor: number,
    }),
  ]),
});

const test = z.looseObject({
  null: text,
  alpha: number.positive().max(1),
  sigma: number,
  correction: text,
  correction_over: text,
  unfolding: text,
  weight: text,
  near_kernel: number,
  spike_alpha: number.positive().max(1),
});

const series = z.looseObject({
  series: text,
  models: z.array(text),
  steps: z.array(number),
  same_test: z.boolean(),
  tests: count,
  trends: z.array(
    z.looseObject({
      layer: text.nullable(),
      figure: text,
      first: number,
      last: number,
      rho: number,
      p: number,
    }),
  ),
});

const model = z.looseObject({
  id: text,
  uri: text,
  format: text,
  series: text.nullable(),
  step: number.nullable(),
  run_id: text,
  test,
  warnings: z.array(text),
  rows,
  summary: z.array(
    z.looseObject({
      question: z.enum(["What it is", "What stands out", "How sure", "What next"]),
      answer: text,
    }),
  ),
  findings: z.array(finding),
  remarks: z.array(text),
  figures,
  ...controls,
  measures,
  sparsification: number.nullable(),
  sparsification_expected: number.nullable(),
  layer_means: z.looseObject({
    log_norm: number.nullable(),
    alpha: number.nullable(),
    alpha_weighted: number.nullable(),
    log_alpha_norm: number.nullable(),
    log_spectral_norm: number.nullable(),
    stable_rank: number.nullable(),
    mp_softrank: number.nullable(),
    pooled: z.boolean(),
  }),
  layers: z.array(row),
  connections: z.array(row),
  skipped: z.array(
    z.looseObject({ subject: z.enum(["tensor", "layer", "connection"]), name: text, reason: text }),
  ),
  strongest_edges: z.array(z.looseObject({
    source_layer: text,
    source_neuron: count,
    target_layer: text,
    target_neuron: count,
    part: count,
    overlap: number,
    log_p: number,
    sigma: number,
  })),
});

const reportSchema = z.looseObject({
  schema_version: z.literal(SCHEMA_VERSION),
  run_id: text,
  test,
  same_test: z.boolean(),
  meaning: text,
  ranking: text,
  rows,
  comparison: z.array(z.looseObject({ id: text, figures, ...controls })),
  series: z.array(series),
  compared: z.array(
    z.looseObject({
      title: text,
      base: text.nullable(),
      other: text.nullable(),
      series: text.nullable(),
      findings: z.array(finding),
    }),
  ),
  models: z.array(model),
  earlier: z.array(
    z.looseObject({ id: text, uri: text, run_id: text, gone: z.boolean(), unreported: text.nullable() }),
  ),
  failed: z.array(z.looseObject({ id: text, uri: text, error: text })),
});

/**
 * Reads the report of a run.
 *
 * @param folder the run's
 * @throws {Error} where there is none
 * @throws {RangeError} where it is larger than a text can be
 * @throws {SyntaxError} where it is damaged, or of another schema version; names the place
 * @example
 * import { readReport } from "svrflow/run";
 *
 * const { models, failed } = await readReport("my-run");
 * for (const { id, findings } of models) console.log(id, findings.map(({ title }) => title));
 * console.log(failed.map(({ id, error }) => `${id}: ${error}`));
 */
export async function readReport(folder: string): Promise<RunReport> {
  const path = join(folder, "report.json");
  const parsed = parse(path, await textOf(path));
  const version = typeof parsed === "object" && parsed !== null && "schema_version" in parsed
    ? parsed.schema_version
    : undefined;
  if (version !== SCHEMA_VERSION) {
    throw new SyntaxError(
      `${path}: found schema_version ${
        show(version)
      }, required ${SCHEMA_VERSION}; run the models again with this version`,
    );
  }
  const { success, data, error } = reportSchema.safeParse(parsed);
  if (success) return data;
  const [issue] = error.issues;
  throw new SyntaxError(
    `${path}, at ${show(issue?.path.join("."))}: ${
      issue?.message ?? "found no report"
    }; svr run writes it anew`,
    { cause: error },
  );
}

function parse(path: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new SyntaxError(
      `${path}: found ${messageOf(cause)}, required the JSON that svr run writes; run it again`,
      { cause },
    );
  }
}

async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > LARGEST) throw new RangeError(`${path}: found ${size} bytes, required at most ${LARGEST}`);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT" && codeOf(cause) !== "ENOTDIR") throw cause;
    throw new Error(
      `${path}: found no such file, required the folder of a run that is done (svr run --out)`,
      {
        cause,
      },
    );
  }
}
