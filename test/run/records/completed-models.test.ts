import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordedModels } from "../../../src/run/records/standing-models.ts";
import { type CompletedModel, CompletedModels } from "../../../src/run/records/completed-models.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "svr-marks-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

const mark = (id: string, ...warnings: string[]) => ({
  key: "key",
  runIds: ["run"],
  entry: { id },
  report: { id, warnings },
} as unknown as Omit<CompletedModel, "format">);

describe("reports in marks", () => {
  it("are those that were put last, here and in the next run, as long as they are there", async () => {
    const marks = new CompletedModels(out);
    await marks.put(mark("a", "before"));
    await marks.put(mark("a", "now"));
    await marks.put(mark("b", "x".repeat(2 ** 21)));
    for (const each of [marks, new CompletedModels(out)]) {
      expect(await each.report("a")).toEqual({ id: "a", warnings: ["now"] });
      expect(await each.report("b")).toEqual({ id: "b", warnings: ["x".repeat(2 ** 21)] });
    }
    await rm(join(out, ".state"), { recursive: true });
    await expect(marks.report("a")).rejects.toThrow(
      /\.state\/model=a\.json: found no such mark any more, required the one/,
    );
  });
});

describe("models that stand under an id", () => {
  it("are looked for where they lie only where they were read from elsewhere", async () => {
    const marks = new CompletedModels(out);
    // Of a place that cannot be asked.
    const lake = "s3://no-such-bucket.invalid/lake";
    const files = [{ path: "edges/model=m/part-1.parquet", table: "edges", rows: 1, bytes: 1, sha256: "" }];
    await marks.put({ ...mark("m"), lake, entry: { id: "m", uri: "/here/m.npz", files } } as never);
    const places = recordedModels(marks, out);
    expect(await places.sources([{ id: "m", uri: "/here/m.npz" }])).toEqual(new Map());
  });
});
