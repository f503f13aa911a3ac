/** The topology of last resort: a chain guessed from names and shapes. */

import { type LayerDraft, positionsFrom as positionsOf } from "../../model/layer-draft.ts";

/** `z` of a layer that reads another; null where they do not fit. */
export type Fits = (source: LayerDraft, target: LayerDraft) => number | null;

/** A guessed chain: the layers in order, and which of them feed the next. */
export interface GuessedChain {
  readonly order: readonly LayerDraft[];
  readonly links: readonly { readonly source: number; readonly target: number; readonly positions: number }[];
  readonly warnings: readonly string[];
}

/**
 * Guesses a chain: the drafts in their order, cut where shapes do not fit, and the pieces joined
 * where the end of one fits only one other's beginning (`features.27` before `classifier.0`, whatever the alphabet says).
 *
 * @param positionsFrom whether one layer may feed another; where nothing else is said, as widths fit
 * @returns every draft once; at least one warning when there is more than one layer
 */
export function guessChain(
  drafts: readonly LayerDraft[],
  positionsFrom: Fits = positionsOf,
): GuessedChain {
  const pieces = joinPieces(cutWhereMisfit(drafts, positionsFrom), positionsFrom);
  const order = pieces.flat();
  const warnings: string[] = [];
  const links: { source: number; target: number; positions: number }[] = [];
  order.slice(1).forEach((to, i) => {
    const from = order[i]!;
    const positions = positionsFrom(from, to);
    if (positions === null) {
      warnings.push(
        `no connection guessed from ${from.name} (${from.outChannels} out) to ${to.name} (${to.inputs} in)`,
      );
    } else {
      links.push({ source: i, target: i + 1, positions });
    }
  });
  if (links.length > 0) {
    warnings.unshift(
      `topology guessed as a chain of ${order.length} layers from names and shapes; residual, parallel and skipped paths are not seen: declare a topology to be sure`,
    );
  }
  return { order, links, warnings };
}

function cutWhereMisfit(ordered: readonly LayerDraft[], positionsFrom: Fits): LayerDraft[][] {
  const pieces: LayerDraft[][] = [];
  for (const each of ordered) {
    const piece = pieces.at(-1);
    if (piece !== undefined && positionsFrom(piece.at(-1)!, each) !== null) piece.push(each);
    else pieces.push([each]);
  }
  return pieces;
}

function joinPieces(pieces: LayerDraft[][], positionsFrom: Fits): LayerDraft[][] {
  for (;;) {
    const join = pieces.flatMap((end, i) => {
      const fitting = pieces.flatMap((start, j) =>
        i !== j && positionsFrom(end.at(-1)!, start[0]!) !== null ? [j] : []
      );
      return fitting.length === 1 ? [[i, fitting[0]!] as const] : [];
    }).find(([i, j]) =>
      pieces.filter((end, k) => k !== j && positionsFrom(end.at(-1)!, pieces[j]![0]!) !== null).length ===
        1 && i !== j
    );
    if (join === undefined) return pieces;
    const [i, j] = join;
    const joined = [...pieces[i]!, ...pieces[j]!];
    // The joined piece stands where its beginning stood, so that the order of the rest does not change.
    pieces = pieces.flatMap((piece, k) => k === i ? [joined] : k === j ? [] : [piece]);
  }
}
