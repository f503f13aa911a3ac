/** Directed connections from spaces of channels: each reader is fed by the earlier writers of its space. */

import type { ChannelSpaces } from "./channel-spaces.ts";
import type { PairTest } from "./pair-tests.ts";
import type { Port } from "./ports.ts";

/** One layer feeds another, all its channels in order. */
export interface Feeding {
  readonly source: number;
  readonly target: number;
  /** The first in channel of the target that the source feeds. Default: 0 */
  readonly offset?: number;
  /** Whether the weights alone show that both share a space; else the order of layers has a part in it. */
  readonly shown: boolean;
  /** `ln p` of the pair's own test, not corrected for the number of pairs; null where it was not tested. */
  readonly logP: number | null;
}

/**
 * Who feeds whom. A stream is closed: every writer feeds every later reader of its space.
 *
 * A depthwise layer passes channels on, so that what it writes is in the space of what it reads, and the weights do not tell who reads before it and who
 * behind. So nothing is fed across a depthwise layer; the first reader behind one reads it, and whether later ones do is not decided by the weights: they
 * are supposed to.
 *
 * @param isOrdered whether it is known, and not only supposed, that a layer comes before another. Where it is not, the only writer of a space feeds its
 * readers all the same, wherever it stands, unless they would feed it too
 */
export function feedings(
  ports: readonly Port[],
  tests: readonly PairTest[],
  spaces: ChannelSpaces,
  isOrdered: (earlier: number, later: number) => boolean,
): Feeding[] {
  const logPs = new Map(tests.map(({ first, second, logP }) => [`${first}/${second}`, logP]));
  const logPOf = (a: number, b: number) => logPs.get(`${Math.min(a, b)}/${Math.max(a, b)}`) ?? null;
  const depthwise = new Map(
    ports.flatMap(({ side, layer, width }) => side === "depthwise" ? [[layer, width] as const] : []),
  );
  const isAcross = (from: number, to: number, width: number) =>
    [...depthwise].some(([layer, of]) => of === width && layer > from && layer < to);
  const isOnly = (writer: number) => writersOf(ports, spaces.shown, writer) === 1;
  const readAlready = new Set<number>();
  const found: Feeding[] = [];
  const unordered: Feeding[] = [];
  const readers = [...ports.keys()].filter((at) => ports[at]!.side !== "out")
    .sort((a, b) => ports[a]!.layer - ports[b]!.layer);
  for (const reader of readers) {
    const port = ports[reader]!;
    const earlier = [...ports.keys()].filter((writer) =>
      ports[writer]!.side === "out" && ports[writer]!.layer < port.layer &&
      spaces.supposed[writer] === spaces.supposed[reader]
    ).sort((a, b) => ports[b]!.layer - ports[a]!.layer);
    const feeding = (writer: number, shown: boolean): Feeding => ({
      source: ports[writer]!.layer,
      target: port.layer,
      shown,
      logP: logPOf(writer, reader),
    });
    for (const writer of earlier) {
      const source = ports[writer]!.layer;
      const passed = depthwise.has(source);
      const decided = !isAcross(source, port.layer, port.width) && !(passed && readAlready.has(source));
      const shown = decided && spaces.shown[writer] === spaces.shown[reader];
      const ordered = isOrdered(source, port.layer);
      if (!shown || ordered) found.push(feeding(writer, shown));
      else if (isOnly(writer)) unordered.push(feeding(writer, true));
      else found.push(feeding(writer, false));
      if (!passed) continue;
      readAlready.add(source);
      break;
    }
    for (const writer of ports.keys()) {
      const { side, layer } = ports[writer]!;
      const isLater = side === "out" && layer > port.layer && spaces.shown[writer] === spaces.shown[reader];
      if (isLater && isOnly(writer) && !isOrdered(port.layer, layer)) unordered.push(feeding(writer, true));
    }
  }
  const all = [...found, ...unordered];
  const isTurned = ({ source, target }: Feeding) => leads(all, target, source);
  // What would be fed against the supposed order and closes a cycle is nothing.
  const kept = unordered.filter((each) => each.source < each.target || !isTurned(each));
  return [...found, ...kept.map((each) => ({ ...each, shown: !isTurned(each) }))];
}

/** How many ports write to the shown space of one. */
const writersOf = (ports: readonly Port[], shown: readonly number[], of: number) =>
  ports.filter(({ side }, at) => side === "out" && shown[at] === shown[of]).length;

/** Whether a way leads from one layer to another. */
function leads(feedings: readonly Feeding[], from: number, to: number): boolean {
  const reached = new Set([from]);
  for (const at of reached) {
    for (const { source, target } of feedings) if (source === at) reached.add(target);
  }
  return reached.has(to);
}
