/** What a column of a table is: its type, and what its numbers mean. */

/** What a column holds; `bool` and numbers as in Arrow, `utf8` is text. */
export type ColumnType = "utf8" | "int32" | "int64" | "float64" | "bool";

/** What the values of a column mean, in words: the text of `docs/tables.md` and of the metadata in files. */
export interface ColumnMeaning {
  /** What it says, without a full stop. */
  readonly description: string;
  /** `none` for text and flags. */
  readonly unit: string;
  readonly range: string;
  /** How it is computed or counted, or where it comes from. */
  readonly formula: string;
  /** When it is null: `never` where the column allows no null. */
  readonly whenNull: string;
}

/** One column of a table. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** By which engines know it in files (`field_id` of Parquet). Absent in tables that only pass between parts of the program. */
  readonly fieldId?: number;
  /** Absent in tables that only pass between parts of the program. */
  readonly meaning?: ColumnMeaning;
}

/** One column of a table that a run leaves. */
export interface TableColumn extends ColumnSchema {
  readonly meaning: ColumnMeaning;
}

/** A column's meaning as it is written down: `whenNull` only where the column allows null. */
export type ColumnText = Omit<ColumnMeaning, "whenNull"> & { readonly whenNull?: string };

/** A column; one that allows null says when. */
export function column(name: string, type: ColumnType, text: ColumnText): TableColumn {
  const { whenNull = "never" } = text;
  return { name, type, nullable: text.whenNull !== undefined, meaning: { ...text, whenNull } };
}
