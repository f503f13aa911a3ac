/** Names of layers as they stand on an axis: without the beginning that most of them share. */

/** The next part of a dotted or slashed name, its separator included. */
const PART = /[^./]*[./]/y;

/**
 * The beginnings that can be left out, each of whole parts and longer than the one before. More than half of the names have them, and
 * leave more than a number behind: `model.` and `model.layers.`, but not `features.` of `features.0`.
 */
function commonBeginnings(names: readonly string[]): readonly string[] {
  const beginnings: string[] = [];
  for (let known = "";;) {
    const counts = new Map<string, number>();
    for (const name of names) {
      if (!name.startsWith(known)) continue;
      PART.lastIndex = known.length;
      const part = PART.exec(name)?.[0];
      if (part !== undefined) counts.set(part, (counts.get(part) ?? 0) + 1);
    }
    const [part = "", count = 0] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
    const longer = known + part;
    const telling = names.every((name) =>
      !name.startsWith(longer) || /[^\d./]/.test(name.slice(longer.length))
    );
    // The number of a block tells layers apart, even where all that are drawn are of one block.
    if (2 * count <= names.length || count < 2 || /^\d+[./]$/.test(part) || !telling) return beginnings;
    beginnings.push(known = longer);
  }
}

/** Names for an axis, and what they are without: empty where they are whole. */
export interface AxisNames {
  readonly names: readonly string[];
  readonly without: string;
}

/** Shortens the names of a model's layers. Those that differ do so afterwards. */
export function axisNames(whole: readonly string[]): AxisNames {
  const beginnings = commonBeginnings(whole);
  const names = whole.map((name) =>
    name.slice(beginnings.findLast((beginning) => name.startsWith(beginning))?.length ?? 0)
  );
  return new Set(names).size < new Set(whole).size
    ? { names: whole, without: "" }
    : { names, without: beginnings.at(-1) ?? "" };
}
