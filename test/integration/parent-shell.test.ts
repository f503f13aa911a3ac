import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOCK_FILE } from "../../src/run/output-folder.ts";
import { ROOT } from "./svr.ts";

let folder = "";
let config = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-shell-"));
  config = join(folder, "many.yaml");
  // More than can be done before it is stopped.
  const models = Array.from(
    { length: 500 },
    (_, at) =>
      `  - {id: model-${at}, synthetic: {seed: ${at}, layers: [{name: a, out: 64, in: 64}, {name: b, out: 64, in: 64}]}}`,
  );
  await writeFile(config, `kernel: wasm\nthreads: 1\nmodels:\n${models.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run that npx started", () => {
  it.each(["svr", "svrflow"])("stops as by SIGTERM when that ends npx's shell: %s", async (name) => {
    const out = join(folder, name);
    const flags = "Deno" in globalThis ? "run -A" : "";
    const command =
      `"${execPath}" ${flags} "${ROOT}src/cli.ts" run "${config}" --out "${out}" --cache off --json; exit $?`;
    // The shell as npx starts it: it waits for its command, and dies of a signal without a word.
    const shell = spawn("sh", ["-c", command], {
      env: { ...env, npm_lifecycle_event: "npx", npm_lifecycle_script: `'${name}'` },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    shell.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      // The first model is done, and many are not.
      if (said.includes("model-done")) shell.kill("SIGTERM");
    });
    // The pipe ends with the last process that holds it.
    await once(shell.stderr, "end");
    expect(said).toMatch(/^{"event":"stopping",/m);
    const left = await readdir(out);
    expect(left.filter((name) => name === LOCK_FILE || /^\.staging|\.partial$/.test(name))).toEqual([]);
    expect(left).not.toContain("report.json");
  });
});
