import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getuid, platform } from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeUnless } from "../support/shared.ts";
import { pathsIn, rowsIn } from "./left-behind.ts";
import { svr } from "./svr.ts";

/** Whether a small file system can be mounted here: as root on Linux, outside of containers that forbid it. */
function canMount(): boolean {
  if (platform !== "linux" || getuid?.() !== 0) return false;
  try {
    // In a namespace of its own, so that nothing is left whatever becomes of it.
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

const missing = canMount() ? null : "needs root, to mount a disk of its own";

describeUnless(missing, "a disk that is full or read-only", () => {
  let folder = "";
  let disk = "";
  let out = "";
  const mount = (options: string) => execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]);
  const remount = (options: string) => execFileSync("mount", ["-o", `remount,${options}`, disk]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-full-"));
    disk = await mkdtemp(join(tmpdir(), "svr-disk-"));
    out = join(disk, "out");
    mount("size=1m");
  });
  afterAll(async () => {
    execFileSync("umount", ["-l", disk]);
    await rm(disk, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  /** Two models of 18,432 edges each, which fill a megabyte several times over. */
  const run = async (...args: readonly string[]) => {
    const config = join(folder, "two.yaml");
    const layers = ["x", "y", "z"].map((name) => `{name: ${name}, out: 96, in: 96}`).join(", ");
    const models = ["a", "b"].map((id, at) =>
      `  - {id: ${id}, synthetic: {seed: ${at}, layers: [${layers}]}}`
    );
    await writeFile(config, `kernel: wasm\nedges: all\nmodels:\n${models.join("\n")}\n`);
    return await svr(["run", config, "--out", out, "--quiet", "--cache", "off", ...args]);
  };
  const check = async () => await svr(["lake", "check", out]);

  it("before any model is whole: says so, and leaves nothing", async () => {
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be written: no space is left on the device \(ENOSPC\)/);
    expect(stderr.trimEnd().split("\n").every((line) => /^(?:svr|error): /.test(line))).toBe(true);
    expect(await readdir(disk)).toEqual([]);
  });

  it("when the graph is loaded: the tables are whole; with more room the same run loads them", async () => {
    remount("size=11m");
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/loading the graph: found \d+ bytes free at .*, required \d+/);
    expect((await pathsIn(out)).filter((path) => path.startsWith(".staging"))).toEqual([]);
    expect(await readdir(out)).not.toContain("graph.lbug");
    expect(await check()).toMatchObject({ code: 0 });
    const rows = await rowsIn(out);
    remount("size=64m");
    expect(await run()).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(out)).toContain("graph.lbug");
    expect(await rowsIn(out)).toEqual(rows);
  });

  it("while a newer run replaces models: the older ones stay as they were", async () => {
    const [rows, record] = [await rowsIn(out), await readFile(join(out, "run.json"), "utf8")];
    const filler = join(disk, "filler");
    const free = Number(execFileSync("stat", ["-f", "-c", "%a", disk])) * 4096;
    await writeFile(filler, new Uint8Array(Math.max(0, free - 2 ** 20)));
    const { code, stderr } = await run("--sigma", "2.5");
    expect(code).toBe(1);
    expect(stderr).toMatch(/ENOSPC|bytes free/);
    expect(await rowsIn(out)).toEqual(rows);
    expect(await readFile(join(out, "run.json"), "utf8")).toBe(record);
    expect(await check()).toMatchObject({ code: 0 });
    expect((await readdir(out)).filter((name) => /^\.(?!state)/.test(name))).toEqual([]);
    await rm(filler);
  });

  it("read-only: says so, and changes nothing", async () => {
    const before = await pathsIn(out);
    remount("ro");
    const { code, stderr } = await run("--sigma", "2");
    expect(code).toBe(1);
    expect(stderr).toMatch(/output folder .*(read-only|EROFS)/i);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    remount("rw");
    expect(await pathsIn(out)).toEqual(before);
    expect(await check()).toMatchObject({ code: 0 });
    expect((await run("--sigma", "2")).code).toBe(0);
  });
});
