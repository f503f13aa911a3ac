/** Exit codes and warnings of runs over models of which little was read. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { svr } from "../integration/svr.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-strict-"));
  await writeTensors(join(folder, "good.safetensors"), [["a.weight", [6, 8], noise(48)]]);
  await writeTensors(join(folder, "empty.safetensors"), [["a.bias", [8], noise(8)]]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (out: string, ...args: string[]) =>
  svr(["run", ...args, "--graph", "none", "--kernel", "reference", "--out", join(folder, out)], {
    cwd: folder,
  });
const EMPTY = /warning: .*not read: no layer was found in 1 tensor/;

describe("a model without layers", () => {
  it("alone ends a run with 3, a warning and a report; a second run, which computes nothing, too", async () => {
    for (let round = 0; round < 2; round++) {
      const { code, stderr } = await run("alone", "empty.safetensors");
      expect(code).toBe(3);
      expect(stderr).toMatch(EMPTY);
    }
    expect(await readFile(join(folder, "alone", "report.md"), "utf8")).toMatch(EMPTY);
  });

  it("beside others is warned about, and ends the run with 3 where it is strict", async () => {
    const loose = await run("both", "good.safetensors", "empty.safetensors");
    expect(loose.code).toBe(0);
    expect(loose.stderr).toMatch(EMPTY);
    expect((await run("both", "good.safetensors", "empty.safetensors", "--strict")).code).toBe(3);
    expect((await run("good", "good.safetensors", "--strict")).code).toBe(0);
  });

  it("is warned about by svr inspect, which says of layers how they are known", async () => {
    const { stdout, stderr } = await svr(["inspect", "empty.safetensors", "good.safetensors"], {
      cwd: folder,
    });
    expect(stderr).toMatch(EMPTY);
    expect(stdout).toMatch(/^name +kind +evidence +dtype/m);
    expect(stdout).toMatch(/^a +linear +guessed +F32/m);
  });
});
