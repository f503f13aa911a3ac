/** What a queue of jobs promises, on a real server. */

import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  JobGivenBack,
  JobQueue,
  JobWorker,
  type JobWorkerOptions,
  LastingFailure,
  MOST_DEATHS,
  type QueuedJob,
} from "../../../connectors/queue/job-queue.ts";
import {
  describeWithRedis,
  type Network,
  startNetwork,
  startRedis,
  type TestRedis,
} from "../../redis/server.ts";

type Job = QueuedJob<{ readonly number: number }>;

const jobsOf = (start: string, count: number): Job[] =>
  Array.from({ length: count }, (_, number) => ({ id: `${start}-${number}`, data: { number } }));

describeWithRedis("a queue of jobs", () => {
  let server: TestRedis;
  let network: Network;
  beforeAll(async () => {
    server = await startRedis();
    network = await startNetwork(server);
  });
  afterAll(async () => {
    await network.close();
    await server.stop();
  });

  const told: string[] = [];
  const away = (message: string) => void told.push(message);
  const queueOf = (name: string) => JobQueue.open<Job["data"]>(network.address, name, away);
  const workerOf = (name: string, work: JobWorkerOptions<Job["data"]>["work"]) =>
    JobWorker.open<Job["data"]>(network.address, name, { work, away });

  async function endsOf(
    queue: JobQueue<Job["data"]>,
    jobs: readonly Job[],
  ): Promise<Map<string, string | null>> {
    const ends = new Map<string, string | null>();
    for await (const { id, failure } of queue.ends(jobs)) {
      expect(ends.has(id)).toBe(false);
      ends.set(id, failure);
    }
    return ends;
  }

  it("does each job once, whoever asks, and tells all who wait", async () => {
    const jobs = jobsOf("once", 20);
    const [first, second] = [await queueOf("once"), await queueOf("once")];
    await Promise.all([first.add(jobs), second.add(jobs)]);
    const done: string[] = [];
    const work = async ({ id, data }: Job) => {
      expect(id).toBe(`once-${data.number}`);
      done.push(id);
      await Promise.resolve();
    };
    const workers = [await workerOf("once", work), await workerOf("once", work)];
    const ends = await Promise.all([endsOf(first, jobs), endsOf(second, jobs)]);
    for (const each of ends) expect([...each.values()]).toEqual(jobs.map(() => null));
    expect(done.sort()).toEqual(jobs.map(({ id }) => id).sort());
    // What is asked for later is done later.
    await first.add(jobs.slice(0, 1));
    expect(await endsOf(first, jobs.slice(0, 1))).toEqual(new Map([["once-0", null]]));
    expect(done.filter((id) => id === "once-0")).toHaveLength(2);
    for (const each of [...workers, first, second]) await each.close();
  });

  it("gives up what fails for good at once, what ends a process after two of them, and nothing else", async () => {
    const jobs = jobsOf("fails", 3);
    const attempts: string[] = [];
    const worker = await workerOf("fails", ({ id, data: { number } }) => {
      attempts.push(id);
      if (number === 0) {
        return Promise.reject(new LastingFailure("model.bin: found no tensors, required one"));
      }
      return number === 1 ? Promise.reject(new Error("its process ended with SIGABRT")) : Promise.resolve();
    });
    const queue = await queueOf("fails");
    await queue.add(jobs);
    expect(await endsOf(queue, jobs)).toEqual(
      new Map([
        ["fails-0", "model.bin: found no tensors, required one"],
        ["fails-1", "its process ended with SIGABRT"],
        ["fails-2", null],
      ]),
    );
    const timesOf = (id: string) => attempts.filter((each) => each === id).length;
    expect(jobs.map(({ id }) => timesOf(id))).toEqual([1, MOST_DEATHS, 1]);
    // Asked for again it is tried again.
    await queue.add(jobs.slice(0, 1));
    await endsOf(queue, jobs.slice(0, 1));
    expect(timesOf("fails-0")).toBe(2);
    for (const each of [worker, queue]) await each.close();
  });

  it("does a job behind its parts, and tells it which of them have failed; asked for again, all of it", async () => {
    const [all] = jobsOf("all", 1);
    const parts = jobsOf("part", 3);
    const jobs = [{ ...all!, parts }];
    const order: string[] = [];
    const heard: (readonly string[])[] = [];
    const queue = await queueOf("parts");
    await queue.add(jobs);
    // Who asks meanwhile, even for other parts, waits for the same.
    await queue.add([{ ...all!, parts: jobsOf("other", 2) }]);
    const worker = await workerOf("parts", ({ id }, failures) => {
      order.push(id);
      if (id === "all-0") heard.push(failures);
      return id === "part-1" && heard.length === 0
        ? Promise.reject(new Error("its process ended with SIGABRT"))
        : Promise.resolve();
    });
    const ends = await endsOf(queue, jobs);
    const reason = "its process ended with SIGABRT";
    expect([...ends].sort()).toEqual([
      ["all-0", null],
      ["part-0", null],
      ["part-1", reason],
      ["part-2", null],
    ]);
    expect(order.filter((id) => id.startsWith("part")).sort()).toEqual([
      "part-0",
      "part-1",
      "part-1",
      "part-2",
    ]);
    expect([order.at(-1), heard]).toEqual(["all-0", [[reason]]]);
    await queue.add(jobs);
    expect([...await endsOf(queue, jobs)].sort()).toEqual([...ends].map(([id]) => [id, null]).sort());
    expect(order.slice(5).sort()).toEqual(["all-0", "part-0", "part-1", "part-2"]);
    expect(heard).toEqual([[reason], []]);
    for (const each of [worker, queue]) await each.close();
  });

  it("gives a job that was given back to another worker, as often as it takes", async () => {
    const jobs = jobsOf("back", 1);
    let given = 0;
    const worker = await workerOf(
      "back",
      () => ++given <= 3 ? Promise.reject(new JobGivenBack()) : Promise.resolve(),
    );
    const queue = await queueOf("back");
    await queue.add(jobs);
    expect(await endsOf(queue, jobs)).toEqual(new Map([["back-0", null]]));
    expect(given).toBe(4);
    for (const each of [worker, queue]) await each.close();
  });

  it("outlasts a network that is cut and a server that is killed: every job is done", async () => {
    const jobs = jobsOf("outage", 12);
    const queue = await queueOf("outage");
    const done = new Set<string>();
    const outages = new Map<number, () => Promise<void>>([
      [3, () => {
        network.cut();
        setTimeout(() => network.mend(), 1_000);
        return Promise.resolve();
      }],
      [7, async () => {
        await server.kill();
        await server.restart();
      }],
    ]);
    const worker = await workerOf("outage", async ({ id, data: { number } }) => {
      const outage = outages.get(number);
      outages.delete(number);
      await outage?.();
      done.add(id);
    });
    told.length = 0;
    await queue.add(jobs);
    const ends = await endsOf(queue, jobs);
    expect(ends).toEqual(new Map(jobs.map(({ id }) => [id, null])));
    expect([...done].sort()).toEqual(jobs.map(({ id }) => id).sort());
    expect(told.join("\n")).toContain("the server has gone away; it is waited for");
    for (const each of [worker, queue]) await each.close();
  });

  it("adds again what the server has forgotten", async () => {
    const jobs = jobsOf("forgotten", 2);
    const queue = await queueOf("forgotten");
    await queue.add(jobs);
    const client = new Redis(server.address);
    const keys = await client.keys(`bull:forgotten:${jobs[1]!.id}*`);
    expect(keys.length).toBeGreaterThan(0);
    await client.del(...keys);
    await client.lrem("bull:forgotten:wait", 0, jobs[1]!.id);
    client.disconnect();
    const worker = await workerOf("forgotten", () => Promise.resolve());
    expect(await endsOf(queue, jobs)).toEqual(new Map(jobs.map(({ id }) => [id, null])));
    for (const each of [worker, queue]) await each.close();
  });

  it.each([
    ["http://127.0.0.1:6379", /found no address of Redis, required redis:\/\//],
    ["not an address", /found no address of Redis/],
    ["redis://user:secret@127.0.0.1:1", /^redis:\/\/127\.0\.0\.1:1: found no server \(.*\), required Redis/],
  ])("refuses %s", async (address, message) => {
    const failure = await JobQueue.open(address, "none", away).catch((cause: unknown) => cause as Error);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain("secret");
  });

  it.each([
    [{ appendonly: "no" }, /found appendonly no, required appendonly yes.*config set appendonly yes/],
    [
      { "maxmemory-policy": "allkeys-lru" },
      /found maxmemory-policy allkeys-lru, required noeviction.*config set maxmemory-policy noeviction/,
    ],
  ])("refuses a server that may lose jobs: %j", async (settings, message) => {
    const unsafe = await startRedis(settings);
    const open = () => JobQueue.open(unsafe.address, "unsafe", away);
    await expect(open()).rejects.toThrow(message);
    await unsafe.stop();
  });
});
