/** Files of a model hub's repositories, pinned to a commit. */

import { env } from "node:process";
import { show } from "../../src/model/errors.ts";
import { exchange } from "./exchange.ts";
import { retryAfter, retryRequest, TransientError } from "./retry-request.ts";
import { RemoteError } from "./remote-error.ts";
import type { Listing, RemotePlaces } from "./remote-places.ts";
import { openRemote } from "./remote-source.ts";

/** Where the hub is, unless HF_ENDPOINT says otherwise. */
const HUB = "https://huggingface.co";

/** Answers of the hub's interface: a list of ten thousand files has some megabytes. */
const LONGEST_ANSWER = 32 * 2 ** 20;

/** More files than a run has models. */
const MOST_FILES = 100_000;

const COMMIT = /^[0-9a-f]{40}$/;

/** A place in a hub. */
interface HubPlace {
  /** `org/name`, or a name alone. */
  readonly repo: string;
  readonly revision: string | undefined;
  /** Below the repository's root; empty for all of it. */
  readonly path: string;
}

/** Files by repository and commit: what a commit has never changes. */
const listed = new Map<string, ReadonlySet<string>>();

/** `hub:org/name@revision/path`; a `/` within a revision is written `%2F`. */
export const hubPlaces: RemotePlaces = {
  async open(place, missing, signal) {
    const { repo, revision, path } = parse(place);
    const commit = await commitOf(place, repo, revision, signal);
    const files = listed.get(`${repo}@${commit}`);
    if (missing === "is null" && files !== undefined && !files.has(path)) return null;
    const url = new URL(`${endpoint()}/${repo}/resolve/${commit}/${encodedPath(place, path)}`);
    const token = env["HF_TOKEN"] ?? "";
    const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
    const object = { place, ask: () => Promise.resolve({ url, headers }) };
    return await openRemote(object, { address: url.href, missing, revision: commit }, signal);
  },
  async list(place, signal) {
    const { repo, revision, path } = parse(place);
    const commit = await commitOf(place, repo, revision, signal);
    const files = await filesOf(place, repo, commit, signal);
    listed.set(`${repo}@${commit}`, new Set(files));
    const pinned = (file: string) => `hub:${repo}@${commit}/${file}`;
    const owner = revision === undefined || COMMIT.test(revision) ? repo : `${repo}@${revision}`;
    return listing(place, path.replace(/\/+$/, ""), files, pinned, owner);
  },
};

function listing(
  place: string,
  path: string,
  files: readonly string[],
  pinned: (file: string) => string,
  owner: string,
): Listing {
  if (path !== "" && files.includes(path)) {
    const folder = path.includes("/") ? `/${path.slice(0, path.lastIndexOf("/"))}` : "";
    return {
      root: place,
      name: `${owner}${folder}`,
      files: [{ place: pinned(path), inside: "" }],
      single: true,
    };
  }
  const prefix = path === "" ? "" : `${path}/`;
  const below = files.filter((file) => file.startsWith(prefix));
  if (below.length === 0) throw new RemoteError(`${place}: found no such file or folder, required one`);
  return {
    root: place,
    name: path === "" ? owner : `${owner}/${path}`,
    files: below.map((file) => ({ place: pinned(file), inside: file.slice(prefix.length) })),
    single: false,
  };
}

/** @throws {SyntaxError} when it is no place in a hub */
function parse(place: string): HubPlace {
  const name = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
  const match = new RegExp(`^hub:(${name}(?:/${name})?)(?:@([^/@]+))?(?:/(.*))?$`, "s").exec(place);
  const [, repo, revision, path = ""] = match ?? [];
  if (repo === undefined) {
    throw new SyntaxError(
      `${show(place)}: found no repository in it, required hub:org/name@revision, or with /path behind it`,
    );
  }
  return { repo, revision: revision === undefined ? undefined : decoded(place, revision), path };
}

function decoded(place: string, revision: string): string {
  try {
    return decodeURIComponent(revision);
  } catch (cause) {
    throw new SyntaxError(`${show(place)}: found a revision with a broken %, required %2F for /`, { cause });
  }
}

function encodedPath(place: string, path: string): string {
  const parts = path.split("/");
  if (parts.some((part) => /^\.{0,2}$/.test(part))) {
    throw new RangeError(`${show(place)}: found no path of a file, required one below the repository's root`);
  }
  return parts.map((part) => encodeURIComponent(part)).join("/");
}

function endpoint(): string {
  const text = env["HF_ENDPOINT"] ?? "";
  const url = URL.parse(text === "" ? HUB : text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw new RangeError(
      "HF_ENDPOINT: found no plain address of a hub, required one such as https://hub.example.org, without user, password and query",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** What every question to the hub's interface carries. */
function access(place: string, signal?: AbortSignal) {
  const token = env["HF_TOKEN"] ?? "";
  return {
    hubUrl: endpoint(),
    fetch: fetcher(place, endpoint(), signal),
    ...token === "" ? {} : { accessToken: token },
  };
}

async function commitOf(
  place: string,
  repo: string,
  revision: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  if (revision !== undefined && COMMIT.test(revision)) return revision;
  const { modelInfo } = await import("@huggingface/hub");
  const asked = { name: repo, additionalFields: ["sha" as const], revision: revision ?? "main" };
  const { sha } = await modelInfo({ ...asked, ...access(place, signal) }).catch((cause: unknown) =>
    refuse(place, cause)
  );
  if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  throw new RemoteError(`${place}: found commit ${show(sha)}, required 40 hexadecimal digits`);
}

async function filesOf(place: string, repo: string, commit: string, signal?: AbortSignal): Promise<string[]> {
  const { listFiles } = await import("@huggingface/hub");
  const entries = listFiles({
    repo: { type: "model", name: repo },
    recursive: true,
    revision: commit,
    ...access(place, signal),
  });
  const files: string[] = [];
  try {
    for await (const { type, path } of entries) {
      if (type !== "file" || typeof path !== "string") continue;
      if (files.push(path) > MOST_FILES) {
        throw new RemoteError(`${place}: found over ${MOST_FILES} files, required fewer`);
      }
    }
  } catch (cause) {
    refuse(place, cause);
  }
  return files;
}

/** Failures of the hub's library, without the addresses that it puts into them. */
function refuse(place: string, cause: unknown): never {
  if (cause instanceof Error && "statusCode" in cause) {
    throw new RemoteError(
      `${place}: found an answer of ${
        Number(cause.statusCode)
      }, required a repository and revision that exist and may be read (HF_TOKEN?)`,
    );
  }
  throw cause;
}

/** What the library fetches with: it asks the hub and nobody else, again where that may help, and takes no more than an answer may have. */
function fetcher(place: string, hub: string, signal?: AbortSignal): typeof fetch {
  return async (input, init) => {
    const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
    if (url.origin !== new URL(hub).origin) {
      throw new RemoteError(`${place}: found a link from the hub to ${url.host}, required one to itself`);
    }
    const headers = Object.fromEntries(new Headers(init?.headers));
    return await retryRequest(
      place,
      () =>
        exchange({ what: place, url, headers }, async ({ status, headers, body }) => {
          if (status === 429 || status >= 500) {
            throw new TransientError(`an answer of ${status}`, {
              after: retryAfter(headers.get("retry-after")),
            });
          }
          const pieces: Uint8Array<ArrayBuffer>[] = [];
          let size = 0;
          for await (const piece of body()) {
            size += piece.length;
            if (size > LONGEST_ANSWER) {
              throw new RemoteError(
                `${place}: found an answer of over ${LONGEST_ANSWER} bytes, required fewer`,
              );
            }
            pieces.push(new Uint8Array(piece));
          }
          const kept = new Headers();
          for (const name of ["content-type", "link"]) kept.set(name, headers.get(name) ?? "");
          return new Response(new Blob(pieces), { status, headers: kept });
        }, signal),
      signal,
    );
  };
}
