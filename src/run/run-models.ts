/** The models of a run, some at a time: what fails is named, the others go on. */

import { messageOf } from "../model/errors.ts";
import { ModelsFailed } from "./models-failed.ts";
import type { PlannedModel } from "./collection/models.ts";
import type { FailedModel } from "../report/run-report.ts";
import type { DoneModel } from "./records/done-model.ts";
import { type ModelRun, runModel } from "./run-model.ts";

/** What became of the models, in the order of the config. */
export interface ModelsOutcome {
  readonly done: readonly DoneModel[];
  readonly failed: readonly FailedModel[];
}

/**
 * Runs every model, at most `atATime` side by side; they begin in their order.
 *
 * @param one does a model; default: `runModel`
 * @throws {ModelsFailed} when every model failed
 * @throws what `hopeless` names; the signal's reason when it is aborted, once no model is being worked on any more
 */
export async function runModels(
  planned: readonly PlannedModel[],
  atATime: number,
  run: ModelRun,
  one: (planned: PlannedModel, run: ModelRun) => Promise<DoneModel> = runModel,
): Promise<ModelsOutcome> {
  const { progress, signal } = run;
  const outcomes: ({ readonly done: DoneModel } | { readonly error: unknown })[] = [];
  const over = () => signal?.aborted === true || run.hopeless() !== null;
  let next = 0;
  const work = async () => {
    for (let at = next++; at < planned.length && !over(); at = next++) {
      const model = planned[at]!;
      progress({ event: "model", model: model.id, index: at + 1, of: planned.length });
      try {
        outcomes[at] = { done: await one(model, run) };
      } catch (error) {
        outcomes[at] = { error };
        if (planned.length > 1 && !over()) {
          progress({ event: "model-failed", model: model.id, file: model.uri, error: messageOf(error) });
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, planned.length) }, work));
  signal?.throwIfAborted();
  const reason = run.hopeless();
  if (reason !== null) throw reason;
  const done = outcomes.flatMap((each) => "done" in each ? [each.done] : []);
  const failed = outcomes.flatMap((each, at) => {
    if ("done" in each) return [];
    const { id, uri } = planned[at]!;
    return [{ id, uri, error: messageOf(each.error) }];
  });
  if (done.length === 0) {
    const errors = outcomes.flatMap((each) => "error" in each ? [each.error] : []);
    throw new ModelsFailed(errors, failed);
  }
  return { done, failed };
}
