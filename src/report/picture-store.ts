/** Pictures of a report, kept from run to run: what shows the same is not drawn again. */

import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { STATE_FOLDER } from "../run/records/completed-models.ts";
import { VERSION } from "../version.ts";

/** Raised when pictures of the same tables look different than before: those that are kept are drawn again. */
const FORMAT = 1;

/** No picture is larger; a file beyond this is none of ours. */
const LARGEST = 2 ** 22;

/** The pictures in an output folder: an SVG file for each model, whose first line says what it shows. */
export class PictureStore {
  readonly #folder: string;

  constructor(out: string) {
    this.#folder = join(out, STATE_FOLDER);
  }

  /** The picture of a model; null where none is kept that shows just this. @param shows whatever the picture depends on, as JSON has it */
  async find(id: string, shows: unknown): Promise<string | null> {
    const file = await open(this.#path(id), "r").catch(() => null);
    if (file === null) return null;
    try {
      if ((await file.stat()).size > LARGEST) return null;
      const text = await file.readFile("utf8");
      const head = headOf(shows);
      return text.startsWith(head) ? text.slice(head.length) : null;
    } finally {
      await file.close();
    }
  }

  /** Keeps a picture in place of the model's older one. */
  async put(id: string, shows: unknown, svg: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeWhole([this.#path(id), headOf(shows) + svg]);
  }

  #path(id: string): string {
    return join(this.#folder, `model=${encodeModelId(id)}.svg`);
  }
}

function headOf(shows: unknown): string {
  const key = createHash("sha256").update(JSON.stringify([FORMAT, VERSION, shows])).digest("hex");
  return `<!-- ${key} -->\n`;
}
