/** Pictures of the models of a report, drawn from the tables of their run. */

import { openLake } from "../../connectors/lake/open.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { messageOf } from "../model/errors.ts";

/** A picture as SVG, or why there is none. */
export type Picture = { readonly svg: string } | { readonly failure: string };

/** The picture of a model by its id; null where none was tried. */
export type Pictures = (id: string) => Promise<Picture | null>;

/** A page with more pictures is slow to make and to open; `svr plot` draws the others. */
const MOST_PICTURES = 20;

/**
 * Pictures of the first twenty models that are asked for and whose tables stand in the folder of their run. They throw only when the signal
 * is aborted: a report does not fail for want of a picture.
 */
export function picturesOf(folder: string, signal?: AbortSignal): Pictures {
  let left = MOST_PICTURES;
  return async (id) => {
    if (left === 0) return null;
    try {
      const lake = await openLake(folder);
      if ((await lake.list(`layers/model=${encodeModelId(id)}/`)).length === 0) return null;
      left--;
      // Reading tables and drawing takes time to load: not for runs that end before.
      const { drawModel } = await import("../viewer/plot.ts");
      const { svg } = await drawModel(folder, { model: id, ...signal === undefined ? {} : { signal } });
      return { svg };
    } catch (failure) {
      signal?.throwIfAborted();
      return { failure: messageOf(failure) };
    }
  };
}
