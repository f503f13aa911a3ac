/** What the files beside the tables, `run.json` and `report.json`, say of one model of a run. */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { LakePlace } from "../../connectors/lake/place.ts";
import type { StoredModel } from "../../connectors/readers/run-tables.ts";
import { codeOf, messageOf } from "../model/errors.ts";
import type { Chain } from "../model/measures.ts";
import type { PictureData } from "./picture-data.ts";

/** The largest file that is read whole: a report of a thousand models has some 100 MB, and a text must fit V8's half a GiB. */
const LARGEST = 2 ** 28;
/** No model has more layers in a row. */
const LONGEST_CHAIN = 100_000;

const index = z.int().min(0).max(2 ** 31 - 1);
const name = z.string().max(4096);

const runSchema = z.object({
  run_id: name,
  config: z.object({ lake: z.union([name, z.object({ place: name.optional() })]).optional() }).optional(),
  models: z.array(z.object({
    id: z.string(),
    files: z.array(z.object({ path: name, sha256: name.optional() })).readonly(),
  })).readonly(),
});

/** Which tables a run has left, and where: what `run.json` says of them. */
export type RecordedRun = z.infer<typeof runSchema>;

const edgeSchema = z.object({
  sourceLayer: index,
  sourceNeuron: index,
  targetLayer: index,
  targetNeuron: index,
  part: index,
  overlap: z.number(),
  logP: z.number(),
});

const chainSchema = z.object({
  edges: z.array(edgeSchema).min(1).max(LONGEST_CHAIN),
  logFisher: z.number(),
  logChains: z.number(),
  logP: z.number(),
});

const reportSchema = z.object({
  run_id: name,
  models: z.array(z.object({
    id: z.string(),
    // A model may be of an earlier run than the report, with other settings.
    test: z.object({
      null: name,
      alpha: z.number().positive().max(1),
      sigma: z.number(),
      correction: name,
      correction_over: name,
      weight: name,
      near_kernel: z.number().min(0).max(1),
    }),
    measures: z.object({ chains: z.array(chainSchema) }),
  })),
});

/** What a report says of a model, as far as a picture shows it. */
interface ReportedModel {
  readonly test: z.infer<typeof reportSchema>["models"][number]["test"];
  readonly measures: { readonly chains: readonly Chain[] };
}

/** How the edges of a model were tested, and its dominant connection. */
type TestRecord = Pick<PictureData, "test" | "chain">;

/** What is recorded of a model whose tables lie in a lake. */
export type PictureRecords = (lake: LakePlace, model: StoredModel) => Promise<TestRecord>;

/**
 * How the models of a run were tested. Where the records are missing, or speak of other tables than those of the model that lie in the folder
 * (which may hold models of several runs), it is not known. They are read with the first model that is asked for, and once.
 *
 * Rejects with a `SyntaxError` when a record is none; names the file and the place.
 */
export function pictureRecords(out: string): PictureRecords {
  let records: ReturnType<typeof readRecords> | null = null;
  return async (lake, { header: { id }, partition }) => {
    const { run, report } = await (records ??= readRecords(out));
    const files = run?.models.find((model) => model.id === id)?.files ?? [];
    const reported = report?.models.find((model) => model.id === id);
    if (
      reported === undefined || run?.run_id !== report?.run_id || !await edgesStand(lake, files, partition)
    ) {
      return { test: null, chain: "unknown" };
    }
    return reportedTest(reported);
  };
}

async function readRecords(out: string) {
  return { run: await recordedRun(out), report: await recordOf(join(out, "report.json"), reportSchema) };
}

/** What `run.json` says of the tables of a run; null where there is none. @throws {SyntaxError} when it is damaged */
export async function recordedRun(out: string): Promise<RecordedRun | null> {
  return await recordOf(join(out, "run.json"), runSchema);
}

/** How a model was tested, as its report says it. */
export function reportedTest({ test, measures: { chains: [best] } }: ReportedModel): TestRecord {
  const { null: nullName, alpha, sigma, correction, correction_over, weight, near_kernel } = test;
  return {
    test: {
      null: nullName,
      alpha,
      sigma,
      correction,
      correctionOver: correction_over,
      weight,
      nearKernel: near_kernel,
    },
    chain: best !== undefined && best.logP <= Math.log(alpha) ? best : "none",
  };
}

/**
 * Whether the edges that are recorded of a model stand in a lake. Names of files are made of the content and the settings that shape it, and a
 * model has one of edges: where it stands, it was meant. Without edges there is none, and the table of the model itself tells.
 */
export async function edgesStand(
  lake: LakePlace,
  files: readonly { readonly path: string }[],
  partition: string,
): Promise<boolean> {
  const recorded = (table: "edges" | "models") =>
    files.map((file) => file.path).find((file) => isTable(file, `${table}/${partition}/`));
  const path = recorded("edges") ?? recorded("models");
  return path !== undefined && await lake.sizeOf(path) !== null;
}

/** Nothing else of a record is taken for a path. */
function isTable(path: string, folder: string): boolean {
  return path.startsWith(folder) && /^part-[\w-]+\.parquet$/.test(path.slice(folder.length));
}

/** A file of JSON; null where there is none. */
async function recordOf<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > LARGEST) {
        throw new RangeError(`${path}: found ${size} bytes, required at most ${LARGEST}`);
      }
      text = await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    throw cause;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`${path}: ${messageOf(cause)}`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SyntaxError(
    `${path}, ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not as svr run writes it"}`,
  );
}
