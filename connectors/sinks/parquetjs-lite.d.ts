/** The part of parquetjs-lite 0.8.7 that the Parquet writer uses; the package has no types of its own. */

export interface ParquetField {
  type: "BOOLEAN" | "INT32" | "INT64" | "DOUBLE" | "UTF8";
  optional?: boolean;
  compression?: "SNAPPY" | "UNCOMPRESSED";
  statistics?: false;
}

export class ParquetSchema {
  constructor(fields: Record<string, ParquetField>);
}

export interface RowBuffer {
  rowCount: number;
  pageRowCount: number;
  columnData: Record<string, unknown>;
  pages: Record<string, unknown[]>;
}

export interface EnvelopeOptions {
  pageSize: number;
  useDataPageV2: boolean;
  pageIndex: boolean;
}

export class ParquetEnvelopeWriter {
  constructor(
    schema: ParquetSchema,
    write: (bytes: Uint8Array) => Promise<void>,
    close: () => Promise<void>,
    fileOffset: number,
    options: EnvelopeOptions,
  );
  readonly pageSize: number;
  readonly useDataPageV2: boolean;
  readonly rowGroups: { columns: { meta_data: { statistics: { distinct_count: unknown } | null } }[] }[];
  writeHeader(): Promise<void>;
  writeRowGroup(rows: RowBuffer): Promise<void>;
  writeFooter(metadata: Record<string, string>): Promise<void>;
}

/** What `ParquetWriter` calls of an envelope writer. */
export interface Envelope {
  readonly pageSize: number;
  readonly useDataPageV2: boolean;
  writeHeader(): void;
  writeRowGroup(rows: RowBuffer): Promise<void>;
  writeIndex(): Promise<void>;
  writeFooter(metadata: Record<string, string>): Promise<void>;
  close(): Promise<void>;
}

export class ParquetWriter {
  constructor(schema: ParquetSchema, envelope: Envelope, options: { rowGroupSize: number });
  rowBuffer: RowBuffer;
  close(): Promise<void>;
}

/** The package is CommonJS: Node and Deno both give its exports as the default. */
declare const parquet: {
  readonly ParquetSchema: typeof ParquetSchema;
  readonly ParquetEnvelopeWriter: typeof ParquetEnvelopeWriter;
  readonly ParquetWriter: typeof ParquetWriter;
};
export default parquet;
