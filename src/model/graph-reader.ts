/** A graph store that is asked, and what it answers. */

/** What a column of an answer holds. */
export type AnswerType = "integer" | "number" | "boolean" | "text";

/** The rows of one query, as a graph store answers it. */
export interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** Per column, where it is known: an integral number in a column of numbers is one all the same. */
  readonly types?: readonly (AnswerType | null)[];
}

/** The graph stores differ where Cypher leaves off: lengths of paths, lists, functions. */
export type CypherDialect = "embedded" | "neo4j";

/** A graph store opened for reading. */
export interface GraphReader {
  readonly dialect: CypherDialect;
  /** What the store's labels begin with, where they do. */
  readonly labelPrefix?: string;
  /**
   * Answers one Cypher statement that reads.
   *
   * @throws {SyntaxError} when the statement does not parse, or writes, or touches files
   */
  query(cypher: string, parameters?: Readonly<Record<string, unknown>>): Promise<QueryAnswer>;
  close(): Promise<void>;
}
