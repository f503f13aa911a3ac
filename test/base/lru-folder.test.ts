/** Files in a folder that others may use and remove. */

import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DENO } from "../../.config/checks.ts";
import { execute, ROOT } from "../integration/svr.ts";
import { LruFolder, type LruFolderOptions } from "../../src/base/lru-folder.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lru-folder-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const opened = (options: Partial<LruFolderOptions> = {}) =>
  LruFolder.open({ folder, limit: 10, alone: true, ...options }, /^([a-z]+\/)?[0-9]+$/);
const bytes = (count: number) => [new Uint8Array(count).fill(count)];
const names = async () =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1)).sort();

describe("an LRU folder", () => {
  it("writes its parts one after another, in folders that it makes, again where they are gone", async () => {
    const inside = join(folder, "a/b");
    const files = await opened({ folder: inside });
    expect(await files.put("x/1", [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)])).toBe(true);
    await rm(inside, { recursive: true });
    expect(await files.put("2", [Uint8Array.of(4, 5)])).toBe(true);
    expect([...await readFile(files.path("2"))]).toEqual([4, 5]);
  });

  it("lets go what was not asked for longest, in this process and the next, with folders that are empty", async () => {
    const files = await opened();
    for (const name of ["x/1", "x/2", "y/3"]) await files.put(name, bytes(3));
    await files.touch("x/1");
    await files.put("4", bytes(4));
    expect(await names()).toEqual(["4", "x/1", "y/3"]);
    for (const [name, time] of [["y/3", 3], ["4", 2], ["x/1", 1]] as const) {
      await utimes(files.path(name), time, time);
    }
    expect((await opened({ limit: 7 })).bytes).toBe(7);
    expect(await readdir(folder)).toEqual(["4", "y"]);
  });

  it("keeps nothing that is larger than the limit, and nothing else leaves for it", async () => {
    const files = await opened();
    await files.put("1", bytes(9));
    expect(await files.put("2", bytes(11))).toBe(false);
    expect([await names(), files.bytes]).toEqual([["1"], 9]);
  });

  it("holds its limit where many files are written side by side", async () => {
    const files = await opened();
    await Promise.all(Array.from({ length: 20 }, (_, at) => files.put(`x/${at}`, bytes(3))));
    const sizes = await Promise.all(
      (await names()).map(async (name) => (await stat(join(folder, name))).size),
    );
    expect(sizes).toEqual([3, 3, 3]);
    expect(files.bytes).toBe(9);
  });

  it("touches no file that is not its own; what is unfinished goes once it is nobody's", async () => {
    for (const name of ["notes", "x-1", ".x.partial"]) {
      await writeFile(join(folder, name), "much more than ten");
    }
    await opened({ alone: false });
    expect(await names()).toEqual([".x.partial", "notes", "x-1"]);
    await utimes(join(folder, ".x.partial"), 1, 1);
    await opened({ alone: false });
    expect(await names()).toEqual(["notes", "x-1"]);
  });

  it.each(["/", "/.", "/x/.."])(
    "finds its files again in a folder that is written with %s behind it",
    async (end) => {
      await (await opened()).put("x/1", bytes(9));
      const again = await opened({ folder: folder + end });
      expect([await again.has("x/1"), again.bytes]).toEqual([true, 9]);
      await again.put("2", bytes(2));
      expect(await names()).toEqual(["2"]);
    },
  );

  it("keeps to the folder that it was opened in, where the working folder changes", async () => {
    const files = await opened({ folder: relative(process.cwd(), folder) });
    expect(files.path("1")).toBe(join(folder, "1"));
  });

  it("holds one limit for all that share the folder, up to a tenth for each", async () => {
    const both = [await opened({ limit: 100, alone: false }), await opened({ limit: 100, alone: false })];
    const sizes: number[] = [];
    for (let at = 0; at < 60; at++) {
      await both[at % 2]!.put(String(at), bytes(4));
      const found = await Promise.all((await names()).map((name) => stat(join(folder, name))));
      sizes.push(found.reduce((sum, { size }) => sum + size, 0));
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(110);
    expect(Math.min(...sizes.slice(30))).toBeGreaterThan(80);
    // The newest of both are there.
    expect(await names()).toEqual(expect.arrayContaining(["55", "56", "57", "58", "59"]));
  });

  it("finds what another process has written since, and counts it", async () => {
    const [own, other] = [await opened({ alone: false }), await opened({ alone: false })];
    await other.put("x/1", bytes(3));
    expect([await own.has("x/1"), await own.has("x/1"), await own.has("x/2"), await own.has("x")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(own.bytes).toBe(3);
    await other.remove("x/1");
    await own.remove("x/1");
    expect([await own.has("x/1"), own.bytes]).toEqual([false, 0]);
  });

  it("counts right what is written and removed side by side while the folder is listed", async () => {
    const files = await opened({ limit: 100, alone: false });
    await Promise.all(Array.from({ length: 200 }, async (_, at) => {
      await files.put(`x/${at}`, bytes(1 + at % 7));
      if (at % 5 === 0) await files.remove(`x/${at}`);
    }));
    const found = await Promise.all((await names()).map((name) => stat(join(folder, name))));
    expect(files.bytes).toBe(found.reduce((sum, { size }) => sum + size, 0));
    expect(files.bytes).toBeLessThanOrEqual(100);
  });

  it("opens where it may only read, whatever lies there", async () => {
    await writeFile(join(folder, "1"), "much more than ten");
    await writeFile(join(folder, ".x.partial"), "");
    const script = join(folder, "open.ts");
    const options = JSON.stringify({ folder, limit: 10, alone: true });
    await writeFile(
      script,
      `import { LruFolder } from ${JSON.stringify(`${ROOT}src/base/lru-folder.ts`)};
      const files = await LruFolder.open(${options}, /^[0-9]$/); console.log(await files.has("1"));`,
    );
    expect(await execute(DENO, ["run", "--no-prompt", "--allow-read", script])).toMatchObject({
      stdout: "true\n",
    });
    expect(await names()).toEqual([".x.partial", "1", "open.ts"]);
  });

  it("counts what could not be written as nothing", async () => {
    const files = await opened();
    await mkdir(join(folder, "1"));
    await expect(files.put("1", bytes(3))).rejects.toThrow();
    expect(files.bytes).toBe(0);
    expect(await names()).toEqual([]);
  });

  it("can be closed to others", async () => {
    const files = await opened({ mode: 0o700 });
    await files.put("x/1", bytes(1));
    expect((await stat(files.path("x/1"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "x"))).mode & 0o777).toBe(0o700);
  });
});
