/** `svr inspect`: every model of a config, those that cannot be opened by their names. */

import type { WriteStream } from "node:tty";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { PassedFile } from "../../connectors/sources/passed-files.ts";
import { counted } from "../model/counted.ts";
import { messageOf } from "../model/errors.ts";
import { auditModel, inferenceOf, type Inspection, inspectModel, topologyOfModel } from "../run/inspect.ts";
import { inspectedSpaces } from "../run/inspected-spaces.ts";
import { LazyEngine } from "../run/engine/lazy-engine.ts";
import { type InspectFormat, inspectionText } from "./inspect-text.ts";
import { topologyText } from "./topology-text.ts";
import { layerSettings } from "../run/layer-settings.ts";
import { loadPlugins } from "../run/plugins.ts";
import { planModels } from "../run/collection/models.ts";
import { groupedWarnings } from "./terminal/grouped-warnings.ts";
import { passedText } from "./terminal/passed-text.ts";
import { printable } from "../report/text.ts";
import type { Mark } from "./terminal/screen.ts";

/** Where an inspection goes. */
export interface InspectOutput {
  write(text: string): void;
  readonly stderr: Pick<WriteStream, "write">;
  /** Of what is written, in columns of characters. */
  readonly width: number;
  /** Marks what goes to stderr. */
  readonly mark: Mark;
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
  { write, stderr, width, mark }: InspectOutput,
  signal: AbortSignal,
): Promise<0 | 3> {
  const found: Inspection[] = [];
  const texts: string[] = [];
  const failures: unknown[] = [];
  const { formats } = await loadPlugins({ config, baseDir });
  const notTaken: PassedFile[] = [];
  const planned = await planModels(config, baseDir, signal, (file) => notTaken.push(file), formats);
  if (format === "topology" && planned.length !== 1) {
    throw new ConfigError(`--format topology: found ${planned.length} models, required one`);
  }
  const engine = new LazyEngine({
    kernel: config.kernel,
    signal,
    ...config.threads === undefined ? {} : { threads: config.threads },
  }, () => {
    stderr.write(
      config.audit
        ? "reading weights: they are asked what they say to each topology\n"
        : "reading weights: they say who feeds whom where nothing better does (--no-infer: names and shapes only)\n",
    );
  });
  const kernel = async () => (await engine.open()).kernel;
  const unasked: string[] = [];
  let said = performance.now();
  try {
    for (const [at, model] of planned.entries()) {
      if (performance.now() - said > SILENCE_MS) {
        stderr.write(`inspecting ${printable(model.id)}, ${at + 1} of ${planned.length}\n`);
        said = performance.now();
      }
      try {
        const inference = await inferenceOf(model, config.infer, kernel, (id) => unasked.push(id), signal);
        // A topology says layers by their weights: circuits follow from it.
        const shown = format === "topology" ? { ...config, circuits: false } : config;
        const settings = { ...layerSettings(shown), inferred: inference?.graph };
        const inspected = await inspectModel(model, settings, signal);
        if (format === "topology") {
          texts.push(topologyText(inspected, await topologyOfModel(model, settings, signal)));
        }
        found.push({
          ...inspected,
          ...inference === null ? {} : { spaces: inspectedSpaces(inference) },
          ...config.audit ? { audit: await auditModel(model, settings, await kernel(), signal) } : {},
        });
      } catch (failure) {
        signal.throwIfAborted();
        failures.push(failure);
        if (planned.length > 1) {
          stderr.write(`${mark("red", "failed:")} ${printable(`${model.id}: ${messageOf(failure)}`)}\n`);
        }
      }
    }
  } finally {
    await engine.dispose();
  }
  if (found.length === 0) throw failures[0];
  write(format === "topology" ? texts.join("") : inspectionText(found, format, width));
  const warnings = new Map<string, string[]>();
  for (const { id, warnings: said } of found) {
    for (const warning of said) warnings.set(warning, [...warnings.get(warning) ?? [], id]);
  }
  for (const text of groupedWarnings(warnings)) {
    stderr.write(`${mark("yellow", "warning:")} ${printable(text)}\n`);
  }
  const [first] = unasked;
  if (first !== undefined) {
    const more = unasked.length > 1 ? ` (and ${counted(unasked.length - 1, "other model")})` : "";
    stderr.write(
      `${printable(first)}${more}: a run would ask the weights who feeds whom; here --infer does\n`,
    );
  }
  for (const text of passedText(notTaken)) stderr.write(`${text}\n`);
  return failures.length > 0 ? 3 : 0;
}
