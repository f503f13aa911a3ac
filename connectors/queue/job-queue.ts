/**
 * A queue of jobs in Redis, by BullMQ. A job has an id that says all that it is: whoever asks for it again waits for the same one. What is
 * done must be the same however often it is done: after an outage of the server a job may run twice.
 */

import type * as BullMq from "bullmq";
import type { FlowProducer, JobsOptions, Queue, QueueEvents, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/model/errors.ts";
import { openRedis, shownServer } from "./redis.ts";

/** A job. */
export interface QueuedJob<Data> {
  /** Letters, digits and `-`; at least one letter. */
  readonly id: string;
  /** Goes through JSON. */
  readonly data: Data;
  /** Jobs that come first: this one is done when all of them have ended, in whatever way. They have no parts themselves. Default: none. */
  readonly parts?: readonly QueuedJob<Data>[];
}

/** How a job has ended. */
export interface JobEnd {
  readonly id: string;
  /** Null where it is done. */
  readonly failure: string | null;
}

/** Processes that a job may end before it is given up. */
export const MOST_DEATHS = 2;

/** Workers that may go away with a job, by a kill or an outage, before it is given up: that need not be the job's fault. */
const MOST_STALLS = 10;

/** Milliseconds without a word of a worker after which another takes its job. */
const LOCK = 30_000;

/** Milliseconds between two looks for such jobs. */
const STALL_CHECK = 5_000;

/** Milliseconds between two looks at jobs of which no end was told: while the server was away nobody tells. */
const LOOK = 5_000;

/** The same, for each job that is looked at: looking takes the server's time. */
const LOOK_PER_JOB = 10;

/** Seconds that a job that is done is remembered, for those who wait for it. */
const REMEMBERED = 3_600;

/** What BullMQ is told of each job. */
const OPTIONS = {
  attempts: MOST_DEATHS,
  removeOnComplete: { age: REMEMBERED },
  stackTraceLimit: 0,
} satisfies JobsOptions;

/** Puts jobs into a queue, and waits for them. */
export class JobQueue<Data> {
  readonly #client: Redis;
  readonly #queue: Queue;
  readonly #flows: FlowProducer;
  readonly #events: QueueEvents;

  private constructor(client: Redis, queue: Queue, flows: FlowProducer, events: QueueEvents) {
    this.#client = client;
    this.#queue = queue;
    this.#flows = flows;
    this.#events = events;
  }

  /**
   * @param name of the queue: letters, digits, `.` and `-`
   * @param away told when the server has gone away; it is waited for
   * @throws as `openRedis`, or when bullmq is not installed
   */
  static async open<Data>(
    address: string,
    name: string,
    away: (message: string) => void,
  ): Promise<JobQueue<Data>> {
    const { FlowProducer, Queue, QueueEvents } = await library();
    const client = await openRedis(address);
    const connection = connectionOf(client);
    const tell = outageTeller(client, address, away);
    const queue = new Queue(name, { connection });
    const flows = new FlowProducer({ connection });
    const events = new QueueEvents(name, { connection });
    queue.on("error", tell);
    flows.on("error", tell);
    events.on("error", tell);
    await events.waitUntilReady();
    return new JobQueue(client, queue, flows, events);
  }

  /** Adds jobs; those that wait or run already stay as they are, with the parts that they have. One that has ended is done again. */
  async add(jobs: readonly QueuedJob<Data>[]): Promise<void> {
    for (const { id, data, parts = [] } of jobs) {
      if (await this.#isOpen(id)) continue;
      if (parts.length === 0) {
        await this.#queue.add("job", data, { ...OPTIONS, jobId: id });
        continue;
      }
      for (const part of parts) await this.#isOpen(part.id);
      // All of them at once, or none.
      await this.#flows.add({
        ...this.#node({ id, data }),
        // A part that has failed would keep the others waiting for ever.
        children: parts.map((part) => this.#node(part, { ignoreDependencyOnFailure: true })),
      });
    }
  }

  /** Whether a job waits or runs. One that has ended is removed: adding its id again would do nothing, and say nothing. */
  async #isOpen(id: string): Promise<boolean> {
    const job = await this.#queue.getJob(id);
    const state = await job?.getState();
    if (state !== "completed" && state !== "failed") return job !== undefined;
    await job!.remove();
    return false;
  }

  #node({ id, data }: QueuedJob<Data>, options: JobsOptions = {}) {
    return { name: "job", queueName: this.#queue.name, data, opts: { ...OPTIONS, ...options, jobId: id } };
  }

  /**
   * The ends of jobs, each once, as they come; of their parts, too, as far as they are told before their job ends. Jobs that the server has
   * forgotten are added again.
   *
   * @throws the signal's reason once it is aborted; the jobs stay in the queue
   */
  async *ends(jobs: readonly QueuedJob<Data>[], signal?: AbortSignal): AsyncGenerator<JobEnd> {
    const open = new Map(jobs.map((job) => [job.id, job]));
    const parts = new Set(jobs.flatMap((job) => (job.parts ?? []).map(({ id }) => id)));
    const told: JobEnd[] = [];
    let wake = new AbortController();
    const end = (id: string, failure: string | null) => {
      told.push({ id, failure });
      wake.abort();
    };
    const completed = ({ jobId }: { jobId: string }) => end(jobId, null);
    const failed = ({ jobId, failedReason }: { jobId: string; failedReason: string }) =>
      end(jobId, failedReason);
    this.#events.on("completed", completed);
    this.#events.on("failed", failed);
    try {
      // What has ended before anybody listened is seen at the first look.
      for (let pause = 0; open.size > 0; pause = Math.max(LOOK, open.size * LOOK_PER_JOB)) {
        wake = new AbortController();
        if (told.length === 0) {
          const signals = signal === undefined ? wake.signal : AbortSignal.any([signal, wake.signal]);
          const isTime = await sleep(pause, true, { signal: signals }).catch(() => false);
          signal?.throwIfAborted();
          if (isTime) await this.#look([...open.values()], end);
        }
        for (const each of told.splice(0)) if (open.delete(each.id) || parts.delete(each.id)) yield each;
      }
    } finally {
      this.#events.off("completed", completed);
      this.#events.off("failed", failed);
    }
  }

  async #look(
    jobs: readonly QueuedJob<Data>[],
    end: (id: string, failure: string | null) => void,
  ): Promise<void> {
    for (const job of jobs) {
      const found = await this.#queue.getJob(job.id);
      const state = await found?.getState();
      if (state === "completed") end(job.id, null);
      else if (state === "failed") end(job.id, found!.failedReason);
      else if (found === undefined) await this.add([job]);
    }
  }

  async close(): Promise<void> {
    this.#client.removeAllListeners("close");
    await this.#events.close();
    await this.#flows.close();
    await this.#queue.close();
    this.#client.disconnect();
  }
}

/** A failure that another attempt would meet again. */
export class LastingFailure extends Error {}

/** Thrown by a worker that cannot end a job, because it stops: the job goes back, for another worker. */
export class JobGivenBack extends Error {}

/** How jobs are done. */
export interface JobWorkerOptions<Data> {
  /**
   * Does a job. It is done again, once, after an error that is no `LastingFailure`.
   *
   * @param failures of its parts
   */
  readonly work: (job: QueuedJob<Data>, failures: readonly string[]) => Promise<void>;
  /** Told when the server has gone away. */
  readonly away: (message: string) => void;
}

/** A worker of a queue: one job at a time. */
export class JobWorker {
  readonly #client: Redis;
  readonly #worker: Worker;

  private constructor(client: Redis, worker: Worker) {
    this.#client = client;
    this.#worker = worker;
  }

  /** Begins to work. @throws as `JobQueue.open` */
  static async open<Data>(
    address: string,
    name: string,
    { work, away }: JobWorkerOptions<Data>,
  ): Promise<JobWorker> {
    const { UnrecoverableError, WaitingError, Worker } = await library();
    const client = await openRedis(address);
    const worker = new Worker<Data>(name, async (job, token) => {
      try {
        const failures = await job.getIgnoredChildrenFailures();
        await work({ id: job.id!, data: job.data }, Object.values(failures));
      } catch (failure) {
        if (failure instanceof JobGivenBack) {
          await job.moveToWait(token);
          throw new WaitingError();
        }
        if (failure instanceof LastingFailure) throw new UnrecoverableError(failure.message);
        throw failure;
      }
    }, {
      connection: connectionOf(client),
      lockDuration: LOCK,
      stalledInterval: STALL_CHECK,
      maxStalledCount: MOST_STALLS,
    });
    worker.on("error", outageTeller(client, address, away));
    await worker.waitUntilReady();
    return new JobWorker(client, worker);
  }

  /** Takes no more jobs, and ends when the one at hand has ended. */
  async close(): Promise<void> {
    this.#client.removeAllListeners("close");
    await this.#worker.close();
    this.#client.disconnect();
  }
}

/** BullMQ's own types for it are of any version. */
const connectionOf = (client: Redis) => client as never;

/** Tells once of each outage; other errors each time. */
function outageTeller(client: Redis, address: string, away: (message: string) => void) {
  const name = shownServer(address);
  let isAway = false;
  client.on("ready", () => isAway = false);
  client.on("error", () => undefined); // told when the connection closes
  client.on("close", () => {
    if (!isAway) away(`${name}: the server has gone away; it is waited for`);
    isAway = true;
  });
  return (failure: Error) => {
    if (client.status === "ready") away(`${name}: ${messageOf(failure)}`);
  };
}

async function library(): Promise<typeof BullMq> {
  try {
    return await import("bullmq");
  } catch (cause) {
    throw new Error("a queue: found no bullmq, required it (npm install bullmq ioredis)", { cause });
  }
}
