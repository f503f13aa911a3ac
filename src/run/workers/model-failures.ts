/** Models that a worker could not do: a file for each in the lake, so that who merges says why. */

import type { LakePlace } from "../../../connectors/lake/place.ts";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

/** A model that could not be done. */
export interface ModelFailure {
  readonly id: string;
  readonly uri: string;
  readonly error: string;
  /** The worker's run. */
  readonly run_id: string;
}

/** The failures in a lake. */
export class ModelFailures {
  readonly #place: LakePlace;

  constructor(place: LakePlace) {
    this.#place = place;
  }

  /** Why a model could not be done; null where nobody says so. */
  async find(id: string): Promise<ModelFailure | null> {
    const text = await this.#place.readText(pathOf(id));
    if (text === null) return null;
    try {
      const failure = JSON.parse(text) as ModelFailure | null;
      return failure?.id === id && typeof failure.error === "string" ? failure : null;
    } catch (cause) {
      // A damaged one says nothing.
      if (cause instanceof SyntaxError) return null;
      throw cause;
    }
  }

  async put(failure: ModelFailure): Promise<void> {
    await this.#place.replaceText(pathOf(failure.id), () => JSON.stringify(failure));
  }

  /** Forgets that a model could not be done. */
  async remove(id: string): Promise<void> {
    if (await this.#place.sizeOf(pathOf(id)) !== null) await this.#place.remove(pathOf(id));
  }
}

const pathOf = (id: string) => `${STATE_FOLDER}/failed=${encodeModelId(id)}.json`;
