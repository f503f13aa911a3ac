/** What must be said beside a finding. */

import type { ConnectionFacts, ModelFacts } from "./facts.ts";

/** What a p-value says, short enough to stand beside each. */
export const P_CAVEAT =
  "p: how surprising this is if singular vectors pointed in random directions; trained weights are not random";

/** Connections with fewer channels than this are named as small. */
const FEW_CHANNELS = 16;

/** Names connections whose null is wide, because few channels are tested. */
export function smallCaveat({ test }: ModelFacts, connections: readonly ConnectionFacts[]): string[] {
  const few = connections.filter(({ testedChannels }) => testedChannels < FEW_CHANNELS).length;
  if (few === 0) return [];
  const chi2 = test.null === "chi2" ? "; the chi2 null is not exact there, and finds too little" : "";
  return [
    `small n: ${few} of ${connections.length} connections test vectors of fewer than ${FEW_CHANNELS} channels, where chance overlaps are ` +
    `large and only strong alignment can be told from it${chi2}`,
  ];
}
