/** Pictures of the models of a report, drawn from the tables of their run. */

import { openLake } from "../../connectors/lake/open.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";

/** The picture of a model by its id, as SVG; null where there is none. */
export type Pictures = (id: string) => Promise<string | null>;

/** A page with more pictures is slow to make and to open; `svr plot` draws the others. */
const MOST_PICTURES = 20;

/** Pictures of the first twenty models that are asked for and whose tables stand in the folder of their run. */
export function picturesOf(folder: string): Pictures {
  let left = MOST_PICTURES;
  return async (id) => {
    if (left === 0) return null;
    const lake = await openLake(folder);
    if ((await lake.list(`layers/model=${encodeModelId(id)}/`)).length === 0) return null;
    left--;
    // Reading tables and drawing takes time to load: not for runs that end before.
    const { drawModel } = await import("../viewer/plot.ts");
    return (await drawModel(folder, { model: id })).svg;
  };
}
