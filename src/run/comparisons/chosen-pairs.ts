/** Which models of a run are compared with which. */

import { ConfigError } from "../../../config/document.ts";
import type { RunConfig } from "../../../config/schema.ts";
import { counted } from "../../model/counted.ts";
import { show } from "../../model/errors.ts";
import type { PlannedModel } from "../collection/models.ts";

/** A base and the model that is compared with it, as indices. */
export type ChosenPair = readonly [base: number, other: number];

/** An error names so many of a run's models. */
const MOST_NAMED = 10;

/**
 * The pairs that a config asks for, in the order of the models; each once.
 *
 * @returns none where there are not two models, or not two checkpoints of a series, yet: a nightly run begins so
 * @throws {ConfigError} when it names a model that the run does not have, names no two models, or asks for series where no model is a checkpoint
 */
export function chosenPairs(
  compare: NonNullable<RunConfig["compare"]>,
  models: readonly Pick<PlannedModel, "id" | "series" | "step">[],
): ChosenPair[] {
  const { pairs, base, series } = compare;
  const place = (id: string, where: string): number => {
    const at = models.findIndex((model) => model.id === id);
    if (at >= 0) return at;
    const some = models.slice(0, MOST_NAMED).map((model) => show(model.id)).join(", ");
    throw new ConfigError(
      `compare.${where}: found ${show(id)}, required the id of a model of the run, such as ${some}`,
    );
  };
  const all = () =>
    models.flatMap((_, from) => models.flatMap((_, to) => from < to ? [[from, to] as const] : []));
  const chosen: readonly ChosenPair[] = pairs !== undefined
    ? pairs.map(([from, to]) => [place(from, "pairs"), place(to, "pairs")] as const)
    : base !== undefined
    ? against(place(base, "base"), models.length)
    : series === true
    ? checkpointSeries(models).flatMap(neighbours)
    : all();
  const distinct = new Map(chosen.map((pair) => [pair.join(" "), pair]));
  const found = [...distinct.values()].filter(([from, to]) => from !== to);
  if (found.length > 0 || pairs === undefined && (series !== true || models.some(isCheckpoint))) return found;
  throw new ConfigError(`compare: found ${nothingToCompare(compare, models)}`);
}

/** What was found where there is nothing to compare, and what is required. */
export function nothingToCompare(
  { series }: NonNullable<RunConfig["compare"]>,
  models: readonly Pick<PlannedModel, "series" | "step">[],
): string {
  const count = series === true
    ? counted(models.filter(isCheckpoint).length, "checkpoint")
    : counted(models.length, "model");
  const required = series === true ? "two checkpoints of one series" : "two models";
  return `${count}, required ${required} to compare`;
}

const isCheckpoint = ({ series, step }: Pick<PlannedModel, "series" | "step">) =>
  series !== undefined && step !== undefined;

function against(base: number, models: number): ChosenPair[] {
  return Array.from({ length: models }, (_, at) => [base, at] as const);
}

/** Each with the next. */
export function neighbours(checkpoints: readonly number[]): ChosenPair[] {
  return checkpoints.slice(1).map((at, index) => [checkpoints[index]!, at] as const);
}

/** The checkpoints of each series in the order of their steps, as indices. */
export function checkpointSeries(models: readonly Pick<PlannedModel, "series" | "step">[]): number[][] {
  const placed = models.flatMap(({ series, step }, at) =>
    series === undefined || step === undefined ? [] : [{ series, step, at }]
  );
  return [...Map.groupBy(placed, ({ series }) => series).values()].map((checkpoints) =>
    checkpoints.sort((a, b) => a.step - b.step).map(({ at }) => at)
  );
}
