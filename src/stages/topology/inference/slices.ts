/**
 * Spaces within wider ones: a shortcut that is padded to more channels, or a concatenation. The channels of the narrower space are some consecutive ones
 * of the wider; where they begin, the weights say.
 */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import type { ChannelSpaces } from "./channel-spaces.ts";
import { type Feeding, isFollowed } from "./fed-layers.ts";
import { joinedLogP, JoinedView, joinedView, type Space } from "./joined-spaces.ts";
import type { WithLayer } from "./layer-reader.ts";
import { channelsOf, LEAST_WIDTH, type Port, portOf } from "./ports.ts";

/** Channels `[offset, offset + width)` of the wider space are the narrower one's. */
export interface Slice {
  /** Numbers of ports that stand for the spaces. */
  readonly narrow: number;
  readonly wide: number;
  readonly offset: number;
  /** `ln p`, not corrected for the number of slices that were looked at. */
  readonly logP: number;
}

/** What was looked at, and what of it was found. */
export interface SliceTests {
  readonly slices: readonly Slice[];
  readonly looked: number;
}

/** Wider ports are not looked at in parts. */
const MOST_WIDTH = 1024;

/** A slice begins at a multiple of this, or in the middle. */
const STEP = 8;

/** At most so many places of a slice are looked at. */
const MOST_OFFSETS = 33;

/**
 * So many ports are added up: the last of the narrower space and the first of the wider, which lie nearest to where the one goes over into the other. What
 * they share fades along a stream: of ResNet-20's 64 connections 57 are inferred with 2 ports of each, 49 with 4, 37 with 8.
 */
const NEAREST = 2;

/** Where a space of `narrow` channels may begin in one of `wide`: padded, at an end or in the middle; concatenated, at any multiple of 8. */
export function offsetsOf(narrow: number, wide: number, padded: boolean): number[] {
  const room = wide - narrow;
  const step = STEP * Math.max(1, Math.ceil(room / STEP / (MOST_OFFSETS - 1)));
  const offsets = new Set([0, room]);
  if (room % 2 === 0) offsets.add(room / 2);
  for (let at = step; at < room && !padded; at += step) offsets.add(at);
  return [...offsets].sort((a, b) => a - b);
}

/**
 * Looks for narrower spaces that are written to, of which all channels are looked at, in wider ones that their own width does not explain: those that
 * nobody of that width writes to (a concatenation), and streams of several writers (a padded shortcut may begin them).
 *
 * @param isPair whether a narrower one may be part of a wider one
 * @param withLayer reads a layer again, and holds it only as long as it is used
 */
export async function sliceTests(
  ports: readonly Port[],
  spaces: readonly Space[],
  isPair: (narrow: Space, wide: Space) => boolean,
  withLayer: WithLayer,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<SliceTests> {
  const whole = (space: Space) => ports[space.members[0]!]!.view.size === space.width;
  const writers = ({ members }: Space) => members.filter((at) => ports[at]!.side === "out").length;
  const narrow = spaces.filter((space) => writers(space) > 0 && whole(space));
  const views = new Map(
    narrow.map(({ id, members }) => [
      id,
      joinedView(members.slice(-NEAREST).map((at) => ports[at]!.view)),
    ]),
  );
  const slices: Slice[] = [];
  let looked = 0;
  for (const wide of spaces) {
    const own = writers(wide);
    if (own === 1 || wide.width > MOST_WIDTH) continue;
    const within = narrow.filter((space) => space.width < wide.width && isPair(space, wide));
    if (within.length === 0) continue;
    const wanted = within.flatMap((space) =>
      offsetsOf(space.width, wide.width, own > 0).map((offset) => ({ space, offset }))
    );
    const parts = await partsOf(
      ports,
      wide,
      wanted.map(({ space, offset }) => ({ offset, width: space.width })),
      withLayer,
      kernel,
      options,
    );
    for (const { space, offset } of wanted) {
      const part = parts.get(`${offset}/${space.width}`)?.view();
      const logP = part === undefined ? null : joinedLogP(views.get(space.id)!, part);
      if (logP === null) continue;
      looked++;
      slices.push({ narrow: space.id, wide: wide.id, offset, logP });
    }
  }
  return { slices, looked };
}

/** Views of a space's channels `[offset, offset + width)`, by `offset/width`. */
async function partsOf(
  ports: readonly Port[],
  { members }: Space,
  wanted: readonly { readonly offset: number; readonly width: number }[],
  withLayer: WithLayer,
  kernel: Kernel,
  options: CallOptions,
): Promise<Map<string, JoinedView>> {
  const parts = new Map<string, JoinedView>();
  const asked = new Map(wanted.map((part) => [`${part.offset}/${part.width}`, part]));
  for (const at of members.slice(0, NEAREST)) {
    const port = ports[at]!;
    const { layer, side, width: all } = port;
    await withLayer(layer, async (read) => {
      for (const [key, { offset, width }] of asked) {
        if (width < LEAST_WIDTH) continue;
        const channels = channelsOf(port, Array.from({ length: width }, (_, c) => offset + c));
        const { view } = await portOf(read, side, all, channels, kernel, options);
        const part = parts.get(key) ?? new JoinedView();
        parts.set(key, part);
        part.add(view);
      }
    });
  }
  return parts;
}

/**
 * Of each two spaces the most telling slice, where it is small enough; and what follows from two of them: what is part of a part is part of the whole.
 *
 * @param isShown whether a p alone shows a slice
 */
export function shownSlices(slices: readonly Slice[], isShown: (slice: Slice) => boolean): Slice[] {
  const best = new Map<string, Slice>();
  for (const slice of slices) {
    const key = `${slice.narrow}/${slice.wide}`;
    if (isShown(slice) && slice.logP < (best.get(key)?.logP ?? 0)) best.set(key, slice);
  }
  for (const inner of best.values()) {
    for (const outer of best.values()) {
      const key = `${inner.narrow}/${outer.wide}`;
      if (inner.wide !== outer.narrow || best.has(key)) continue;
      best.set(key, {
        narrow: inner.narrow,
        wide: outer.wide,
        offset: inner.offset + outer.offset,
        logP: Math.max(inner.logP, outer.logP),
      });
    }
  }
  return [...best.values()];
}

/** Pairs of ports whose spaces are the same channels of a third. */
export function samePart(
  ports: readonly Port[],
  slices: readonly Slice[],
): { readonly first: number; readonly second: number }[] {
  const parts = Map.groupBy(
    slices,
    ({ narrow, wide, offset }) => `${wide}/${offset}/${ports[narrow]!.width}`,
  );
  return [...parts.values()].flatMap(([first, ...others]) =>
    others.map(({ narrow }) => ({ first: first!.narrow, second: narrow }))
  );
}

/**
 * Every writer of the narrower space feeds every later reader of the wider. The weights show it of ports whose spaces they show, and it is supposed of
 * those that are supposed to be in them.
 */
export function sliceFeedings(
  ports: readonly Port[],
  spaces: ChannelSpaces,
  slices: readonly Slice[],
  supposed: readonly Slice[],
  isOrdered: (earlier: number, later: number) => boolean,
): Feeding[] {
  const found = new Map<string, Feeding>();
  for (const [at, { narrow, wide, offset }] of [...slices, ...supposed].entries()) {
    for (const [writer, { side, layer: source, part }] of ports.entries()) {
      if (side !== "out" || spaces.supposed[writer] !== spaces.supposed[narrow]) continue;
      if (!isFollowed(ports, spaces.supposed, writer)) continue;
      for (const [reader, { side: to, layer: target }] of ports.entries()) {
        if (to !== "in" || spaces.supposed[reader] !== spaces.supposed[wide] || source >= target) continue;
        const isMember = at < slices.length && spaces.shown[writer] === spaces.shown[narrow] &&
          spaces.shown[reader] === spaces.shown[wide];
        const shown = isMember && isOrdered(source, target);
        const key = `${source}/${target}`;
        if (found.get(key)?.shown !== true) {
          found.set(key, {
            source,
            target,
            ...part === undefined ? {} : { part },
            offset,
            shown,
            logP: null,
          });
        }
      }
    }
  }
  return [...found.values()];
}
