/** Models of a run as jobs of a queue: what a job says, and what it is called. */

import { createHash } from "node:crypto";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import type { QueuedJob } from "../../../connectors/queue/job-queue.ts";
import { VERSION } from "../../version.ts";
import { SHARED_RUN, type SharedRun } from "./shared-run.ts";

/** A model that a worker is asked to do: keys and places, the lake has the rest. */
export interface ModelJob {
  readonly lake: string;
  /** Names what the lake's workers have agreed on: settings and models. 64 hex digits. */
  readonly run: string;
  /** Its id. */
  readonly model: string;
}

/** The queue: workers of another version leave its jobs alone. */
export const MODEL_QUEUE = `svrflow-${VERSION}`;

/** Names what the workers of a lake have agreed on. @returns null where they have not */
export async function sharedRunKey(place: LakePlace): Promise<string | null> {
  const text = await place.readText(SHARED_RUN);
  return text === null ? null : sha256(text);
}

/** The jobs of a run. Equal runs into one lake have equal jobs, whoever asks for them. */
export function modelJobs(lake: string, run: string, { models }: SharedRun): QueuedJob<ModelJob>[] {
  return models.map(({ id: model }) => ({
    id: `model-${sha256([lake, run, model].join("\n"))}`,
    data: { lake, run, model },
  }));
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
