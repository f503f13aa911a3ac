import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execute, HEARTBEAT, ROOT, svr } from "../integration/svr.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-screen-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ESCAPE = String.fromCodePoint(27);

describe("the demo", () => {
  it(
    "fits on a screen of 100 columns, tells all three discoveries, where its outputs are and what to do next",
    async () => {
      // An option behind `--` goes to the program: the checkout's own output folder stays as it is.
      const out = join(folder, "o");
      const { code, stdout, stderr } = await execute("npm", ["run", "demo", "--", "--out", out], {
        env: { npm_config_update_notifier: "false" },
      });
      expect(code, stderr).toBe(0);
      // How often a log is told that it goes on depends on the machine.
      const lines = (stdout + stderr.replaceAll(HEARTBEAT, "")).trimEnd().split("\n");
      expect(lines.length).toBeLessThanOrEqual(60);
      const own = lines.filter((line) => !line.startsWith("> "));
      expect(own.filter((line) => line.length > 100)).toEqual([]);
      expect(stdout).not.toContain(ESCAPE);
      const said = stdout.replaceAll(/\s+/g, " ");
      expect(said).toMatch(/vgg16s-bn-wd 85\.4 % 17\.22 3\.552 /);
      expect(said).toMatch(/near-kernels of deep layers lie 1154 edges, 3\.552 times what chance gives/);
      expect(said).toMatch(/vgg16s-wd \(p = 1\.6e-908\): The dominant connection runs through 13 layers/);
      expect(said).toMatch(
        /small-llama\/full, compared with small-llama\/base: of one lineage \(p = .*, had they been trained apart\); 0 of 160 leading neurons are intruders\./,
      );
      expect(said).toMatch(
        /small-llama\/lora, compared with small-llama\/base: of one lineage \(p = .*, had they been trained apart\); 43 of 160 leading neurons are intruders: /,
      );
      expect(said).toContain(
        `tables, graph.lbug, report.html, report.md, comparison/comparison.md, run.json in ${out}`,
      );
      expect(stdout).toMatch(/^What to try next .*\n {2}svr report /m);
    },
    120_000,
  );
});

const EPOCHS = join(ROOT, "pipelines/models/mnist-mlp");

describe("a run", () => {
  it("says the same warning of several checkpoints once, and shows tables with --verbose only", async () => {
    const args = ["run", EPOCHS, "--out", join(folder, "epochs"), "--graph", "none"];
    const brief = await svr(args, { env: { COLUMNS: "80" } });
    expect(brief.code).toBe(0);
    // The untrained one is guessed, the others' weights tell.
    expect(brief.stderr.match(/warning: /g)).toHaveLength(2);
    expect(brief.stderr).toMatch(/^warning: mnist-mlp\/epoch-000: topology guessed/m);
    expect(brief.stderr).toMatch(/^warning: mnist-mlp\/epoch-\d+ \(and 2 other models\): topology inferred/m);
    expect(brief.stdout).not.toContain("Strongest edges");
    const long = brief.stdout.split("\n").filter((line) => line.length > 80 && !line.includes("svr "));
    expect(long).toEqual([]);
    const verbose = await svr([...args, "--verbose"], { env: { COLUMNS: "80" } });
    expect(verbose.stdout).toMatch(/^Layers[^]*^Connections[^]*^Strongest edges/m);
  }, 120_000);

  it("has colours where they are asked for, and none where they are refused", async () => {
    const args = [
      "run",
      join(EPOCHS, "epoch-001.safetensors"),
      "--out",
      join(folder, "one"),
      "--graph",
      "none",
    ];
    const forced = await svr(args, { env: { FORCE_COLOR: "1" } });
    expect(forced.stdout).toContain(`${ESCAPE}[1mmnist-mlp/epoch-001`);
    expect(forced.stderr).toContain(`${ESCAPE}[33mwarning:`);
    const refused = await svr(args, { env: { NO_COLOR: "1" } });
    expect(refused.stdout + refused.stderr).not.toContain(ESCAPE);
  }, 120_000);
});
