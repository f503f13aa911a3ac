/** Colours, all from the palette of Okabe and Ito, which people of any colour vision tell apart; strength is told by lightness too. */

/** By kind of layer. */
const KINDS: Readonly<Record<string, string>> = {
  conv: "#0072b2",
  linear: "#009e73",
  "conv-transpose": "#56b4e9",
  embedding: "#cc79a7",
  recurrent: "#e69f00",
  circuit: "#f0e442",
};

/** The dominant connection. */
export const CHAIN = "#d55e00";
/** What is drawn on. */
export const PAPER = "#ffffff";
/** Text. */
export const INK = "#1b1e23";
/** Text that stands back. */
export const QUIET = "#5b6470";
/** Lines of the grid. */
export const GRID = "#e4e7eb";
/** Where near-kernels are. */
export const BAND = "#ece6da";
/** How many they are. */
export const BARS = "#b9a77f";

/** Colour of a kind of layer; one for all kinds that a newer version may know. */
export function kindColour(kind: string): string {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind]! : "#7f7f7f";
}

/** How the edges of one class of strength are drawn. */
export interface EdgeStyle {
  readonly colour: string;
  readonly width: number;
  readonly opacity: number;
}

/** Classes of strength: as many as an eye tells apart. */
export const EDGE_CLASSES = 8;

/** @param share strength from 0, the weakest drawn, to 1 */
export function edgeStyle(share: number): EdgeStyle {
  const mix = (weak: number, strong: number) => Math.round(weak + (strong - weak) * share);
  const hex = [mix(0x9a, 0x12), mix(0xa5, 0x16), mix(0xb5, 0x22)]
    .map((value) => value.toString(16).padStart(2, "0")).join("");
  return { colour: `#${hex}`, width: tenths(0.5 + 1.9 * share ** 2), opacity: tenths(0.4 + 0.5 * share) };
}

/** Classes of intensity, palest first. */
export const INTENSITY_OPACITIES: readonly number[] = [0.3, 0.5, 0.75, 1];

/** The class of an intensity in [0, 1]. */
export function intensityClass(intensity: number): number {
  const most = INTENSITY_OPACITIES.length - 1;
  return Math.min(most, Math.max(0, Math.floor(intensity * INTENSITY_OPACITIES.length)));
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
