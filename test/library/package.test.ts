/** The package as it is published: packed, unpacked in an empty project, and used from there. */

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DENO } from "../../.config/checks.ts";
import { fileOf } from "../words/examples.ts";
import { pages } from "../words/pages.ts";
import { execute, ROOT } from "../integration/svr.ts";

const MODEL = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");

/** The examples of the pages on the library and on plugins, in their order: later ones read what earlier ones wrote. */
const EXAMPLES = pages(/^docs\/(library|plugins)\.md$/).flatMap(({ path, blocks }) =>
  blocks.filter(({ language }) => language === "ts").map((block) => ({
    name: fileOf(block) ?? `${basename(path, ".md")}-${block.line}.ts`,
    text: block.text,
  }))
);

/** What a strict project asks of the compiler. */
const TSCONFIG = {
  compilerOptions: {
    target: "ES2024",
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    // As Node imports them.
    allowImportingTsExtensions: true,
    types: ["node"],
  },
};

/** Runs a program that must succeed. @returns what it printed */
async function succeeds(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await execute(program, args, { cwd });
  expect(code, `${program} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

let folder = "";
let project = "";

/** The checkout's copy of a package stands in for the registry's. */
async function link(name: string): Promise<void> {
  const place = join(project, "node_modules", name);
  await mkdir(dirname(place), { recursive: true });
  await symlink(join(ROOT, "node_modules", name), place);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-package-"));
  const built = join(folder, "built");
  await succeeds(execPath, [".config/build.ts", built], ROOT);
  const packed = await succeeds("npm", ["pack", "--silent", "--pack-destination", folder], built);

  project = join(folder, "project");
  const modules = join(project, "node_modules");
  await mkdir(modules, { recursive: true });
  await succeeds("tar", ["-xzf", join(folder, packed.trim()), "-C", modules], folder);
  await succeeds("mv", [join(modules, "package"), join(modules, "svrflow")], folder);
  const manifest = JSON.parse(await readFile(join(modules, "svrflow/package.json"), "utf8")) as {
    version: string;
    dependencies: Readonly<Record<string, string>>;
  };
  const { version, dependencies } = manifest;
  await Promise.all([...Object.keys(dependencies), "@types/node"].map(link));
  const own = { type: "module", dependencies: { svrflow: version, rxjs: dependencies["rxjs"] } };
  await writeFile(join(project, "package.json"), JSON.stringify(own));
  await writeFile(join(project, "tsconfig.json"), JSON.stringify(TSCONFIG));
  await writeFile(join(project, "model.safetensors"), await readFile(MODEL));
  for (const { name, text } of EXAMPLES) await writeFile(join(project, name), text);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the package", () => {
  it("has the examples of the pages on the library and on plugins", () => {
    expect(EXAMPLES.length).toBeGreaterThanOrEqual(11);
  });

  it("is built in the place of an earlier build, never of other files", async () => {
    const { code, stderr } = await execute(execPath, [".config/build.ts", project], { cwd: ROOT });
    expect(code).toBe(1);
    expect(stderr).toMatch(/project\/: found .*, required a new or empty folder, or one of an earlier build/);
    expect(await readFile(join(project, "model.safetensors"))).toEqual(await readFile(MODEL));
  });

  it("compiles with each, strictly", async () => {
    await succeeds(execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "."], project);
    await succeeds(DENO, ["check", "--quiet", ...EXAMPLES.map(({ name }) => name)], project);
  }, 120_000);

  it("runs each on Node", async () => {
    for (const { name } of EXAMPLES) await succeeds(execPath, [name], project);
  }, 120_000);

  it("runs each on Deno", async () => {
    await rm(join(project, "my-run"), { recursive: true });
    for (const { name } of EXAMPLES) {
      await succeeds(DENO, ["run", "--quiet", "--no-check", "-A", name], project);
    }
  }, 120_000);

  it("takes the plugins of the page, by its program", async () => {
    const plugins = ["--plugin", "./my-format.ts", "--plugin", "./my-sink.ts"];
    const svr = join(project, "node_modules/svrflow/src/svr.js");
    await succeeds(execPath, [svr, "run", "copy.dense", ...plugins, "--out", "plugged", "--quiet"], project);
    expect(await readFile(join(project, "plugged/inflow/copy.csv"), "utf8")).toMatch(
      /^layer,neuron,weight\n\d/,
    );
  });

  it("has the program svr, and no way to the insides", async () => {
    const svr = join(project, "node_modules/svrflow/src/svr.js");
    expect(await succeeds(execPath, [svr, "--version"], project)).toMatch(/^svrflow \d+\.\d+\.\d+/);
    const { code, stderr } = await execute(execPath, ["--eval", 'import("svrflow/src/cli.js")'], {
      cwd: project,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it.each([
    ["svrflow", ["--eval", 'import("svrflow")']],
    ["svrflow/run", ["--eval", 'import("svrflow/run")']],
    ["svr", ["node_modules/svrflow/src/svr.js", "--version"]],
  ])("says of an old Node that it needs a newer one: %s", async (_, args) => {
    // Node 20 in name: what it lacks is not taken away.
    const old = `
      import module from "node:module";
      import process from "node:process";
      Object.defineProperty(process, "version", { value: "v20.19.0" });
      Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } });
      module.syncBuiltinESMExports();`;
    const pretend = ["--import", `data:text/javascript,${encodeURIComponent(old)}`];
    const { code, stdout, stderr } = await execute(execPath, [...pretend, ...args], { cwd: project });
    expect(stderr).toContain("svrflow needs Node 22 or newer; this is v20.19.0");
    expect(code).toBe(1);
    expect(stdout).toBe("");
  });
});
