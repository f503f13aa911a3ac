/** Shares of a run: which of its models one of several machines does. */

import { ConfigError } from "../../../config/document.ts";
import { show } from "../../model/errors.ts";
import type { SharedModel } from "./shared-run.ts";

/** One of several shares. */
export interface Share {
  /** From 1 to `of`. */
  readonly at: number;
  readonly of: number;
}

/** So many machines work on no run; the models are divided in memory. */
const MOST = 1_000_000;

/**
 * Divides the models of a run: the largest first, each to the share that has least so far. The result depends on the models' ids and
 * on what each takes, not on their order. No share has more than 4/3 of the least possible maximum.
 *
 * @param of number of shares, at least 1
 * @returns ids by share, each in the order in which they are done: the largest first
 * @example
 * divided([{ id: "a", flops: 3 }, { id: "b", flops: 2 }, { id: "c", flops: 1 }], 2);
 * // [["a"], ["b", "c"]]
 */
export function divided(models: readonly Pick<SharedModel, "id" | "flops">[], of: number): string[][] {
  const shares = Array.from({ length: of }, () => ({ flops: 0, ids: [] as string[] }));
  for (const { id, flops } of largestFirst(models)) {
    // Of equal ones the one with fewer models: those that nobody can read are divided too.
    const least = shares.reduce((a, b) =>
      b.flops < a.flops || b.flops === a.flops && b.ids.length < a.ids.length ? b : a
    );
    least.flops += flops ?? 0;
    least.ids.push(id);
  }
  return shares.map(({ ids }) => ids);
}

/** Models, those first that take most. */
export function largestFirst<T extends Pick<SharedModel, "id" | "flops">>(models: readonly T[]): T[] {
  return [...models].sort((a, b) => (b.flops ?? 0) - (a.flops ?? 0) || (a.id < b.id ? -1 : 1));
}

/** Which share a job of an array does, by the variables of a scheduler. */
interface Scheduler {
  readonly name: string;
  readonly at: string;
  readonly of: string;
  /** Number of the first job. */
  readonly first: (environment: Environment) => number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Kubernetes sets no count: the job's manifest says it twice, as `completions` and under this name. */
const SCHEDULERS: readonly Scheduler[] = [
  {
    name: "Slurm",
    at: "SLURM_ARRAY_TASK_ID",
    of: "SLURM_ARRAY_TASK_COUNT",
    first: (environment) => numberIn(environment, "SLURM_ARRAY_TASK_MIN"),
  },
  {
    name: "AWS Batch",
    at: "AWS_BATCH_JOB_ARRAY_INDEX",
    of: "AWS_BATCH_JOB_ARRAY_SIZE",
    first: () => 0,
  },
  { name: "Kubernetes", at: "JOB_COMPLETION_INDEX", of: "JOB_COMPLETIONS", first: () => 0 },
];

/**
 * The share that an option names: `3/16`, or `auto` for the one that the environment of a scheduler names.
 *
 * @throws {ConfigError} when it is neither, or the environment names none
 * @example
 * shareOf("3/16", {}); // { at: 3, of: 16 }
 * shareOf("auto", { JOB_COMPLETION_INDEX: "2", JOB_COMPLETIONS: "16" }); // { at: 3, of: 16 }
 */
export function shareOf(text: string, environment: Environment): Share {
  if (text === "auto") return shareOfScheduler(environment);
  const found = /^(\d{1,7})\/(\d{1,7})$/.exec(text);
  return checked(Number(found?.[1] ?? 0), Number(found?.[2] ?? 0), `--share: found ${show(text)}`);
}

function shareOfScheduler(environment: Environment): Share {
  const scheduler = SCHEDULERS.find(({ at }) => environment[at] !== undefined);
  if (scheduler === undefined) {
    const names = SCHEDULERS.map(({ name, at, of }) => `${at} and ${of} (${name})`).join(", ");
    throw new ConfigError(`--share auto: found no job of an array, required ${names}, or --share 3/16`);
  }
  const { at, of, first } = scheduler;
  // Tasks of an array need not begin at 0 or 1, but follow one another: with gaps the count is less than the last number.
  const place = numberIn(environment, at) - first(environment) + 1;
  return checked(place, numberIn(environment, of), `--share auto: found ${at}=${environment[at]}`);
}

function numberIn(environment: Environment, name: string): number {
  const text = environment[name];
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new ConfigError(
    `--share auto: found ${name} ${text === undefined ? "not set" : show(text)}, required a number`,
  );
}

function checked(at: number, of: number, found: string): Share {
  if (at >= 1 && at <= of && of <= MOST) return { at, of };
  throw new ConfigError(
    `${found}, required a share such as 3/16: from 1 to the number of shares, at most ${MOST}, without gaps`,
  );
}
