/**
 * What tests need beside npm's packages. Each is found by an environment variable, else by its binary, else installed where
 * that can be done (root on Debian). What still cannot be had is no error here: its suites say so and are skipped, by name.
 */

import { env, getuid } from "node:process";
import { execute, NODE } from "./checks.ts";

/** A service, and how to find and install it. */
interface Service {
  readonly name: string;
  readonly found: () => Promise<boolean>;
  readonly packages: readonly string[];
}

const SERVICES: readonly Service[] = [
  { name: "OpenBLAS (SVRFLOW_BLAS)", found: canOpenBlas, packages: ["libopenblas0-pthread"] },
  {
    name: "Java and Maven for a graph server (NEO4J_URI)",
    found: canStartServer,
    packages: ["openjdk-17-jre-headless", "maven"],
  },
  {
    name: "Slurm for job arrays (slurmctld, slurmd, munged)",
    found: canStartSlurm,
    packages: ["slurmctld", "slurmd", "slurm-client", "munge"],
  },
  {
    name: "DuckDB's extensions for tables (SVRFLOW_DUCKDB_EXTENSIONS)",
    found: canFetchExtensions,
    packages: ["python3-pip"],
  },
  { name: "Chromium for pages (SVRFLOW_CHROMIUM)", found: canStartBrowser, packages: ["chromium"] },
  { name: "Redis for a queue (SVRFLOW_REDIS)", found: canStartRedis, packages: ["redis-server"] },
];

/** Finds or installs every service; says what it does. */
export async function provideServices(): Promise<void> {
  for (const { name, found, packages } of SERVICES) {
    if (await found()) continue;
    console.log(
      `${name}: not found, ${await installed(packages) ? "installed" : "cannot be installed here"}`,
    );
  }
}

/** In a process of its own: the loader remembers what it did not find. */
async function canOpenBlas(): Promise<boolean> {
  const program = "import { loadBlas } from './src/kernels/foreign.ts'; await loadBlas();";
  return (await execute(NODE, ["--input-type=module", "--eval", program])).code === 0;
}

/** The graph server itself comes from Maven, when the first suite asks for it. */
async function canStartServer(): Promise<boolean> {
  if (env["NEO4J_URI"] !== undefined) return true;
  const answers = [["java", "-version"], ["mvn", "-version"]].map(([program = "", flag = ""]) =>
    execute(program, [flag]).then(({ code }) => code === 0, () => false)
  );
  return (await Promise.all(answers)).every((found) => found);
}

async function canStartSlurm(): Promise<boolean> {
  const answers = ["munged", "slurmctld", "slurmd", "sbatch"].map((program) =>
    execute(program, ["--version"]).then(() => true, () => false)
  );
  return (await Promise.all(answers)).every((found) => found);
}

async function canStartBrowser(): Promise<boolean> {
  if (env["SVRFLOW_CHROMIUM"] !== undefined) return true;
  const answers = ["chromium", "chromium-browser", "google-chrome"].map((program) =>
    execute(program, ["--version"]).then(({ code }) => code === 0, () => false)
  );
  return (await Promise.all(answers)).some((found) => found);
}

async function canStartRedis(): Promise<boolean> {
  if (env["SVRFLOW_REDIS"] !== undefined) return true;
  return await execute("redis-server", ["--version"]).then(({ code }) => code === 0, () => false);
}

/** The extensions themselves come as Python packages, when the first suite asks for them. */
async function canFetchExtensions(): Promise<boolean> {
  if (env["SVRFLOW_DUCKDB_EXTENSIONS"] !== undefined) return true;
  return await execute("python3", ["-m", "pip", "--version"]).then(({ code }) => code === 0, () => false);
}

/** Installs Debian packages. */
async function installed(packages: readonly string[]): Promise<boolean> {
  if (getuid?.() !== 0) return false;
  env["DEBIAN_FRONTEND"] = "noninteractive";
  try {
    const install = () => execute("apt-get", ["install", "--yes", "--no-install-recommends", ...packages]);
    if ((await install()).code === 0) return true;
    await execute("apt-get", ["update"]);
    return (await install()).code === 0;
  } catch {
    return false; // no apt-get
  }
}
