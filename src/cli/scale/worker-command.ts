/** `svr run --share` and `svr run --lease`: does models of a run into the lake, and says what it did. */

import type { LoadedConfig } from "../../../config/load.ts";
import { counted } from "../../model/counted.ts";
import { printable } from "../../report/text.ts";
import type { Progress } from "../../run/progress/progress.ts";
import { runLeased } from "../../run/workers/run-leased.ts";
import { runShare, type WorkerOutcome } from "../../run/workers/run-share.ts";
import type { Share } from "../../run/workers/share.ts";

/** Where a worker speaks. */
export interface WorkerOutput {
  /** Takes what belongs on stdout; null where nothing does. */
  readonly write: ((text: string) => void) | null;
  readonly json: boolean;
  readonly progress: Progress;
}

/** Does a share. @returns the exit code: 0, or 3 when some models failed */
export async function shareCommand(
  loaded: LoadedConfig,
  share: Share,
  output: WorkerOutput,
  signal: AbortSignal,
): Promise<0 | 3> {
  const outcome = await runShare(loaded, share, { progress: output.progress, signal });
  return told(outcome, `share ${share.at}/${share.of}`, "When all shares are done", output);
}

/** Does models that no other worker does. @returns as `shareCommand` does */
export async function leaseCommand(
  loaded: LoadedConfig,
  patience: number,
  output: WorkerOutput,
  signal: AbortSignal,
): Promise<0 | 3> {
  const outcome = await runLeased(loaded, patience, { progress: output.progress, signal });
  return told(outcome, "this worker", "All models are done or have failed", output);
}

function told(outcome: WorkerOutcome, who: string, next: string, { write, json }: WorkerOutput): 0 | 3 {
  const { lake, models, done, failed } = outcome;
  const ended = failed.length === 0 ? "" : `, ${counted(failed.length, "model")} failed`;
  const what = `${who}: ${done.length + failed.length} of ${
    counted(models, "model")
  }, tables in ${lake}${ended}`;
  write?.(
    json
      ? `${JSON.stringify(outcome, null, 2)}\n`
      : `${printable(what)}\n${next}: ${printable(`svr merge ${lake}`)}\n`,
  );
  return failed.length === 0 ? 0 : 3;
}
