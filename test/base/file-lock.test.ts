import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { execPath, kill, pid } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LOCK_FILE, openFolder } from "../../src/run/output-folder.ts";
import { takeLock, waitForLock } from "../../src/base/file-lock.ts";
import { DENO } from "../../.config/checks.ts";
import { execute, ROOT } from "../integration/svr.ts";

let folder = "";
let path = "";
const children: Pick<ChildProcess, "kill">[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-lock-"));
  path = join(folder, LOCK_FILE);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Elsewhere a process is told by its number alone. */
const LINUX = existsSync("/proc/self/stat");

/** Another process that takes the lock, says so, and does as it is told. */
async function holder(then: string): Promise<ChildProcess & { readonly pid: number }> {
  const code = `import { takeLock } from ${JSON.stringify(`${ROOT}src/base/file-lock.ts`)};
    await takeLock(process.argv[1], "test"); process.stdout.write("held"); ${then}`;
  const child = spawn(execPath, ["--input-type=module", "-e", code, path], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  children.push(child);
  await once(child.stdout, "data");
  return child as ChildProcess & { readonly pid: number };
}

describe("the lock of an output folder", () => {
  it("is one run's at a time, and says whose", async () => {
    const lock = await takeLock(path, "output folder x");
    await expect(takeLock(path, "output folder x")).rejects.toThrow(
      `output folder x: found process ${pid} on "${hostname()}" at work in it since "20`,
    );
    await lock.release();
    await lock.release();
    await (await takeLock(path, "again")).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is kept against another process as long as that lives, and taken over when it was killed", async () => {
    const child = await holder("setInterval(() => {}, 1000)");
    await expect(takeLock(path, "output folder x")).rejects.toThrow(`found process ${child.pid} on`);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await readdir(folder)).toEqual([LOCK_FILE]);
    const lock = await takeLock(path, "output folder x");
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken over from a zombie, which was killed and is not asked how it ended", async () => {
    const code = `import { takeLock } from ${JSON.stringify(`${ROOT}src/base/file-lock.ts`)};
      await takeLock(process.argv[1], "test"); process.stdout.write(String(process.pid)); setInterval(() => {}, 1000)`;
    // What was a shell becomes a program that never asks for the end of what the shell had started.
    const script = '"$0" --input-type=module -e "$1" "$2" & exec sleep 600';
    const parent = spawn("sh", ["-c", script, execPath, code, path], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(parent);
    const number = Number(String((await once(parent.stdout, "data"))[0]));
    let killed = false;
    const end = () => killed ||= kill(number, "SIGKILL");
    children.unshift({ kill: end });
    await expect(takeLock(path, "x")).rejects.toThrow(`found process ${number} on`);
    end();
    if (!LINUX) return await expect(takeLock(path, "x")).rejects.toThrow(`found process ${number} on`);
    await expect.poll(() => readFile(`/proc/${number}/stat`, "utf8")).toMatch(/\) Z /);
    expect(await readdir(folder)).toEqual([LOCK_FILE]);
    await (await takeLock(path, "x")).release();
  });

  it("is kept between processes of Deno that may do no more than a run needs", async () => {
    const page = await readFile(`${ROOT}docs/platforms.md`, "utf8");
    const needed = /^\| tables and report \| `(.*?)`/m.exec(page)![1]!.replace("=tables", `=${folder}`);
    const script = join(folder, "take.ts");
    await writeFile(
      script,
      `import process from "node:process";
      import { takeLock } from ${JSON.stringify(`${ROOT}src/base/file-lock.ts`)};
      await takeLock(process.argv[2], "test"); console.log("held");
      if (process.argv[3] === "stay") setInterval(() => {}, 1000);`,
    );
    const args = ["run", "--no-prompt", "--allow-read", "--allow-env", ...needed.split(" "), script, path];
    const first = spawn(DENO, [...args, "stay"], { stdio: ["ignore", "pipe", "ignore"] });
    children.push(first);
    await once(first.stdout, "data");
    const { stdout, stderr } = await execute(DENO, args);
    expect(stdout).toBe("");
    expect(stderr).toContain(`LockHeldError: test: found process ${first.pid} on`);
  });

  it.each(["process.exit(3)", "process.exitCode = 3", "setTimeout(() => { throw 'on purpose' })"])(
    "goes with its process: %s",
    async (then) => {
      const child = await holder(then);
      if (child.exitCode === null) await once(child, "exit");
      expect(child.exitCode).not.toBe(0);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it("is taken by one of many that find a dead process's", async () => {
    const child = await holder("setInterval(() => {}, 1000)");
    child.kill("SIGKILL");
    await once(child, "exit");
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, "x")));
    const taken = all.filter((each) => each.status === "fulfilled");
    expect(taken).toHaveLength(1);
    for (const { value } of taken) await value.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("knows a process whose number has come again", async () => {
    const lock = await takeLock(path, "x");
    const text = await readFile(path, "utf8");
    await lock.release();
    const mine = JSON.parse(text) as { process: string };
    expect(mine.process !== "").toBe(LINUX);
    if (!LINUX) return;
    await writeFile(path, JSON.stringify({ ...mine, process: "1" }));
    await (await takeLock(path, "x")).release();
  });

  it("leaves another host's lock alone, and one that says nobody", async () => {
    const other = { pid: 1, host: "elsewhere pid:[1]", since: "2020-01-01T00:00:00Z", process: "" };
    await writeFile(path, JSON.stringify(other));
    await expect(takeLock(path, "x")).rejects.toThrow(
      'process 1 on "elsewhere" at work in it since "2020-01-01',
    );
    for (const text of ["{", "null", '{"pid": -1, "host": "h", "since": ""}', "[]", '{"pid": 1e9}', ""]) {
      await writeFile(path, text);
      await expect(takeLock(path, "x")).rejects.toThrow("a lock that says nobody");
    }
    // Where no links can be made a lock is empty for a moment; not for long.
    await utimes(path, 1, 1);
    await (await takeLock(path, "x")).release();
  });
});

describe("a lock that is waited for", () => {
  it("is held by one after another", async () => {
    const order: string[] = [];
    await Promise.all([..."abc"].map(async (name) => {
      const lock = await waitForLock(path, 60_000);
      order.push(name);
      await readdir(folder);
      order.push(name);
      await lock.release();
    }));
    expect(order.filter((name, at) => at % 2 === 0 && order[at + 1] !== name)).toEqual([]);
    expect(order).toHaveLength(6);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken over once it is old, whoever holds it", async () => {
    const other = { pid: 1, host: "elsewhere pid:[1]", since: "2020-01-01T00:00:00Z", process: "" };
    for (const text of [JSON.stringify(other), "nobody"]) {
      await writeFile(path, text);
      await expect(takeLock(path, "x", 60_000)).rejects.toThrow("required a folder of one's own");
      await utimes(path, 1, 1);
      await (await waitForLock(path, 60_000)).release();
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("an output folder", () => {
  it("is rid of what killed runs left, under the lock, and of nothing else", async () => {
    for (const name of [".staging-1/ladybug/0", ".probe-12", ".git", "edges/model=a"]) {
      await mkdir(join(folder, name), { recursive: true });
    }
    for (const name of [".run.json.partial", ".lock.ab.partial", "notes.partial", "run.json"]) {
      await writeFile(join(folder, name), "");
    }
    const holding = await takeLock(path, "x");
    await expect(openFolder(folder)).rejects.toThrow(`output folder ${folder}: found process ${pid}`);
    expect(await readdir(folder)).toContain(".staging-1");
    await holding.release();
    const open = await openFolder(folder);
    expect((await readdir(folder)).sort()).toEqual([".git", ".lock", "edges", "notes.partial", "run.json"]);
    await open.release();
    expect(await readdir(folder)).not.toContain(".lock");
  });

  it("is removed with those above it where a run made them for nothing", async () => {
    const out = join(folder, "a", "b");
    await (await openFolder(out)).abandon();
    expect(await readdir(folder)).toEqual([]);
    const kept = await openFolder(out);
    await writeFile(join(out, "x"), "");
    await kept.abandon();
    expect(await readdir(out)).toEqual(["x"]);
  });
});
