/** The models of a run, one after another: what fails is named, the others go on. */

import { messageOf } from "../model/errors.ts";
import type { PlannedModel } from "./models.ts";
import type { FailedModel } from "./records.ts";
import { type DoneModel, type ModelRun, runModel } from "./run-model.ts";

/** What became of the models, in their order. */
export interface ModelsOutcome {
  readonly done: readonly DoneModel[];
  readonly failed: readonly FailedModel[];
}

/**
 * Runs every model.
 *
 * @throws {AggregateError} when every model failed; its `errors` are theirs
 * @throws the signal's reason when it is aborted
 */
export async function runModels(planned: readonly PlannedModel[], run: ModelRun): Promise<ModelsOutcome> {
  const { progress, signal } = run;
  const done: DoneModel[] = [];
  const failed: FailedModel[] = [];
  const errors: unknown[] = [];
  for (const [at, model] of planned.entries()) {
    signal?.throwIfAborted();
    progress({ event: "model", model: model.id, index: at + 1, of: planned.length });
    try {
      done.push(await runModel(model, run));
    } catch (failure) {
      signal?.throwIfAborted();
      errors.push(failure);
      failed.push({ id: model.id, uri: model.uri, error: messageOf(failure) });
      if (planned.length > 1) {
        progress({ event: "model-failed", model: model.id, error: messageOf(failure) });
      }
    }
  }
  if (done.length === 0) throw new AggregateError(errors, failed.map(({ error }) => error).join("\n"));
  return { done, failed };
}
