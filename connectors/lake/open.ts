/** Opens a lake by its address. */

import { folderLake } from "./folder.ts";
import type { LakePlace } from "./place.ts";

/** Whether an address is one of S3; everything else is a folder. */
export function isBucket(address: string): boolean {
  return address.startsWith("s3://");
}

/**
 * The lake at a folder or at `s3://bucket/prefix`; nothing is read, sent or made yet.
 *
 * @throws {SyntaxError | RangeError} when the address, or the environment that S3 takes its settings from, is not valid
 * @example
 * import { openLake, storedModels } from "svrflow";
 *
 * const lake = await openLake("s3://bucket/lake");
 * console.log((await storedModels(lake)).length);
 */
export async function openLake(address: string): Promise<LakePlace> {
  // Whoever writes to a folder does not pay for the client.
  return isBucket(address) ? await (await import("./bucket.ts")).bucketLake(address) : folderLake(address);
}
