/** Which of several models are nearest kin: a forest of least distances, whose direction weights do not tell. */

/** Two models of one lineage, as indices, and how far their weights are apart. */
export interface KinPair {
  readonly base: number;
  readonly other: number;
  readonly distance: number;
}

/**
 * The minimum spanning forest of kin (Kruskal 1956): every model with its nearest relatives, and no model with a stranger.
 *
 * @param models how many there are
 * @param kin pairs of one lineage
 * @returns in ascending order of distance; `models` less the number of families
 * @example
 * // 0 and 1 are near, 2 is farther from both, 3 is a stranger.
 * forestOf(4, [{ base: 0, other: 1, distance: 0.1 }, { base: 0, other: 2, distance: 0.5 }, { base: 1, other: 2, distance: 0.4 }]);
 * // 0 - 1 and 1 - 2
 */
export function forestOf(models: number, kin: readonly KinPair[]): KinPair[] {
  const family = Array.from({ length: models }, (_, at) => at);
  const links: KinPair[] = [];
  for (const pair of [...kin].sort((a, b) => a.distance - b.distance)) {
    const [from, to] = [family[pair.base]!, family[pair.other]!];
    if (from === to) continue;
    links.push(pair);
    for (const [at, each] of family.entries()) if (each === to) family[at] = from;
  }
  return links;
}
