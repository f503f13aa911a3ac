/** Pictures of the models of a report, drawn from the tables of their run. */

import { isBucket, openLake } from "../../connectors/lake/open.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import type { ModelReport } from "../analysis/report.ts";
import { messageOf } from "../model/errors.ts";
import { edgesStand, type RecordedRun, reportedTest } from "../viewer/plot-record.ts";
import { PictureStore } from "./picture-store.ts";

/** A picture as SVG, or why there is none. */
export type Picture = { readonly svg: string } | { readonly failure: string };

/** The picture of a reported model; null where none was tried. */
export type Pictures = (model: ModelReport) => Promise<Picture | null>;

/** A page with more pictures is slow to make and to open; `svr plot` draws the others. */
const MOST_PICTURES = 20;

/** How pictures are drawn. */
export interface DrawingOptions {
  /** Whether pictures are kept in the folder for the next report, and those that are kept are taken. Default: false. */
  readonly keep?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Pictures of the first twenty models that are asked for and whose tables are at hand: those that the run's record names, in the run's folder
 * or in the folder that is its lake. A picture that an earlier run has kept is not drawn again by the next. They throw only when the signal is
 * aborted: a report does not fail for want of a picture.
 *
 * @param run the record of the run that is reported; null where there is none
 */
export function picturesOf(
  folder: string,
  run: RecordedRun | null,
  { keep = false, signal }: DrawingOptions = {},
): Pictures {
  const said = run?.config?.lake;
  const lake = typeof said === "object" ? said.place : said;
  const places = [folder, ...lake === undefined || isBucket(lake) ? [] : [lake]];
  const filesOf = new Map(run?.models.map((model) => [model.id, model.files]));
  const store = new PictureStore(folder);
  let left = MOST_PICTURES;
  const placeOf = async (id: string) => {
    const partition = `model=${encodeModelId(id)}`;
    for (const place of places) {
      if (await edgesStand(await openLake(place), filesOf.get(id) ?? [], partition)) return place;
    }
    return null;
  };
  return async (model) => {
    if (left === 0) return null;
    signal?.throwIfAborted();
    const { id } = model;
    try {
      const place = await placeOf(id);
      if (place === null) return null;
      left--;
      const test = reportedTest(model);
      const shows = { id, test, files: filesOf.get(id)?.map(({ path, sha256 }) => [path, sha256]) };
      // A run's own: of a folder that somebody sent, a kept file may be anything.
      const kept = keep ? await store.find(id, shows) : null;
      if (kept !== null) return { svg: kept };
      // Reading tables and drawing takes time to load: not for runs that end before.
      const { drawModel } = await import("../viewer/plot.ts");
      const options = { model: id, lake: place, ...signal === undefined ? {} : { signal } };
      const { svg } = await drawModel(folder, options, () => Promise.resolve(test));
      // What could not be kept is drawn again.
      if (keep) await store.put(id, shows, svg).catch(() => undefined);
      return { svg };
    } catch (failure) {
      signal?.throwIfAborted();
      return { failure: messageOf(failure) };
    }
  };
}
