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
    const failure = await this.#read(pathOf(id));
    return failure?.id === id ? failure : null;
  }

  /** All of them. */
  async all(): Promise<readonly ModelFailure[]> {
    const paths = (await this.#place.list(`${STATE_FOLDER}/`)).filter((path) => path.startsWith(PREFIX));
    const found = await Promise.all(paths.map((path) => this.#read(path)));
    return found.filter((each) => each !== null);
  }

  async #read(path: string): Promise<ModelFailure | null> {
    const text = await this.#place.readText(path);
    if (text === null) return null;
    try {
      const failure = JSON.parse(text) as ModelFailure | null;
      return typeof failure?.id === "string" && typeof failure.error === "string" ? failure : null;
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

const PREFIX = `${STATE_FOLDER}/failed=`;
const pathOf = (id: string) => `${PREFIX}${encodeModelId(id)}.json`;
