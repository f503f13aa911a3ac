/** The local server of the page. */

import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { messageOf } from "../../model/errors.ts";
import { type Asker, refusal } from "./access.ts";
import type { PageFiles } from "./page-files.ts";
import {
  type Answerer,
  answerers,
  answerQuestion,
  type AskGraph,
  type AskTables,
  type PageWeights,
} from "./questions.ts";
import type { ViewIndex } from "./view-files.ts";

/** What is served. */
export interface View {
  readonly files: PageFiles;
  readonly index: ViewIndex;
  readonly lake: LakePlace;
  /** `report.json` and `report.html`; null where there is none. */
  readonly report: (name: "report.json" | "report.html") => Promise<string | null>;
  /** Null where there is no graph. */
  readonly ask: AskGraph | null;
  /** Null where the tables cannot be asked in SQL. */
  readonly askTables: AskTables | null;
  /** Null where the weights behind the tables are not known. */
  readonly weights: PageWeights | null;
}

/** A server that listens. */
export interface OpenView {
  /** The address to open, with the token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Only what this server sends is loaded, and nothing is run that stands in a page. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The report is one file with its styles and pictures in it, and without a script. */
const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
};

/** Bytes of a table that are sent at a time. */
const PIECE = 2 ** 20;

/**
 * Serves a page on this machine alone.
 *
 * @param port 0 for any that is free
 * @throws {Error} when the port is taken
 */
export async function serveView(view: View, port: number): Promise<OpenView> {
  const token = randomBytes(16).toString("hex");
  const questions = answerers(view);
  const server = createServer((request, response) => {
    answer(view, questions, request, response, portOf(server), token).catch((failure: unknown) => {
      if (response.headersSent) response.destroy();
      else sendText(response, 500, messageOf(failure));
    });
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", listening);
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}/?token=${token}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answer(
  view: View,
  questions: ReadonlyMap<string, Answerer>,
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  token: string,
): Promise<void> {
  const path = pathOf(request.url ?? "/");
  const asks = path?.startsWith("api/") === true;
  const said = request.headers["x-svrflow-token"];
  const asker: Asker = {
    method: request.method ?? "",
    host: request.headers.host,
    origin: request.headers.origin,
    token: typeof said === "string" ? said : undefined,
  };
  const refused = refusal(asker, port, asks ? token : null);
  if (refused !== null) return asks ? sendFailure(response, 403, refused) : sendText(response, 403, refused);
  if (path === null) return sendText(response, 400, "found an address that cannot be decoded");
  const question = asks ? questions.get(path.slice("api/".length)) : undefined;
  if (question !== undefined) {
    return await answerQuestion(question, request, response, headersOf("answer.json"));
  }
  const page = view.files.get(path === "" ? "index.html" : path);
  if (page !== undefined) return send(response, path === "" ? "index.html" : path, page);
  if (path === "data/index.json") return send(response, path, JSON.stringify(view.index.index));
  if (path === "data/report.json" || path === "data/report.html") {
    const text = await view.report(path === "data/report.json" ? "report.json" : "report.html");
    return text === null ? notFound(response, path) : send(response, path, text);
  }
  // Only files that the index names are read: no path leaves the lake.
  const table = view.index.paths.get(path);
  if (table === undefined) return notFound(response, path);
  await sendTable(view.lake, table, request, response);
}

/** The decoded path without its first `/`; null where it cannot be decoded. */
function pathOf(url: string): string | null {
  try {
    return decodeURIComponent(url.replace(/[?#].*$/s, "").replace(/^\//, ""));
  } catch {
    return null;
  }
}

async function sendTable(
  lake: LakePlace,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await lake.open(path);
  if (file === null) return notFound(response, path);
  try {
    const range = rangeOf(request.headers.range, file.bytes);
    if (range === null) {
      response.writeHead(416, { "content-range": `bytes */${file.bytes}` });
      response.end();
      return;
    }
    const [start, end] = range;
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      ...headersOf(path),
      "accept-ranges": "bytes",
      "content-length": end - start,
      ...request.headers.range === undefined
        ? {}
        : { "content-range": `bytes ${start}-${end - 1}/${file.bytes}` },
    });
    if (request.method !== "HEAD") {
      for (let at = start; at < end && !response.destroyed; at += PIECE) {
        const piece = await file.slice(at, Math.min(end, at + PIECE));
        if (!response.write(piece)) await drained(response);
      }
    }
    response.end();
  } finally {
    await file.close();
  }
}

/** Until more can be written, or nobody reads any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((go) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      go();
    };
    response.once("drain", done);
    response.once("close", done);
  });
}

/** Start and end of a range, the end exclusive; null where it has no byte of the file. One range is known. */
export function rangeOf(header: string | undefined, bytes: number): readonly [number, number] | null {
  if (header === undefined) return [0, bytes];
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (match === null || match[0] === "bytes=-") return null;
  const [, first = "", last = ""] = match;
  const start = first === "" ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes : Math.min(bytes, Number(last) + 1);
  return start < end ? [start, end] : null;
}

function headersOf(path: string): Record<string, string> {
  const ending = /\.(\w+)$/.exec(path)?.[1] ?? "";
  return {
    "content-type": TYPES[ending] ?? "application/octet-stream",
    "content-security-policy": path === "data/report.html" ? REPORT_POLICY : PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
  };
}

function send(response: ServerResponse, path: string, content: string | Uint8Array, status = 200): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  response.writeHead(status, { ...headersOf(path), "content-length": bytes.length });
  response.end(bytes);
}

/** What the console shows in place of an answer. */
function sendFailure(response: ServerResponse, status: number, failure: string): void {
  send(response, "answer.json", JSON.stringify({ failure }), status);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headersOf(""), "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

const notFound = (response: ServerResponse, path: string) =>
  sendText(response, 404, `there is no ${JSON.stringify(path)}`);
