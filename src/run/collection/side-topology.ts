/** Topologies that lie beside models, here or where the model was fetched from. */

import { dirname } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import { loadTopology, parseTopology } from "../../../config/load.ts";
import { openIfThere, openPlace } from "../../../connectors/places/open.ts";
import { beside, isRemote, nameOf } from "../../../connectors/places/place.ts";
import { RemoteError } from "../../../connectors/places/remote-error.ts";
import type { ByteSource } from "../../../connectors/bytes.ts";
import { type Formats, withoutExtension } from "../../../connectors/sources/registry.ts";
import type { TopologyDeclaration } from "../../model/topology.ts";

/** What was found beside a model. */
export interface SideFile {
  readonly topology: TopologyDeclaration | undefined;
  /** Where the paths that it names start from. */
  readonly folder: string;
  /** Why it cannot be said whether there is one: the model must not be read without. */
  readonly failure?: RemoteError;
}

/** A topology of a thousand layers takes less than a tenth of this. */
const LONGEST = 4 * 2 ** 20;

/**
 * The topology beside a model: `<model>.topology.yaml`, `.yml` or `.json`, with or without the model's extension.
 *
 * @throws {ConfigError} when there are two, or the one cannot be used
 */
export async function sideFile(
  model: string,
  formats: Formats,
  signal?: AbortSignal,
): Promise<SideFile> {
  const name = nameOf(model);
  const folder = folderOf(model);
  const candidates = [...new Set([withoutExtension(name, formats), name])].flatMap((stem) =>
    [".yaml", ".yml", ".json"].map((end) => beside(model, `${stem}.topology${end}`))
  );
  try {
    const asked = candidates.map(async (place) => ({ place, source: await openIfThere(place, signal) }));
    const found = (await Promise.all(asked)).flatMap(({ place, source }) =>
      source === null ? [] : [{ place, source }]
    );
    try {
      return { topology: await theOne(model, found, signal), folder };
    } finally {
      for (const { source } of found) await source.close();
    }
  } catch (failure) {
    if (failure instanceof RemoteError) return { topology: undefined, folder, failure };
    throw failure;
  }
}

/** The folder that a place is in, a path or an address. */
export function folderOf(place: string): string {
  return isRemote(place) ? place.slice(0, place.lastIndexOf("/")) : dirname(place);
}

/** A topology that a config names by a remote place. */
export async function remoteTopology(place: string, signal?: AbortSignal): Promise<TopologyDeclaration> {
  const source = await openPlace(place, signal);
  try {
    return await topologyFrom(place, source, signal);
  } finally {
    await source.close();
  }
}

async function theOne(
  model: string,
  found: readonly { readonly place: string; readonly source: ByteSource }[],
  signal?: AbortSignal,
): Promise<TopologyDeclaration | undefined> {
  const [first, second] = found;
  if (second !== undefined) {
    const names = found.map(({ place }) => nameOf(place)).join(" and ");
    throw new ConfigError(`${model}: found topologies ${names}, required one`);
  }
  if (first === undefined) return undefined;
  return isRemote(model)
    ? await topologyFrom(first.place, first.source, signal)
    : await loadTopology(first.place);
}

async function topologyFrom(
  place: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<TopologyDeclaration> {
  if (source.size > LONGEST) {
    throw new ConfigError(`${place}: found ${source.size} bytes, required at most ${LONGEST}`);
  }
  return parseTopology(place, new TextDecoder().decode(await source.slice(0, source.size, signal)));
}
