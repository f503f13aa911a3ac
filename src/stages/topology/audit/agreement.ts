/** What the pair tests of an audit show: which parts of layers agree, and with which others. */

import { Union } from "../../../model/union.ts";
import { joinedLogP, joinedView, MOST_PORTS } from "../inference/joined-spaces.ts";
import { isSmall } from "../inference/level.ts";
import type { PairTest } from "../inference/pair-tests.ts";
import type { Port } from "../inference/ports.ts";
import { type ChannelPart, partKey } from "./parts.ts";

const ROUNDING = 1e-9;

/** Parts by their numbers in the list of those that were looked at. */
export class Agreement {
  readonly #ports: readonly Port[];
  readonly #parts: readonly ChannelPart[];
  readonly #tests: readonly PairTest[];
  readonly #at: ReadonlyMap<string, number>;
  readonly #logPs: ReadonlyMap<number, number>;
  readonly #spaces: Union;
  readonly #members: ReadonlyMap<number, readonly number[]>;
  readonly #joined = new Map<number, number | null>();

  /** @param ports of the parts, in the same order */
  constructor(ports: readonly Port[], parts: readonly ChannelPart[], tests: readonly PairTest[]) {
    this.#ports = ports;
    this.#parts = parts;
    this.#tests = tests;
    this.#at = new Map(parts.map((part, at) => [partKey(part), at]));
    this.#logPs = new Map(tests.map(({ first, second, logP }) => [this.#keyOf(first, second), logP]));
    this.#spaces = new Union(parts.length);
    // What a depthwise layer reads and writes is one.
    for (const [at, part] of parts.entries()) {
      const out = part.side === "depthwise" ? this.numberOf({ ...part, side: "out" }) : undefined;
      if (out !== undefined) this.#spaces.join(at, out);
    }
    for (const { first, second } of this.shown()) this.#spaces.join(first, second);
    this.#members = Map.groupBy(parts.keys(), (at) => this.#spaces.find(at));
  }

  /** How many pairs were looked at. */
  get looked(): number {
    return this.#tests.length;
  }

  /** Pairs that show by themselves, after correction for all that were looked at, that they share channels. */
  shown(): PairTest[] {
    return this.#tests.filter(({ logP }) => this.shows(logP));
  }

  /** Whether a p shows by itself that two parts share channels. The p of pairs that others have joined is that level, but for rounding. */
  shows(logP: number): boolean {
    return isSmall(logP - ROUNDING, this.looked);
  }

  /** The numbers of all parts. */
  get numbers(): number[] {
    return [...this.#parts.keys()];
  }

  part(at: number): ChannelPart {
    return this.#parts[at]!;
  }

  /** The number of a part; undefined where it was not looked at. */
  numberOf(part: ChannelPart): number | undefined {
    return this.#at.get(partKey(part));
  }

  /** Whether two parts share channels: by their own test, or by those of what agrees with both. */
  agree(a: number, b: number): boolean {
    return this.#spaces.find(a) === this.#spaces.find(b);
  }

  /** Parts of other layers that share channels with one. */
  partners(at: number): number[] {
    const { layer } = this.part(at);
    return this.#members.get(this.#spaces.find(at))!.filter((each) => this.part(each).layer !== layer);
  }

  /** `ln p` of a pair's own test, not corrected for the number of pairs; null where it was not tested. */
  logP(a: number, b: number): number | null {
    return this.#logPs.get(this.#keyOf(a, b)) ?? null;
  }

  /** `ln p` of all that agree with one against all that agree with another, of each the eight nearest to it; null where nothing can be tested. */
  joinedLogP(a: number, b: number): number | null {
    const key = this.#keyOf(a, b);
    const known = this.#joined.get(key);
    if (known !== undefined) return known;
    const logP = joinedLogP(this.#viewOf(a), this.#viewOf(b));
    this.#joined.set(key, logP);
    return logP;
  }

  #viewOf(at: number) {
    const { layer } = this.part(at);
    const away = (each: number) => Math.abs(this.part(each).layer - layer);
    const near = [at, ...this.partners(at).sort((x, y) => away(x) - away(y))].slice(0, MOST_PORTS);
    return joinedView(near.map((each) => this.#ports[each]!.view));
  }

  #keyOf(a: number, b: number): number {
    return Math.min(a, b) * this.#parts.length + Math.max(a, b);
  }
}
