/** Comparisons in a lake: put into its manifest, and taken out. */

import type { ComparisonHeader } from "../../src/model/comparison.ts";
import type { RunHeader, WrittenFile } from "../../src/model/ports.ts";
import { SCHEMA_VERSION } from "../../src/model/tables.ts";
import { comparisonPartition, type LakeComparison, readManifest, replaceEntries } from "./manifest.ts";
import type { LakePlace } from "./place.ts";

/** What the manifest says of a comparison of two models; null where it has none. */
export async function findComparison(
  place: LakePlace,
  base: string,
  other: string,
): Promise<LakeComparison | null> {
  const comparisons = (await readManifest(place))?.comparisons ?? [];
  return comparisons.find((each) => each.base === base && each.other === other) ?? null;
}

/** Puts a comparison's files into the manifest, in place of those that it had. */
export async function recordComparison(
  place: LakePlace,
  run: RunHeader,
  { base, other, key }: ComparisonHeader,
  files: readonly WrittenFile[],
): Promise<void> {
  const entry: LakeComparison = {
    base: base.id,
    other: other.id,
    base_uri: base.uri,
    other_uri: other.uri,
    base_content: base.content,
    other_content: other.content,
    key,
    run_id: run.runId,
    version: run.version,
    schema_version: SCHEMA_VERSION,
    partition: comparisonPartition(base.id, other.id),
    files,
  };
  await replaceEntries(place, ({ models, comparisons }) => ({
    models,
    comparisons: [...comparisons.filter(({ partition }) => partition !== entry.partition), entry],
  }));
}
