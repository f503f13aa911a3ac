/** `svr inspect`: every model of a config, those that cannot be opened by their names. */

import type { WriteStream } from "node:tty";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { messageOf } from "../model/errors.ts";
import { type Inspection, inspectModel, topologyOfModel } from "../run/inspect.ts";
import { type InspectFormat, inspectionText } from "./inspect-text.ts";
import { topologyText } from "./topology-text.ts";
import { layerSettings } from "../run/layer-settings.ts";
import { planModels } from "../run/collection/models.ts";
import { printable } from "../report/text.ts";

/** Where an inspection goes. */
export interface InspectOutput {
  write(text: string): void;
  readonly stderr: Pick<WriteStream, "write">;
}

/** After so long without a word the model at hand is named, on a terminal or not. */
const SILENCE_MS = 1500;

/**
 * Inspects the models of a config and prints what was found.
 *
 * @returns the exit code: 0, or 3 when some models could not be inspected
 * @throws what is wrong with the only model, or with the first where none could be inspected
 */
export async function inspectCommand(
  { config, baseDir }: LoadedConfig,
  format: InspectFormat,
  { write, stderr }: InspectOutput,
  signal: AbortSignal,
): Promise<0 | 3> {
  const found: Inspection[] = [];
  const texts: string[] = [];
  const failures: unknown[] = [];
  const planned = await planModels(config, baseDir, signal);
  if (format === "topology" && planned.length !== 1) {
    throw new ConfigError(`--format topology: found ${planned.length} models, required one`);
  }
  let said = performance.now();
  for (const [at, model] of planned.entries()) {
    if (performance.now() - said > SILENCE_MS) {
      stderr.write(`inspecting ${printable(model.id)}, ${at + 1} of ${planned.length}\n`);
      said = performance.now();
    }
    try {
      const inspected = await inspectModel(model, layerSettings(config), signal);
      if (format === "topology") {
        texts.push(topologyText(inspected, await topologyOfModel(model, layerSettings(config), signal)));
      }
      found.push(inspected);
    } catch (failure) {
      signal.throwIfAborted();
      failures.push(failure);
      if (planned.length > 1) stderr.write(`failed: ${printable(`${model.id}: ${messageOf(failure)}`)}\n`);
    }
  }
  if (found.length === 0) throw failures[0];
  write(format === "topology" ? texts.join("") : inspectionText(found, format));
  for (const { id, warnings } of found) {
    for (const warning of warnings) stderr.write(`warning: ${printable(`${id}: ${warning}`)}\n`);
  }
  return failures.length > 0 ? 3 : 0;
}
