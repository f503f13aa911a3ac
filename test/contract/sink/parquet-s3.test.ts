import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import { BUCKET, copyOfLake, inS3Environment, type S3Server, startS3 } from "../../support/s3-server.ts";
import { type ReadBack, sinkContract } from "./contract.ts";
import { readParquet } from "./parquet-read-back.ts";

let server: S3Server;
let copies = "";
let restore = () => {};
beforeAll(async () => {
  server = await startS3();
  copies = await mkdtemp(join(tmpdir(), "lake-copies-"));
  restore = inS3Environment(server);
});
afterAll(async () => {
  restore();
  await server.close();
  await rm(copies, { recursive: true, force: true });
});

/** Each output folder has its own part of the bucket. */
const lakeOf = (out: string) => `s3://${BUCKET}/lakes of/${basename(out)}`;

/** The bucket's objects are copied to a folder, and that is read. */
const readBack: ReadBack = async (out, model) => {
  const copy = join(copies, basename(out));
  await mkdir(copy, { recursive: true });
  await copyOfLake(server, `lakes of/${basename(out)}`, copy);
  return await readParquet(copy, model);
};

sinkContract(
  "parquet in a bucket",
  async (run) => await (await SINKS.parquet({ parquet: { lake: lakeOf(run.out) } }))(run),
  readBack,
  {
    tables: TABLE_NAMES,
    files: 0,
    nan: "kept",
    many: 50_000,
    async spoil(out, path, how) {
      const key = `lakes of/${basename(out)}/${path}`;
      if (how === "removed") await server.client.deleteObject(key);
      else await server.client.putObject(key, "PAR1");
    },
  },
);
