/** What a run has done and has yet to do: gathered from its events and its kernel, told about once a second. */

import { memoryUsage } from "node:process";
import type { Subject } from "../../kernels/kernel.ts";
import type { Progress, ProgressEvent } from "./progress.ts";
import { rates, type RunStatus } from "./progress-line.ts";
import type { KernelCall, KernelObserver } from "../instrumented-kernel.ts";
import type { LayerTime, WorkSummary } from "./work-summary.ts";

/** How many of the slowest layers are named. */
const SLOWEST = 5;

/** Milliseconds between two reports; half of what is allowed to pass in silence. */
const INTERVAL = 1000;

/** A server that is away is asked again within this time; where it is not, it has come back. */
const ATTEMPT_MS = 15_000;

/** Events with which another phase begins. */
const PHASES: ReadonlySet<string> = new Set(["run", "graph"]);

/** Events that no run comes to while it waits for a server. */
const AFTER_WAITING: ReadonlySet<string> = new Set(["graph-loaded", "model-done", "done"]);

/** A model that is being worked on. */
interface OpenModel {
  readonly flops: number;
  /** Of its layers and connections that are done. */
  done: number;
  /** Decomposed layers whose step is yet to come. */
  readonly early: Map<string, number>;
}

/** Watches a run. Events of several models may come mixed. */
export class RunWork implements KernelObserver {
  readonly #progress: Progress;
  readonly #budget: number;
  readonly #held: () => number;
  readonly #begun = performance.now();
  readonly #open = new Map<string, OpenModel>();
  readonly #running = new Map<string, { readonly subject: Subject; readonly since: number }>();
  readonly #layers = new Map<string, { flops: number; seconds: number }>();
  readonly #timer: NodeJS.Timeout;
  #slowest: LayerTime[] = [];
  #flops = 0;
  #first: number | null = null;
  #last = 0;
  #told = performance.now();
  #phase: RunStatus["phase"] = "plan";
  #what = "";
  #waiting = { text: "", until: 0 };
  #graph = { done: 0, models: 0 };
  #models = { all: 0, done: 0, failed: 0, known: 0, flops: 0 };
  #steps = { layers: 0, layersDone: 0, connections: 0, connectionsDone: 0 };

  /**
   * @param budget the byte budget
   * @param held says how many bytes of it are in use
   */
  constructor(progress: Progress, budget: number, held: () => number) {
    this.#progress = progress;
    this.#budget = budget;
    this.#held = held;
    this.#timer = setInterval(() => this.#report(), INTERVAL);
    this.#timer.unref();
  }

  /** Passes an event on; and how far the run is, where that has not been said for a second. */
  readonly tell: Progress = (event) => {
    this.#take(event);
    this.#progress(event);
    if (PHASES.has(event.event) || performance.now() - this.#told >= INTERVAL) this.#report();
  };

  begun(subject: Subject): void {
    const now = performance.now();
    this.#first ??= now;
    this.#running.set(keyOf(subject), { subject, since: now });
  }

  ended({ flops, seconds, subject }: KernelCall): void {
    const now = performance.now();
    this.#first ??= now - 1000 * seconds;
    this.#last = now;
    this.#flops += flops;
    if (subject === undefined) return;
    const key = keyOf(subject);
    this.#running.delete(key);
    const before = this.#layers.get(key);
    this.#layers.set(key, {
      flops: flops + (before?.flops ?? 0),
      seconds: seconds + (before?.seconds ?? 0),
    });
  }

  /** What a decomposition took that is over; nothing where the kernel had none to do. */
  decomposed(subject: Subject): Pick<LayerTime, "flops" | "seconds" | "gflops"> | Record<never, never> {
    const key = keyOf(subject);
    const took = this.#layers.get(key);
    this.#layers.delete(key);
    if (took === undefined) return {};
    const gflops = took.flops / Math.max(took.seconds, 1e-9) / 1e9;
    const found = { ...took, gflops };
    this.#slowest = [...this.#slowest, { model: subject.model, layer: subject.layer, ...found }]
      .sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
    return found;
  }

  /** The work so far. */
  summary(): WorkSummary {
    const seconds = this.#first === null ? 0 : Math.max(0, this.#last - this.#first) / 1000;
    const { gflops } = rates(this.#flops, 0, seconds);
    return { flops: this.#flops, seconds, gflops, slowest: this.#slowest };
  }

  /** Ends the reports. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #report(): void {
    const now = performance.now();
    this.#told = now;
    const computing = this.#first === null ? 0 : (now - this.#first) / 1000;
    const left = this.#left();
    this.#progress({
      event: "progress",
      phase: this.#phase,
      seconds: (now - this.#begun) / 1000,
      models_done: this.#models.done,
      models_failed: this.#models.failed,
      models: this.#models.all,
      layers_done: this.#steps.layersDone,
      layers: this.#steps.layers,
      connections_done: this.#steps.connectionsDone,
      connections: this.#steps.connections,
      graph_done: this.#graph.done,
      graph_models: this.#graph.models,
      flops: this.#flops,
      flops_left: left,
      computing_seconds: computing,
      ...rates(this.#flops, left, computing),
      rss_bytes: memoryUsage.rss(),
      budget_used_bytes: this.#held(),
      budget_bytes: this.#budget,
      what: this.#longest() ?? this.#what,
      waiting: now < this.#waiting.until ? this.#waiting.text : null,
    });
  }

  /** Of open models what is planned and not done; of those not opened yet the mean of the others. */
  #left(): number {
    const { all, done, failed, known, flops } = this.#models;
    let left = 0;
    for (const model of this.#open.values()) left += Math.max(0, model.flops - model.done);
    const unknown = Math.max(0, all - done - failed - this.#open.size);
    return left + (known === 0 ? 0 : unknown * flops / known);
  }

  #longest(): string | null {
    let first: { readonly subject: Subject; readonly since: number } | null = null;
    for (const each of this.#running.values()) if (first === null || each.since < first.since) first = each;
    return first === null ? null : `${first.subject.model}: SVD of ${first.subject.layer}`;
  }

  #take(event: ProgressEvent): void {
    // Then a server that was waited for is there again; other models go on without it.
    if (AFTER_WAITING.has(event.event)) this.#waiting.until = 0;
    switch (event.event) {
      case "waiting":
        this.#waiting = {
          text: `waiting for ${event.server}, ${Math.floor(event.seconds)} of ${event.of} s`,
          until: performance.now() + ATTEMPT_MS,
        };
        return;
      case "graph-loaded":
        this.#graph = { done: event.done, models: event.of };
        return;
      case "run":
        this.#phase = "models";
        this.#models.all = event.models;
        return;
      case "model":
        this.#what = `opening ${event.model}`;
        return;
      case "planned":
        this.#know(event.flops);
        this.#open.set(event.model, { flops: event.flops, done: 0, early: new Map() });
        this.#steps.layers += event.layers;
        this.#steps.connections += event.connections;
        return;
      case "spectrum": {
        const model = this.#open.get(event.model);
        if (model === undefined || event.flops === undefined) return;
        model.done += event.flops;
        model.early.set(event.layer, event.flops);
        return;
      }
      case "step":
        this.#step(event);
        return;
      case "model-done":
        this.#models.done++;
        if (!this.#open.has(event.model)) this.#know(0);
        this.#close(event.model);
        return;
      case "model-failed":
        this.#models.failed++;
        this.#close(event.model);
        return;
      case "graph":
        this.#phase = "graph";
        this.#what = "";
        return;
      case "done":
        this.#phase = "report";
        return;
      default:
    }
  }

  #know(flops: number): void {
    this.#models.known++;
    this.#models.flops += flops;
  }

  #step({ model: id, kind, what, flops }: Extract<ProgressEvent, { event: "step" }>): void {
    this.#what = `${id}: ${what}`;
    this.#steps[kind === "layer" ? "layersDone" : "connectionsDone"]++;
    const model = this.#open.get(id);
    if (model === undefined) return;
    const early = kind === "layer" ? model.early.get(what) ?? 0 : 0;
    if (kind === "layer") {
      model.early.delete(what);
      this.#running.delete(keyOf({ model: id, layer: what }));
    }
    model.done += flops - early;
  }

  #close(id: string): void {
    this.#open.delete(id);
    for (const [key, { subject }] of this.#running) if (subject.model === id) this.#running.delete(key);
  }
}

const keyOf = ({ model, layer }: Subject) => JSON.stringify([model, layer]);
