/** `svr run --dry-run`: prints a forecast. */

import type { LoadedConfig } from "../../config/load.ts";
import { forecast } from "../run/forecast/dry-run.ts";
import { forecastText } from "./dry-run-text.ts";

/**
 * Forecasts a run and prints it.
 *
 * @returns the exit code that the run would have, as far as headers tell: 0, 3 when some models would fail, 1 when all would
 */
export async function dryRunCommand(
  loaded: LoadedConfig,
  json: boolean,
  { print, width }: { readonly print: (text: string) => void; readonly width: number },
  signal: AbortSignal,
): Promise<0 | 1 | 3> {
  const found = await forecast(loaded, signal);
  print(`${json ? JSON.stringify(found, null, 2) : forecastText(found, width)}\n`);
  if (found.failed.length === 0) return 0;
  const failed = new Set(found.failed.map(({ id }) => id));
  return found.models.some(({ id }) => !failed.has(id)) ? 3 : 1;
}
