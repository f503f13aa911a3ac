/** The table `models`: one row, the model's own. */

import { column, type TableColumn } from "./column.ts";

const rowsOf = (table: string) => ({ unit: "count", range: "0 or more", formula: `rows of ${table}` });

/** The columns of the table `models`, in order. */
export const MODEL_COLUMNS: readonly TableColumn[] = [
  column("id", "utf8", {
    description: "The model's whole id, which the path `model=…` holds encoded and, where it is long, cut",
    unit: "none",
    range: "1 byte to 16 KiB of UTF-8",
    formula: "the config's or the manifest's id, else made of the path",
  }),
  column("uri", "utf8", {
    description: "Where the model came from",
    unit: "none",
    range: "any text",
    formula: "as the config or the command line says it",
  }),
  column("format", "utf8", {
    description: "The format of its file",
    unit: "none",
    range: "safetensors, pytorch, onnx, keras, numpy, gguf, sharded or synthetic",
    formula: "from the file's name and content",
  }),
  column("series", "utf8", {
    description: "The series of checkpoints that the model belongs to",
    unit: "none",
    range: "any text",
    formula: "the config's or the manifest's series, else read from the id by the run's rule",
    whenNull: "where no rule and no entry says so",
  }),
  column("step", "float64", {
    description: "The checkpoint's place in its series",
    unit: "epochs or steps, as the names count",
    range: "0 or more",
    formula: "the config's or the manifest's step, else read from the id by the run's rule",
    whenNull: "where no rule and no entry says so",
  }),
  column("key", "utf8", {
    description: "What the tables were made of: other content or other settings have another key",
    unit: "none",
    range: "64 hexadecimal digits",
    formula: "SHA-256 of the files' digests, of the topology and of all settings that shape the tables",
  }),
  column("layers", "int32", { description: "Layers, skipped ones included", ...rowsOf("layers") }),
  column("neurons", "int64", { description: "Spectral neurons", ...rowsOf("neurons") }),
  column("connections", "int64", {
    description: "Connections between layers",
    ...rowsOf("connections"),
  }),
  column("edges", "int64", {
    description: "Edges that were written (the setting `edges` chooses)",
    ...rowsOf("edges"),
  }),
  column("skipped", "int64", {
    description: "Tensors, layers and connections that take no part",
    ...rowsOf("skipped"),
  }),
];
