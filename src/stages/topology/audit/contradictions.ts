/** Connections that the weights contradict. */

import { Pace } from "../../../base/pace.ts";
import { isDepthwise, type LayerGraph } from "../../../model/layer.ts";
import { LOG_SUPPORT } from "../inference/level.ts";
import type { Agreement } from "./agreement.ts";
import type { DeclaredChannels } from "./declared-channels.ts";
import { type Exchange, inPlace, isMet } from "./exchanges.ts";
import { type ChannelPart, joinedParts } from "./parts.ts";

/**
 * What the weights say of a connection. `shown`: its sides share channels, by their own test or by those of what agrees with both, each after correction.
 * `supported`: its own p is at most 0.01. `contradicted`: see `Contradiction`. `untold`: none of these. `untested`: it cannot be tested. Of several ranges of
 * channels the weakest word counts, of those that were tested: `untold`, `supported`, `shown`.
 */
export const VERDICTS = ["shown", "supported", "contradicted", "untold", "untested"] as const;

/** One of `VERDICTS`. */
export type Verdict = typeof VERDICTS[number];

/** A part of a layer that agrees with a side of a connection, though no connection joins them. */
export interface Fit {
  readonly part: ChannelPart;
  /** `ln p` of the pair's own test, not corrected for the number of pairs. */
  readonly logP: number;
}

/** A connection whose two sides agree with others, and not with each other. */
export interface Contradiction {
  /** Its number among the connections of the graph. */
  readonly connection: number;
  readonly writer: ChannelPart;
  readonly reader: ChannelPart;
  /** `ln p` of its own test: above that of 0.01. */
  readonly logP: number;
  /** `ln p` of all that agree with the writer against all that agree with the reader: above that of 0.01. */
  readonly joinedLogP: number;
  /** What fits the writer better; null where it agrees only with what the connections join to it. */
  readonly writerFit: Fit | null;
  readonly readerFit: Fit | null;
}

/**
 * In streams of trained networks early writers and late readers were seen to agree with others and not with each other. So a connection is contradicted
 * where both its sides have a better fit, it is no narrower than this, and no depthwise layer is at it; else only where layers in each other's place
 * explain it.
 */
const PLAIN_WIDTH = 32;

/** What the weights say of connections before layers in each other's place are sought. */
export interface Judged {
  /** Of each connection; of those that are suspected `untold`. */
  readonly verdicts: readonly Exclude<Verdict, "contradicted">[];
  /** Connections whose two sides agree with others, at least one of which no connection joins to them, and not with each other. */
  readonly suspected: readonly Contradiction[];
}

/** Judges each connection. @throws the signal's reason once it is aborted */
export async function judged(
  { layers, connections }: LayerGraph,
  agreement: Agreement,
  declared: DeclaredChannels,
  signal?: AbortSignal,
): Promise<Judged> {
  const pace = new Pace(signal);
  const fits = new Map<number, Fit | null>();
  const fitOf = (at: number): Fit | null => {
    const known = fits.get(at);
    if (known !== undefined) return known;
    const found = bestFit(at, agreement, declared);
    fits.set(at, found);
    return found;
  };
  const suspected: Contradiction[] = [];
  const verdicts: Judged["verdicts"][number][] = [];
  for (const [connection, each] of connections.entries()) {
    const told = new Set<Judged["verdicts"][number]>();
    for (const { writer, reader } of joinedParts(layers, each)) {
      await pace.step();
      const [from, to] = [agreement.numberOf(writer), agreement.numberOf(reader)];
      if (from === undefined || to === undefined) continue;
      const logP = agreement.logP(from, to);
      if (agreement.agree(from, to)) told.add("shown");
      else if (logP === null) continue;
      else if (logP <= LOG_SUPPORT) told.add("supported");
      else {
        told.add("untold");
        const [writerFit, readerFit] = [fitOf(from), fitOf(to)];
        const agreeElsewhere = (writerFit ?? readerFit) !== null && agreement.partners(from).length > 0 &&
          agreement.partners(to).length > 0;
        const joinedLogP = agreeElsewhere ? agreement.joinedLogP(from, to) : null;
        if (joinedLogP === null || joinedLogP <= LOG_SUPPORT) continue;
        suspected.push({ connection, writer, reader, logP, joinedLogP, writerFit, readerFit });
      }
    }
    const weakest = (["untold", "supported", "shown"] as const).find((verdict) => told.has(verdict));
    verdicts.push(weakest ?? "untested");
  }
  return { verdicts, suspected };
}

/**
 * Those that are contradicted of suspected connections.
 *
 * @param exchanged layers that fit in each other's place
 */
export function contradictions(
  { layers }: Pick<LayerGraph, "layers">,
  suspected: readonly Contradiction[],
  agreement: Agreement,
  exchanged: readonly Exchange[],
): Contradiction[] {
  return suspected.filter(({ writer, reader, writerFit, readerFit }) => {
    const isPlain = writerFit !== null && readerFit !== null && writer.width >= PLAIN_WIDTH &&
      reader.side !== "depthwise" &&
      !isDepthwise(layers[writer.layer]!);
    return isPlain || isMet(exchanged.reduce(inPlace, { writer, reader }), agreement);
  });
}

/** Of what agrees with a part by a test of their own, though no connection joins them, the most telling. */
function bestFit(at: number, agreement: Agreement, declared: DeclaredChannels): Fit | null {
  let best: Fit | null = null;
  for (const other of agreement.partners(at)) {
    const part = agreement.part(other);
    const logP = agreement.logP(at, other);
    if (logP === null || !agreement.shows(logP) || declared.share(agreement.part(at), part)) {
      continue;
    }
    if (best === null || logP < best.logP) best = { part, logP };
  }
  return best;
}
