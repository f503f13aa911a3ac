/** Spaces of channels that the weights of a model show, as `svr inspect` says them. */

import type { Inference } from "../stages/topology/inference/inferred.ts";
import { isDepthwise } from "../model/layer.ts";

/** A layer at a space of channels. */
export interface SpaceMember {
  readonly layer: string;
  /** `ln p` of its most telling pair within the space, after correction for all pairs of whole ports. */
  readonly log_p: number;
}

/** Layers that index the same channels. */
export interface InspectedSpace {
  readonly channels: number;
  readonly writers: readonly SpaceMember[];
  readonly readers: readonly SpaceMember[];
}

/** The spaces that weights alone show, by their first layer; a depthwise layer reads and writes one. */
export function inspectedSpaces({ graph, ports, tests, spaces, looked }: Inference): InspectedSpace[] {
  const correction = Math.log(Math.max(1, looked));
  const best = new Map<number, number>();
  for (const { first, second, logP } of tests) {
    if (spaces.shown[first] !== spaces.shown[second]) continue;
    for (const at of [first, second]) {
      best.set(at, Math.min(best.get(at) ?? 0, logP + correction));
    }
  }
  const groups = Map.groupBy(ports.keys(), (at) => spaces.shown[at]!);
  return [...groups.values()].flatMap((members): InspectedSpace[] => {
    if (new Set(members.map((at) => ports[at]!.layer)).size < 2) return [];
    const of = (isWriter: boolean) =>
      members.filter((at) => (ports[at]!.side === "out") === isWriter).map((at): SpaceMember => {
        const layer = graph.layers[ports[at]!.layer]!;
        // What a depthwise layer reads and writes is one: one of its sides may have been told by the other.
        const twin = isDepthwise(layer)
          ? members.find((each) => each !== at && ports[each]!.layer === layer.index)
          : undefined;
        const told = Math.min(best.get(at) ?? 0, twin === undefined ? 0 : best.get(twin) ?? 0);
        return { layer: layer.name, log_p: told };
      });
    return [{ channels: ports[members[0]!]!.width, writers: of(true), readers: of(false) }];
  });
}
