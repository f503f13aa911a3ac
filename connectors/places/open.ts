/** Opens files wherever they are. A new kind of place is a file and a line here. */

import type { ByteSource } from "../bytes.ts";
import { openFile } from "../sources/file.ts";
import { stat } from "node:fs/promises";
import { placeOf, type Scheme, schemeOf } from "./place.ts";
import type { Listing, RemotePlaces } from "./remote-places.ts";

const REMOTE: Readonly<Record<Scheme, () => Promise<RemotePlaces>>> = {
  http: async () => (await import("./http.ts")).webPlaces,
  https: async () => (await import("./http.ts")).webPlaces,
  s3: async () => (await import("./s3-places.ts")).s3Places,
  hub: async () => (await import("./hub.ts")).hubPlaces,
};

/**
 * Opens a file for reading by position.
 *
 * @throws {TypeError} when a path is a folder
 * @throws {RangeError} when there is no such file, or it may not be read; names the place
 * @example
 * import { openPlace } from "svrflow";
 *
 * const source = await openPlace("https://example.org/model.dense");
 * const head = await source.slice(0, Math.min(512, source.size));
 * console.log(source.size, head[0]);
 * await source.close();
 */
export async function openPlace(place: string, signal?: AbortSignal): Promise<ByteSource> {
  const scheme = schemeOf(place);
  if (scheme === null) return await openFile(place);
  const source = await (await REMOTE[scheme]()).open(placeOf(place), "is an error", signal);
  if (source === null) throw new RangeError(`${placeOf(place)}: found no such file, required one`);
  return source;
}

/**
 * Opens a file where there is one: files beside models may be missing.
 *
 * @returns null when there is no such file
 * @throws {RangeError} when it cannot be told whether there is one
 */
export async function openIfThere(place: string, signal?: AbortSignal): Promise<ByteSource | null> {
  const scheme = schemeOf(place);
  if (scheme !== null) return await (await REMOTE[scheme]()).open(placeOf(place), "is null", signal);
  return (await stat(place).catch(() => null))?.isFile() === true ? await openFile(place) : null;
}

/** The files that a remote place stands for. */
export async function listPlace(place: string, signal?: AbortSignal): Promise<Listing> {
  const scheme = schemeOf(place);
  if (scheme === null) throw new TypeError(`${place}: found a path, required a remote place`);
  return await (await REMOTE[scheme]()).list(placeOf(place), signal);
}
