/** The thread that writes table files. */

import { parentPort } from "node:worker_threads";
import { codeOf, messageOf } from "../../../src/model/errors.ts";
import type { ColumnSchema } from "../../../src/model/tables.ts";
import { createArrow } from "./arrow-writer.ts";
import { createParquet } from "./parquet-writer.ts";
import type { FileAnswer, FileRequest, TableFile, TableFilePlan } from "./table-file.ts";

/** By number. A file is being made when its first request has come. */
const open = new Map<
  number,
  { readonly file: Promise<TableFile>; readonly columns: readonly ColumnSchema[] }
>();

parentPort?.on("message", (request: FileRequest) => {
  void answerTo(request).then((answer) => parentPort?.postMessage(answer));
});

async function answerTo(request: FileRequest): Promise<FileAnswer> {
  try {
    return { id: request.id, ...await done(request) };
  } catch (failure) {
    const code = codeOf(failure);
    const failed = { message: messageOf(failure), ...code === undefined ? {} : { code } };
    return { id: request.id, bytes: 0, failed };
  }
}

async function done({ file: number, plan, step }: FileRequest): Promise<Omit<FileAnswer, "id">> {
  // A file that was never made need not be given up.
  if (plan !== null && step.kind === "abandon") return { bytes: 0 };
  if (plan !== null) open.set(number, { file: created(plan), columns: plan.columns });
  const found = open.get(number);
  if (found === undefined) throw new Error(`writing table file ${number}: there is no such file`);
  if (step.kind !== "write") open.delete(number);
  const file = await found.file;
  switch (step.kind) {
    case "write":
      await file.write({ schema: found.columns, rows: step.rows, columns: step.columns });
      return { bytes: file.bytes };
    case "close":
      return await file.close().catch(async (failure: unknown) => {
        // Nobody can ask for that file again.
        await file.abandon().catch(() => undefined);
        throw failure;
      });
    case "abandon":
      await file.abandon();
      return { bytes: file.bytes };
  }
}

function created({ format, path, columns, metadata, choices }: TableFilePlan): Promise<TableFile> {
  return format === "arrow"
    ? createArrow(path, columns, metadata)
    : createParquet(path, columns, metadata, choices);
}
