/** `svr run --share`: does models of a run into the lake, and says what it did. */

import type { LoadedConfig } from "../../../config/load.ts";
import { counted } from "../../model/counted.ts";
import { printable } from "../../report/text.ts";
import type { Progress } from "../../run/progress/progress.ts";
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
  { write, json, progress }: WorkerOutput,
  signal: AbortSignal,
): Promise<0 | 3> {
  const outcome = await runShare(loaded, share, { progress, signal });
  write?.(json ? `${JSON.stringify(outcome, null, 2)}\n` : outcomeText(outcome, share));
  return outcome.failed.length === 0 ? 0 : 3;
}

function outcomeText({ lake, models, done, failed }: WorkerOutcome, share: Share): string {
  const which = `share ${share.at}/${share.of}: ${done.length + failed.length} of ${
    counted(models, "model")
  }`;
  const ended = failed.length === 0 ? "" : `, ${counted(failed.length, "model")} failed`;
  return printable(`${which}, tables in ${lake}${ended}`) +
    `\nWhen all shares are done: ${printable(`svr merge ${lake}`)}\n`;
}
