/** The golden cases of the reference program, and where their models lie. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Unfolding } from "../../src/model/layer.ts";
import { shared } from "../support/shared.ts";

/** What the reference program found at one sigma level; counts are of overlaps at least the threshold. */
export interface GoldenLevel {
  readonly chi2Threshold: number;
  readonly chi2Significant: number;
  readonly betaThreshold: number;
  readonly betaSignificant: number;
}

export interface GoldenConnection {
  /** Tensor names. */
  readonly source: string;
  readonly target: string;
  readonly channels: number;
  readonly positions: number;
  /** Target neurons, source neurons. */
  readonly shape: readonly [number, number];
  readonly sum: number;
  readonly max: number;
  readonly entropy: number;
  /** Target, source. */
  readonly internalDimensionsZeroBased: readonly [number, number];
  readonly sourceIntensity: readonly number[];
  readonly sigma3: GoldenLevel;
  readonly sigma5: GoldenLevel;
  /** Source, target, overlap; descending. */
  readonly top: readonly (readonly [number, number, number])[];
  /** Rows: target neurons; of the small cases only. */
  readonly overlap?: readonly (readonly number[])[];
}

export interface GoldenCase {
  readonly name: string;
  readonly model: string;
  readonly method: Unfolding;
  readonly layers: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly singularValues: readonly number[];
  }[];
  readonly connections: readonly GoldenConnection[];
  /** Absent where the reference program leaves a connection out. */
  readonly pathMetric?: number;
}

const FOLDER = new URL("./svr/", import.meta.url);

/** The reference program read state dicts as they are; svrflow takes off what `DataParallel` puts before every name. */
function bareName(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^module\./, "") : value;
}

/** Every case, by name. */
export const CASES: ReadonlyMap<string, GoldenCase> = new Map(
  readdirSync(FOLDER).filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"), bareName) as GoldenCase)
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map((golden) => [golden.name, golden]),
);

/** Cases with models too large for the repository: they run where the shared models are. */
export const LARGE: readonly GoldenCase[] = [...CASES.values()].filter(({ model }) =>
  model.endsWith("/final.safetensors")
);

/** Folders of the repository that hold models under their path below `our-models`. */
const OWN = ["./models/", "../../pipelines/models/"];

/** Where a case's model is: within the repository if it is there, else in the shared folder. */
export function modelOf({ model }: GoldenCase): { readonly path: string; readonly own: boolean } {
  const below = model.replace(/^our-models\//, "");
  const own = OWN.map((folder) => fileURLToPath(new URL(folder + below, import.meta.url))).find(existsSync);
  return own === undefined ? { path: shared(model), own: false } : { path: own, own: true };
}
