/** A real Redis for tests: `SVRFLOW_REDIS`, else a `redis-server` of this machine, on a free port, with an append-only file. */

import { type ChildProcess, spawn } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, programOf } from "../support/machine.ts";
import { describeUnless } from "../support/shared.ts";

/** The server's program; null where there is none. */
const REDIS: string | null = env["SVRFLOW_REDIS"] ?? programOf("redis-server");

/** A suite that needs a Redis. */
export function describeWithRedis(name: string, body: () => void): void {
  describeUnless(REDIS === null ? "needs redis-server, or SVRFLOW_REDIS" : null, name, body);
}

/** A server that a test started. */
export interface TestRedis {
  readonly port: number;
  readonly address: string;
  /** SIGKILL: no time to write anything down. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts a server and waits until it answers. @param settings in place of those of a safe one */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const home = await mkdtemp(join(tmpdir(), "svrflow-redis-"));
  const port = await freePort();
  const lines = {
    port: String(port),
    bind: "127.0.0.1",
    dir: home,
    save: "",
    appendonly: "yes",
    "appendfsync": "always",
    ...settings,
  };
  let child: ChildProcess | null = null;
  const restart = async () => {
    child = spawn(REDIS!, Object.entries(lines).flatMap(([name, value]) => [`--${name}`, value]), {
      stdio: "ignore",
    });
    for (let attempts = 0; !await answers(port); attempts++) {
      if (child.exitCode !== null || attempts > 200) throw new Error(`${REDIS}: does not answer`);
      await sleep(50);
    }
  };
  const kill = async () => {
    if (child === null) return;
    // Deno's types leave out that it is one.
    const gone = once(child as unknown as EventEmitter, "close");
    child.kill("SIGKILL");
    await gone;
    child = null;
  };
  await restart();
  return {
    port,
    address: `redis://127.0.0.1:${port}`,
    kill,
    restart,
    async stop() {
      await kill();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A network between a server and its clients that can be cut. */
export interface Network {
  readonly address: string;
  /** Breaks what is open and refuses what comes, until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Starts a network to a server of this machine. */
export async function startNetwork({ port }: TestRedis): Promise<Network> {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = connect(port, "127.0.0.1");
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      open.add(socket);
      socket.on("error", () => undefined); // the other side learns by the close
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await listening(server);
  return {
    address: `redis://127.0.0.1:${portOf(server)}`,
    cut() {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    mend() {
      isCut = false;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether a server says PONG. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.on("data", (bytes) => {
      socket.destroy();
      resolve(String(bytes).startsWith("+PONG"));
    });
    socket.on("error", () => resolve(false));
  });
}

const listening = (server: Server) =>
  new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));

const portOf = (server: Server) => (server.address() as { readonly port: number }).port;
