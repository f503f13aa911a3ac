/** What is said of a run that ended without a result. */

import { ConfigError } from "../../../config/document.ts";
import { messageOf } from "../../model/errors.ts";
import { ModelsFailed } from "../../run/models-failed.ts";

/** The models that could not be done, where none could. */
const failedModels = (failure: unknown) => failure instanceof ModelsFailed ? failure.failed : [];

/** What went wrong, as the last of a run's events. */
export function errorEvent(failure: unknown, code: number) {
  const [model, another] = failedModels(failure);
  const cause = failure instanceof AggregateError ? failure.errors[0] as unknown : failure;
  const file = another === undefined ? cause instanceof ConfigError ? cause.file : model?.uri : undefined;
  return { event: "error", exit_code: code, message: messagesOf(failure).join("; "), file: file ?? null };
}

/** What is said of a failure; of several models each was said when it failed. */
export function messagesOf(failure: unknown): string[] {
  const models = failedModels(failure).length;
  if (models > 1) return [`all ${models} models failed`];
  return (failure instanceof AggregateError ? failure.errors : [failure]).map(messageOf);
}
