/** Objects of S3: single ones, and all below a prefix, as in a folder. */

import { show } from "../../src/model/errors.ts";
import { type Bucket, openBucket } from "../s3.ts";
import { lostConnection } from "./exchange.ts";
import { globBase, globMatcher, isGlob } from "../glob.ts";
import { retryRequest, TransientError } from "./retry-request.ts";
import { folderNameOf } from "./place.ts";
import { RemoteError } from "./remote-error.ts";
import type { Listing, RemotePlaces } from "./remote-places.ts";
import { openRemote } from "./remote-source.ts";

/** Seconds for which a signature is good: a request is made at once, and a fresh one signed for each. */
const SIGNED_FOR = 900;

/** More objects than a run has models. */
const MOST_KEYS = 100_000;

const PAGE = 1000;

/** Milliseconds for which a listing says what there is not: a run asks for files beside its models right after it. */
const LISTED_FOR = 60_000;

/** Listings by address of their prefix. */
const listed = new Map<string, { readonly keys: ReadonlySet<string>; readonly until: number }>();

/** `s3://bucket/key`, `s3://bucket/prefix/` and `s3://bucket/prefix/**` with wildcards. */
export const s3Places: RemotePlaces = {
  async open(place, missing, signal) {
    const bucket = await openBucket(place);
    if (missing === "is null" && isKnownMissing(addressOf(bucket), bucket.key)) return null;
    const object = { place, ask: () => signed(place, bucket) };
    return await openRemote(object, { address: addressOf(bucket), missing }, signal);
  },
  async list(place, signal) {
    const bucket = await openBucket(place);
    const { key } = bucket;
    // A name with an extension is an object's: whoever may read one need not be allowed to list.
    if (!isGlob(key) && /\.[a-z][a-z0-9]*$/i.test(key)) return only(place);
    const base = isGlob(key) ? globBase(key) : key;
    const keys = await keysBelow(place, bucket, base, signal);
    listed.set(addressOf({ ...bucket, key: base }), { keys: new Set(keys), until: Date.now() + LISTED_FOR });
    if (!isGlob(key) && keys.includes(key) && !key.endsWith("/")) return only(place);
    const folder = isGlob(key) || base === "" || base.endsWith("/") ? base : `${base}/`;
    const matches = isGlob(key) ? globMatcher(key) : null;
    const root = `s3://${bucket.bucket}/${folder}`;
    const files = keys.filter((each) =>
      each.startsWith(folder) && !each.endsWith("/") && (matches === null || matches(each))
    ).map((each) => ({ place: `s3://${bucket.bucket}/${each}`, inside: each.slice(folder.length) }));
    return { root, name: folderNameOf(root), files, single: false };
  },
};

/** Whether a listing that is still good has all that begins like this address, and not this. */
function isKnownMissing(address: string, key: string): boolean {
  for (const [prefix, { keys, until }] of listed) {
    if (until < Date.now()) listed.delete(prefix);
    else if (address.startsWith(prefix) && !keys.has(key)) return true;
  }
  return false;
}

/** One object; files may have been put beside it since a listing. */
function only(place: string): Listing {
  listed.clear();
  return { root: place, name: folderNameOf(place), files: [{ place, inside: "" }], single: true };
}

/** An object's address, without a signature. */
function addressOf({ client, bucket, key }: Bucket): string {
  const path = key.split("/").map((part) => encodeURIComponent(part)).join("/");
  const { protocol, host, pathPrefix = "", pathStyle } = client;
  return pathStyle
    ? `${protocol}//${host}${pathPrefix}/${bucket}/${path}`
    : `${protocol}//${bucket}.${host}/${path}`;
}

async function signed(
  place: string,
  bucket: Bucket,
): Promise<{ readonly url: URL; readonly headers: Readonly<Record<string, string>> }> {
  // An address would lead elsewhere with the first two, and a signature end at the third.
  if (
    bucket.key === "" || bucket.key.split("/").some((part) => /^\.{1,2}$/.test(part)) ||
    bucket.key.includes("?")
  ) {
    throw new RangeError(
      `${place}: found an empty key, or one with . or .. for a folder or with ?, required another`,
    );
  }
  const { client, key } = bucket;
  const address = client.accessKey === undefined
    ? addressOf(bucket)
    : await client.getPresignedUrl("GET", key, { expirySeconds: SIGNED_FOR });
  return { url: new URL(address), headers: {} };
}

async function keysBelow(
  place: string,
  { client }: Bucket,
  prefix: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const before: string | undefined = token;
    const page = await retryRequest(`${place}, a list`, async () => {
      const entries = client.listObjectsGrouped({
        prefix,
        delimiter: "",
        pageSize: PAGE,
        maxResults: PAGE,
        ...before === undefined ? {} : { continuationToken: before },
      });
      const found: string[] = [];
      for (;;) {
        const next = await entries.next().catch((cause: unknown) => {
          throw listingFailure(place, client.host, cause);
        });
        if (next.done === true) return { found, token: next.value };
        if (next.value.type === "Object") found.push(next.value.key);
      }
    }, signal);
    keys.push(...page.found);
    token = page.token === "" || page.token === before ? undefined : page.token;
    if (keys.length > MOST_KEYS) {
      throw new RemoteError(
        `${place}: found over ${MOST_KEYS} objects below it, required fewer (a longer prefix?)`,
      );
    }
  } while (token !== undefined);
  return keys;
}

/** What came back, less what a server may repeat of a request. */
function listingFailure(place: string, host: string, cause: unknown): Error {
  if (typeof cause === "object" && cause !== null && "statusCode" in cause && "code" in cause) {
    const { statusCode, code } = cause;
    const status = Number(statusCode);
    if (status === 429 || status >= 500) return new TransientError(`an answer of ${status}`);
    const found = status === 403 || status === 401 ? "a refusal" : "an answer";
    return new RemoteError(
      `${place}: found ${found} (${status} ${
        show(code)
      }) to its listing, required a bucket that may be listed (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL?)`,
    );
  }
  return lostConnection(host, cause);
}
