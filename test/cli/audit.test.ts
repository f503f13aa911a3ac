/** `svr inspect --audit`: what the weights say to a topology that somebody has written. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditReport } from "../../src/model/audit-report.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";
import { svr } from "../integration/svr.ts";
import { planted } from "../stages/topology/inference/planted.ts";

let folder = "";
let model = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-audit-"));
  model = join(folder, "net.safetensors");
  const { tensors, read } = planted({ input: 3, a: 40, b: 40, c: 40, end: 12 }, [
    { name: "first", from: ["input"], to: "a" },
    { name: "second", from: ["a"], to: "b" },
    { name: "third", from: ["b"], to: "c" },
    { name: "last", from: ["c"], to: "end" },
  ]);
  await writeTensors(
    model,
    await Promise.all(tensors.map(async ({ name, shape }) => [name, shape, await read(name)] as const)),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function inspected(chain: readonly string[], ...args: readonly string[]) {
  const topology = join(folder, "topology.yaml");
  await writeFile(topology, JSON.stringify({ chain }));
  return await svr(["inspect", model, "--topology", topology, ...args]);
}

const RIGHT = ["first", "second", "third", "last"];
const SWAPPED = ["first", "third", "second", "last"];

describe("svr inspect --audit", () => {
  it("says in words what the weights contradict, and ends with 0", async () => {
    const { code, stdout, stderr } = await inspected(SWAPPED, "--audit");
    expect([code, stderr]).toEqual([0, "reading weights: they are asked what they say to each topology\n"]);
    expect(stdout).toMatch(/^Audit: what the weights say to the topology, by 13 pairs of sides of layers$/m);
    expect(stdout).toMatch(
      /^ {2}of 3 connections they show 0, support 0 and contradict 3; they do not tell of 0, and 0 cannot be tested$/m,
    );
    expect(stdout).toMatch(
      /^ {2}contradicted: first -> third: their channels do not agree \(p [\d.]+; with all that agree with either, p [\d.]+\); what agrees is first out with second in \(p \d.*e-\d+\), and third in with second out/m,
    );
    expect(stdout).toContain("  exchanged: third and second fit in each other's place");
    expect(stdout).not.toContain("not declared:");
  });

  it("has it as data, with p and the number of pairs", async () => {
    const { code, stdout } = await inspected(SWAPPED, "--audit", "--json");
    expect(code).toBe(0);
    const { audit } = (JSON.parse(stdout) as { audit: AuditReport }[])[0]!;
    expect(audit).toMatchObject({
      looked: 13,
      connections: { shown: 0, supported: 0, contradicted: 3, untold: 0, untested: 0 },
      exchanged: [{ first: "third", second: "second" }],
      undeclared: [],
    });
    expect(audit.contradicted[0]).toMatchObject({
      from: "first",
      to: "third",
      source: { layer: "first", side: "out", first_channel: 0, channels: 40 },
      source_fit: { layer: "second", side: "in" },
      target_fit: { layer: "second", side: "out" },
    });
    expect(audit.contradicted[0]!.source_fit!.log_p).toBeLessThan(Math.log(1e-3));
  });

  it("finds nothing amiss in the right topology, and says nothing of one unless it is asked to", async () => {
    const right = await inspected(RIGHT, "--audit");
    expect(right.stdout).toContain("they show 3, support 0 and contradict 0; they do not tell of 0");
    expect(right.stdout).not.toMatch(/^ {2}(contradicted|exchanged|not declared):/m);
    const unasked = await inspected(SWAPPED);
    expect([unasked.code, unasked.stderr]).toEqual([0, ""]);
    expect(unasked.stdout).not.toContain("Audit");
  });

  it("tells a connection that was forgotten", async () => {
    const topology = join(folder, "gap.yaml");
    await writeFile(
      topology,
      "connections: [{ from: first, to: second }, { from: third, to: last }]\n",
    );
    const { stdout } = await svr(["inspect", model, "--topology", topology, "--audit"]);
    expect(stdout).toMatch(
      /^ {2}not declared: 40 channels are one space by the weights, and 2 by the connections: second out \| third in\. second out agrees with third in \(p \d.*e-\d+\)$/m,
    );
  });
});
