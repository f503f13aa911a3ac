/** What the page shows, as it stands in the address: behind `#`, so that any file server can serve the page. */

/** The pages of the instrument. */
export const VIEWS = ["models", "model", "compare", "series", "report", "ask"] as const;

/** How singular values are put on the vertical axis. */
export const SCALES = ["relative", "linear", "log"] as const;

/** What edges are drawn by: `auto` is the canvas up to 10,000 edges, and WebGL for more where a GPU is. */
export const DRAWERS = ["auto", "canvas", "webgl"] as const;

/** What the colour of an edge says. */
export const COLOURS = ["overlap", "p", "span"] as const;

/** What questions are asked in. */
export const LANGUAGES = ["cypher", "sql"] as const;

/** The state of the page. Whoever opens the same address sees the same. */
export interface Address {
  readonly view: typeof VIEWS[number];
  /** Id of the model; null for the first. */
  readonly model: string | null;
  /** Id of the model that it is compared with; null for the first that it was compared with. */
  readonly base: string | null;
  /** Layers of the base and of the model that are looked at together. */
  readonly pair: readonly [base: number, other: number] | null;
  /** Name of the series; null for the first. */
  readonly series: string | null;
  /** Place of the checkpoint among those of the series, by their steps. */
  readonly step: number;
  /** Number of the track of the selected layer that is looked at. */
  readonly track: number | null;
  /** Index of the selected layer. */
  readonly layer: number | null;
  /** The selected neuron of that layer. */
  readonly neuron: number | null;
  /** Source layer, target layer and part of the selected connection. */
  readonly connection: readonly [source: number, target: number, part: number] | null;
  /** Whether what selected neurons look like is shown. */
  readonly patterns: boolean;
  /** Source and target neuron of the selected connection whose effective filter is shown. */
  readonly filter: readonly [source: number, target: number] | null;
  /** The least overlap that is shown. */
  readonly overlap: number;
  /** The largest p that is shown, as the negative of its decimal logarithm; 0 shows all. */
  readonly certainty: number;
  /** The most layers that an edge may reach over; null for any. */
  readonly span: number | null;
  /** The most edges that are drawn. */
  readonly edges: number;
  readonly drawer: typeof DRAWERS[number];
  readonly scale: typeof SCALES[number];
  readonly colour: typeof COLOURS[number];
  /** What the console is asked in. */
  readonly language: typeof LANGUAGES[number];
  /** The statement in the console, or `@name` of a query of the library. */
  readonly query: string;
}

/** What an address without anything behind `#` shows. */
export const START: Address = {
  view: "model",
  model: null,
  base: null,
  pair: null,
  series: null,
  step: 0,
  track: null,
  layer: null,
  neuron: null,
  connection: null,
  patterns: false,
  filter: null,
  overlap: 0,
  certainty: 0,
  span: null,
  edges: 10_000,
  drawer: "auto",
  scale: "relative",
  colour: "overlap",
  language: "cypher",
  query: "@strongest-edges",
};

/** As many edges as the page ever draws. */
export const MOST_EDGES = 1_000_000;

/**
 * The state that an address tells; what it does not tell, or tells wrongly, is as at the start.
 *
 * @param hash what stands behind `#`, with it or without
 */
export function parseAddress(hash: string): Address {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const whole = (name: string) => {
    const text = said.get(name);
    return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
  };
  const number = (name: string, most: number) => {
    const value = Number(said.get(name) ?? NaN);
    return value >= 0 && value <= most ? value : null;
  };
  const oneOf = <T extends string>(name: string, all: readonly T[], otherwise: T) =>
    all.find((each) => each === said.get(name)) ?? otherwise;
  const numbers = <T extends readonly number[]>(name: string, count: T["length"]) => {
    const parts = (said.get(name) ?? "").split("-");
    return parts.length === count && parts.every((part) => /^\d{1,9}$/.test(part))
      ? parts.map(Number) as readonly number[] as T
      : null;
  };
  return {
    view: oneOf("view", VIEWS, START.view),
    model: said.get("model"),
    base: said.get("base"),
    series: said.get("series"),
    step: whole("step") ?? START.step,
    track: whole("track"),
    pair: numbers<readonly [number, number]>("pair", 2),
    layer: whole("layer"),
    neuron: whole("neuron"),
    connection: numbers<readonly [number, number, number]>("connection", 3),
    patterns: said.get("patterns") === "true",
    filter: numbers<readonly [number, number]>("filter", 2),
    overlap: number("overlap", 1) ?? START.overlap,
    certainty: number("certainty", 1e6) ?? START.certainty,
    span: whole("span"),
    edges: Math.min(MOST_EDGES, whole("edges") ?? START.edges),
    drawer: oneOf("drawer", DRAWERS, START.drawer),
    scale: oneOf("scale", SCALES, START.scale),
    colour: oneOf("colour", COLOURS, START.colour),
    language: oneOf("language", LANGUAGES, START.language),
    query: said.get("query") ?? START.query,
  };
}

/** What stands behind `#` for a state, with `#`: only what differs from the start. */
export function formatAddress(address: Address): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(address) as [keyof Address, Address[keyof Address]][]) {
    if (value === null || value === START[name]) continue;
    said.set(name, typeof value === "object" ? value.join("-") : String(value));
  }
  return `#${said.toString()}`;
}
