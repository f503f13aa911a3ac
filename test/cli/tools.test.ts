/** The small tools around a run: init, check, doctor, versions, completion. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRunConfig, runConfigOf } from "../../config/load.ts";
import { runConfigSchema } from "../../config/schema.ts";
import { completionScript } from "../../src/cli/completion-command.ts";
import { configText } from "../../src/cli/init-command.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";
import { execute, svr } from "../integration/svr.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-tools-"));
  await writeTensors(join(folder, "net.safetensors"), [
    ["a.weight", [8, 8], noise(64)],
    ["b.weight", [8, 8], noise(64, 2)],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

describe("svr init", () => {
  it("writes a config that check takes, and leaves one that is there alone", async () => {
    const path = join(folder, "fresh.yaml");
    const made = await svr(["init", path]);
    expect([made.code, made.stderr]).toEqual([0, ""]);
    const { code, stdout } = await svr(["check", path]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/models: 1, layers: 2, connections: 1; 1 of the topologies guessed/),
    ]);
    const [first = ""] = (await readFile(path, "utf8")).split("\n");
    const [, schema = ""] = first.split("$schema=");
    expect(JSON.parse(await readFile(join(folder, schema), "utf8"))).toMatchObject({
      $id: "urn:svrflow:schema:run-config",
    });
    await writeFile(path, "models: mine\n");
    expect(await svr(["init", path])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("required a name that is free") as string,
    });
    expect(await readFile(path, "utf8")).toBe("models: mine\n");
  });

  it("says of every setting what it does, with a default that is the default", async () => {
    const text = configText("*.safetensors", "schema.json");
    const keys = Object.keys(runConfigSchema.shape);
    for (const key of keys) expect(text, key).toMatch(new RegExp(`^(?:# )?"?${key}"?: `, "m"));
    const path = await file("all.yaml", text.replaceAll(/^# ("?\w+"?: (?!…).*)$/gm, "$1"));
    const { config } = await loadRunConfig(path);
    // What a config names starts from its folder, the default where the program runs.
    expect(resolve(config.out)).toBe(join(folder, "svr-out"));
    expect({ ...config, out: "svr-out" }).toEqual(runConfigOf({ models: "*.safetensors" }).config);
    expect(text.split("\n").filter((line) => line.length > 102)).toEqual([]);
  });
});

describe("svr check", () => {
  it.each([
    ["an unknown key", "models: net.safetensors\nsigmas: 3\n", /bad\.yaml:2:\d+: .*sigmas/],
    ["a model that is not there", "models: gone.safetensors\n", /gone\.safetensors/],
    [
      "an unknown layer",
      "models: net.safetensors\ntopology: { chain: [a, c] }\n",
      /bad\.yaml:2:\d+: .*"c".*found no weight/,
    ],
    ["a weight that is none", "models: net.safetensors\nweight: 1 +\n", /weight/],
    [
      "a guess that may not be",
      "models: net.safetensors\nguess: false\n",
      /found 1 of 1 connections guessed/,
    ],
  ])("ends with 2 and one sentence for %s", async (_, text, says) => {
    const { code, stdout, stderr } = await svr(["check", await file("bad.yaml", text)]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(says);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("takes a topology file by itself", async () => {
    const good = await svr(["check", await file("x.topology.yaml", "chain: [a, b, c]\n")]);
    expect([good.code, good.stdout]).toEqual([0, expect.stringContaining("a valid topology, 2 connections")]);
    const bad = await svr(["check", await file("x.topology.yaml", "chains: [a, b, c]\n")]);
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringMatching(/x\.topology\.yaml:1:\d+: .*chain/)]);
  });
});

describe("svr doctor", () => {
  it("looks at every part, and does not need a graph server", async () => {
    const { code, stdout } = await svr(["doctor", "--json"], {
      env: { NEO4J_URI: "", SVRFLOW_BLAS: "/nowhere.so" },
    });
    const found = JSON.parse(stdout) as {
      part: string;
      state: string;
      what: string;
      advice: string | null;
    }[];
    expect(found.map(({ part, state }) => [part, state])).toEqual([
      ["version", "works"],
      ["machine", "works"],
      ["kernel", "works"],
      ["speed", "works"],
      ["embedded graph", "works"],
      ["graph server", "absent"],
      ["png", "works"],
    ]);
    expect(code).toBe(0);
    // Without a BLAS the kernel is the one that works everywhere, and what would be faster is said.
    expect(found[2]).toMatchObject({
      what: expect.stringMatching(/^wasm /) as string,
      advice: expect.stringContaining("/nowhere.so") as string,
    });
  });

  it("ends with 1 where a graph server that is asked for does not answer", async () => {
    const { code, stdout } = await svr(["doctor"], {
      env: { NEO4J_URI: "bolt://127.0.0.1:1", NEO4J_PASSWORD: "secret-of-a-test" },
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^graph server +broken +.*127\.0\.0\.1:1/m);
    expect(stdout).toContain("--graph embedded needs no server");
    expect(stdout).not.toContain("secret-of-a-test");
  });
});

describe("svr --version", () => {
  it("names the parts", async () => {
    const { code, stdout } = await svr(["--version"]);
    const { version, dependencies } = JSON.parse(
      await readFile(new URL("../../package.json", import.meta.url), "utf8"),
    ) as { version: string; dependencies: Record<string, string> };
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toBe(`svrflow ${version}`);
    expect(stdout).toMatch(/^(?:Node|Deno) \d/m);
    for (const [name, of] of Object.entries(dependencies)) expect(stdout).toContain(`\n${name} ${of}\n`);
  });
});

describe("svr completion", () => {
  const complete = async (...words: readonly string[]) => {
    const { stdout: script } = await svr(["completion", "bash"]);
    const asked = `${script}\nCOMP_WORDS=(svr ${
      words.map((word) => `'${word}'`).join(" ")
    }); COMP_CWORD=${words.length}; _svr; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await execute("bash", ["-c", asked]);
    expect(stderr).toBe("");
    return stdout.split("\n").filter((word) => word !== "");
  };

  it("completes commands, options and choices in bash", async () => {
    expect(await complete("do")).toEqual(["doctor"]);
    expect(await complete("lake", "")).toEqual(["check", "rm", "sql", "delta", "iceberg", "help", "--help"]);
    expect(await complete("run", "model.safetensors", "--near")).toEqual(["--near-kernel"]);
    expect(await complete("inspect", "m", "--format", "t")).toEqual(["table", "topology"]);
    expect(await complete("lake", "check", "--q")).toEqual(["--quick"]);
  });

  it("has every command and option in zsh and fish too, in words that a shell leaves alone", () => {
    const program = new Command("svr");
    const sub = program.command("draw").description("it's drawn; with `care`");
    sub.addOption(new Option("--scale <name>", "how $HOME is drawn").choices(["linear", "log"]));
    const fish = completionScript(program, "fish");
    expect(fish).toContain(
      "complete -c svr -c svrflow -n '__fish_use_subcommand' -a draw -d 'it'\\''s drawn'\n",
    );
    expect(fish).toContain(
      "complete -c svr -c svrflow -n '__fish_seen_subcommand_from draw' -l scale -x -a 'linear log' -d 'how $HOME is drawn'\n",
    );
    const zsh = completionScript(program, "zsh");
    expect(zsh).toMatch(/^autoload -U \+X compinit/);
    expect(zsh.slice(zsh.indexOf("_svr()"))).toBe(completionScript(program, "bash"));
  });
});
