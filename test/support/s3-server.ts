/** An S3 server for tests: s3rver, in this process, over a folder of its own. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { S3Client } from "@bradenmacdonald/s3-lite-client";

/** The bucket that the server begins with. */
export const BUCKET = "test-lake";

/** The part of s3rver that we use; it has no types. */
interface S3rver {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}

const Server = createRequire(import.meta.url)("s3rver") as new (options: object) => S3rver;

/** A server that runs. */
export interface S3Server {
  readonly endpoint: string;
  /** A client of the bucket, independent of ours. */
  readonly client: S3Client;
  /** What a process needs to find it. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts a server on a free port. */
export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "s3rver-"));
  const server = new Server({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: BUCKET }],
  });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  // The only keys that s3rver knows.
  const keys = { accessKey: "S3RVER", secretKey: "S3RVER" };
  return {
    endpoint,
    client: new S3Client({ endPoint: endpoint, region: "us-east-1", bucket: BUCKET, ...keys }),
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: keys.accessKey,
      AWS_SECRET_ACCESS_KEY: keys.secretKey,
      AWS_REGION: "us-east-1",
    },
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Lets this process find the server. @returns what undoes it */
export function inS3Environment({ environment }: S3Server): () => void {
  const before = Object.keys(environment).map((name) => [name, env[name]] as const);
  Object.assign(env, environment);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
  };
}

/** Keys below a prefix, without it; ascending. */
export async function keysIn({ client }: S3Server, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of client.listObjects({ prefix: `${prefix}/` })) {
    keys.push(key.slice(prefix.length + 1));
  }
  return keys.sort();
}

/** Makes a folder the same as what lies below a prefix; what it holds already is not fetched again. */
export async function copyOfLake({ client }: S3Server, prefix: string, folder: string): Promise<void> {
  const seen = mirrors.get(folder) ?? new Map<string, string>();
  mirrors.set(folder, seen);
  const gone = new Set(seen.keys());
  for await (const { key, etag } of client.listObjects({ prefix: `${prefix}/` })) {
    const path = join(folder, key.slice(prefix.length + 1));
    gone.delete(path);
    if (seen.get(path) === etag) continue;
    const response = await client.getObject(key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, new Uint8Array(await response.arrayBuffer()));
    seen.set(path, etag);
  }
  for (const path of gone) {
    await rm(path);
    seen.delete(path);
  }
}

/** ETags of what has been copied, by folder and path. */
const mirrors = new Map<string, Map<string, string>>();
