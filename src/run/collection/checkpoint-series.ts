/** Checkpoints of one model form a series: which one, and at which step, is read from their names. */

import { Worker } from "node:worker_threads";
import { ConfigError } from "../../../config/document.ts";
import type { SeriesRule } from "../../../config/series.ts";
import { show } from "../../model/errors.ts";
import { eventsOf } from "../../base/thread-events.ts";

/** A model's place in its series. */
export interface Place {
  /** The name that all checkpoints of the model share. */
  readonly series: string;
  /** Epoch, step or whatever the names count; not negative. */
  readonly step: number;
}

/** Names beyond this are ids made of whole paths, and a pattern that is slow is slowest on them. */
const LONGEST_NAME = 512;

/** All names of a run together; an honest pattern reads a hundred thousand in a tenth of it. */
const PATTERN_MS = 2000;

/**
 * A word that counts, and a number: `epoch-012`, `step_1000`, `checkpoint-500`, `ckpt3`, `epoch=3`. Fifteen digits are
 * still exact. Nothing in it can match in two ways, so that no name makes it slow.
 */
const COUNTED =
  /(^|[^\p{L}\p{N}])(global[-_]?step|epochs?|steps?|iterations?|iters?|checkpoint|ckpt|ep)[-_=.@ ]?(\d{1,15}(?:\.\d{1,6})?)(?![\p{L}\p{N}])/giu;

/** Keras's own way to name checkpoints, an epoch and a figure behind a dot: `mini_XCEPTION.102-0.66`. */
const KERAS = /\.(\d{1,6})-\d{1,6}\.\d{1,6}$/u;

/** A name that says nothing, and a number behind a dot: `model.40`. */
const NUMBERED = /(?<=^|\/)(?:model|weights|net|network|policy|params|state)\.(\d{1,15})$/iu;

/**
 * The places that names give models.
 *
 * @param names one per model, such as `vgg/epoch-012.f16`
 * @returns per name: null where it says none, or is longer than 512 characters
 * @throws {ConfigError} when the user's pattern takes longer than two seconds for all names, or finds a step that is no number
 */
export async function placesOf(
  rule: SeriesRule,
  names: readonly string[],
): Promise<readonly (Place | null)[]> {
  if (rule === "off") return names.map(() => null);
  const short = names.map((name) => name.length <= LONGEST_NAME ? name : "");
  return rule === "auto" ? short.map(counted) : await byPattern(rule.pattern, short);
}

/** The built-in rule: of several counts the last is the step (`epoch=3-step=1000`), and none is in the series' name. */
function counted(name: string): Place | null {
  const found = [...name.matchAll(COUNTED)];
  const last = found.at(-1);
  if (last !== undefined) {
    const rest = tidied(name.replaceAll(COUNTED, (_all, before: string) => before === "/" ? "/" : ""));
    // Where the name is nothing but the count, its word is the series.
    return { series: rest === "" || rest.startsWith(".") ? last[2]! + rest : rest, step: Number(last[3]) };
  }
  const numbered = KERAS.exec(name) ?? NUMBERED.exec(name);
  if (numbered === null) return null;
  // Cut off are the dot and all behind it; the word before it stays.
  const end = name.lastIndexOf(`.${numbered[1]!}`);
  return { series: tidied(name.slice(0, end)) || "epoch", step: Number(numbered[1]) };
}

/** What is left of a name: no empty parts, no separators at the ends of one; what begins with a dot follows the part before. */
function tidied(name: string): string {
  return name.split("/").map((part) => part.replace(/^[-_=@ ]+/u, "").replace(/[-_=@. ]+$/u, ""))
    .filter((part) => part !== "")
    .reduce((all, part) => all === "" || part.startsWith(".") ? `${all}${part}` : `${all}/${part}`, "");
}

interface Match {
  readonly at: number;
  readonly length: number;
  readonly series: string | null;
  readonly step: string | null;
}

async function byPattern(pattern: string, names: readonly string[]): Promise<(Place | null)[]> {
  const matches = await matched(pattern, names);
  return matches.map((match, at) => {
    if (match === null || match.step === null) return null;
    const name = names[at]!;
    const step = Number(match.step);
    if (match.step.trim() === "" || !(step >= 0 && step < Infinity)) {
      throw new ConfigError(
        `series: found step ${show(match.step)} in ${show(name)} by the pattern ${
          show(pattern)
        }, required a number of at least 0`,
      );
    }
    const rest = tidied(name.slice(0, match.at) + name.slice(match.at + match.length));
    return { series: match.series ?? (rest || "series"), step };
  });
}

/** What the thread does that runs the pattern. */
const MATCHER = `import { parentPort, workerData } from "node:worker_threads";
const pattern = new RegExp(workerData.pattern, "u");
parentPort.postMessage(workerData.names.map((name) => {
  const match = pattern.exec(name);
  return match && { at: match.index, length: match[0].length, series: match.groups?.series ?? null, step: match.groups?.step ?? null };
}));`;

/** A pattern from a config may take years for a short name: it runs in a thread of its own, which can be ended. */
async function matched(pattern: string, names: readonly string[]): Promise<readonly (Match | null)[]> {
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(MATCHER)}`), {
    workerData: { pattern, names },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() =>
        reject(
          new ConfigError(
            `series: the pattern ${show(pattern)} took longer than ${
              PATTERN_MS / 1000
            } s for ${names.length} names, required one that does not backtrack so much`,
          ),
        ), PATTERN_MS);
      const events = eventsOf(thread);
      events.once("message", resolve);
      events.once("error", reject);
    });
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}
