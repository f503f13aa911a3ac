/** A Slurm of one node for tests: munged, slurmctld and slurmd as processes of this one, over a folder of their own. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { getuid } from "node:process";
import { vi } from "vitest";
import { freePort, programOf } from "./machine.ts";

const PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "sinfo"];

/** What is missing for a Slurm here; null where nothing is. */
export function missingForSlurm(): string | null {
  const absent = PROGRAMS.filter((name) => programOf(name) === null);
  if (absent.length > 0) return `needs ${absent.join(", ")}`;
  return getuid?.() === 0 ? null : "needs root, which slurmd does";
}

/** A Slurm that runs. */
export interface Slurm {
  /** What a process needs to find it. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts a Slurm of two processors. */
export async function startSlurm(): Promise<Slurm> {
  const folder = await mkdtemp(join(tmpdir(), "slurm-"));
  // munged refuses a socket in a folder that not all may enter.
  await chmod(folder, 0o755);
  for (const name of ["state", "spool"]) await mkdir(join(folder, name));
  const key = join(folder, "munge.key");
  await writeFile(key, randomBytes(1024), { mode: 0o400 });
  const socket = join(folder, "munge.socket");
  const config = join(folder, "slurm.conf");
  const host = hostname().split(".")[0]!;
  await writeFile(config, configText(folder, host, socket, [await freePort(), await freePort()]));
  const environment = { SLURM_CONF: config };
  const children: ChildProcess[] = [];
  const start = (program: string, ...args: readonly string[]) => {
    const child = spawn(program, args, { stdio: "ignore", env: { ...process.env, ...environment } });
    children.push(child);
  };
  const close = async () => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const files = ["pid-file", "log-file", "seed-file"].map((name) => `--${name}=${join(folder, name)}`);
    start("munged", "--foreground", "--force", `--key-file=${key}`, `--socket=${socket}`, ...files);
    await eventually(() => spawnSync("munge", [`--socket=${socket}`, "--no-input"]).status === 0);
    start("slurmctld", "-D", "-c", "-f", config);
    start("slurmd", "-D", "-c", "-N", host, "-f", config);
    const idle = () =>
      spawnSync("sinfo", ["-h", "-o", "%T"], { env: { ...process.env, ...environment } })
        .stdout.toString().trim() === "idle";
    await eventually(idle).catch(async (cause: unknown) => {
      const logs = ["slurmctld.log", "slurmd.log"].map((name) =>
        readFile(join(folder, name), "utf8").catch(() => "none")
      );
      throw new Error(`Slurm has no idle node: ${(await Promise.all(logs)).join("\n").slice(-2000)}`, {
        cause,
      });
    });
    return { environment, close };
  } catch (failure) {
    await close();
    throw failure;
  }
}

const eventually = (is: () => boolean) =>
  vi.waitFor(() => {
    if (!is()) throw new Error("not yet");
  }, { timeout: 30_000, interval: 100 });

/** Without cgroups and accounting, which a container may not have. */
function configText(
  folder: string,
  host: string,
  socket: string,
  [controller, node]: readonly [number, number],
): string {
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${socket}
CredType=cred/munge
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
SlurmctldPort=${controller}
SlurmdPort=${node}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}
