/** How the answer to a query can be written. */

/** The formats by name. */
export const ANSWER_FORMATS = ["table", "json", "csv", "arrow", "parquet"] as const;

/** A name in `ANSWER_FORMATS`. */
export type AnswerFormat = typeof ANSWER_FORMATS[number];
