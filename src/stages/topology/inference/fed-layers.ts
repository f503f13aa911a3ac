/** Directed connections from spaces of channels: each reader is fed by the earlier writers of its space. */

import type { ChannelSpaces } from "./channel-spaces.ts";
import type { PairTest } from "./pair-tests.ts";
import type { Port } from "./ports.ts";

/** One layer feeds another, all channels in order. */
export interface Feeding {
  readonly source: number;
  readonly target: number;
  /** Whether the weights alone show that both share a space; else the order of layers has a part in it. */
  readonly shown: boolean;
  /** `ln p` of the pair's own test, not corrected for the number of pairs; null where it was not tested. */
  readonly logP: number | null;
}

/**
 * Who feeds whom. A stream is closed: every writer feeds every later reader of its space, back to a depthwise layer, which has read all that was written
 * before and is the only one to write what it writes.
 */
export function feedings(
  ports: readonly Port[],
  tests: readonly PairTest[],
  spaces: ChannelSpaces,
): Feeding[] {
  const logPs = new Map(tests.map(({ first, second, logP }) => [`${first}/${second}`, logP]));
  const logPOf = (a: number, b: number) => logPs.get(`${Math.min(a, b)}/${Math.max(a, b)}`) ?? null;
  const depthwise = new Set(ports.flatMap(({ side, layer }) => side === "depthwise" ? [layer] : []));
  const found: Feeding[] = [];
  for (const [reader, port] of ports.entries()) {
    if (port.side === "out") continue;
    const earlier = [...ports.keys()].filter((writer) =>
      ports[writer]!.side === "out" && ports[writer]!.layer < port.layer &&
      spaces.supposed[writer] === spaces.supposed[reader]
    ).sort((a, b) => ports[b]!.layer - ports[a]!.layer);
    for (const writer of earlier) {
      const source = ports[writer]!.layer;
      const shown = spaces.shown[writer] === spaces.shown[reader];
      found.push({ source, target: port.layer, shown, logP: logPOf(writer, reader) });
      if (depthwise.has(source)) break;
    }
  }
  return found;
}
