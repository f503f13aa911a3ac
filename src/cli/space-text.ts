/** Spaces of channels as drawings: who writes to them on the left, who reads them on the right. */

import { printable } from "../report/text.ts";
import type { InspectedSpace, SpaceMember } from "../run/inspected-spaces.ts";

/** A drawing of each space, a blank line between them. */
export function spaceText(spaces: readonly InspectedSpace[]): string {
  return spaces.map(drawing).join("\n");
}

function drawing({ channels, writers, readers }: InspectedSpace): string {
  const title = `${channels} channels`;
  const left = writers.map(named);
  const right = readers.map(named);
  const width = Math.max(0, ...left.map((text) => text.length));
  const lines = Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const [from, to] = [left[at], right[at]];
    const middle = at === 0 ? title : " ".repeat(title.length);
    const head = `  ${(from ?? "").padEnd(width)} ${from === undefined ? "   " : "-->"} | ${middle} |`;
    return to === undefined ? head : `${head} --> ${to}`;
  });
  return `${lines.join("\n")}\n`;
}

const named = ({ layer, log_p }: SpaceMember) => printable(`${layer} (p ${powerOfTen(log_p)})`);

/** `1e-12`: the power of ten at or above a p. */
const powerOfTen = (logP: number) => `1e${Math.ceil(logP / Math.LN10) || "-0"}`.replace("1e-0", "1");
