import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  it("are those that were put last, whether they are held or read again", async () => {
    const large = "x".repeat(2 ** 21);
    const marks = new CompletedModels(out);
    await marks.put(mark("small", "before"));
    await marks.put(mark("small", "now"));
    await marks.put(mark("large", large));
    await marks.put(mark("grown", "small"));
    await marks.put(mark("grown", large));
    for (const each of [marks, new CompletedModels(out)]) {
      expect(await each.report("small")).toEqual({ id: "small", warnings: ["now"] });
      expect(await each.report("large")).toEqual({ id: "large", warnings: [large] });
      expect(await each.report("grown")).toEqual({ id: "grown", warnings: [large] });
    }
    // What would take too much is not in memory.
    await rm(join(out, ".state"), { recursive: true });
    expect(await marks.report("small")).toEqual({ id: "small", warnings: ["now"] });
    for (const id of ["large", "grown"]) {
      await expect(marks.report(id)).rejects.toThrow(
        new RegExp(`\\.state/model=${id}\\.json: found no such mark any more, required the one`),
      );
    }
  });
});
