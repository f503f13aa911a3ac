/** A run's config as the engine's settings. */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { AUTO, parseByteSize } from "../../config/byte-size.ts";
import { ConfigError } from "../../config/document.ts";
import { DEFAULTS } from "../../config/defaults.ts";
import type { RunConfig } from "../../config/schema.ts";
import { isBucket } from "../../connectors/lake/open.ts";
import { measureOverlap } from "../analysis/overlap-measures.ts";
import type { TestReport } from "../analysis/findings/facts.ts";
import type { EdgeSettings } from "../flow/operators/test.ts";
import { messageOf } from "../model/errors.ts";
import type { InputFile, ModelHeader } from "../model/ports.ts";
import { type Row, SCHEMA_VERSION } from "../model/tables.ts";
import type { TopologyDeclaration } from "../model/topology.ts";
import { logSurvivalOfSigma, sigmaOfLogP } from "../stats/normal.ts";
import type { RankChoice } from "../flow/leading.ts";
import { compileWeight, type EdgeWeight } from "../stages/weight.ts";
import { VERSION } from "../version.ts";
import { automaticMemory } from "./automatic-memory.ts";
import type { KeptSettings, PairSettings } from "./comparisons/pair-report.ts";

/** How the edges of a run are tested. */
export function testSettings(config: RunConfig): EdgeSettings {
  return {
    null: config.null,
    logAlpha: config.alpha === undefined
      ? logSurvivalOfSigma(config.sigma ?? DEFAULTS.sigma)
      : Math.log(config.alpha),
    correction: config.correction,
    over: config.correctionOver,
    edges: config.edges,
    measure: measureOverlap,
    nearKernel: config.nearKernel.relative,
  };
}

/** The same for the report. */
export function testReport(config: RunConfig): TestReport {
  const { logAlpha } = testSettings(config);
  return {
    null: config.null,
    alpha: Math.exp(logAlpha),
    sigma: config.sigma ?? sigmaOfLogP(logAlpha),
    correction: config.correction,
    correction_over: config.correctionOver,
    unfolding: config.unfolding,
    weight: config.weight,
    near_kernel: config.nearKernel.relative,
    spike_alpha: config.layerMetrics.alpha,
  };
}

/** The run's weight. @throws {ConfigError} when the expression does not parse, or uses what is not allowed */
export async function weightOf(config: RunConfig): Promise<EdgeWeight> {
  try {
    return await compileWeight(config.weight);
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}

/** The seeds of the null controls; none where none are asked for. */
export function controlSeeds({ nullControl, nullControlSeed }: RunConfig): readonly number[] {
  return Array.from({ length: Number(nullControl) }, (_, at) => nullControlSeed + at);
}

/** The run's byte budget: the same whenever it is asked. */
export function memoryOf(config: RunConfig): number {
  if (config.memory === AUTO) return automaticMemory();
  const bytes = parseByteSize(config.memory);
  if (bytes === null) throw new ConfigError(`memory: found ${config.memory}, required a size such as 2GiB`);
  return bytes;
}

/** How many models are worked on side by side: enough that one is tested and written while others are decomposed. */
export function modelsAtATime({ modelsAtATime: most, threads }: RunConfig): number {
  return most ?? Math.min(4, (threads ?? availableParallelism()) + 1);
}

/** A share of the cache is for what overlaps have shown, which takes little beside the spectra. */
const RECORDS = 1 / 8;

/** Where the spectra of a run are kept, and what their overlaps have shown, and within how many bytes; null where they are not. */
export function cacheOf(
  { cache }: RunConfig,
  out: string,
):
  | {
    readonly spectra: CachePlace;
    readonly overlaps: CachePlace;
    /** Of both together. */
    readonly limit: number;
    readonly alone: boolean;
  }
  | null {
  if (cache === "off") return null;
  const limit = parseByteSize(cache.limit);
  if (limit === null) throw new ConfigError(`cache: found ${cache.limit}, required a size such as 4GiB`);
  const folder = (name: string) => cache.dir === undefined ? join(out, ".cache", name) : resolve(cache.dir);
  return {
    spectra: { folder: folder("spectra"), limit: Math.ceil(limit * (1 - RECORDS)) },
    overlaps: { folder: folder("overlaps"), limit: Math.floor(limit * RECORDS) },
    limit,
    alone: cache.dir === undefined,
  };
}

/** A folder, and how many bytes of files it may hold. */
interface CachePlace {
  readonly folder: string;
  readonly limit: number;
}

/** The settings that shape a model's tables. */
const SHAPING = [
  "null",
  "unfolding",
  "batchNorm",
  "batchNormEpsilon",
  "normGain",
  "sigma",
  "alpha",
  "correction",
  "correctionOver",
  "weight",
  "edges",
  "nearKernel",
  "layerMetrics",
  "dominant",
  "precision",
  "rank",
  "tolerance",
  "residual",
  "circuits",
  "infer",
] as const satisfies readonly (keyof RunConfig)[];

/** Those of them that come into play when the overlaps are known. */
const TESTING: readonly (keyof RunConfig)[] = [
  "sigma",
  "alpha",
  "correction",
  "correctionOver",
  "weight",
  "edges",
  "dominant",
];

/**
 * Names what a model's overlaps have shown: equal content and equal settings up to the test give equal keys.
 *
 * @param plugin see `Model.plugin`
 * @returns 64 hex digits
 */
export function overlapKeyOf(
  inputs: readonly InputFile[],
  topology: TopologyDeclaration | undefined,
  config: RunConfig,
  plugin: string | undefined,
): string {
  return digestOf({
    ...Object.fromEntries(SHAPING.filter((key) => !TESTING.includes(key)).map((key) => [key, config[key]])),
    ...contentOf(inputs, topology, config, plugin),
    overlaps: true,
    // The record has the layers' names, and of some formats the file's name is a tensor's.
    names: inputs.map(({ path }) => basename(path)),
  });
}

/**
 * Names a model's files: equal content and equal settings give equal keys.
 *
 * @param place in a series; the tables name it, so that another rule for series writes them anew
 * @param plugin see `Model.plugin`
 * @returns 64 hex digits
 */
export function keyOf(
  inputs: readonly InputFile[],
  topology: TopologyDeclaration | undefined,
  config: RunConfig,
  place: Pick<ModelHeader, "series" | "step"> = {},
  plugin?: string,
): string {
  return digestOf({
    ...Object.fromEntries(SHAPING.map((key) => [key, config[key]])),
    ...place,
    // Nothing of it is in the tables, but it is in the report that is kept with them.
    ...config.audit ? { audit: true } : {},
    ...contentOf(inputs, topology, config, plugin),
  });
}

/** Which neurons are wanted. Models are compared by all of them, so that `auto` means `all` where some are. */
export function rankChoice({ rank, compare }: Pick<RunConfig, "rank" | "compare">): RankChoice {
  return compare !== undefined && rank === "auto" ? "all" : rank;
}

/**
 * Whether an earlier run left out neurons that are wanted: `auto` is one setting, and means all neurons only where models are compared.
 *
 * @param layers rows of the layers table, of a run with the same settings
 */
export function lacksNeurons(config: Pick<RunConfig, "rank" | "compare">, layers: readonly Row[]): boolean {
  if (rankChoice(config) === config.rank) return false;
  // Compared models are unfolded as svr.
  return layers.some(({ kind, rank, out_channels: outs, in_channels: ins, positions }) =>
    kind !== "circuit" && rank != null &&
    Number(rank) < Math.min(Number(outs), Number(ins) * Number(positions))
  );
}

/** The lake of a run, a folder's absolute path or an address; null where it has none of its own. */
export function lakeOf({ lake }: Pick<RunConfig, "lake">): string | null {
  return lake === undefined ? null : isBucket(lake) ? lake : resolve(lake);
}

/** The settings that shape the layers of a comparison. */
export const COMPARED_LAYERS = [
  "batchNorm",
  "batchNormEpsilon",
  "normGain",
  "precision",
  "residual",
  "infer",
] as const satisfies readonly (keyof RunConfig)[];

/**
 * Names what is compared of a model: equal content and equal settings of its layers give equal digests.
 *
 * @param plugins all that may read models in another way
 * @returns 64 hex digits
 */
export function comparedContent(
  inputs: readonly InputFile[],
  topology: TopologyDeclaration | undefined,
  config: RunConfig,
  plugins: readonly object[],
): string {
  const { controlSeeds: _, ...content } = contentOf(inputs, topology, config, undefined);
  return digestOf({
    ...Object.fromEntries(COMPARED_LAYERS.map((key) => [key, config[key]])),
    ...content,
    plugins,
  });
}

/** Names a comparison of two contents: equal contents and equal settings give equal keys. @returns 64 hex digits */
export function comparisonKey(
  base: string,
  other: string,
  { leading, intruderCosine, logAlpha, fileOrder = false, comparisons, series }: KeptSettings,
): string {
  return digestOf({ base, other, leading, intruderCosine, logAlpha, fileOrder, comparisons, series });
}

/** Names a series of checkpoints that were compared each with the next. @returns 64 hex digits */
export function seriesKey(
  checkpoints: readonly { readonly id: string; readonly content: string; readonly step: number }[],
  { leading, intruderCosine, logAlpha, fileOrder = false }: PairSettings,
): string {
  return digestOf({ checkpoints, leading, intruderCosine, logAlpha, fileOrder });
}

function contentOf(
  inputs: readonly InputFile[],
  topology: TopologyDeclaration | undefined,
  config: RunConfig,
  plugin: string | undefined,
) {
  return {
    plugin,
    // Nothing of it is in the tables, but it is in the report that is kept with them.
    controlSeeds: controlSeeds(config),
    topology,
    version: VERSION,
    schema: SCHEMA_VERSION,
    inputs: inputs.map(({ sha256 }) => sha256),
  };
}

function digestOf(settings: Readonly<Record<string, unknown>>): string {
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}
