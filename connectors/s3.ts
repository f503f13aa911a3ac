/** Objects of S3 and of stores that speak like it: addresses and the client that reaches them. */

import { env } from "node:process";
import type { S3Client } from "@bradenmacdonald/s3-lite-client";
import { show } from "../src/model/errors.ts";

/** An opened bucket, and what the address names in it. */
export interface Bucket {
  /** Its default bucket is `bucket`. */
  readonly client: S3Client;
  readonly bucket: string;
  /** A key or the beginning of keys, as it stands in the address; may be empty. */
  readonly key: string;
}

/** What S3 allows in names of buckets; with it no user, password, port or path can hide in one. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** S3's own bound, in bytes of UTF-8. */
const LONGEST_KEY = 1024;

/**
 * The parts of an `s3://bucket/key` address. Keys stand in it as they are, with nothing percent-encoded.
 *
 * @throws {SyntaxError} when it is no such address
 */
export function parseS3(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]*)(?:\/([^]*))?$/.exec(uri) ?? [];
  // What does not fit is not repeated: it may hold a password.
  if (!BUCKET.test(bucket)) {
    throw new SyntaxError(
      "an address of S3: found no name of a bucket in it, required s3://bucket/key with neither user nor port " +
        "(credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, another server from AWS_ENDPOINT_URL)",
    );
  }
  if (new TextEncoder().encode(key).length > LONGEST_KEY) {
    throw new SyntaxError(`s3://${bucket}/…: found a key of over ${LONGEST_KEY} bytes, required fewer`);
  }
  return { bucket, key };
}

/**
 * Opens the bucket of an `s3://bucket/key` address; sends nothing yet. Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN, without which requests are anonymous; the region from AWS_REGION or AWS_DEFAULT_REGION; another server than
 * Amazon's from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
 *
 * @throws {SyntaxError} when it is no such address
 * @throws {RangeError} when the environment's settings do not fit together; names the variable, never its value
 */
export async function openBucket(uri: string): Promise<Bucket> {
  const { bucket, key } = parseS3(uri);
  const { S3Client } = await import("@bradenmacdonald/s3-lite-client");
  const region = set("AWS_REGION") ?? set("AWS_DEFAULT_REGION") ?? "us-east-1";
  if (!/^[a-z0-9-]{1,64}$/.test(region)) {
    throw new RangeError(`AWS_REGION: found ${show(region)}, required a region such as eu-central-1`);
  }
  const other = endpoint();
  const accessKey = set("AWS_ACCESS_KEY_ID");
  const secretKey = set("AWS_SECRET_ACCESS_KEY");
  const sessionToken = set("AWS_SESSION_TOKEN");
  if ((accessKey === undefined) !== (secretKey === undefined)) {
    const [there, missing] = accessKey === undefined
      ? ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]
      : ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    throw new RangeError(`the environment: found ${there} without ${missing}, required both or none`);
  }
  if (accessKey?.startsWith("ASIA") === true && sessionToken === undefined) {
    throw new RangeError(
      "AWS_SESSION_TOKEN: found none, required one: the key in AWS_ACCESS_KEY_ID is a temporary one",
    );
  }
  const client = new S3Client({
    endPoint: other ?? `https://s3.${region}.amazonaws.com`,
    region,
    bucket,
    // A dot in the name would not match Amazon's certificate; other servers know paths only, as a rule.
    pathStyle: other !== undefined || bucket.includes("."),
    ...accessKey === undefined || secretKey === undefined ? {} : { accessKey, secretKey },
    ...accessKey === undefined || sessionToken === undefined ? {} : { sessionToken },
  });
  return { client, bucket, key };
}

/** A variable of the environment; undefined where it is empty too. */
function set(name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === "" ? undefined : value;
}

function endpoint(): string | undefined {
  const name = set("AWS_ENDPOINT_URL_S3") === undefined ? "AWS_ENDPOINT_URL" : "AWS_ENDPOINT_URL_S3";
  const value = set(name);
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" ||
    url.search !== "" || url.hash !== ""
  ) {
    throw new RangeError(
      `${name}: found no plain address of a server, required one such as http://localhost:9000, without user, password and query`,
    );
  }
  return url.href.replace(/\/$/, "");
}
