/** Models that stand already, under the ids of a run's models, and were read from elsewhere. */

import { ConfigError } from "../../../config/document.ts";
import { otherSource, samePlace } from "../../../connectors/places/identity.ts";

/** A model of a run, and where it is read from. */
interface ReadModel {
  readonly id: string;
  readonly uri: string;
}

/** A place where models stand. */
export interface ModelPlace {
  /** As a message calls it. */
  readonly name: string;
  /** URIs by id, of those models that stand there; they may lack what was read from the same place. */
  sources(models: readonly ReadModel[]): Promise<ReadonlyMap<string, string>>;
}

/**
 * Refuses a run that would put a model in the place of another one that was read from elsewhere.
 *
 * @throws {ConfigError} naming the id, both URIs, the place and the ways out
 */
export async function refuseIdConflicts(
  models: readonly ReadModel[],
  places: readonly ModelPlace[],
): Promise<void> {
  for (const { name, sources } of places) {
    const standing = await sources(models);
    const conflicts = models.filter(({ id, uri }) => !samePlace(standing.get(id) ?? uri, uri));
    const [first] = conflicts;
    if (first === undefined) continue;
    const others = conflicts.length === 1 ? "" : `; so it is with ${conflicts.length} models of this run`;
    throw new ConfigError(
      `${name}: ${otherSource(first.id, standing.get(first.id) ?? "", first.uri)}${others}`,
    );
  }
}
