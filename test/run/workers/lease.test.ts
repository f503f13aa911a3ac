import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { readManifest } from "../../../connectors/lake/manifest.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { Leases } from "../../../src/run/workers/leases.ts";
import { mergeRun, sharedConfig } from "../../../src/run/workers/merge.ts";
import { runLeased } from "../../../src/run/workers/run-leased.ts";
import type { WorkerOutcome } from "../../../src/run/workers/run-share.ts";
import { svr } from "../../integration/svr.ts";
import { startConditionalS3 } from "../../support/conditional-s3.ts";
import { BUCKET, inS3Environment, keysIn, type S3Server, startS3 } from "../../support/s3-server.ts";

let folder = "";
let bucket: S3Server;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-lease-"));
  bucket = await startConditionalS3();
});
afterAll(async () => {
  await bucket.close();
  await rm(folder, { recursive: true, force: true });
});

/** Does something with a place in a folder, and with one in a bucket that knows conditions. */
async function inBoth(name: string, work: (place: LakePlace) => Promise<void>): Promise<void> {
  await work(folderLake(join(folder, name)));
  const restore = inS3Environment(bucket);
  try {
    await work(await openLake(`s3://${BUCKET}/${name}`));
  } finally {
    restore();
  }
}

describe("leases", () => {
  it("are one worker's at a time, and are given back", async () => {
    await inBoth("taken", async (place) => {
      expect(await place.isExclusive()).toBe(true);
      const [a, b] = [new Leases(place, "a", 60_000), new Leases(place, "b", 60_000)];
      expect([await a.take("m"), await b.take("m"), await b.take("other")]).toEqual([true, false, true]);
      await a.release("m");
      expect([await b.take("m"), await a.take("m")]).toEqual([true, false]);
      await Promise.all([a.close(), b.close()]);
      expect(await place.list("")).toEqual([]);
    });
  });

  it("are one worker's where eight ask at once", async () => {
    await inBoth("raced", async (place) => {
      const racers = Array.from({ length: 8 }, (_, at) => new Leases(place, `w${at}`, 60_000));
      for (let round = 0; round < 5; round++) {
        const won = await Promise.all(racers.map((each) => each.take(`m${round}`)));
        expect(won.filter((is) => is)).toHaveLength(1);
      }
      await Promise.all(racers.map((each) => each.close()));
      expect(await place.list("")).toEqual([]);
    });
  });

  it("of a worker that is not heard of any more are taken over, those of one that is are not", async () => {
    await inBoth("silent", async (place) => {
      const alive = new Leases(place, "alive", 1000);
      const other = new Leases(place, "other", 1000);
      expect(await alive.take("kept")).toBe(true);
      // As a killed worker leaves it.
      await place.replaceText(".state/lease=m.json", () => '{"worker":"dead","beat":7}');
      const kept: boolean[] = [];
      await vi.waitFor(async () => {
        kept.push(await other.take("kept"));
        expect(await other.take("m")).toBe(true);
      }, { timeout: 20_000, interval: 50 });
      expect(kept.every((is) => !is)).toBe(true);
      await Promise.all([alive.close(), other.close()]);
      expect(await place.list("")).toEqual([]);
    });
  });
});

/** Ids in the lake by the runs that did them. */
const doneBy = async (lake: string) =>
  Map.groupBy((await readManifest(folderLake(lake)))?.models ?? [], ({ run_id }) => run_id);

describe("workers with leases", () => {
  const layers = [{ name: "a", out: 12, in: 6 }, { name: "b", out: 10, in: 12 }];
  const models = [1, 2, 3, 4, 5, 6].map((seed) => ({ id: `m${seed}`, synthetic: { seed, layers } }));
  const settings = { models, kernel: "reference", graph: "none", sigma: 1, threads: 1 };

  it("do everything once, though one of them is killed", { timeout: 60_000 }, async () => {
    const config = join(folder, "run.json");
    const [lake, out] = [join(folder, "lake"), join(folder, "out")];
    await writeFile(config, JSON.stringify(settings));
    const args = [
      "run",
      config,
      "--lake",
      lake,
      "--out",
      out,
      "--json",
      "--models-at-a-time",
      "1",
      "--lease",
      "2",
    ];
    let other: Promise<{ code: number | null; stdout: string }> | undefined;
    const killed = await svr(args, {
      onOutput(stderr, kill) {
        // It has the lease of its first model then.
        if (other !== undefined || !stderr.includes('"event":"model"')) return;
        other = svr(args);
        kill("SIGKILL");
      },
    });
    expect(killed.code).toBeNull();
    const { code, stdout } = await other!;
    expect(code).toBe(0);
    const outcome = JSON.parse(stdout) as WorkerOutcome;
    const by = await doneBy(lake);
    const ids = [...by.values()].flat().map(({ id }) => id);
    expect(ids.sort()).toEqual(models.map(({ id }) => id));
    // The survivor did what is its own in the lake, and found nothing done that it had to look at again.
    expect(outcome.up_to_date).toBe(0);
    const survivor = [...by.values()].find((each) => each.some(({ id }) => outcome.done.includes(id)))!;
    expect([...outcome.done].sort()).toEqual(survivor.map(({ id }) => id).sort());
    const left = (await Promise.all([lake, out].map((each) => readdir(each, { recursive: true })))).flat();
    expect(left.filter((name) => /lease|\.lock|\.partial|\.worker/.test(name))).toEqual([]);
    const merged = join(folder, "merged");
    expect(await svr(["merge", lake, "--out", merged, "--quiet"])).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(await readFile(join(merged, "run.json"), "utf8"))).toMatchObject({
      counts: { done: 6, failed: 0, spectra_computed: 0 },
    });
  });

  it("divide the models among them, those that cannot be read too", async () => {
    const lake = join(folder, "two");
    await writeFile(join(folder, "damaged.npz"), "no archive");
    const own = { ...settings, models: [...models, join(folder, "damaged.npz")], lake, modelsAtATime: 2 };
    const outcomes = await Promise.all(
      ["a", "b"].map((name) => runLeased(runConfigOf({ ...own, out: join(folder, name) }), 30)),
    );
    expect(outcomes.flatMap(({ done }) => done).sort()).toEqual(models.map(({ id }) => id));
    expect(outcomes.flatMap(({ failed }) => failed)).toMatchObject([{ uri: join(folder, "damaged.npz") }]);
  });

  it("work in a bucket that knows conditions, and refuse one that does not", async () => {
    const restore = inS3Environment(bucket);
    try {
      const loaded = runConfigOf({ ...settings, lake: `s3://${BUCKET}/leased`, out: join(folder, "far") });
      const { done } = await runLeased(loaded, 30);
      expect([...done].sort()).toEqual(models.map(({ id }) => id));
      const shared = await sharedConfig(`s3://${BUCKET}/leased`, { out: join(folder, "from-afar") });
      const { record } = await mergeRun(shared);
      expect(record.counts).toMatchObject({ done: 6, failed: 0, spectra_computed: 0, up_to_date: 0 });
      expect((await readdir(join(folder, "from-afar", "arrow", "neurons"))).length).toBe(6);
      expect((await keysIn(bucket, "leased")).filter((key) => /lease|probe/.test(key))).toEqual([]);
    } finally {
      restore();
    }
    const plain = await startS3();
    const undo = inS3Environment(plain);
    try {
      const loaded = runConfigOf({ ...settings, lake: `s3://${BUCKET}/leased`, out: join(folder, "plain") });
      await expect(runLeased(loaded, 30)).rejects.toThrow(
        /--lease: found that s3:.* required a store that refuses with 412/,
      );
    } finally {
      undo();
      await plain.close();
    }
  });
});
