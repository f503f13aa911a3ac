/** A topology, as a user writes one: printed, edited, put beside the model, and refused where it is guessed. */

import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { svr } from "../integration/svr.ts";
import { planted } from "../stages/topology/inference/planted.ts";

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

  it("says of a known architecture that it is one", async () => {
    const epoch = "pipelines/models/vgg16s-wd/epoch-012.f16";
    // Its own topology lies beside the model.
    const bare = join(folder, "vgg.safetensors");
    await copyFile(`${epoch}.safetensors`, bare);
    const { stdout } = await svr(["inspect", bare, "--format", "topology"]);
    expect(stdout).toContain("# of a known architecture");
    expect(stdout).not.toContain("declared by a topology");
    const named = await svr([
      "inspect",
      bare,
      "--topology",
      `${epoch}.topology.yaml`,
      "--format",
      "topology",
    ]);
    expect(named.stdout).toContain("# declared by a topology");
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

describe("inference", () => {
  let shared = "";
  beforeAll(async () => {
    const { tensors, read } = planted({ input: 3, a: 40, b: 40, end: 12 }, [
      { name: "layer1", from: ["input"], to: "a" },
      { name: "layer2", from: ["a"], to: "b" },
      { name: "layer3", from: ["b"], to: "end" },
    ]);
    shared = join(folder, "shared.safetensors");
    await writeTensors(
      shared,
      await Promise.all(tensors.map(async ({ name, shape }) => [name, shape, await read(name)] as const)),
    );
  });

  it("draws the spaces that the weights show, and writes a topology that gives them again", async () => {
    const drawn = await svr(["inspect", shared]);
    expect(drawn.stderr).toContain("reading weights");
    expect(drawn.stdout).toMatch(/layer1 \(p 1e-\d+\) --> \| 40 channels \| --> layer2 \(p 1e-\d+\)/);
    const written = await svr(["inspect", shared, "--format", "topology"]);
    const file = join(folder, "inferred.yaml");
    await writeFile(file, written.stdout);
    const told = JSON.parse((await svr(["inspect", shared, "--json", "--topology", file])).stdout) as Told[];
    expect(told[0]!.connections.map(({ from, to, evidence }) => [from, to, evidence])).toEqual([
      ["layer1", "layer2", "inferred"],
      ["layer2", "layer3", "inferred"],
    ]);
    const unasked = await svr(["inspect", shared, "--json", "--no-infer"]);
    expect((JSON.parse(unasked.stdout) as Told[])[0]!.connections.map(({ evidence }) => evidence)).toEqual([
      "guessed",
      "guessed",
    ]);
    expect(unasked.stderr).not.toContain("reading weights");
  });

  it("corrects the p of edges for the choice, until the topology is declared to be sure", async () => {
    const file = join(folder, "sure.topology.yaml");
    const { stdout } = await svr(["inspect", shared, "--format", "topology"]);
    const looked = Number(/looked: (\d+)/.exec(stdout)![1]);
    await writeFile(file, stdout.replaceAll(/, evidence: inferred, looked: \d+/g, ""));
    const edges = async (name: string, ...args: readonly string[]) => {
      const out = join(folder, name);
      await svr(["run", shared, "--out", out, "--graph", "none", "--edges", "all", ...args]);
      const duck = await (await DuckDBInstance.create()).connect();
      const read = await duck.runAndReadAll(
        "SELECT log_p FROM read_parquet($glob) ORDER BY source_layer, source_neuron, target_layer, target_neuron",
        { glob: join(out, "edges", "*", "*.parquet") },
      );
      return read.getRowObjects() as unknown as { readonly log_p: number }[];
    };
    const [own, sure] = [await edges("own", "--no-guess"), await edges("sure", "--topology", file)];
    expect(own.length).toBe(40 * 27 + 40 * 12);
    own.forEach(({ log_p: logP }, at) =>
      expect(logP).toBeCloseTo(Math.min(0, sure[at]!.log_p + Math.log(looked)), 9)
    );
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
