/** The part of parquetjs-lite that answers are written with; the package has no types of its own. */
declare const parquetjs: {
  readonly ParquetSchema: new (columns: Readonly<Record<string, ColumnOptions>>) => ParquetSchema;
  readonly ParquetWriter: {
    openStream(schema: ParquetSchema, to: ByteStream, options: WriterOptions): Promise<ParquetWriter>;
  };
};
export default parquetjs;

/** How a column is written. */
export interface ColumnOptions {
  readonly type: "BOOLEAN" | "INT64" | "DOUBLE" | "UTF8";
  readonly optional: boolean;
  readonly compression: "SNAPPY";
  readonly statistics: false;
}

/** A schema; its fields are read while rows are added, and once more for the footer. */
export interface ParquetSchema {
  readonly fields: Readonly<Record<string, ParquetField>>;
}

/** A column of a schema. */
export interface ParquetField {
  /** In the footer. */
  name: string;
  /** In the footer, and where its values are gathered. */
  path: readonly string[];
  /** Which conversion a value passes when its row is added. */
  originalType: string | undefined;
}

/** What a writer asks of the stream that it writes to. */
export interface ByteStream {
  write(bytes: Uint8Array, done: () => void): void;
  end(done: () => void): void;
}

/** Sizes in rows. */
export interface WriterOptions {
  readonly rowGroupSize: number;
  readonly pageSize: number;
  readonly pageIndex: false;
}

/** Rows become a file; each call must be awaited before the next. */
export interface ParquetWriter {
  appendRow(row: Readonly<Record<string, unknown>>): Promise<void>;
  close(): Promise<void>;
}
