/** What the versions of a lake's tables name: files that may not go. */

import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import type { LakePlace } from "../place.ts";
import { namedByDelta } from "./delta.ts";
import { namedByIceberg } from "./iceberg.ts";
import type { EngineFormat } from "./kept-formats.ts";

const NAMED: Readonly<
  Record<EngineFormat, (place: LakePlace, table: AnyTableName) => Promise<ReadonlySet<string>>>
> = { delta: namedByDelta, iceberg: namedByIceberg };

/** Paths, from the lake's root, of all files that any version of a table names, in any of these formats. */
export async function namedByVersions(
  place: LakePlace,
  table: AnyTableName,
  formats: readonly EngineFormat[],
): Promise<ReadonlySet<string>> {
  const found = await Promise.all(formats.map((format) => NAMED[format](place, table)));
  return new Set(found.flatMap((paths) => [...paths]));
}
