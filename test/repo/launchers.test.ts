import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { ROOT } from "./sources.ts";

// JavaScript without types: the Node of the host runs it.
const { launchers } = await import(new URL("../../.config/launchers.mjs", import.meta.url).href) as {
  readonly launchers: (platform: string) => readonly (readonly [name: string, text: string])[];
};
const FILES = new Map(launchers("win32"));

let checkout = "";
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "svr launchers "));
  const bin = join(checkout, "node_modules/.bin");
  mkdirSync(join(checkout, "node_modules/node/bin"), { recursive: true });
  mkdirSync(bin);
  symlinkSync(execPath, join(checkout, "node_modules/node/bin/node"));
  symlinkSync(join(ROOT, "src"), join(checkout, "src"));
  for (const [name, text] of launchers("linux")) {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

describe("the launchers of a checkout", () => {
  it("are, on Windows, what npm writes there: npx looks for the one without extension", () => {
    expect([...FILES.keys()]).toEqual(
      ["svrflow", "svrflow.cmd", "svrflow.ps1", "svr", "svr.cmd", "svr.ps1"],
    );
    expect(launchers("linux").map(([name]) => name)).toEqual(["svrflow", "svr"]);
  });

  it.each(["svrflow", "svr"])("start %s in a folder with spaces, and hand on what they are given", (name) => {
    const launcher = join(checkout, "node_modules/.bin", name);
    const ran = (...args: string[]) => execFileSync(launcher, args, { encoding: "utf8", cwd: tmpdir() });
    expect(ran("--version")).toContain(VERSION);
    expect(ran("query", "--help")).toContain("Usage: svr query");
  });

  it.each([...FILES])("%s names files that there are, from its own folder", (name, text) => {
    const named = [...text.matchAll(/(?:%~dp0|\$bin\/)([\w.\\/-]+\.(?:ts|exe)|[\w.\\/-]+\/node)\b/g)].map((
      [, path],
    ) => normalize(join("node_modules/.bin", path!.replaceAll("\\", "/"))));
    expect(new Set(named.map((path) => path.replace(/\.exe$/, "")))).toEqual(
      new Set(["node_modules/node/bin/node", "src/cli.ts"]),
    );
    expect(named.every((path) => existsSync(join(ROOT, dirname(path))))).toBe(true);
    // cmd reads lines that end otherwise wrongly.
    if (name.endsWith(".cmd")) expect(text).not.toMatch(/[^\r]\n/);
    else expect(text).not.toContain("\r");
  });
});
