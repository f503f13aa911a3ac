/** Events of sinks. */

/** What a sink says of its work. */
export type SinkEvent =
  /** Of the models that go into the graph, so many are there. */
  | { readonly event: "graph-loaded"; readonly done: number; readonly of: number }
  /** A comparison that has no place in the graph, which lacks these models. */
  | {
    readonly event: "not-related";
    readonly base: string;
    readonly other: string;
    readonly missing: readonly string[];
  }
  /** A server is away; `seconds` of the `of` seconds that it is given have passed. */
  | { readonly event: "waiting"; readonly server: string; readonly seconds: number; readonly of: number };
