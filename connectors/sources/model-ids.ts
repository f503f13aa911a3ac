/** Ids of the models of a collection, from their names. */

import { naturalOrder } from "../../src/model/natural-order.ts";
import { folderNameOf, nameOf } from "../places/place.ts";
import { extensionOf, FORMATS, type Formats, withoutExtension } from "./registry.ts";

/** A model file and the id it gets. */
export interface ModelFile {
  /** A path or another place. */
  readonly path: string;
  readonly id: string;
  /** Its path below the folder or the folders that a glob searches, with `/`; a single file's own name. */
  readonly name: string;
}

/** A file of a collection. */
export interface CollectionFile {
  readonly place: string;
  /** Its path below the collection's root, with `/`. */
  readonly inside: string;
  /** Its path below what was searched, with `/`. */
  readonly name: string;
}

/** File names that say nothing about the model; its folder's name does. */
const GENERIC = /^(model|final|weights|checkpoint|pytorch_model|epoch-?\d*(\..*)?|step-?\d*(\..*)?)$/i;

/** The id of a file that stands alone: its name without extension, behind its folder's where its own says nothing. */
export function plainId(
  place: string,
  folder: string = folderNameOf(place),
  formats: Formats = FORMATS,
): string {
  const name = withoutExtension(nameOf(place), formats);
  return GENERIC.test(name) ? `${folder}/${name}` : name;
}

/**
 * The ids of a collection's files, and the files naturally sorted.
 *
 * @param rootName of the folder that they are in
 */
export function collectionIds(
  files: readonly CollectionFile[],
  rootName: string,
  formats: Formats,
): ModelFile[] {
  const stemOf = (inside: string) => withoutExtension(inside, formats);
  // Where a name right under the root says nothing (`epoch-003`), all ids begin with the root's own name.
  const generic = files.some(({ inside }) => !inside.includes("/") && GENERIC.test(stemOf(inside)));
  const sorted = [...files].sort((a, b) => naturalOrder(a.place, b.place));
  const ids = sorted.map(({ inside }) => `${generic ? `${rootName}/` : ""}${stemOf(inside)}`);
  return sorted.map(({ place, name }, at) => {
    const id = ids[at]!;
    return {
      path: place,
      id: ids.filter((other) => other === id).length > 1 ? `${id}${extensionOf(place, formats)}` : id,
      name,
    };
  });
}
