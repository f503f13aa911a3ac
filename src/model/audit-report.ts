/** What the weights of a model say to its topology, as plain data with names. */

/** A side of a layer, or some of its channels. */
export interface AuditedSide {
  readonly layer: string;
  readonly side: "out" | "in";
  /** The channels, from 0: the first one, and how many. */
  readonly first_channel: number;
  readonly channels: number;
}

/** A side of a layer that agrees with another. */
export interface AuditedFit extends AuditedSide {
  /** `ln p`, corrected for all pairs that were looked at. */
  readonly log_p: number;
}

/** A connection that the weights contradict. */
export interface ContradictedConnection {
  readonly from: string;
  readonly to: string;
  readonly part: number;
  readonly source: AuditedSide;
  readonly target: AuditedSide;
  /** `ln p` of the connection's own test, not corrected: above that of 0.01. */
  readonly log_p: number;
  /** `ln p` of all that agree with the source against all that agree with the target: above that of 0.01. */
  readonly joined_log_p: number;
  /** What agrees with the source, though no connection joins them; null where there is none. */
  readonly source_fit: AuditedFit | null;
  readonly target_fit: AuditedFit | null;
  /** In a sentence. */
  readonly said: string;
}

/** Several spaces of channels by the connections, one by the weights. */
export interface UndeclaredChannels {
  readonly channels: number;
  /** The sides that agree across them, of each of the spaces. */
  readonly spaces: readonly (readonly AuditedSide[])[];
  /** The pair of sides that shows it best. */
  readonly first: AuditedSide;
  readonly second: AuditedSide;
  /** `ln p` of this pair, corrected for all that were looked at. */
  readonly log_p: number;
  /** How many pairs show it. */
  readonly pairs: number;
  /** In a sentence. */
  readonly said: string;
}

/** What the weights say to a topology. */
export interface AuditReport {
  /** Pairs of sides that were looked at: what p is corrected for. */
  readonly looked: number;
  /** How many connections the weights show, support, contradict, say nothing of, or cannot be asked of. */
  readonly connections: Readonly<
    Record<"shown" | "supported" | "contradicted" | "untold" | "untested", number>
  >;
  readonly contradicted: readonly ContradictedConnection[];
  /** Layers that would fit in each other's place. */
  readonly exchanged: readonly { readonly first: string; readonly second: string; readonly said: string }[];
  readonly undeclared: readonly UndeclaredChannels[];
}
