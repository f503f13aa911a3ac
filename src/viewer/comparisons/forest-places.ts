/** Where the models of a forest of kin stand. */

/** Models, and links of least distance among kin. */
export interface PicturedForest {
  readonly models: readonly string[];
  readonly links: readonly { readonly base: string; readonly other: string; readonly distance: number }[];
}

/** Pixels to the left of the first model. */
export const SIDE = 24;

/** Pixels between two models that are joined: the least, and for a distance of 1 more. */
const STEP = { least: 60, most: 260 } as const;

/** A model in its place. */
export interface PlacedModel {
  readonly id: string;
  readonly x: number;
  readonly row: number;
  /** The row of the model that it hangs from, and how far it is from that; null for the first of a family. */
  readonly from: { readonly x: number; readonly row: number; readonly distance: number } | null;
}

/** Every model with the row below the one before; a family from its most joined model on, nearest first. */
export function forestPlaces(models: readonly string[], links: PicturedForest["links"]): PlacedModel[] {
  const joined = new Map(models.map((id) => [id, [] as { id: string; distance: number }[]]));
  for (const { base, other, distance } of links) {
    joined.get(base)!.push({ id: other, distance });
    joined.get(other)!.push({ id: base, distance });
  }
  const longest = links.reduce((most, { distance }) => Math.max(most, distance), 0) || 1;
  const placed: PlacedModel[] = [];
  const known = new Set<string>();
  for (const first of [...models].sort((a, b) => joined.get(b)!.length - joined.get(a)!.length)) {
    const open: Omit<PlacedModel, "row">[] = known.has(first) ? [] : [{ id: first, x: SIDE, from: null }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      known.add(next.id);
      const row = placed.length;
      const { id, x } = next;
      placed.push({ ...next, row });
      const further = joined.get(id)!.filter((each) => !known.has(each.id))
        .sort((a, b) => b.distance - a.distance);
      for (const { id: other, distance } of further) {
        const step = STEP.least + (STEP.most - STEP.least) * distance / longest;
        open.push({ id: other, x: x + step, from: { x, row, distance } });
      }
    }
  }
  return placed;
}
