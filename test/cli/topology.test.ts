/** A topology, as a user writes one: printed, edited, put beside the model, and refused where it is guessed. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noise, writeTensors } from "../support/safetensors-file.ts";
import { svr } from "../integration/svr.ts";

let folder = "";
let model = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-topology-"));
  model = join(folder, "net.safetensors");
  await writeTensors(model, [
    ["a.weight", [8, 8], noise(64)],
    ["b.weight", [8, 8], noise(64, 2)],
    ["heads", [2, 8, 4], noise(64, 3)],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Told {
  readonly connections: readonly { readonly from: string; readonly to: string; readonly evidence: string }[];
  readonly warnings: readonly string[];
}

async function inspected(...args: readonly string[]): Promise<Told> {
  const { stdout } = await svr(["inspect", model, "--json", ...args]);
  return (JSON.parse(stdout) as Told[])[0]!;
}

describe("svr inspect --format topology", () => {
  it("prints a file that says the same by --topology and beside the model, and that can be edited", async () => {
    const { code, stdout } = await svr(["inspect", model, "--format", "topology"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^# Topology of net .*\n[^]*# guessed from names and shapes; [^]*from: a, to: b, evidence: guessed/,
    );
    const before = await inspected();
    const named = join(folder, "named.yaml");
    await writeFile(named, stdout);
    expect((await inspected("--topology", named)).connections).toEqual(before.connections);
    const beside = join(folder, "net.topology.yaml");
    try {
      await writeFile(beside, stdout.replaceAll(", evidence: guessed", ""));
      const after = await inspected();
      expect(after.connections).toEqual(
        before.connections.map((each) => ({ ...each, evidence: "declared" })),
      );
      expect(before.warnings.join()).toContain("topology guessed");
      expect(after.warnings).toEqual([]);
    } finally {
      await rm(beside);
    }
  });

  it("prints one model's only", async () => {
    const { code, stdout, stderr } = await svr(["inspect", model, "synthetic.yaml", "--format", "topology"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("found 2 arguments");
    await writeFile(
      join(folder, "two.yaml"),
      "models:\n  - { id: x, synthetic: { seed: 1, layers: [{ name: a, out: 2, in: 2 }] } }\n  - net.safetensors\n",
    );
    const two = await svr(["inspect", join(folder, "two.yaml"), "--format", "topology"]);
    expect([two.code, two.stdout]).toEqual([2, ""]);
    expect(two.stderr).toContain("--format topology: found 2 models, required one");
  });
});

describe("--no-guess", () => {
  const refused =
    /net\.safetensors: found \d of \d connections guessed, required a topology that is known .*svr inspect <model> --format topology/;

  it.each([["inspect"], ["run", "--graph", "none"], ["run", "--dry-run", "--no-infer"]])(
    "refuses a guess: svr %s",
    async (...command) => {
      const out = command[0] === "run" ? ["--out", join(folder, "out")] : [];
      const { code, stdout, stderr } = await svr([...command, model, ...out, "--no-guess"]);
      expect(code).toBe(1);
      // A forecast names what cannot be run in its answer.
      expect(stdout + stderr).toMatch(refused);
    },
  );

  it("is guess: false in a config, which the command line leaves as it is", async () => {
    const config = join(folder, "strict.yaml");
    await writeFile(config, "models: net.safetensors\nguess: false\n");
    const { code, stderr } = await svr(["inspect", config]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(refused)]);
  });

  it("takes a topology that is declared, and refuses one that says it is guessed", async () => {
    const topology = join(folder, "sure.yaml");
    await writeFile(topology, "chain: [a, b]\n");
    const sure = await svr(["inspect", model, "--no-guess", "--topology", topology]);
    expect([sure.code, sure.stderr]).toEqual([0, ""]);
    await writeFile(topology, "connections: [{ from: a, to: b, evidence: guessed }]\n");
    const unsure = await svr(["inspect", model, "--no-guess", "--topology", topology]);
    expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringMatching(refused)]);
    expect(await readFile(topology, "utf8")).toContain("guessed");
  });
});
