/** What the null controls say beside a figure of their model: its mean, and how far they spread. */

import { meanAndDeviation } from "../../stats/ordinary.ts";
import type { Measured, ModelFacts } from "./facts.ts";
import { decimal, withSpread } from "./words.ts";

/** A figure over all null controls. */
export interface ControlFigure {
  /** The mean of those that have it; null where none has. */
  readonly control: number | null;
  /** Their standard deviation; null where fewer than two have it. */
  readonly control_spread: number | null;
}

/** A figure over some controls. One alone is as it is; of several those count that are finite. */
export function overControls(values: readonly (number | null)[]): ControlFigure {
  const [only = null] = values;
  if (values.length < 2) return { control: only, control_spread: null };
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (known.length === 0) return { control: null, control_spread: null };
  const { mean, deviation } = meanAndDeviation(known);
  return { control: mean, control_spread: deviation };
}

/** A figure over all of a model's controls. */
export function beside(
  { controls }: Pick<ModelFacts, "controls">,
  figure: (measured: Measured) => number | null,
): ControlFigure {
  return overControls(controls.map(figure));
}

/** `1.003`, or `1.003 ± 0.04` of several. */
export function controlText({ control, control_spread: spread }: ControlFigure): string {
  return withSpread(control, spread);
}

/**
 * How many controls are as far from chance as the model: `0 of 20 reach the model's own 4.2`.
 *
 * @param chance on which side of it the model lies says what far is
 */
export function reachText(values: readonly (number | null)[], own: number, chance: number): string {
  const isHigh = own >= chance;
  const count = values.filter((value) => value !== null && (isHigh ? value >= own : value <= own)).length;
  const verb = isHigh ? count === 1 ? "reaches" : "reach" : count === 1 ? "is as low as" : "are as low as";
  return `${count} of ${values.length} ${verb} the model's own ${decimal(own)}`;
}

/** What a mean of several stands for, in a sentence. */
export function controlsMeaning({ length }: readonly unknown[]): string {
  return `mean and standard deviation of ${length} controls`;
}
