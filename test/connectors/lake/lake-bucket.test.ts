import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { checkLake } from "../../../connectors/lake/check.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { parquetSink } from "../../../connectors/sinks/tables/parquet.ts";
import { header, runInto, writeModel } from "../../contract/sink/contract.ts";
import { fixture } from "../../contract/sink/fixture.ts";
import { batchOfRows, TABLES } from "../../../src/model/tables.ts";
import { BUCKET, inS3Environment, keysIn, type S3Server, startS3 } from "../../support/s3-server.ts";

/** What the proxy answers instead of the server; null to let the request pass. */
type Fault = (request: IncomingMessage) => number | null;

let server: S3Server;
let proxy: Server;
let folder = "";
let fault: Fault = () => null;
let restore = () => {};
const seen: string[] = [];

beforeAll(async () => {
  server = await startS3();
  folder = await mkdtemp(join(tmpdir(), "lake-bucket-"));
  const { hostname, port } = new URL(server.endpoint);
  proxy = createServer((incoming, answer) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    const status = fault(incoming);
    if (status !== null) {
      incoming.resume().on("end", () => answer.writeHead(status).end());
      return;
    }
    const { method, url, headers } = incoming;
    incoming.pipe(request({ hostname, port, method, path: url, headers }, (from) => {
      answer.writeHead(from.statusCode ?? 500, from.headers);
      from.pipe(answer);
    }));
  });
  await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  restore = inS3Environment({
    ...server,
    environment: { ...server.environment, AWS_ENDPOINT_URL: endpoint },
  });
});
afterAll(async () => {
  restore();
  proxy.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  fault = () => null;
  seen.length = 0;
});

const part = /partNumber=(\d+)/;

/** A file of 30 MB: four parts. */
async function largeFile(): Promise<{ readonly path: string; readonly bytes: number }> {
  const path = join(folder, "large");
  const bytes = 30 * 2 ** 20 + 17;
  await writeFile(path, Uint8Array.from({ length: bytes }, (_, at) => at * 31 % 251));
  return { path, bytes };
}

describe("a lake in a bucket", () => {
  it("takes large files in parts, which come back as they went", async () => {
    const place = await openLake(`s3://${BUCKET}/parts`);
    const { path, bytes } = await largeFile();
    await place.publish(path, "edges/x", bytes);
    expect(existsSync(path)).toBe(false);
    expect(seen.filter((line) => part.test(line))).toHaveLength(4);
    const file = await place.open("edges/x");
    expect(file?.bytes).toBe(bytes);
    let at = 0;
    for await (const piece of file!.pieces()) {
      expect(piece.every((byte, i) => byte === (at + i) * 31 % 251)).toBe(true);
      at += piece.length;
    }
    expect(at).toBe(bytes);
  });

  it("gives up an upload of which a part is refused", async () => {
    const place = await openLake(`s3://${BUCKET}/refused`);
    const { path, bytes } = await largeFile();
    fault = ({ url }) => part.exec(url ?? "")?.[1] === "3" ? 403 : null;
    await expect(place.publish(path, "edges/x", bytes)).rejects.toThrow(
      /^s3:\/\/test-lake\/refused\/edges\/x: cannot be written: /,
    );
    expect(seen.filter((line) => line.startsWith("DELETE") && line.includes("uploadId="))).toHaveLength(1);
    expect(await place.open("edges/x")).toBeNull();
  });

  it("bears a server that is in trouble for a while", async () => {
    let left = 3;
    fault = () => left-- > 0 ? 503 : null;
    const place = await openLake(`s3://${BUCKET}/trouble`);
    await place.prepare();
    expect(await keysIn(server, "trouble")).toEqual([]);
  });

  it("keeps a model as it was when a newer one cannot be put there whole, and nothing of the newer", async () => {
    const lake = `s3://${BUCKET}/whole`;
    const sink = await parquetSink({ lake })(runInto(folder));
    await writeModel(sink, header("a"), fixture(1));
    const before = await keysIn(server, "whole");
    for (const what of ["edges/", "_manifest.json"]) {
      fault = ({ method, url }) => method === "PUT" && url?.includes(what) === true ? 403 : null;
      const model = await sink.begin(header("a", "fedcba9876543210fedcba9876543210"));
      await model.write("edges", batchOfRows(TABLES.edges, fixture(2).edges));
      await expect(model.commit(), what).rejects.toThrow(/cannot be written/);
      await model.abort();
      fault = () => null;
      expect(await keysIn(server, "whole"), what).toEqual(before);
    }
    expect((await checkLake(await openLake(lake))).defects).toEqual([]);
    await writeModel(sink, header("a", "fedcba9876543210fedcba9876543210"), fixture(2));
    await sink.finish();
    expect(await keysIn(server, "whole")).toHaveLength(before.length);
    expect((await checkLake(await openLake(lake))).defects).toEqual([]);
  });

  it("loses no entry to another writer, where the store knows conditions", async () => {
    // s3rver knows none: the proxy is the store that refuses the first replacement, as if another had been faster.
    const place = await openLake(`s3://${BUCKET}/raced`);
    const conditions: (string | undefined)[] = [];
    await server.client.putObject("raced/_manifest.json", "other");
    let refused = 0;
    fault = ({ method, headers }) => {
      if (method !== "PUT") return null;
      conditions.push(headers["if-match"]);
      return refused++ === 0 ? 412 : null;
    };
    const texts: (string | null)[] = [];
    await place.replaceText("_manifest.json", (before) => {
      texts.push(before);
      return `${before} and ours`;
    });
    expect(texts).toEqual(["other", "other"]);
    expect(conditions).toEqual([expect.stringMatching(/^"[0-9a-f]{32}"$/), conditions[0]]);
    expect(await place.readText("_manifest.json")).toBe("other and ours");
  });
});
