/**
 * Where a file is: a path of this machine, `https://…`, `s3://bucket/key` or `hub:org/name@revision/path`. A place is text that may be shown:
 * what is secret in an address never becomes a part of it.
 */

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { LruCache } from "../../src/base/lru-cache.ts";
import { parseS3 } from "../s3.ts";

/** Where a place may be, other than on this machine. */
export type Scheme = "http" | "https" | "s3" | "hub";

const SCHEMES: readonly string[] = ["http", "https", "s3", "hub"] satisfies Scheme[];

/** As many as a run has models. */
const MOST_QUERIES = 100_000;

/** Queries of addresses by the digest that stands for them in a place. They may carry a signature. */
const queries = new LruCache<string, string>(MOST_QUERIES);

/** Parameters that say who may read a file, and not which file it is: signatures, and secrets that take their place. */
const SIGNATURE =
  /^(x-(amz|goog|oss|cos)-.*|q-signature|sig|sign|signature|((access|auth|id|security|session|private|deploy|sas)[-_]?)?token|auth|authorization|.*api_?key|password|secret)$/i;

/** What is signed along with a signature, among others by Azure; without one it may be anything. */
const SIGNED =
  /^((aws|oss)accesskeyid|googleaccessid|key-pair-id|policy|expires|q-.*|s[veprtks]|srt|spr|sip|ses|sdd|sk[etsv]|skoid|sktid|s[au]oid|scid)$/i;

/** What of a query tells a file from others. */
function identityOf(search: string): string {
  const parameters = search.slice(1).split("&").map((text) => ({
    text,
    name: decoded(text.split("=", 1)[0]!),
  }));
  const signed = parameters.some(({ name }) => SIGNATURE.test(name));
  return parameters
    .filter(({ name }) => !SIGNATURE.test(name) && !(signed && SIGNED.test(name)))
    .map(({ text }) => text)
    .join("&");
}

/**
 * The scheme of a place; null for paths.
 *
 * @throws {RangeError} when it has one that is not known
 */
export function schemeOf(place: string): Scheme | null {
  // A single letter is a drive.
  const scheme = (/^([a-z][a-z0-9+.-]+):\/\//i.exec(place) ?? /^(hub):/i.exec(place))?.[1]?.toLowerCase();
  if (scheme === undefined) return null;
  // Nothing but the scheme is repeated: the rest may hold a password.
  if (!isScheme(scheme)) {
    throw new RangeError(
      `a place that begins with ${scheme}://: found a scheme that is not known, required ${
        SCHEMES.join(", ")
      } or a path`,
    );
  }
  return scheme;
}

function isScheme(text: string): text is Scheme {
  return SCHEMES.includes(text);
}

/** Whether a place is not on this machine. */
export function isRemote(place: string): boolean {
  return schemeOf(place) !== null;
}

/**
 * What the user wrote as a place. Of web addresses the query is put aside (a digest stands for it, behind a `#`), a fragment dropped. The digest
 * is of the address and what tells files apart in its query: however often an address is signed, its place is the same. The query that was put
 * aside last is the one that is sent.
 *
 * @throws {SyntaxError} when an address does not parse, or has a user or password in it; repeats neither
 */
export function placeOf(text: string): string {
  const scheme = schemeOf(text);
  if (scheme === "s3") {
    const { bucket, key } = parseS3(`s3${text.slice(2)}`);
    return `s3://${bucket}/${key}`;
  }
  if (scheme === "hub") return `hub${text.slice(3)}`;
  if (scheme === null) return text;
  const url = URL.parse(text);
  if (url === null) throw new SyntaxError("a web address: found one that does not parse, required https://…");
  if (url.username !== "" || url.password !== "") {
    throw new SyntaxError(
      `${url.protocol}//${url.host}: found a user or password in the address, required an address without them`,
    );
  }
  const { search, hash } = url;
  url.search = "";
  url.hash = "";
  if (search === "") return queries.get(hash.slice(1)) !== undefined ? `${url.href}${hash}` : url.href;
  const digest = createHash("sha256").update(`${url.href}?${identityOf(search)}`).digest("hex").slice(0, 16);
  queries.set(digest, search);
  return `${url.href}#${digest}`;
}

/** The address that a place of the web stands for, with its query: a secret. */
export function addressOf(place: string): URL {
  const url = new URL(placeOf(place));
  url.search = queries.get(url.hash.slice(1)) ?? "";
  url.hash = "";
  return url;
}

/** The file's name: the last part of the place. */
export function nameOf(place: string): string {
  const scheme = schemeOf(place);
  if (scheme === null) return basename(place);
  if (scheme === "s3" || scheme === "hub") return place.slice(place.lastIndexOf("/") + 1);
  return decoded(new URL(place).pathname.split("/").at(-1) ?? "");
}

/** The name of the folder that the file is in; for the root of a site or bucket, the site or bucket. */
export function folderNameOf(place: string): string {
  const scheme = schemeOf(place);
  if (scheme === null) return basename(dirname(place));
  if (scheme === "s3" || scheme === "hub") return place.split("/").at(-2) ?? "";
  const { pathname, host } = new URL(place);
  return decoded(pathname.split("/").at(-2) ?? "") || host;
}

/**
 * A file in the same folder, or below it.
 *
 * @param inside names of folders and of the file, with `/` between them
 * @throws {SyntaxError} when it is not below the folder
 */
export function beside(place: string, inside: string): string {
  const scheme = schemeOf(place);
  if (scheme === null) return join(dirname(place), inside);
  const parts = inside.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || /[\\\0]/.test(part))) {
    throw new SyntaxError(
      `${place}: found ${JSON.stringify(inside)} beside it, required a file in its folder`,
    );
  }
  if (scheme === "s3" || scheme === "hub") return `${place.slice(0, place.lastIndexOf("/") + 1)}${inside}`;
  const url = new URL(place);
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1);
  url.pathname = `${folder}${parts.map((part) => encodeURIComponent(part)).join("/")}`;
  return url.href;
}

/** A setting of a run as it may be written down: an address without what may be secret, anything else as it is. */
export function shown(text: string): string {
  try {
    return placeOf(text);
  } catch {
    return text.replace(/^([a-z][a-z0-9+.-]+:\/\/).*$/is, "$1…");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
