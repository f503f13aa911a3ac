/**
 * A TCP proxy between a client and a graph server: it can cut all connections and refuse new ones for a while, and it can put an
 * error of the server's protocol (Bolt) in place of an answer, for errors that a community server never gives.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

/** A proxy that runs. */
export interface Proxy {
  readonly port: number;
  /** Bytes that clients have sent. */
  readonly sent: number;
  /** Connections that were refused while it was cut. */
  readonly refused: number;
  /** Breaks what is open and refuses what comes, until `mend`. */
  cut(): void;
  mend(): void;
  /** Answers the next `times` writing statements with an error of this code. */
  fail(code: string, times: number): void;
  /** Errors that were put in. */
  readonly failed: number;
  close(): Promise<void>;
}

/** The first byte after the structure's marker: what a message is. */
const MESSAGE = { run: 0x10, reset: 0x0f, success: 0x70, record: 0x71, ignored: 0x7e } as const;

/** The offer to agree on a version by a list. */
const MANIFEST = Buffer.from([0, 0, 1, 0xff]);

/** Starts a proxy to a port of this machine. */
export async function startProxy(target: number): Promise<Proxy> {
  const open = new Set<Socket>();
  let cut = false;
  let sent = 0;
  let refused = 0;
  let failed = 0;
  let pending = { code: "", times: 0 };
  const take = (): string | null => {
    if (pending.times === 0) return null;
    pending.times--;
    failed++;
    return pending.code;
  };
  const server = createServer((client) => {
    if (cut) {
      refused++;
      client.destroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    const injector = new Injector(take);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => undefined); // the other side learns by the close
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.once("data", (bytes: Buffer) => {
      // Of the two ways to agree on a version only the older, whose length is known.
      if (bytes.subarray(4, 8).equals(MANIFEST)) bytes.fill(0, 4, 8);
    });
    client.on("data", (bytes: Buffer) => {
      sent += bytes.length;
      injector.request(bytes);
      if (!upstream.write(bytes)) {
        client.pause();
        upstream.once("drain", () => client.resume());
      }
    });
    upstream.on("data", (bytes: Buffer) => void client.write(injector.answer(bytes)));
  });
  const port = await listening(server);
  return {
    port,
    get sent() {
      return sent;
    },
    get refused() {
      return refused;
    },
    get failed() {
      return failed;
    },
    cut() {
      cut = true;
      for (const socket of open) socket.destroy();
    },
    mend: () => void (cut = false),
    fail: (code, times) => void (pending = { code, times }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

/**
 * One connection's messages, which go in pieces of up to 64 kB, each behind its length, and end with a piece of length 0. Requests
 * are answered in their order, each by any number of records and one other message. After an error everything is
 * ignored until the client resets the connection.
 */
class Injector {
  readonly #take: () => string | null;
  readonly #requests = new Messages(20);
  readonly #answers = new Messages(4);
  /** What was asked and not answered yet: the error to give, or null. */
  readonly #asked: { readonly tag: number; readonly error: string | null }[] = [];
  #ignoring = false;

  constructor(take: () => string | null) {
    this.#take = take;
  }

  request(bytes: Buffer): void {
    for (const { tag, body } of this.#requests.add(bytes)) {
      const writes = tag === MESSAGE.run && body.includes("UNWIND range(0, $rows");
      this.#asked.push({ tag, error: writes ? this.#take() : null });
    }
  }

  answer(bytes: Buffer): Buffer {
    const before = this.#answers.preamble(bytes);
    const out = this.#answers.add(bytes).map(({ tag, whole }) => {
      const [asked] = this.#asked;
      if (tag !== MESSAGE.record) this.#asked.shift();
      if (asked?.tag === MESSAGE.reset) this.#ignoring = false;
      if (this.#ignoring) return tag === MESSAGE.record ? Buffer.alloc(0) : message(MESSAGE.ignored);
      if (asked?.error == null) return whole;
      this.#ignoring = true;
      return failure(asked.error);
    });
    return Buffer.concat([before, ...out]);
  }
}

/** Cuts a stream into messages, behind the bytes of the handshake. */
class Messages {
  #handshake: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(handshake: number) {
    this.#handshake = handshake;
  }

  /** Bytes of the handshake at the beginning of what comes; to be asked before they are added. */
  preamble(bytes: Buffer): Buffer {
    return bytes.subarray(0, this.#handshake);
  }

  add(bytes: Buffer): { tag: number; body: Buffer; whole: Buffer }[] {
    const skipped = Math.min(this.#handshake, bytes.length);
    this.#handshake -= skipped;
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(skipped)]);
    const found = [];
    for (;;) {
      const pieces: Buffer[] = [];
      let at = 0;
      let complete = false;
      while (!complete && at + 2 <= this.#rest.length) {
        const length = this.#rest.readUInt16BE(at);
        if (at + 2 + length > this.#rest.length) break;
        pieces.push(this.#rest.subarray(at + 2, at + 2 + length));
        at += 2 + length;
        complete = length === 0;
      }
      if (!complete) return found;
      const body = Buffer.concat(pieces);
      // A lone end is a sign of life, and no message.
      if (body.length > 0) found.push({ tag: body[1] ?? 0, body, whole: this.#rest.subarray(0, at) });
      this.#rest = this.#rest.subarray(at);
    }
  }
}

function message(tag: number, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([0xb0 + fields.length, tag]), ...fields]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body, Buffer.alloc(2)]);
}

/** An error as every version of the protocol since 5.0 understands it. */
function failure(code: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([0xd0, value.length]), Buffer.from(value)]);
  const entries = [
    ...["code", code, "neo4j_code", code, "message", `injected ${code}`],
    ...["gql_status", "50N42", "description", "injected"],
  ];
  return message(0x7f, Buffer.concat([Buffer.from([0xa0 + entries.length / 2]), ...entries.map(text)]));
}
