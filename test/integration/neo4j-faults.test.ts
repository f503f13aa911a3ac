import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Driver } from "neo4j-driver";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { runInto } from "../contract/sink/contract.ts";
import { committed, seen, seenBetweenSwaps, whole } from "../neo4j/models.ts";
import { type Proxy, startProxy } from "../neo4j/proxy.ts";
import { startServer, type TestServer } from "../neo4j/server.ts";
import {
  asUser,
  choicesFor,
  describeWithOwnServer,
  freshPrefix,
  labelCounts,
  userOf,
  watcher,
} from "../neo4j/suite.ts";
import { svr } from "./svr.ts";

// Servers start anew in here, which takes a busy machine its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const OLD = [0, 500] as const;
const NEW = [100_000, 20_000] as const;

/** Enough of the 1.5 MB of NEW that its edges are under way, and not so much that they are through. */
const MIDST = 600_000;

/** Of an outage of ten seconds: pauses grow from 0.1 s to 2 s, and between a half and all of each is waited. */
const ATTEMPTS = 10;

// It is killed; the shared one stays.
describeWithOwnServer("a graph server that fails", () => {
  let out = "";
  let server: TestServer;
  let proxy: Proxy;
  let driver: Driver;
  let prefix = "";
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), "svr-faults-"));
    server = await startServer({ "db.memory.transaction.max": "8m" });
    asUser(server);
    proxy = await startProxy(server.port);
    driver = watcher(server);
  });
  afterAll(async () => {
    await driver.close();
    await proxy.close();
    await server.stop();
    await rm(out, { recursive: true, force: true });
  });

  const uri = () => `bolt://127.0.0.1:${proxy.port}`;
  const choices = (patience = 60) => ({ ...choicesFor(server, prefix), uri: uri(), patience });
  const load = async (id: string, range: readonly [number, number], width?: number, patience?: number) =>
    (await committed(out, choices(patience), id, range, width)).finish();
  const inTheMidst = async (from = proxy.sent) => {
    while (proxy.sent < from + MIDST) await sleep(5);
  };
  const expectOld = async () => expect(await seen(driver, prefix, "m")).toEqual(whole(OLD));
  /** The new model is there in full, and nothing of the old or of any attempt. */
  const expectNew = async () => {
    expect(await seen(driver, prefix, "m")).toEqual(whole(NEW));
    expect(await labelCounts(driver, prefix)).toEqual({
      SvrflowStore: 1,
      Model: 1,
      Layer: 2,
      SpectralNeuron: 2000,
    });
  };
  beforeEach(async () => {
    prefix = freshPrefix();
    await load("m", OLD);
    await expectOld();
  });

  it(
    "is killed in the midst of a load and started again: the load goes on, and nothing is there twice",
    async () => {
      const sink = await committed(out, choices(), "m", NEW);
      const finished = sink.finish();
      await inTheMidst();
      await server.kill();
      await server.restart();
      await expectOldUntil(finished);
      await expectNew();
    },
    240_000,
  );

  it("refuses as many attempts as ten seconds hold: the load goes on", async () => {
    const sink = await committed(out, choices(), "m", NEW);
    const finished = sink.finish();
    await inTheMidst();
    proxy.cut();
    const before = proxy.refused;
    while (proxy.refused < before + ATTEMPTS) await sleep(5);
    proxy.mend();
    await finished;
    await expectNew();
  });

  it("stays away for too long: the run says so, the old graph stands, the next run clears up", async () => {
    const sink = await committed(out, choices(1), "m", NEW);
    const finished = expect(sink.finish()).rejects.toThrow(
      /^loading model "m" into the graph: graph server .* cannot be reached; .*it was given 1 s to come back/,
    );
    await inTheMidst();
    proxy.cut();
    await finished;
    proxy.mend();
    await expectOld();
    expect(await labelCounts(driver, prefix)).toMatchObject({
      SvrflowLoad: 2,
      Model: 1,
      SpectralNeuron: 2000,
    });
    await load("m", NEW);
    await expectNew();
  });

  it("loses its client, killed in the midst: the old graph stands, the next run clears up", async () => {
    const layers = Array.from({ length: 4 }, (_, at) => ({ name: `l${at}`, out: 128, in: 128 }));
    const config = join(out, "killed.yaml");
    await writeFile(
      config,
      JSON.stringify({
        models: { id: "m", synthetic: { seed: 1, layers } },
        out: join(out, "killed"),
        edges: "all",
        graph: "neo4j",
        sinks: [],
        neo4j: { uri: uri(), labelPrefix: prefix },
      }),
    );
    let kill = () => undefined as void;
    const ended = svr(["run", config, "--replace"], {
      env: userOf(server),
      onOutput: (_, signal) => void (kill = () => signal("SIGKILL")),
    });
    expect(await Promise.race([inTheMidst(), ended])).toBeUndefined();
    kill();
    expect((await ended).code).toBeNull();
    await expectOld();
    expect(await labelCounts(driver, prefix)).toMatchObject({ SvrflowLoad: 2 });
    await load("m", NEW);
    await expectNew();
  });

  it("has little memory for a transaction: batches become smaller, and a swap that cannot leaves the old", async () => {
    await load("m", NEW);
    await expectNew();
    await expect(load("m", OLD, 60_000)).rejects.toThrow(
      /the server has no memory for a transaction that cannot be smaller .* raise its db.memory.transaction.max/,
    );
    await expectNew();
  });

  it("refuses a wrong password and a database that is not there, before any work", async () => {
    const open = async (other: object) =>
      await (await SINKS.neo4j({ neo4j: { ...choices(), ...other } }))(runInto(out));
    await expect(open({ database: "nowhere" })).rejects.toThrow(
      /there is no database "nowhere"; set neo4j.database/,
    );
    process.env["NEO4J_PASSWORD"] = "a wrong secret";
    try {
      await expect(open({})).rejects.toThrow(/user name or password was refused; set NEO4J_USERNAME/);
      await expect(open({})).rejects.not.toThrow(/a wrong secret/);
    } finally {
      asUser(server);
    }
    await expectOld();
  });

  it.each([
    "Neo.ClientError.Cluster.NotALeader",
    "Neo.TransientError.Transaction.DeadlockDetected",
    "Neo.TransientError.General.DatabaseUnavailable",
  ])("refuses for a passing reason, %s: the load goes on", async (code) => {
    const before = proxy.failed;
    const sink = await committed(out, choices(), "m", NEW);
    proxy.fail(code, 3);
    await sink.finish();
    expect(proxy.failed - before).toBe(3);
    await expectNew();
  });

  it.each([
    [
      "Neo.ClientError.Security.Forbidden",
      /the user may not do this in database "neo4j"; required one that may write/,
    ],
    [
      "Neo.ClientError.Cluster.NotALeader",
      /takes no writes; required an address that begins with neo4j:\/\//,
    ],
    ["Neo.DatabaseError.Statement.ExecutionFailed", /injected Neo.DatabaseError.Statement.ExecutionFailed/],
  ])(
    "refuses for good, %s: the run says so, the old graph stands, nothing is left",
    async (code, message) => {
      const sink = await committed(out, choices(1), "m", NEW);
      proxy.fail(code, Infinity);
      await expect(sink.finish()).rejects.toThrow(message);
      proxy.fail("", 0);
      await expectOld();
      expect(await labelCounts(driver, prefix)).toEqual({
        SvrflowStore: 1,
        Model: 1,
        Layer: 2,
        SpectralNeuron: 2000,
      });
    },
  );

  async function expectOldUntil(finished: Promise<void>): Promise<void> {
    let over = false;
    const end = finished.finally(() => over = true);
    while (!over) {
      const found = await seenBetweenSwaps(driver, prefix, "m").catch(() => null); // not up yet
      if (found !== null) expect([whole(OLD), whole(NEW)]).toContainEqual(found);
      await sleep(300);
    }
    await end;
  }
});
