/** `audit: true`: what the weights say to a topology, in the report of a run. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunConfigInput } from "../../config/schema.ts";
import { readReport } from "../../src/run.ts";
import { reportMarkdown } from "../../src/report/report-markdown.ts";
import { run } from "../../src/run/run-pipeline.ts";
import { planted } from "../stages/topology/inference/planted.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";

let folder = "";
let model = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-audit-"));
  model = join(folder, "net.safetensors");
  const { tensors, read } = planted({ input: 12, a: 40, b: 40, c: 40, d: 40, end: 12 }, [
    { name: "first", from: ["input"], to: "a", kernel: [] },
    { name: "second", from: ["a"], to: "b", kernel: [] },
    { name: "third", from: ["b"], to: "c", kernel: [] },
    { name: "fourth", from: ["c"], to: "d", kernel: [] },
    { name: "last", from: ["d"], to: "end", kernel: [] },
  ]);
  await writeTensors(model, [
    ...await Promise.all(tensors.map(async ({ name, shape }) => [name, shape, await read(name)] as const)),
    // Not in the topology: less than half of the file is read.
    ["spare.weight", [150, 150], new Float64Array(22_500)],
    ["first.bias", [40], new Float64Array(40)],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const settings = (more: { readonly out?: string; readonly audit?: boolean }) => ({
  models: model,
  graph: "none" as const,
  kernel: "wasm" as const,
  threads: 1,
  out: join(folder, "out"),
  topology: {
    connections: [["first", "third"], ["third", "second"], ["second", "fourth"]].map(([from, to]) => ({
      from: from!,
      to: to!,
    })),
    layers: [{ name: "last" }],
  },
  ...more,
} satisfies RunConfigInput);

describe("a run with audit: true", () => {
  it("has findings of the wiring before all others, with their p, and counts what is not told", async () => {
    const { report } = await run(settings({ audit: true }));
    const [found] = report.models;
    const kinds = found!.findings.map(({ kind }) => kind);
    expect(kinds.slice(0, 2).sort()).toEqual(["contradicted-connections", "undeclared-spaces"]);
    const of = (kind: string) => found!.findings.find((each) => each.kind === kind)!;
    const contradicted = of("contradicted-connections");
    expect(contradicted.title).toMatch(
      /^The weights contradict 3 of 3 connections of the topology\. The first: first -> third: .* third and second fit in each other's place/,
    );
    expect(contradicted.surprise).toBeLessThan(Math.log(1e-3));
    expect(contradicted.table!.rows.map((row) => row.slice(0, 2))).toEqual([
      ["first", "third"],
      ["third", "second"],
      ["second", "fourth"],
    ]);
    const space = of("undeclared-spaces");
    expect(space.table!.rows.map((row) => row.slice(0, 4))).toEqual([
      [40, 2, "fourth out 0-39", "last in 0-39"],
    ]);
    expect(found!.remarks.join()).toMatch(
      /the weights show 0 connections of the topology, support 0 and contradict 3; they do not tell of 0/,
    );
    const read = await readReport(join(folder, "out"));
    let text = "";
    for await (const part of reportMarkdown(read, () => read.models)) text += part;
    expect(text).toContain("contradicted connections");
  });

  it("is done anew where an earlier run has not asked, and its edges are the same", async () => {
    const out = join(folder, "again");
    const before = (await run(settings({ out }))).report.models[0]!;
    expect(before.findings.map(({ kind }) => kind)).not.toContain("undeclared-spaces");
    expect(before.remarks.join()).not.toContain("Asked by");
    const after = (await run(settings({ out, audit: true }))).report.models[0]!;
    expect(after.findings.map(({ kind }) => kind)).toContain("undeclared-spaces");
    expect(after.rows).toEqual(before.rows);
    expect(after.findings.filter(({ kind }) => !/contradicted|undeclared/.test(kind))).toEqual(
      before.findings,
    );
  });

  it("digests the same of a file of which less than half is read: its content is the same", async () => {
    const inputs = async (audit: boolean) =>
      (await run(settings({ out: join(folder, `digest-${audit}`), audit }))).record.models[0]!.inputs;
    const [plain] = await inputs(false);
    expect(plain!.digested).toBeLessThan(plain!.bytes / 2);
    expect(await inputs(true)).toEqual([plain]);
  });
});
