/** A folder as the documentation supposes it: a small model, its checkpoints, its run, and our programs by the names that pages use. */

import { chmod, cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execPath } from "node:process";
import { ROOT } from "../repo/sources.ts";
import { execute } from "../integration/svr.ts";
import { installPackages } from "./examples.ts";

const MODELS = join(ROOT, "pipelines/models/mnist-mlp");
const CONFIG = "models: checkpoints/*.safetensors\nout: my-run\nsigma: 3\n";

/** Programs of shell blocks by the names that pages use, and what stands in for them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  svrflow: `exec "${execPath}" "${ROOT}src/cli.ts" "$@"`,
  svr: `exec "${execPath}" "${ROOT}src/cli.ts" "$@"`,
  npx: 'program=$1; shift; exec "$program" "$@"',
  duckdb: `exec "${execPath}" "${ROOT}test/words/duckdb.ts" "$@"`,
};

/**
 * Makes the folder `project` in another one, with the model and `my-run`, its run; beside it `bin`.
 *
 * @returns its path
 */
export async function makeProject(parent: string): Promise<string> {
  const folder = join(parent, "project");
  const bin = join(parent, "bin");
  await Promise.all([mkdir(join(folder, "checkpoints"), { recursive: true }), mkdir(bin)]);
  await cp(join(MODELS, "epoch-010.safetensors"), join(folder, "model.safetensors"));
  for (const epoch of ["epoch-000", "epoch-010"]) {
    await cp(join(MODELS, `${epoch}.safetensors`), join(folder, `checkpoints/mlp-${epoch}.safetensors`));
  }
  await writeFile(join(folder, "my-run.yaml"), CONFIG);
  await installPackages(folder);
  for (const [name, script] of Object.entries(PROGRAMS)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  await ranIn(folder, "svr run model.safetensors --out my-run --quiet");
  return folder;
}

/** Copies a project into another folder. @returns its path */
export async function copyProject(project: string, parent: string): Promise<string> {
  const from = join(project, "..");
  const links = { recursive: true, verbatimSymlinks: true };
  await Promise.all(["bin", "project"].map((name) => cp(join(from, name), join(parent, name), links)));
  // The run that is copied is of the model where that lay; from anywhere else it would be another one of the same id.
  const model = join(parent, "project", "model.safetensors");
  await rm(model);
  await symlink(join(project, "model.safetensors"), model);
  return join(parent, "project");
}

/** What our programs are started with: what `npx svr` has compiled once is not compiled again. */
const environment = (folder: string) => ({
  PATH: `${join(folder, "..", "bin")}:${process.env["PATH"] ?? ""}`,
  NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/svr"),
});

/**
 * Runs a shell block in a project's folder.
 *
 * @returns what it printed on stdout
 * @throws {Error} when one of its commands fails; its message has the block and stderr
 */
export async function ranIn(folder: string, block: string): Promise<string> {
  const { code, stdout, stderr } = await execute("sh", ["-e", "-c", block], {
    cwd: folder,
    env: environment(folder),
  });
  if (code !== 0) throw new Error(`found ${code}, required 0: ${block}\n${stderr}`);
  return stdout;
}

/** Runs a module of TypeScript in a project's folder. @throws {Error} when it fails */
export async function ranModule(folder: string, name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  const { code, stdout, stderr } = await execute(execPath, [name], { cwd: folder, env: environment(folder) });
  if (code !== 0) throw new Error(`found ${code}, required 0: ${name}\n${text}\n${stderr}`);
  return stdout;
}
