/** Large models in a queue: jobs for their layers, whose spectra meet in a cache that all workers see. */

import { join, resolve } from "node:path";
import type { RunConfig } from "../../../config/schema.ts";
import { isBucket } from "../../../connectors/lake/open.ts";
import { mostNeurons } from "../../flow/leading.ts";
import { layerFlops } from "../../stages/flops.ts";
import { layerNeed } from "../../stages/memory-needs.ts";
import type { PlannedModel } from "../collection/models.ts";
import { earlierWork } from "../forecast/earlier-work.ts";
import { preliminaryLayers } from "../inferred-layers.ts";
import { layerSettings } from "../layer-settings.ts";
import type { CompletedModels } from "../records/completed-models.ts";
import { size } from "../progress/progress-line.ts";
import { cacheOf, rankChoice } from "../settings.ts";
import { divided } from "./share.ts";

/** Floating-point operations above which a model's layers are jobs of their own: about a minute of one core. */
export const DIVIDED_ABOVE = 1e12;

/** A job of layers takes about this part of that, unless a single layer takes more. */
const JOB_PART = 1 / 4;

/** Each job is a line in the queue's memory, and more of them than layers there are not. */
const MOST_JOBS = 1000;

/** A folder that processes share is emptied to this part of its limit where it is full. */
const KEPT = 0.9;

/** A cache as a job names it. */
export interface JobCache {
  /** Settings of a config. Without a folder it is the worker's own, or in the lake where that is the output folder. */
  readonly cache: { readonly limit: string; readonly dir?: string };
  /** Whether spectra lie in the lake, too, as long as the run lasts. */
  readonly inLake: boolean;
}

/** The cache that all workers of a run see; null where there is none. */
export function sharedCache({ cache, lake }: Pick<RunConfig, "cache" | "lake">): JobCache | null {
  if (cache === "off") return null;
  const { limit, dir } = cache;
  if (dir !== undefined) return { cache: { limit, dir: resolve(dir) }, inLake: false };
  if (lake === undefined) return { cache: { limit }, inLake: false };
  if (isBucket(lake)) return { cache: { limit }, inLake: true };
  return { cache: { limit, dir: join(resolve(lake), ".cache", "spectra") }, inLake: false };
}

/** How a model's layers are divided. */
export interface LayerGroups {
  /** Names of layers, a job each; empty where the model is one job. */
  readonly groups: readonly (readonly string[])[];
  /** Why a large model is one job; null where it is none, or is done already. */
  readonly reason: string | null;
}

const WHOLE: LayerGroups = { groups: [], reason: null };

/**
 * Divides the layers of a model into groups that take about the same.
 *
 * @param above floating-point operations of its decompositions up to which it is one job
 * @throws when its header cannot be read
 */
export async function layerGroups(
  planned: PlannedModel,
  config: RunConfig,
  marks: CompletedModels,
  above: number,
  signal?: AbortSignal,
): Promise<LayerGroups> {
  const model = await planned.open(signal);
  try {
    const { unfolding } = config;
    const settings = { ...layerSettings(config), topology: planned.topology };
    const { graph, isInferred } = preliminaryLayers(model, settings, config.infer);
    const most = mostNeurons(graph, unfolding, rankChoice(config));
    const layers = graph.layers.map((layer) => ({
      id: layer.name,
      flops: layerFlops(layer, unfolding, most),
      bytes: layerNeed(layer, unfolding, most(layer), () => 0).spectrum,
    }));
    const flops = layers.reduce((sum, each) => sum + each.flops, 0);
    if (flops <= above || layers.length < 2) return WHOLE;
    if (await earlierWork(planned, model, config, marks) === "done") return WHOLE;
    const one = (found: string, required: string): LayerGroups => ({
      groups: [],
      reason: `one worker does all layers: found ${found}, required ${required}`,
    });
    if (isInferred) return one("a topology that weights are asked for", "a known one");
    const cache = cacheOf(config, config.out);
    const shared = sharedCache(config);
    if (cache === null || shared === null) return one("no cache of spectra (cache: off)", "one");
    const bytes = layers.reduce((sum, each) => sum + each.bytes, 0);
    const held = KEPT * cache.spectra.limit;
    if (bytes > held && !shared.inLake) {
      // Of its limit a cache keeps a part for other things than spectra.
      const limit = Math.ceil(bytes / held * cache.limit / 2 ** 20);
      return one(`spectra of ${size(bytes)}`, `a cache that holds them (--cache ${limit}MiB)`);
    }
    const jobs = Math.min(layers.length, MOST_JOBS, Math.ceil(flops / Math.max(1, above * JOB_PART)));
    return { groups: divided(layers, jobs).filter((group) => group.length > 0), reason: null };
  } finally {
    await model.close();
  }
}
