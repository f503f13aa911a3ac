/**
 * A run that several machines do together, as they agree on it: a file in the lake that says which models it has, what each takes, and
 * with which settings. Whoever comes first writes it; the others take it as it stands, so that all divide the same models in the same way.
 */

import { join, resolve } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import type { LoadedConfig } from "../../../config/load.ts";
import { type RunConfig, settledConfig, type WrittenConfig } from "../../../config/schema.ts";
import { isBucket } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import { messageOf } from "../../model/errors.ts";
import type { TopologyDeclaration } from "../../model/topology.ts";
import { type PlannedModel, recorded } from "../collection/models.ts";
import { modelFlops } from "../forecast/model-flops.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

/** Raised when what the file holds changes. */
const FORMAT = 1;

/** Where it lies in a lake. */
export const SHARED_RUN = `${STATE_FOLDER}/shared-run.json`;

/** A model of a shared run. */
export type SharedModel = Pick<PlannedModel, "id" | "uri" | "series" | "step"> & {
  readonly topology?: TopologyDeclaration;
  /** Floating-point operations that it takes; null where its header cannot be read. */
  readonly flops: number | null;
};

/** A run that several machines do together. */
export interface SharedRun {
  readonly format: number;
  /** Without what is secret in addresses. Paths of models start from `baseDir`, all others are absolute. */
  readonly config: WrittenConfig;
  readonly baseDir: string;
  readonly models: readonly SharedModel[];
  readonly notTaken: readonly PassedFile[];
}

/** Settings that may differ from machine to machine: no table depends on them, nor which models there are. */
const OWN: readonly (keyof RunConfig)[] = [
  "out",
  "lake",
  "kernel",
  "threads",
  "memory",
  "modelsAtATime",
  "cache",
];

/** The shared run of a lake; null where there is none. @throws {ConfigError} when it is damaged or of another version */
export async function readSharedRun(place: LakePlace): Promise<SharedRun | null> {
  const text = await place.readText(SHARED_RUN);
  return text === null ? null : parsed(text, place);
}

/**
 * Agrees with the other machines on what is run: takes what stands in the lake, where it is this run, and else puts it there.
 *
 * @param planned all models of the run
 */
export async function agreedRun(
  place: LakePlace,
  loaded: LoadedConfig,
  planned: readonly PlannedModel[],
  notTaken: readonly PassedFile[],
  signal?: AbortSignal,
): Promise<SharedRun> {
  const { config, baseDir } = loaded;
  const models = planned.map(described);
  const identity = identityOf(config, models);
  const standing = await place.readText(SHARED_RUN);
  const found = standing === null ? null : sameRun(standing, identity, place);
  if (found !== null) return found;
  const flops: (number | null)[] = [];
  for (const model of planned) {
    flops.push(await modelFlops(model, config, signal).catch(() => null));
    signal?.throwIfAborted();
  }
  const mine: SharedRun = {
    format: FORMAT,
    config: recorded(placed(config)),
    baseDir,
    models: models.map((model, at) => ({ ...model, flops: flops[at]! })),
    notTaken,
  };
  let agreed = mine;
  await place.replaceText(SHARED_RUN, (before) => {
    // Another machine may have been faster: its figures count, should they be others.
    const theirs = before === null ? null : sameRun(before, identity, place);
    agreed = theirs ?? mine;
    return theirs === null ? `${JSON.stringify(mine)}\n` : before!;
  });
  return agreed;
}

const described = (
  { id, uri, topology, series, step }: Omit<SharedModel, "flops" | "topology"> & {
    readonly topology?: TopologyDeclaration | undefined;
  },
): Omit<SharedModel, "flops"> => ({
  id,
  uri,
  ...topology === undefined ? {} : { topology },
  ...series === undefined ? {} : { series },
  ...step === undefined ? {} : { step },
});

/** What tells one run from another: its settings and its models. */
function identityOf(config: RunConfig, models: readonly Omit<SharedModel, "flops">[]): string {
  const settings = Object.entries(recorded(placed(config))).filter(([key, value]) =>
    value !== undefined && !(OWN as readonly string[]).includes(key)
  );
  return JSON.stringify([settings.sort(([a], [b]) => a < b ? -1 : 1), models.map(described)]);
}

function sameRun(text: string, identity: string, place: LakePlace): SharedRun | null {
  let standing: SharedRun;
  try {
    standing = parsed(text, place);
  } catch (failure) {
    // Of another version, or damaged: it is written anew.
    if (failure instanceof ConfigError) return null;
    throw failure;
  }
  return identityOf(settledConfig(standing.config), standing.models) === identity ? standing : null;
}

function parsed(text: string, { name }: LakePlace): SharedRun {
  const refuse = (found: string, options: ErrorOptions = {}) =>
    new ConfigError(
      `${join(name, SHARED_RUN)}: found ${found}, required what this version's svr run --share writes`,
      options,
    );
  let found: Partial<SharedRun> | null;
  try {
    found = JSON.parse(text) as typeof found;
  } catch (cause) {
    throw refuse(messageOf(cause), { cause });
  }
  const { format, config, baseDir, models, notTaken } = found ?? {};
  if (format !== FORMAT) throw refuse(`format ${format}`);
  if (typeof config !== "object" || typeof baseDir !== "string") throw refuse("no config");
  if (!Array.isArray(models) || !Array.isArray(notTaken)) throw refuse("no models");
  const isModel = ({ id, uri, flops }: Partial<SharedModel>) =>
    typeof id === "string" && typeof uri === "string" && (flops === null || Number.isFinite(flops));
  if (!models.every(isModel)) throw refuse("a model without id, uri or flops");
  return { format, config, baseDir, models, notTaken };
}

/** A config whose paths, but those of models, are absolute: another machine starts from another folder. */
function placed(config: RunConfig): RunConfig {
  const { out, lake, neo4j } = config;
  return {
    ...config,
    out: resolve(out),
    ...lake === undefined ? {} : { lake: isBucket(lake) ? lake : resolve(lake) },
    ...neo4j?.credentials === undefined
      ? {}
      : { neo4j: { ...neo4j, credentials: resolve(neo4j.credentials) } },
  };
}
