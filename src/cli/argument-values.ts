/** Values of arguments that several commands take. */

import { InvalidArgumentError } from "commander";
import { shownServer } from "../../connectors/queue/redis.ts";
import { messageOf } from "../model/errors.ts";

/** Any number. @throws {InvalidArgumentError} when the text is none */
export function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("Not a number.");
  return value;
}

/** A number, `all` or `auto`. @throws {InvalidArgumentError} when the text is none */
export function rankOf(text: string): number | string {
  if (text === "all" || text === "auto") return text;
  if (Number.isNaN(Number(text))) throw new InvalidArgumentError("Neither a number nor all or auto.");
  return numberOf(text);
}

/** A number from 0 to 1. @throws {InvalidArgumentError} when the text is none */
export function shareOf(text: string): number {
  const value = numberOf(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Not a number from 0 to 1.");
  return value;
}

/** A whole number of `least` or more. @throws {InvalidArgumentError} when the text is none */
export function countFrom(least: 0 | 1): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
      throw new InvalidArgumentError(`Not a number of ${least} or more.`);
    }
    return Number(text);
  };
}

/** The cache's setting: `off`, or its largest size. */
export function cacheOf(text: string): unknown {
  return text === "off" ? text : { limit: text };
}

/** The figures of layers that are wanted, such as `pooled,bootstrap=200`. @throws {InvalidArgumentError} when one is unknown */
export function layerMetricsOf(text: string): unknown {
  return Object.fromEntries(
    text.split(",").map((each) => {
      const [name = "", value] = each.split("=");
      if (name === "bootstrap" && value !== undefined) return [name, countFrom(1)(value)];
      if (name === "alpha" && value !== undefined) return [name, numberOf(value)];
      if ((name === "pooled" || name === "permuted") && value === undefined) return [name, true];
      throw new InvalidArgumentError(
        `Found "${each}", required pooled, permuted, bootstrap=<samples> or alpha=<level>.`,
      );
    }),
  );
}

/** Which edges are written: a name, or as many as `top:<k>` says. @throws {InvalidArgumentError} when k is no number */
export function edgesOf(text: string): unknown {
  return text.startsWith("top:") ? { top: numberOf(text.slice(4)) } : text;
}

/** A number of floating-point operations, such as `1e12`; Infinity for `off`. @throws {InvalidArgumentError} when it is neither */
export function operationsOf(text: string): number {
  const operations = text === "off" ? Infinity : text === "" ? NaN : Number(text);
  if (operations >= 0) return operations;
  throw new InvalidArgumentError("Not a number of operations, such as 1e12, nor off.");
}

/** The address of a queue. @throws {InvalidArgumentError} when it is none of Redis; repeats no password */
export function queueOf(text: string): string {
  try {
    shownServer(text);
    return text;
  } catch (cause) {
    throw new InvalidArgumentError(`${messageOf(cause)}.`);
  }
}
