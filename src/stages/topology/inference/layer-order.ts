/** Which layer is known to come before which. */

import type { Layer } from "../../../model/layer.ts";
import type { GuessedFrom } from "../guess.ts";
import { isInOrder } from "../weights.ts";

/** Whether a layer is known to come before another: by its place in the file, or by the smaller number where their names part. */
export function orderOf(
  layers: readonly Layer[],
  model: GuessedFrom,
): (a: number, b: number) => boolean {
  if (isInOrder(model)) return turns(layers);
  const parts = layers.map(({ name }) => name.match(/\d+|\D+/g) ?? []);
  return (a, b) => {
    const at = parts[a]!.findIndex((part, i) => part !== parts[b]![i]);
    const [first, second] = [parts[a]![at], parts[b]![at]];
    const areNumbers = [first, second].every((part) => part !== undefined && /^\d+$/.test(part));
    return areNumbers && Number(first) < Number(second);
  };
}

/**
 * The order of modules is that of calls but where lists may take turns: two of one length, or nearly, in one module (`atom_convs.0`, `bond_convs.0`).
 * Whether a member of one comes before a member with a smaller number of the other is then not known.
 */
function turns(layers: readonly Layer[]): (a: number, b: number) => boolean {
  const paths = layers.map(({ name }) => name.split("."));
  const members = new Map<string, Set<string>>();
  for (const path of paths) {
    for (const [at, part] of path.entries()) {
      if (!isNumber(part)) continue;
      const list = path.slice(0, at).join(".");
      members.set(list, (members.get(list) ?? new Set()).add(part));
    }
  }
  const lengthOf = (path: readonly string[], at: number) =>
    members.get(path.slice(0, at + 1).join("."))!.size;
  return (a, b) => {
    const [x, y] = [paths[a]!, paths[b]!];
    const at = x.findIndex((part, i) => part !== y[i]);
    const [i, j] = [x[at + 1], y[at + 1]];
    if (i === undefined || j === undefined || !isNumber(i) || !isNumber(j)) return true;
    // `layer1` and `layer2` are stages, one behind the other.
    if (x[at]!.replace(/\d+/g, "") === y[at]!.replace(/\d+/g, "")) return true;
    const [first, second] = [lengthOf(x, at), lengthOf(y, at)];
    const takeTurns = Math.min(first, second) > 1 && Math.abs(first - second) <= 1;
    return !takeTurns || Number(i) <= Number(j);
  };
}

const isNumber = (part: string) => /^\d+$/.test(part);
