/** The layer graph of what the weights show, support and contradict of a guess. */

import { counted } from "../../../model/counted.ts";
import type { Connection, LayerGraph, Skipped, Via } from "../../../model/layer.ts";
import type { Copies } from "./copies.ts";
import type { Feeding } from "./fed-layers.ts";
import { LOG_SUPPORT } from "./level.ts";

/**
 * The graph of a guess with what the weights show, support and contradict.
 *
 * @param told what was found of the weights
 * @param inOrder whether layers are known to stand in the order of the dataflow: then no guess goes back
 */
export function connected(
  start: LayerGraph,
  told: readonly Feeding[],
  looked: number,
  inOrder: boolean,
): LayerGraph {
  const { layers } = start;
  const isGuessed = ({ source, target, part, offset = 0 }: Feeding) =>
    offset === 0 &&
    start.connections.some((each) =>
      each.source === source && each.target === target && each.channels[0]!.source === (part?.from ?? 0)
    );
  // Who is fed by others, and shares with a writer by way of these only, is not fed by that.
  const isFed = new Set(told.flatMap(({ target, shown }) => shown ? [target] : []));
  const found = told.filter((each) =>
    each.unsupported !== true || isGuessed(each) || !isFed.has(each.target)
  );
  const writers = Map.groupBy(found, ({ target }) => target);
  const connections: Connection[] = found.map((feeding): Connection => {
    const { source, target, part, offset = 0, shown, logP } = feeding;
    const isSupported = logP !== null && logP <= LOG_SUPPORT;
    return {
      source,
      target,
      part: 0,
      via: viaOf(layers, feeding, found),
      channels: [{ source: part?.from ?? 0, target: offset, length: lengthOf(layers, feeding) }],
      evidence: shown ? "inferred" : "guessed",
      // What names and shapes say was not chosen by the weights: they can support it.
      ...shown || !isGuessed(feeding) ? { looked } : isSupported ? { supported: true } : {},
    };
  });
  const leftOut: Skipped[] = [];
  let contradicted = 0;
  for (const guessed of start.connections) {
    const others = writers.get(guessed.target) ?? [];
    if (others.some(({ source }) => source === guessed.source)) continue;
    const nameOfGuess = `${layers[guessed.source]!.name} -> ${layers[guessed.target]!.name}`;
    if (others.length === 0) {
      if (!inOrder || guessed.source < guessed.target) connections.push(guessed);
      else {
        leftOut.push({
          subject: "connection",
          name: nameOfGuess,
          reason: "guessed from shapes, against the order of the file, and the weights do not show it",
        });
      }
      continue;
    }
    const shown = others.filter((each) => each.shown);
    if (shown.length > 0) contradicted++;
    const by = (some: readonly Feeding[]) => some.map(({ source }) => layers[source]!.name).join(", ");
    leftOut.push({
      subject: "connection",
      name: nameOfGuess,
      reason: `guessed from names and shapes, ${
        shown.length > 0
          ? `contradicted by the weights: it shares channels with ${by(shown)}`
          : `less likely by the weights than ${by(others)}, though they show neither`
      }`,
    });
  }
  connections.sort((a, b) => a.target - b.target || a.source - b.source || a.part - b.part);
  return {
    ...start,
    connections,
    skipped: [...start.skipped, ...leftOut],
    warnings: [...start.warnings, ...inferenceWarnings(connections, contradicted, looked)],
  };
}

const lengthOf = (layers: LayerGraph["layers"], { source, part }: Feeding) =>
  part?.width ?? layers[source]!.outChannels;

/** A layer that several feed reads a stream; one that nobody of its width feeds, a concatenation; what a cell feeds, its state. */
function viaOf(
  layers: LayerGraph["layers"],
  { source, target, part }: Feeding,
  found: readonly Feeding[],
): Via {
  if (part !== undefined) {
    const isState = found.some((each) =>
      each.source === each.target && (each.source === source || each.target === target)
    );
    return isState ? "recurrent" : "split";
  }
  const feeding = found.filter((each) => each.target === target);
  const { inChannels, positions, weight } = layers[target]!;
  if (!feeding.some((each) => lengthOf(layers, each) === inChannels)) return "concat";
  if (feeding.length > 1) return "residual";
  return weight.shape.length === 2 && positions > 1 ? "flatten" : "direct";
}

/** That weights were read otherwise than by default, and by what, with an example of each. @param told those that vectors of their own tell it of */
export function turnedWarnings(turned: ReadonlySet<string>, told: ReadonlySet<string>): string[] {
  const said = (some: readonly string[], by: string) => {
    const [first] = some;
    return first === undefined ? [] : [
      `${some.length} of the weights ${
        some.length === 1 ? "is" : "are"
      } taken as [in, out], by ${by} (the first: ${first}); declare a topology to be sure`,
    ];
  };
  const all = [...turned];
  return [
    ...said(all.filter((weight) => told.has(weight)), "the length of vectors of their own"),
    ...said(
      all.filter((weight) => !told.has(weight)),
      "the channels that weights share, the order of layers and how others lie",
    ),
  ];
}

/** That some layers are nearly copies, with an example. */
export function copyWarnings(layers: LayerGraph["layers"], copies: Copies): string[] {
  const [first] = copies;
  if (first === undefined) return [];
  const [copy] = first[1];
  return [
    `${copies.size} layers are nearly copies of others, as ${layers[copy!]!.name} is of ${
      layers[first[0]]!.name
    }: nothing is inferred from one of their branches to another`,
  ];
}

/** What a user has to know of an inferred topology. */
function inferenceWarnings(
  connections: readonly Connection[],
  contradicted: number,
  looked: number,
): string[] {
  const count = (isCounted: (each: Connection) => boolean) => connections.filter(isCounted).length;
  const inferred = count(({ evidence }) => evidence === "inferred");
  const guessed = connections.length - inferred;
  const chosen = count((each) => each.evidence === "guessed" && each.looked !== undefined);
  const supported = count((each) => each.supported === true);
  const against = contradicted === 0
    ? ""
    : `; ${counted(contradicted, "guess", "guesses")} that the weights contradict ${
      contradicted === 1 ? "is" : "are"
    } left out`;
  const all = counted(connections.length, "connection");
  return [
    `topology inferred from the weights: ${inferred} of ${all}, p at most 0.001 after correction for ${looked} pairs of ports and of parts; ` +
    `the p of their edges is multiplied by ${looked}${against}`,
    ...guessed === 0 ? [] : [
      `topology guessed in part: ${guessed} of ${all}: ${
        guessed - chosen
      } rest on names, shapes and the order of layers, ` +
      `${supported} of them supported by the weights; ${chosen} were chosen by the weights below that level, ` +
      `the p of their edges is multiplied by ${looked}, too; declare a topology to be sure`,
    ],
  ];
}
