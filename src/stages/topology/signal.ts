/** What is known of a signal on its way through a network: which out channels of which layers its channels are. */

import type { ChannelRange, Via } from "../../model/layer.ts";
import type { FlattenOrder } from "../../model/layer-draft.ts";
import { compose, shifted } from "../channel-map.ts";

/** Where some channels of a signal come from. */
export interface Origin {
  readonly layer: number;
  /** See `Connection.part`. */
  readonly part: number;
  /** From the layer's out channels to the signal's channels. */
  readonly channels: readonly ChannelRange[];
  /** What was crossed on the way. */
  readonly crossed: ReadonlySet<Via>;
}

/** What is known of a signal. */
export interface Traced {
  /** Number of channels; null where it is not known. */
  readonly width: number | null;
  readonly flattened: FlattenOrder | null;
  readonly origins: readonly Origin[];
  /** Why some of what arrives here is not known. */
  readonly lost: readonly string[];
  /** The layer whose output, untouched, this is. */
  readonly output?: number;
  /** The gain that was just applied. */
  readonly gain?: string;
  readonly gainOffset?: number;
}

/** Nothing is known, and nothing was lost. */
export const UNKNOWN: Traced = { width: null, flattened: null, origins: [], lost: [] };

/** `z` of a matrix that reads this signal with so many inputs; null where it reads no flattened map, or it does not fit. */
export function positionsOf({ flattened, width }: Traced, inputs: number): number | null {
  return flattened === null || width === null || inputs % width !== 0 ? null : inputs / width;
}

/** The same channels, but no longer as they left a layer or a gain. */
export function plain({ width, flattened, origins, lost }: Traced): Traced {
  return { width, flattened, origins, lost };
}

/** The same, having crossed something. */
export function crossing(signal: Traced, via: Via): Traced {
  const origins = signal.origins.map((origin) => ({ ...origin, crossed: new Set([...origin.crossed, via]) }));
  return { ...plain(signal), origins };
}

/** Nothing more is known, and why. */
export function lost(signals: readonly Traced[], reason: string): Traced {
  return { ...UNKNOWN, lost: [...new Set([...signals.flatMap((signal) => signal.lost), reason])] };
}

/** What a channel map lets through. */
export function through(signal: Traced, channels: readonly ChannelRange[], width: number): Traced {
  const origins = signal.origins.map((origin) => ({
    ...origin,
    channels: compose(origin.channels, channels),
  }));
  return {
    ...UNKNOWN,
    width,
    origins: origins.filter((each) => each.channels.length > 0),
    lost: signal.lost,
  };
}

/** What is added comes from all sides, channel by channel. */
export function sum(signals: readonly Traced[]): Traced {
  return signals.length < 2 ? either(signals) : crossing(either(signals), "residual");
}

/** What comes now from one side, now from another, channel by channel. */
export function either(signals: readonly Traced[]): Traced {
  const [first] = signals;
  if (first === undefined || signals.length === 1) return first === undefined ? UNKNOWN : plain(first);
  const width = signals.find((signal) => signal.width !== null)?.width ?? null;
  const misfit = signals.find((signal) => signal.width !== null && signal.width !== width);
  if (misfit !== undefined) {
    return lost(signals, `${width} and ${misfit.width} channels meet`);
  }
  if (signals.some(({ flattened }) => flattened !== first.flattened)) {
    return lost(signals, "a flattened map and another meet");
  }
  return {
    width,
    flattened: first.flattened,
    origins: merged(signals.flatMap(({ origins }) => origins)),
    lost: [...new Set(signals.flatMap((signal) => signal.lost))],
  };
}

/** Each way once: a value that is added to a function of itself would else double its ways every time. */
function merged(origins: readonly Origin[]): Origin[] {
  const found = new Map<string, Origin>();
  for (const origin of origins) {
    const { layer, part, channels, crossed } = origin;
    const key = JSON.stringify([layer, part, channels, [...crossed].sort()]);
    if (!found.has(key)) found.set(key, origin);
  }
  return [...found.values()];
}

/** A thousand layers, each in a hundred places; values that are put beside themselves again and again reach any number. */
const MOST_WAYS = 100_000;

/** Signals side by side along the channel axis. */
export function joined(signals: readonly Traced[]): Traced {
  if (signals.length === 1) return plain(signals[0]!);
  if (signals.some(({ flattened }) => flattened !== null)) {
    return lost(signals, "flattened maps are concatenated");
  }
  let width: number | null = 0;
  const origins: Origin[] = [];
  for (const signal of signals) {
    if (width === null) break; // behind a part of unknown width nothing has a place
    const offset: number = width;
    for (const each of signal.origins) origins.push({ ...each, channels: shifted(each.channels, offset) });
    width = signal.width === null ? null : width + signal.width;
  }
  if (origins.length > MOST_WAYS) return lost(signals, `more than ${MOST_WAYS} ways lead here`);
  const reasons = signals.flatMap((signal) => signal.lost);
  if (width === null) reasons.push("something of unknown width is concatenated");
  return crossing({ ...UNKNOWN, width, origins, lost: [...new Set(reasons)] }, "concat");
}
