/** What a finding is, and how findings are ranked. */

/** A value in a report: plain JSON. */
export type Cell = string | number | boolean | null;

/** A text that, run as printed, answers what stands beside it. */
export interface Query {
  /** `cypher`: by `svr query`, or in Neo4j; `sql`: by DuckDB, in the run's folder. */
  readonly language: "cypher" | "sql";
  readonly text: string;
}

/** One number of a finding. */
export interface FindingNumber {
  /** The column in which the finding's queries answer it. */
  readonly name: string;
  readonly value: Cell;
  /** The same of the null control, the mean of several; null where there is none, or where the number is not one of its. */
  readonly control: Cell;
  /** The standard deviation of the null controls; null where fewer than two have the number. */
  readonly control_spread: number | null;
  /** Null where the queries answer it; else how it comes from those that they do. */
  readonly derived: string | null;
}

/** Many rows of a finding; its queries answer exactly these columns and rows, in this order. */
export interface FindingTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** The same rows of the null control, as far as they are its, means of several; null where there is none. */
  readonly control: readonly (readonly Cell[])[] | null;
  /** Standard deviations of the null controls, null in columns that have none; null where there are not several controls. */
  readonly control_spread: readonly (readonly (number | null)[])[] | null;
  readonly queries: readonly Query[];
}

/** The kinds of findings, in the order in which those without a p-value are ranked. */
export const FINDING_KINDS = [
  "contradicted-connections",
  "undeclared-spaces",
  "dominant-connection",
  "excess-edges",
  "compositions",
  "near-kernel-block",
  "hub",
  "near-kernels",
  "outlying-layer",
  "over-trained",
  "under-trained",
  "traps",
  "kinship",
  "intruders",
  "changed-layers",
  "tracks",
] as const;

/** What a finding is about. */
export type FindingKind = (typeof FINDING_KINDS)[number];

/** Something that stands out in a model. */
export interface Finding {
  readonly kind: FindingKind;
  /** One sentence, with its key numbers. */
  readonly title: string;
  /** Natural logarithm of a p-value; null for a description. */
  readonly surprise: number | null;
  /** `queries` answer one row with those that are not derived as columns. */
  readonly numbers: readonly FindingNumber[];
  readonly queries: readonly Query[];
  readonly table: FindingTable | null;
  /** One sentence on what the null control says; of several mean and spread, and how many reach the model. */
  readonly null_control: string;
  readonly caveats: readonly string[];
}

/** How findings are ranked, in words. */
export const RANKING =
  "Findings are ranked by surprise: first those whose p is at most alpha, the smallest p first; then descriptions, which have no p, " +
  "in the order hubs, near-kernels, outlying, over-trained and under-trained layers; last those whose p is larger than alpha.";

/** Findings, the most surprising first; see `RANKING`. */
export function ranked<T extends Pick<Finding, "surprise" | "kind">>(
  findings: readonly T[],
  logAlpha: number,
): T[] {
  const group = ({ surprise }: T) => surprise === null ? 1 : surprise <= logAlpha ? 0 : 2;
  const kind = (finding: T) => FINDING_KINDS.indexOf(finding.kind);
  return [...findings].sort((a, b) =>
    group(a) - group(b) || (a.surprise ?? 0) - (b.surprise ?? 0) || kind(a) - kind(b)
  );
}

/** What stands where a run had no null control. */
export const NO_CONTROL = "not known; run with --null-control";
