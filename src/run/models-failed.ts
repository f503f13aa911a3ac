/** The failure of a whole run. */

import type { FailedModel } from "../report/run-report.ts";

/** No model of a run could be done. `errors` are theirs, in the order of the config. */
export class ModelsFailed extends AggregateError {
  override readonly name = "ModelsFailed";
  /** The models, in the same order. */
  readonly failed: readonly FailedModel[];

  constructor(errors: readonly unknown[], failed: readonly FailedModel[]) {
    super(errors, failed.map(({ error }) => error).join("\n"));
    this.failed = failed;
  }
}
