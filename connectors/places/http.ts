/** Files on the web: each address is one file. */

import { addressOf, folderNameOf } from "./place.ts";
import type { RemotePlaces } from "./remote-places.ts";
import { openRemote } from "./remote-source.ts";

/** `https://…` and `http://…`. */
export const webPlaces: RemotePlaces = {
  async open(place, missing, signal) {
    const url = addressOf(place);
    const object = { place, ask: () => Promise.resolve({ url, headers: {} }) };
    return await openRemote(object, { address: place, missing }, signal);
  },
  list(place) {
    const files = [{ place, inside: "" }];
    return Promise.resolve({ root: place, name: folderNameOf(place), files, single: true });
  },
};
