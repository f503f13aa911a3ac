/** A server of files that can be told to be slow, to lie, to drop and to refuse; counts what it sends. */

import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";

/** A request that was answered. */
export interface Served {
  readonly path: string;
  readonly query: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
  /** Bytes of the body that were sent. */
  bytes: number;
}

/** What a misbehaviour may look at and do; true when it has answered. */
export type Misbehave = (exchange: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly file: Uint8Array;
  /** How many requests there were for this path before. */
  readonly before: number;
  /** The range asked for, end exclusive. */
  readonly start: number;
  readonly end: number;
}) => boolean;

/** A running server. */
export class FileServer {
  readonly served: Served[] = [];
  /** Files by path, `/` first, beside those of the folder. */
  readonly files = new Map<string, Uint8Array>();
  /** Etags by path, where they are not the content's digest; null for none. */
  readonly etags = new Map<string, string | null>();
  misbehave: Misbehave = () => false;
  readonly #server: Server;
  readonly #folder: string | null;
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string | null) {
    this.#folder = folder;
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Serves a folder on a free port of this machine. */
  static async start(folder: string | null = null): Promise<FileServer> {
    const server = new FileServer(folder);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** `http://127.0.0.1:port`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Bytes of bodies sent so far, of paths that contain this. */
  bytes(path = ""): number {
    return this.served.filter((each) => each.path.includes(path)).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #file(path: string): Uint8Array | null {
    const own = this.files.get(path);
    if (own !== undefined || this.#folder === null) return own ?? null;
    const file = join(this.#folder, path);
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(file) : null;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://host");
    const path = decodeURIComponent(url.pathname);
    const file = this.#file(path);
    const before = this.served.filter((each) => each.path === path).length;
    const range = request.headers.range;
    const served: Served = {
      path,
      query: url.search,
      range,
      authorization: request.headers.authorization,
      get status() {
        return response.statusCode;
      },
      bytes: 0,
    };
    this.served.push(served);
    const write = response.write.bind(response);
    const count = (piece: unknown) => served.bytes += piece instanceof Uint8Array ? piece.length : 0;
    response.write = ((piece: Uint8Array, ...rest: []) => {
      count(piece);
      return write(piece, ...rest);
    }) as typeof response.write;
    if (file === null) return void response.writeHead(404, { "content-type": "text/plain" }).end("none");
    const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const start = Number(first);
    const end = Math.min(file.length, last === "" ? file.length : Number(last) + 1);
    if (this.misbehave({ request, response, path, file, before, start, end })) return;
    const set = this.etags.get(path);
    const etag = set === undefined ? `"${createHash("sha256").update(file).digest("hex")}"` : set;
    const tag = etag === null ? {} : { etag };
    if (request.headers["if-match"] !== undefined && request.headers["if-match"] !== etag) {
      return void response.writeHead(412).end();
    }
    if (etag !== null && request.headers["if-none-match"] === etag) {
      return void response.writeHead(304, tag).end();
    }
    if (range === undefined) {
      response.writeHead(200, { "content-length": file.length, ...tag });
      response.write(file);
      return void response.end();
    }
    if (start >= file.length) {
      return void response.writeHead(416, { "content-range": `bytes */${file.length}`, ...tag }).end();
    }
    response.writeHead(206, {
      "content-length": end - start,
      "content-range": `bytes ${start}-${end - 1}/${file.length}`,
      ...tag,
    });
    response.write(file.subarray(start, end));
    response.end();
  }
}
