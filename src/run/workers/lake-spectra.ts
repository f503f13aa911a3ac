/** Spectra in a lake: where workers that see no common folder leave them for one another, as long as a run lasts. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import type { FarFiles } from "../../flow/spectra/archive-cache.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

const FOLDER = `${STATE_FOLDER}/spectra/`;

/** The spectra that lie in a lake. */
export function spectraIn(place: LakePlace): FarFiles {
  return {
    async find(name) {
      const file = await place.open(FOLDER + name);
      if (file === null) return null;
      try {
        const parts: Uint8Array[] = [];
        for await (const part of file.pieces()) parts.push(part);
        return parts;
      } finally {
        await file.close();
      }
    },
    async put(name, parts) {
      const folder = await mkdtemp(join(tmpdir(), "svrflow-spectrum-"));
      try {
        const from = join(folder, name);
        await writeFile(from, parts);
        const bytes = parts.reduce((sum, { length }) => sum + length, 0);
        await place.publish(from, FOLDER + name, bytes);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Removes all spectra of a lake: whoever still wants one computes it. */
export async function removeSpectra(place: LakePlace): Promise<void> {
  for (const path of await place.list(FOLDER)) await place.remove(path);
}
