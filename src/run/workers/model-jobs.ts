/** Models of a run as jobs of a queue: what a job says, and what it is called. */

import { createHash } from "node:crypto";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import type { QueuedJob } from "../../../connectors/queue/job-queue.ts";
import { VERSION } from "../../version.ts";
import type { JobCache } from "./layer-jobs.ts";
import { SHARED_RUN } from "./shared-run.ts";

/** A model, or layers of one, that a worker is asked to do: keys and places, the lake has the rest. */
export interface ModelJob {
  readonly lake: string;
  /** Names what the lake's workers have agreed on: settings and models. 64 hex digits. */
  readonly run: string;
  /** Its id. */
  readonly model: string;
  /** Where the spectra of a model's layers meet, whose jobs these are or were. */
  readonly spectra?: JobCache;
  /** Names of the layers that are to be decomposed into the cache, and nothing else. Absent for the model itself. */
  readonly layers?: readonly string[];
}

/** The queue: workers of another version leave its jobs alone. */
export const MODEL_QUEUE = `svrflow-${VERSION}`;

/** Names what the workers of a lake have agreed on. @returns null where they have not */
export async function sharedRunKey(place: LakePlace): Promise<string | null> {
  const text = await place.readText(SHARED_RUN);
  return text === null ? null : sha256(text);
}

/**
 * The job of a model. Equal runs into one lake have equal jobs, whoever asks for them.
 *
 * @param groups names of layers, a job each, that come first; with a cache for their spectra
 */
export function modelJob(
  job: Pick<ModelJob, "lake" | "run" | "model">,
  groups: readonly (readonly string[])[],
  spectra: JobCache | null,
): QueuedJob<ModelJob> {
  const { lake, run, model } = job;
  const key = [lake, run, model];
  const id = `model-${sha256(key.join("\n"))}`;
  if (groups.length === 0 || spectra === null) return { id, data: job };
  const data = { ...job, spectra };
  const parts = groups.map((layers) => ({
    id: `layers-${sha256([...key, ...layers].join("\n"))}`,
    data: { ...data, layers },
  }));
  return { id, data, parts };
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
