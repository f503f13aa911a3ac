/**
 * A real graph server for tests: Neo4j 5.26 LTS, assembled from Maven artifacts (`pom.xml`), on Java 17, on a free port, with
 * authentication.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process, { env } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import neo4j from "neo4j-driver";
import { freePort } from "../support/machine.ts";
import type { Access } from "./provided.ts";

const POM = fileURLToPath(new URL("pom.xml", import.meta.url));
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/neo4j", import.meta.url));

/** A server that a test started. */
export interface TestServer extends Access {
  readonly home: string;
  readonly port: number;
  /** SIGKILL: no time to write anything down. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** Seconds of processor time that it has taken since it was started; NaN where the system does not tell (it is Linux that does). */
  processorTime(): Promise<number>;
}

const JAVA = [
  ...["-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4"],
  ...["java.nio", "sun.nio.ch", "java.lang"].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
];

/**
 * The class path of the server, resolved by Maven where that has not been done yet.
 *
 * @throws {Error} when Maven fails
 */
export async function classPath(): Promise<string> {
  const stored = join(CACHE, "class-path.txt");
  const pom = await readFile(POM, "utf8");
  const valid = async () => {
    if (!existsSync(stored)) return null;
    const { from, path } = JSON.parse(await readFile(stored, "utf8")) as { from: string; path: string };
    return from === pom && path.split(":").every((file) => existsSync(file)) ? path : null;
  };
  const found = await valid();
  if (found !== null) return found;
  await mkdir(CACHE, { recursive: true });
  const output = join(CACHE, `resolved-${process.pid}.txt`);
  const args = ["-B", "-q", "-f", POM, "dependency:build-classpath", `-Dmdep.outputFile=${output}`];
  const { code, text } = await ended(spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"] }));
  if (code !== 0) throw new Error(`mvn ${args.join(" ")} ended with ${code}: ${text.slice(-2000)}`);
  const path = (await readFile(output, "utf8")).trim();
  await writeFile(stored, JSON.stringify({ from: pom, path }));
  await rm(output);
  return path;
}

/** Whether programs are there that a server needs. Null, or what is missing. */
export async function missingForServer(): Promise<string | null> {
  for (const [program, flag] of [["java", "-version"], ["mvn", "-version"]] as const) {
    const found = await ended(spawn(program, [flag], { stdio: ["ignore", "pipe", "pipe"] })).then(
      ({ code }) => code === 0,
      () => false,
    );
    if (!found) return `no ${program} to start a graph server`;
  }
  return null;
}

/**
 * Starts a server and waits until it answers.
 *
 * @param settings of `neo4j.conf`, beside those of every test server
 * @param heap the largest heap, as Java takes it
 */
export async function startServer(
  settings: Readonly<Record<string, string>> = {},
  heap = "512m",
): Promise<TestServer> {
  const path = await classPath();
  const home = await mkdtemp(join(tmpdir(), "svrflow-neo4j-"));
  const port = await freePort();
  const conf = join(home, "conf");
  await mkdir(conf);
  await mkdir(join(home, "logs"));
  const lines = {
    "server.bolt.listen_address": `127.0.0.1:${port}`,
    "server.bolt.advertised_address": `127.0.0.1:${port}`,
    "server.http.enabled": "false",
    "server.https.enabled": "false",
    "dbms.usage_report.enabled": "false",
    "server.memory.pagecache.size": "64m",
    "db.tx_log.rotation.retention_policy": "false",
    // Suites that try wrong passwords must not lock out the others.
    "dbms.security.auth_lock_time": "0s",
    ...settings,
  };
  await writeFile(
    join(conf, "neo4j.conf"),
    Object.entries(lines).map(([name, value]) => `${name}=${value}\n`).join(""),
  );
  const password = `test-${Math.random().toString(36).slice(2)}`;
  const access = { uri: `bolt://127.0.0.1:${port}`, username: "neo4j", password };
  const java = (...args: readonly string[]) =>
    spawn("java", [`-Xmx${heap}`, ...JAVA, "-cp", path, ...args], {
      env: { ...env, NEO4J_HOME: home, NEO4J_CONF: conf },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const set = await ended(java("org.neo4j.cli.AdminTool", "dbms", "set-initial-password", password));
  if (set.code !== 0) throw new Error(`setting the server's password: ${set.text.slice(-2000)}`);
  let child: ChildProcess | null = null;
  const start = async () => {
    const args = ["org.neo4j.server.CommunityEntryPoint", `--home-dir=${home}`, `--config-dir=${conf}`];
    const started = java(...args);
    child = started;
    running.add(started);
    await answering(access, ended(started), join(home, "logs"));
  };
  const end = async (signal: NodeJS.Signals) => {
    const stopped = child;
    child = null;
    if (stopped === null) return;
    const gone = new Promise((resolve) => stopped.once("close", resolve));
    if (stopped.exitCode === null && stopped.signalCode === null) {
      stopped.kill(signal);
      await gone;
    }
    running.delete(stopped);
  };
  await start();
  return {
    ...access,
    home,
    port,
    kill: () => end("SIGKILL"),
    restart: start,
    async stop() {
      await end("SIGKILL"); // nothing of it is kept
      await rm(home, { recursive: true, force: true });
    },
    async processorTime() {
      const line = await readFile(`/proc/${child?.pid}/stat`, "utf8").catch(() => "");
      // Behind the name, which may hold anything but ")": user and system time, in ticks of 10 ms.
      const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
  };
}

/** Runs the server's own tool for its administrator, in the folder `cwd`. The server at `home` must stand still. */
export async function adminTool(
  home: string,
  cwd: string,
  args: readonly string[],
): Promise<{ code: number; text: string }> {
  const java = ["-Xmx512m", ...JAVA, "-cp", await classPath(), "org.neo4j.cli.AdminTool", ...args];
  return await ended(
    spawn("java", java, {
      cwd,
      env: { ...env, NEO4J_HOME: home, NEO4J_CONF: join(home, "conf") },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

// A test run that ends early leaves no server behind.
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

async function answering(
  { uri, username, password }: Access,
  end: Promise<{ code: number; text: string }>,
  logs: string,
): Promise<void> {
  const driver = neo4j.driver(uri, neo4j.auth.basic(username, password), { maxTransactionRetryTime: 0 });
  let over: string | null = null;
  void end.then(({ code, text }) => over = `ended with ${code}: ${text.slice(-2000)}`);
  try {
    // As long as a test may take; a slow machine needs half a minute.
    for (const start = Date.now(); Date.now() - start < 110_000; await sleep(200)) {
      if (over !== null) break;
      const up = await driver.executeQuery("RETURN 1", {}, { database: "neo4j" }).then(
        () => true,
        () => false,
      );
      if (up) return;
    }
    const log = await readFile(join(logs, "neo4j.log"), "utf8").catch(() => "");
    throw new Error(`the graph server does not answer: ${over ?? "still starting"}\n${log.slice(-2000)}`);
  } finally {
    await driver.close();
  }
}

function ended(child: ChildProcess): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (piece: string) => text = `${text}${piece}`.slice(-100_000));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, text }));
  });
}
