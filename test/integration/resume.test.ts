import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath, pid } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";
import { LOCK_FILE } from "../../src/run/output-folder.ts";
import { takeLock } from "../../src/base/file-lock.ts";
import type { ProgressEvent, RunRecord, RunReport } from "../../src/run.ts";
import { graphIn, pathsIn, rowsIn } from "./left-behind.ts";
import { ROOT, svr } from "./svr.ts";

const MODELS = 20;
const LAYERS = 4;

let folder = "";
let config = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-resume-"));
  config = join(folder, "twenty.yaml");
  // The last two have the same weights: what one has decomposed serves the other.
  const models = Array.from({ length: MODELS }, (_, at) => {
    const layers = Array.from({ length: LAYERS }, (_, i) => `{name: fc${i}, out: 40, in: 40}`).join(", ");
    return `  - {id: model-${at}, synthetic: {seed: ${Math.min(at, MODELS - 2)}, layers: [${layers}]}}`;
  });
  // Everywhere the same arithmetic, whatever is installed.
  await writeFile(config, `kernel: wasm\nthreads: 2\nedges: {top: 30}\nmodels:\n${models.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Different weights: as many spectra as a run computes at all. */
const SPECTRA = (MODELS - 1) * LAYERS;

interface Outcome {
  readonly code: number | null;
  readonly events: readonly ProgressEvent[];
  readonly seconds: number;
}

const eventsOf = (stderr: string) =>
  // A line that a signal cut short is none; so is what is meant for people.
  stderr.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") ? [JSON.parse(line) as ProgressEvent] : [];
    } catch {
      return [];
    }
  });

/** Runs the twenty models, in a process group of its own, which is killed after so many seconds if it still runs. */
async function runInto(
  out: string,
  options: readonly string[] = [],
  killAfter = Infinity,
  signals: readonly NodeJS.Signals[] = ["SIGKILL"],
): Promise<Outcome> {
  const began = performance.now();
  const args = [join(ROOT, "src/cli.ts"), "run", config, "--out", out, "--json", ...options];
  const child = spawn(execPath, args, { cwd: folder, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const timers = killAfter === Infinity ? [] : signals.map((signal, at) =>
    setTimeout(() => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended by itself.
      }
    }, 1000 * killAfter + 5 * at)
  );
  const [code] = await once(child, "close") as [number | null];
  for (const timer of timers) clearTimeout(timer);
  return { code, events: eventsOf(stderr), seconds: (performance.now() - began) / 1000 };
}

const computed = ({ events }: Outcome) =>
  events.flatMap((event) => event.event === "spectrum" && event.from === "kernel" ? [event.key] : []);
const works = ({ events }: Outcome) =>
  events.flatMap((event) => event.event === "model-done" ? [event.work] : []);
// Behind it come signs of life while the findings are printed.
const last = ({ events }: Outcome) => events.find((event) => event.event === "done") ?? null;
const record = async (out: string) => JSON.parse(await readFile(join(out, "run.json"), "utf8")) as RunRecord;
const report = async (out: string) =>
  JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;

/** Files that one of two runs lacks, or whose rows are others. */
function differing(a: Readonly<Record<string, string[]>>, b: Readonly<Record<string, string[]>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) =>
    a[path]?.join() !== b[path]?.join()
  );
}

/** No staging, no lock, nothing half. */
async function expectTidy(out: string): Promise<void> {
  const left = (await pathsIn(out)).filter((path) =>
    /staging|partial|probe|lock|\.tmp|\.wal|shadow/.test(path)
  );
  expect(left).toEqual([]);
}

describe("a run that is repeated", () => {
  const out = () => join(folder, "whole");
  let first: Outcome;
  beforeAll(async () => {
    first = await runInto(out());
  }, 120_000);

  it("has decomposed each weight once, models with equal weights among them", async () => {
    expect(first.code).toBe(0);
    expect(new Set(computed(first)).size).toBe(SPECTRA);
    expect(computed(first)).toHaveLength(SPECTRA);
    expect((await record(out())).counts).toMatchObject({
      done: MODELS,
      failed: 0,
      up_to_date: 0,
      spectra_computed: SPECTRA,
      spectra_reused: LAYERS,
      edges: MODELS * (LAYERS - 1) * 30,
    });
    await expectTidy(out());
  });

  it("does nothing, says so, and reports the same", async () => {
    const before = await report(out());
    const written = await Promise.all(
      (await pathsIn(out())).filter((path) => /parquet|arrow$|spectrum|state/.test(path)).map(async (
        path,
      ) => [path, (await stat(join(out(), path))).mtimeMs] as const),
    );
    const again = await runInto(out());
    expect(again.code).toBe(0);
    expect(works(again)).toEqual(Array.from({ length: MODELS }, () => "none"));
    expect(again.events.some(({ event }) => ["kernel", "spectrum", "graph"].includes(event))).toBe(false);
    expect(last(again)).toMatchObject({ up_to_date: MODELS, done: MODELS, computed: 0, reused: 0 });
    for (const [path, time] of written) expect((await stat(join(out(), path))).mtimeMs, path).toBe(time);
    const { run_id: _, ...now } = await report(out());
    expect(now).toEqual((({ run_id: _, ...rest }) => rest)(before));
    const { stderr } = await svr(["run", config, "--out", out()]);
    expect(stderr).toMatch(/^20 models up to date, 0 failed; \d+\.\d s$/m);
  });

  it("decomposes nothing where only the test, the weight or the edges are others", async () => {
    for (
      const options of [["--sigma", "2"], ["--correction", "none", "--weight", "gain"], ["--edges", "all"]]
    ) {
      const changed = await runInto(out(), options);
      expect(changed.code).toBe(0);
      expect(works(changed)).toEqual(Array.from({ length: MODELS }, () => "computed"));
      expect(last(changed)).toMatchObject({ up_to_date: 0, computed: 0, reused: MODELS * LAYERS });
    }
    const back = await runInto(out());
    expect(last(back)).toMatchObject({ up_to_date: 0, computed: 0 });
    // As from weights: the cache holds what the kernel gave, bit for bit.
    await runInto(join(folder, "afresh"), ["--cache", "off"]);
    expect(differing(await rowsIn(out()), await rowsIn(join(folder, "afresh")))).toEqual([]);
    expect(await readdir(join(folder, "afresh"))).not.toContain(".cache");
  });

  it("decomposes anew where the spectrum itself is another's", async () => {
    const other = join(folder, "other");
    for (const options of [["--unfolding", "cosvr"], ["--rank", "7"], ["--kernel", "reference"]]) {
      expect(computed(await runInto(other, options)), options.join(" ")).toHaveLength(SPECTRA);
    }
    expect(last(await runInto(other, ["--rank", "7"]))).toMatchObject({
      computed: 0,
      reused: MODELS * LAYERS,
    });
  });

  it("does what is missing: files that are gone, a graph that is gone, a sink that is new", async () => {
    await runInto(out());
    const whole = await rowsIn(out());
    const graph = await graphIn(out());
    const [partition = ""] = await readdir(join(out(), "edges"));
    await rm(join(out(), "arrow", "neurons", partition), { recursive: true });
    const arrow = await runInto(out());
    expect(works(arrow).filter((work) => work !== "none")).toEqual(["copied"]);
    expect(differing(await rowsIn(out()), whole)).toEqual([]);

    await rm(join(out(), "edges", partition), { recursive: true });
    const parquet = await runInto(out());
    expect(works(parquet).filter((work) => work !== "none")).toEqual(["computed"]);
    expect(computed(parquet)).toEqual([]);
    expect(differing(await rowsIn(out()), whole)).toEqual([]);
    expect((await graphIn(out())).join() === graph.join()).toBe(true);

    await rm(join(out(), "graph.lbug"));
    const store = await runInto(out());
    expect(works(store)).toEqual(Array.from({ length: MODELS }, () => "copied"));
    expect(store.events.some(({ event }) => event === "spectrum")).toBe(false);
    expect((await graphIn(out())).join() === graph.join()).toBe(true);
    expect(works(await runInto(out()))).toEqual(Array.from({ length: MODELS }, () => "none"));
    await expectTidy(out());
  });

  it("keeps to the limit of its cache", async () => {
    const limited = join(folder, "limited");
    // A spectrum of 40 x 40 has 26 kB.
    const { computed: count } = last(await runInto(limited, ["--cache", "100kB"])) as { computed: number };
    // The two with the same weights may come too far apart for one to find what the other has kept.
    expect(count).toBeGreaterThanOrEqual(SPECTRA);
    expect(count).toBeLessThanOrEqual(MODELS * LAYERS);
    const names = await readdir(join(limited, ".cache/spectra"));
    expect(names).toHaveLength(3);
  });

  it("is refused, with the holder's name, while another is at work in the folder", async () => {
    const held = join(folder, "held");
    await mkdir(held);
    const lock = await takeLock(join(held, LOCK_FILE), "test");
    await writeFile(join(held, ".run.json.partial"), "the holder's");
    const { code, stderr } = await svr(["run", config, "--out", held, "--quiet"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^svr: output folder .*held: found process \d+ on ".+" at work in it since "20/);
    expect(stderr).toContain(`process ${pid} on `);
    expect((await readdir(held)).sort()).toEqual([LOCK_FILE, ".run.json.partial"]);
    await lock.release();
    expect((await runInto(held)).code).toBe(0);
    await expectTidy(held);
  });
}, 240_000);

describe("a run that is killed", () => {
  let whole = "";
  let seconds = 0;
  beforeAll(async () => {
    whole = join(folder, "uninterrupted");
    seconds = (await runInto(whole)).seconds;
  });

  it("at 30 random moments goes on each time, to what it would have left, and decomposes nothing twice", async () => {
    const [rows, graph, paths] = [await rowsIn(whole), await graphIn(whole), await pathsIn(whole)];
    const { uniform } = random(2026, "kill -9");
    let kills = 0;
    let midway = 0;
    for (let folders = 0; kills < 30; folders++) {
      const out = join(folder, `killed-${folders}`);
      const keys: (string | null)[] = [];
      for (;;) {
        // From the start of the process to a little behind its end.
        const outcome = await runInto(out, [], kills < 30 ? (0.1 + uniform()) * seconds : Infinity);
        keys.push(...computed(outcome));
        if (outcome.code === 0) break;
        expect(outcome.code).toBeNull();
        kills++;
        if (outcome.events.length > 0) midway++;
      }
      // Told once it was kept: whatever is computed twice was in flight.
      expect(new Set(keys).size, "spectra").toBe(keys.length);
      expect(differing(await rowsIn(out), rows)).toEqual([]);
      expect((await graphIn(out)).join() === graph.join()).toBe(true);
      expect(await pathsIn(out)).toEqual(paths);
      await rm(out, { recursive: true });
    }
    expect(midway).toBeGreaterThan(10);
  });

  it.each([[["SIGINT"]], [["SIGINT", "SIGINT"]], [["SIGTERM"]]] as const)(
    "by %j leaves a state from which the same command goes on",
    async (signals) => {
      const out = join(folder, `stopped-${signals.join("-")}`);
      const keys: (string | null)[] = [];
      for (const share of [0.4, 0.6, 0.8]) {
        const stopped = await runInto(out, [], share * seconds, signals);
        expect([0, 130]).toContain(stopped.code);
        keys.push(...computed(stopped));
        if (signals.length === 1 && stopped.code === 130) await expectTidy(out);
      }
      const outcome = await runInto(out);
      expect(outcome.code).toBe(0);
      keys.push(...computed(outcome));
      expect(new Set(keys).size).toBe(keys.length);
      expect(differing(await rowsIn(out), await rowsIn(whole))).toEqual([]);
      expect((await graphIn(out)).join() === (await graphIn(whole)).join()).toBe(true);
      await expectTidy(out);
    },
  );
}, 600_000);
