/** Records of the overlaps of earlier runs. */

import { ArchiveCache, type CacheOptions } from "./archive-cache.ts";
import type { OverlapRecord } from "./overlap-record.ts";

/** A cache of records. */
export type OverlapCache = ArchiveCache<OverlapRecord>;

/** Opens a cache as `ArchiveCache.open` does. */
export function openOverlapCache(options: CacheOptions): Promise<OverlapCache> {
  return ArchiveCache.open(options, { extension: ".overlaps", version: 8 });
}
