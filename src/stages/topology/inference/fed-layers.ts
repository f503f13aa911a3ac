/** Directed connections from spaces of channels: each reader is fed by the earlier writers of its space. */

import type { ChannelSpaces } from "./channel-spaces.ts";
import type { PairTest } from "./pair-tests.ts";
import type { Part, Port } from "./ports.ts";

/** One layer feeds another, all its channels, or a part of them, in order. */
export interface Feeding {
  readonly source: number;
  readonly target: number;
  /** Of the source's channels. Default: all */
  readonly part?: Part;
  /** The first in channel of the target that the source feeds. Default: 0 */
  readonly offset?: number;
  /** Whether the weights alone show that both share a space; else the order of layers has a part in it. */
  readonly shown: boolean;
  /** Whether both share a space by way of others, and the pair itself, which was tested, shows nothing of it. Default: false */
  readonly unsupported?: boolean;
  /** `ln p` of the pair's own test, not corrected for the number of pairs; null where it was not tested. */
  readonly logP: number | null;
}

/** A pair of a shown space whose own p is larger shows nothing itself: it may be a stream that ends, or a gate, and the reader another's. */
const LOG_UNSUPPORTED = Math.log(0.05);

/** The number of a cell's candidate among its gates: `i, f, g, o` of an LSTM and `r, z, n` of a GRU, in PyTorch's order and in Keras's. */
const CANDIDATE = 2;

/**
 * Whether what a port writes is followed. Gates of one cell are in one space. Which of them scale and which is scaled the weights do not tell, but every
 * library puts the candidate third. So it alone is followed.
 *
 * @param spaces of each port, what stands for its space
 */
export function isFollowed(ports: readonly Port[], spaces: readonly number[], at: number): boolean {
  const { part } = ports[at]!;
  return part === undefined || gatesOf(ports, spaces, at).length < 2 || part.at === CANDIDATE;
}

/** Ports of one stack that are in one space: a port itself, and the other gates of its cell. */
function gatesOf(ports: readonly Port[], spaces: readonly number[], at: number): readonly number[] {
  const { layer, part } = ports[at]!;
  return part === undefined
    ? [at]
    : [...ports.keys()].filter((other) =>
      ports[other]!.layer === layer && ports[other]!.part?.of === part.of && spaces[other] === spaces[at]
    );
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
  // Of gates the most telling one, corrected for their number.
  const ownLogP = (writer: number, reader: number) => {
    const own = gatesOf(ports, spaces.supposed, writer).flatMap((at) => logPOf(at, reader) ?? []);
    return own.length === 0 ? null : Math.min(0, Math.min(...own) + Math.log(own.length));
  };
  const depthwise = new Map(
    ports.flatMap(({ side, layer, width }) => side === "depthwise" ? [[layer, width] as const] : []),
  );
  const isAcross = (from: number, to: number, width: number) =>
    [...depthwise].some(([layer, of]) => of === width && layer > from && layer < to);
  // A cell reads its own state.
  const isCell = (writer: number, reader: number) =>
    ports[writer]!.layer === ports[reader]!.layer && ports[writer]!.part !== undefined &&
    spaces.shown[writer] === spaces.shown[reader];
  const isOnly = (writer: number) => writersOf(ports, spaces.shown, writer) === 1;
  const readAlready = new Set<number>();
  const found: Feeding[] = [];
  const unordered: Feeding[] = [];
  const readers = [...ports.keys()].filter((at) => ports[at]!.side !== "out")
    .sort((a, b) => ports[a]!.layer - ports[b]!.layer);
  for (const reader of readers) {
    const port = ports[reader]!;
    const earlier = [...ports.keys()].filter((writer) =>
      ports[writer]!.side === "out" && spaces.supposed[writer] === spaces.supposed[reader] &&
      (ports[writer]!.layer < port.layer || isCell(writer, reader)) &&
      isFollowed(ports, spaces.supposed, writer)
    ).sort((a, b) => ports[b]!.layer - ports[a]!.layer);
    const feeding = (writer: number, shared: boolean): Feeding => {
      const logP = ownLogP(writer, reader);
      const unsupported = shared && logP !== null && logP > LOG_UNSUPPORTED;
      return {
        source: ports[writer]!.layer,
        target: port.layer,
        ...ports[writer]!.part === undefined ? {} : { part: ports[writer]!.part },
        ...unsupported ? { unsupported } : {},
        shown: shared && !unsupported,
        logP,
      };
    };
    for (const writer of earlier) {
      const source = ports[writer]!.layer;
      const passed = depthwise.has(source);
      const decided = !isAcross(source, port.layer, port.width) && !(passed && readAlready.has(source));
      const shown = decided && spaces.shown[writer] === spaces.shown[reader];
      const ordered = source === port.layer || isOrdered(source, port.layer);
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
  return [...found, ...kept.map((each) => ({ ...each, shown: each.shown && !isTurned(each) }))];
}

/** How many layers write to the shown space of a port. */
const writersOf = (ports: readonly Port[], shown: readonly number[], of: number) =>
  new Set(ports.flatMap(({ side, layer }, at) => side === "out" && shown[at] === shown[of] ? [layer] : []))
    .size;

/** Whether a way leads from one layer to another. */
function leads(feedings: readonly Feeding[], from: number, to: number): boolean {
  const reached = new Set([from]);
  for (const at of reached) {
    for (const { source, target } of feedings) if (source === at) reached.add(target);
  }
  return reached.has(to);
}
