import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { describeUnless } from "../../support/shared.ts";
import { missingForSlurm, type Slurm, startSlurm } from "../../support/slurm.ts";
import { execute, ROOT, svr } from "../../integration/svr.ts";

const CLUSTER = join(ROOT, "pipelines/cluster");
const SCRIPT = join(CLUSTER, "slurm-array.sh");
const SHARES = 2;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-cluster-"));
  const layers = [{ name: "a", out: 12, in: 6 }, { name: "b", out: 10, in: 12 }];
  const models = [1, 2, 3, 4, 5].map((seed) => ({ id: `m${seed}`, synthetic: { seed, layers } }));
  await writeFile(
    join(folder, "run.json"),
    JSON.stringify({ models, kernel: "reference", graph: "none", sigma: 1 }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The models that a merge of a lake reports, and how many were computed for it. */
async function merged(lake: string): Promise<unknown> {
  const out = join(folder, "merged");
  const { code, stderr } = await svr(["merge", lake, "--out", out, "--quiet"]);
  expect([code, stderr]).toEqual([0, ""]);
  const record = JSON.parse(await readFile(join(out, "run.json"), "utf8")) as {
    readonly counts: { readonly done: number; readonly spectra_computed: number };
  };
  await rm(out, { recursive: true });
  return [record.counts.done, record.counts.spectra_computed];
}

describe("the files for clusters", () => {
  it("use options that there are", async () => {
    const names = ["slurm-array.sh", "kubernetes-job.yaml", "shares.nf"];
    const texts = await Promise.all(names.map((name) => readFile(join(CLUSTER, name), "utf8")));
    const helps = new Map<string, string>();
    for (const command of ["run", "merge"]) helps.set(command, (await svr([command, "--help"])).stdout);
    for (const [at, text] of texts.entries()) {
      // What continues on the next line belongs to a command; comments show commands too.
      const commands = [
        ...text.replaceAll(/\\+\n/g, " ").matchAll(/svr\}? (run|merge) ([^\n"|]*(?:"[^"\n]*")?[^\n|]*)/g),
      ];
      expect(commands.length, names[at]).toBeGreaterThan(0);
      for (const [, command, rest] of commands) {
        for (const [flag] of rest!.matchAll(/--[a-z][a-z-]*/g)) {
          expect(helps.get(command!), `${names[at]}: svr ${command}`).toContain(`${flag} `);
        }
      }
    }
  });

  it("of Kubernetes are an indexed Job that says its number of shares alike", async () => {
    const job = parse(await readFile(join(CLUSTER, "kubernetes-job.yaml"), "utf8")) as {
      readonly apiVersion: string;
      readonly kind: string;
      readonly spec: {
        readonly completionMode: string;
        readonly completions: number;
        readonly parallelism: number;
        readonly template: {
          readonly spec: {
            readonly restartPolicy: string;
            readonly containers: readonly {
              readonly command: readonly string[];
              readonly env: readonly { readonly name: string; readonly value: string }[];
            }[];
          };
        };
      };
    };
    expect([job.apiVersion, job.kind, job.spec.completionMode]).toEqual(["batch/v1", "Job", "Indexed"]);
    const { restartPolicy, containers: [container] } = job.spec.template.spec;
    // An indexed Job knows no other policy than these two; Always is refused.
    expect(["Never", "OnFailure"]).toContain(restartPolicy);
    expect(job.spec.parallelism).toBe(job.spec.completions);
    expect(container!.env).toEqual([{ name: "JOB_COMPLETIONS", value: String(job.spec.completions) }]);
    expect(container!.command.slice(0, 2)).toEqual(["sh", "-c"]);
    expect(container!.command[2]).toContain("--share auto");
  });

  it("of Slurm run a share with the variables of a task", async () => {
    expect((await execute("bash", ["-n", SCRIPT])).code).toBe(0);
    const lake = join(folder, "stand-in");
    for (let at = 1; at <= SHARES; at++) {
      const env = {
        SVR: `${execPath} ${ROOT}src/cli.ts`,
        SLURM_ARRAY_TASK_ID: String(at),
        SLURM_ARRAY_TASK_COUNT: String(SHARES),
        SLURM_CPUS_PER_TASK: "1",
      };
      const args = [
        SCRIPT,
        join(folder, "run.json"),
        "--out",
        join(folder, "out"),
        "--lake",
        lake,
        "--quiet",
      ];
      expect(await execute("bash", args, { env })).toMatchObject({ code: 0, stderr: "" });
    }
    expect(await merged(lake)).toEqual([5, 0]);
  });
});

describeUnless(missingForSlurm(), "an array of Slurm", () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await startSlurm();
  });
  afterAll(() => slurm.close());

  it("does all shares of a run, side by side", async () => {
    const lake = join(folder, "slurm");
    const options = [`--array=1-${SHARES}`, "--cpus-per-task=1", "--mem=0", `--output=${folder}/task-%a.txt`];
    const config = join(folder, "run.json");
    const sent = await execute(
      "sbatch",
      ["--wait", ...options, SCRIPT, config, "--out", join(folder, "slurm-out"), "--lake", lake],
      { cwd: folder, env: { ...slurm.environment, SVR: `${execPath} ${ROOT}src/cli.ts` } },
    );
    const said = await Promise.all(
      Array.from(
        { length: SHARES },
        (_, at) => readFile(join(folder, `task-${at + 1}.txt`), "utf8").catch(() => ""),
      ),
    );
    expect(sent.code, said.join("\n")).toBe(0);
    said.forEach((text, at) => expect(text).toContain(`share ${at + 1}/${SHARES}`));
    expect(await merged(lake)).toEqual([5, 0]);
  });
});
