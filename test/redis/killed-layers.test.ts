/** A worker that is killed while it decomposes a layer of a divided model. */

import { spawn } from "node:child_process";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Overrides, runConfigOf } from "../../config/load.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import type { ProgressEvent } from "../../src/run/progress/progress.ts";
import { runPipeline } from "../../src/run/run-pipeline.ts";
import { runQueue } from "../../src/run/workers/run-queue.ts";
import { workAtQueue } from "../../src/run/workers/work-at-queue.ts";
import { ROOT } from "../integration/svr.ts";
import { difference } from "../run/workers/left-by-runs.ts";
import { describeWithRedis, startRedis, type TestRedis } from "./server.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-killed-layers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeWithRedis("a layer's worker that is killed", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it("loses the layer to another; the model is whole, and no other spectrum is computed again", async () => {
    const [plugin, begun] = [join(folder, "waits.mjs"), join(folder, "begun")];
    await writeFile(join(folder, "large.waits"), "");
    // Who reads the layer first is still at it when it is killed.
    await writeFile(
      plugin,
      `import { existsSync, writeFileSync } from "node:fs";
      const tensors = ["a", "b", "c"].map((name) => ({ name: name + ".weight", dtype: "F64", shape: [40, 40], byteLength: 12800 }));
      export const formats = [{ name: "waits", version: "1", extensions: [".waits"], open: (uri, id) => ({
        id, uri, format: "waits", tensors, metadata: new Map(),
        read(name) {
          if (name === "c.weight" && !existsSync(${JSON.stringify(begun)})) {
            writeFileSync(${JSON.stringify(begun)}, "");
            return new Promise(() => setInterval(() => undefined, 1000));
          }
          return Promise.resolve(Float64Array.from({ length: 1600 }, (_, at) => Math.sin(at * at + name.charCodeAt(0))));
        },
        inputs: () => Promise.resolve([{ path: uri, bytes: 0, digested: 0, sha256: "0".repeat(64) }]),
        close: () => Promise.resolve(),
      }) }];`,
    );
    const settings = (own: Overrides) =>
      runConfigOf({
        models: join(folder, "large.waits"),
        plugins: [plugin],
        infer: false,
        kernel: "reference",
        threads: 1,
        graph: "none",
        ...own,
      });
    const [one, out] = [join(folder, "one"), join(folder, "out")];
    const ends: string[] = [];
    const run = runQueue(settings({ out }), server.address, {
      divide: 1e6,
      progress: (event) => void (event.event === "layers-done" && ends.push(...event.layers)),
    });
    run.catch(() => undefined); // told below
    const args = ["src/cli.ts", "worker", "--queue", server.address, "--plugins", "--quiet"];
    const victim = spawn(execPath, args, { cwd: ROOT, stdio: "ignore" });
    const gone = new Promise((resolve) => victim.once("close", resolve));
    await expect.poll(() => access(begun).then(() => true, () => false), { timeout: 30_000 }).toBe(true);
    victim.kill("SIGKILL");
    await gone;
    const spectra: ProgressEvent[] = [];
    const stop = new AbortController();
    const worker = workAtQueue(server.address, {
      plugins: true,
      signal: stop.signal,
      progress: (event) => void (event.event === "spectrum" && spectra.push(event)),
    });
    const { record } = await run;
    stop.abort();
    expect(await worker).toBe(1);
    expect(record.counts).toMatchObject({ done: 1, failed: 0 });
    expect(ends.sort()).toEqual(["a", "b", "c"]);
    const fromCache = spectra.flatMap((each) =>
      each.event === "spectrum" && each.from === "cache" ? [each.layer] : []
    );
    expect(fromCache).toEqual(["a", "b", "c"]);
    await runPipeline(settings({ out: one }));
    for (const table of TABLE_NAMES) {
      expect([table, ...(await difference(one, out, table)).slice(0, 2)]).toEqual([table, 0, 0]);
    }
  });
});
