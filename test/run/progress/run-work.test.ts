import { describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../../src/run/progress/progress.ts";
import { humanReporter, type Volume } from "../../../src/cli/terminal/reporters.ts";
import {
  BEGINNING,
  duration,
  later,
  type RunStatus,
  size,
  statusText,
} from "../../../src/run/progress/progress-line.ts";
import { RunWork } from "../../../src/run/progress/run-work.ts";

/** A run of two models side by side, of which one has been opened. */
function watched() {
  const events: ProgressEvent[] = [];
  const work = new RunWork((event) => void events.push(event), 1000, () => 250);
  work.tell({ event: "run", run_id: "r", models: 3, out: "o" });
  return {
    work,
    events,
    /** The status that a change of phase brings out. */
    status(): RunStatus {
      work.tell({ event: "graph", models: 1 });
      return events.findLast((event) => event.event === "progress")!;
    },
  };
}

const step = (model: string, kind: "layer" | "connection", what: string, flops: number): ProgressEvent => ({
  event: "step",
  model,
  kind,
  what,
  flops,
  done: 0,
  of: 0,
});

describe("the work of a run", () => {
  it("is counted over models that run side by side; what is not opened yet counts as the others do", () => {
    const { work, status } = watched();
    work.tell({ event: "planned", model: "a", layers: 2, connections: 1, flops: 100 });
    work.tell({ event: "planned", model: "b", layers: 1, connections: 0, flops: 50 });
    // A decomposition is done before its step, and counts once.
    work.ended({ flops: 60, seconds: 2, subject: { model: "a", layer: "x" } });
    work.tell({
      event: "spectrum",
      model: "a",
      layer: "x",
      key: null,
      from: "kernel",
      ...work.decomposed({ model: "a", layer: "x" }),
    });
    work.tell(step("a", "layer", "x", 60));
    // From the cache: no word before the step.
    work.tell({ event: "spectrum", model: "b", layer: "y", key: "k", from: "cache" });
    work.tell(step("b", "layer", "y", 50));
    work.tell(step("a", "connection", "x -> z", 10));
    const found = status();
    work.stop();
    expect(found).toMatchObject({
      models: 3,
      layers: 3,
      layers_done: 2,
      connections: 1,
      connections_done: 1,
    });
    // Left are 30 of a, nothing of b, and for the third model the mean of 100 and 50.
    expect(found.flops_left).toBe(30 + 75);
    expect(found.flops).toBe(60);
    expect(found).toMatchObject({ budget_bytes: 1000, budget_used_bytes: 250 });
    expect(found.rss_bytes).toBeGreaterThan(10 * 2 ** 20);
  });

  it("of a model that is done or failed is over, whatever was planned", () => {
    const { work, status } = watched();
    work.tell({ event: "planned", model: "a", layers: 2, connections: 1, flops: 100 });
    work.tell({ event: "model-failed", model: "a", file: "a.pt", error: "e" });
    work.tell({ event: "model-done", model: "b", edges: 0, work: "none", seconds: 0 });
    work.tell({ event: "model-done", model: "c", edges: 0, work: "none", seconds: 0 });
    const found = status();
    work.stop();
    expect(found).toMatchObject({ models_done: 2, models_failed: 1, flops_left: 0, eta_seconds: null });
  });

  it("names what has been under way longest, and the slowest layers, groups together", () => {
    const { work, status } = watched();
    const layer = (name: string) => ({ model: "a", layer: name });
    work.begun(layer("slow"));
    work.begun(layer("other"));
    expect(status().what).toBe("a: SVD of slow");
    for (let at = 0; at < 8; at++) {
      work.ended({ flops: 1e9, seconds: at, subject: layer(`l${at}`) });
      work.ended({ flops: 1e9, seconds: at, subject: layer(`l${at}`) });
      work.decomposed(layer(`l${at}`));
    }
    work.stop();
    const { slowest } = work.summary();
    expect(slowest.map((each) => each.layer)).toEqual(["l7", "l6", "l5", "l4", "l3"]);
    expect(slowest[0]).toMatchObject({ seconds: 14, flops: 2e9 });
    expect(slowest[0]!.gflops).toBeCloseTo(1 / 7, 12);
  });
});

describe("a status", () => {
  const status: RunStatus = {
    ...BEGINNING,
    phase: "models",
    seconds: 10,
    models_done: 3,
    models_failed: 1,
    models: 20,
    layers_done: 57,
    layers: 120,
    flops: 4e10,
    flops_left: 8e10,
    computing_seconds: 8,
    gflops: 5,
    eta_seconds: 16,
    what: "m: SVD of\u001b[2J x",
    rss_bytes: 3 * 2 ** 29,
    budget_used_bytes: 2 ** 20,
    budget_bytes: 2 ** 31,
  };

  it("is one line that obeys no name in it", () => {
    expect(statusText(status)).toBe(
      "10 s, models 4/20 (1 failed), layers 57/120, 5 GFLOP/s, ETA 16 s, m: SVD of\\u{1b}[2J x, 1.5 GiB memory, budget 1 MiB of 2 GiB",
    );
    expect(statusText(status, 40)).toBe("10 s, models 4/20 (1 failed)");
  });

  it("says what is awaited: a server that is away, and which model goes into the graph", () => {
    const { work, events } = watched();
    const line = () =>
      statusText(events.findLast((event) => event.event === "progress")!).replace(/, [^,]* memory.*/, "");
    work.tell({ event: "waiting", server: "neo4j://db:7687", seconds: 12.3, of: 60 });
    // What other models do meanwhile does not say that it is back.
    work.tell({ event: "model", model: "b", index: 1, of: 28 });
    work.tell({ event: "graph", models: 28 });
    expect(line()).toBe("1 s, waiting for neo4j://db:7687, 12 of 60 s");
    work.tell({ event: "graph-loaded", done: 7, of: 28 });
    work.tell({ event: "graph", models: 28 });
    expect(line()).toBe("1 s, loading the graph, 7 of 28 models");
    work.stop();
    expect(statusText({ ...status, waiting: "waiting for neo4j://db:7687, 12 of 60 s" })).toBe(
      "10 s, waiting for neo4j://db:7687, 12 of 60 s",
    );
  });

  it("goes on while nothing is known to be done: time passes, speed falls", () => {
    expect(later(status, 2, 5)).toMatchObject({
      seconds: 12,
      gflops: 4,
      eta_seconds: 20,
      rss_bytes: 5,
      layers_done: 57,
    });
  });

  it("says durations and sizes as people do", () => {
    expect([0.2, 59, 61, 3600, 7265].map(duration)).toEqual([
      "1 s",
      "59 s",
      "1 min 1 s",
      "1 h 0 min",
      "2 h 1 min",
    ]);
    expect([0, 1023, 2048, 1.5 * 2 ** 30].map(size)).toEqual(["0 B", "1020 B", "2 KiB", "1.5 GiB"]);
  });
});

it("people are told singular and plural, a warning of several models once, and files that are not taken", () => {
  const lines: string[] = [];
  const { tell, end } = humanReporter({ write: (text: string) => (lines.push(text), true) });
  tell({ event: "run", run_id: "r", models: 2, out: "o" });
  tell({ event: "not-taken", path: "a.msgpack", reason: "found Flax" });
  for (const model of ["a", "b", "c"]) tell({ event: "warning", model, warning: "topology guessed" });
  tell({ event: "warning", model: "c", warning: "one of its own" });
  tell({ event: "model-done", model: "a", edges: 1, work: "computed", seconds: 1 });
  tell({ event: "model-done", model: "b", edges: 2, work: "computed", seconds: 1 });
  end();
  expect(lines).toEqual([
    "a: 1 edge, 1.0 s\n",
    "b: 2 edges, 1.0 s\n",
    "warning: a (and 2 other models): topology guessed\n",
    "warning: c: one of its own\n",
    "1 file not taken: a.msgpack: found Flax\n",
  ]);
});

it("of many models each is told with verbose only; failures always", () => {
  const told = (volume: Volume) => {
    const lines: string[] = [];
    const { tell } = humanReporter({ write: (text: string) => (lines.push(text), true) }, volume);
    tell({ event: "run", run_id: "r", models: 28, out: "o" });
    tell({ event: "model-done", model: "a", edges: 1, work: "computed", seconds: 1 });
    tell({ event: "model-failed", model: "b", file: "b.pt", error: "found nothing" });
    return lines;
  };
  expect(told({})).toEqual(["error: b: found nothing\n"]);
  expect(told({ verbose: true })).toHaveLength(2);
});

it("the end of a run is a line, and a table of the slowest layers where it took a while", () => {
  const lines: string[] = [];
  const { tell: say } = humanReporter(
    { write: (text: string) => (lines.push(text), true) },
    { verbose: true },
  );
  const done = { done: 2, failed: 0, up_to_date: 0, computed: 2, reused: 0, seconds: 3 };
  const slowest = [{ model: "m", layer: "fc", flops: 3e9, seconds: 1.5, gflops: 2 }];
  say({ event: "done", ...done, work: { flops: 4e9, seconds: 2, gflops: 2, slowest } });
  expect(lines.join("")).toMatch(
    /computed 4 GFLOP in 2 s, 2 GFLOP\/s\n.*GFLOP\/s\n-.*\nm {2,}fc +1\.5 +2\n$/s,
  );
  lines.length = 0;
  say({ event: "done", ...done, work: { flops: 4e6, seconds: 0.2, gflops: 0.02, slowest } });
  expect(lines).toHaveLength(1);
});
