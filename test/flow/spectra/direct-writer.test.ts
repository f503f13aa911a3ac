/** Files written past the page cache: what is in them, what the system is asked, and when they are left to it after all. */

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, mkdtemp, open, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { platform } from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DirectWriter, type FileSystem } from "../../../src/flow/spectra/direct-writer.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "direct-writer-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const MIB = 2 ** 20;
const SECTOR = 4096;
const EXT4 = 0xef53;
/** `tmpfs` and `ramfs`. */
const IN_MEMORY = [0x01021994, 0x858458f6];
const { O_DIRECT = 0 } = constants;

/** A part whose every byte depends on its place. */
const part = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed) & 255);

const joined = (parts: readonly Uint8Array[]) => Buffer.concat(parts);

interface Write {
  readonly memory: number;
  readonly length: number;
  readonly position: number;
}

/** A disk, and no time that passes. */
const STILL = { type: () => Promise.resolve(EXT4), now: () => 0 };

/** A real file system, whatever the folder for temporary files is on, that notes what it is asked. */
function noting() {
  const flags: number[] = [];
  const writes: Write[] = [];
  const system: FileSystem = {
    ...STILL,
    async open(path, asked) {
      flags.push(asked);
      // What the machine under the test makes of the flag is not what is tested.
      const file = await open(path, asked & ~O_DIRECT);
      const write = file.write.bind(file);
      file.write = ((bytes: Uint8Array, from: number, length: number, position: number) => {
        writes.push({ memory: bytes.byteOffset + from, length, position });
        return write(bytes, from, length, position);
      }) as unknown as typeof file.write;
      return file;
    },
  };
  return { system, flags, writes };
}

/** A file that takes what `write` says it takes. */
function fake(write: (length: number) => Promise<number>): FileSystem & { opened: number } {
  const system = {
    ...STILL,
    opened: 0,
    open() {
      system.opened++;
      const file = {
        write: async (_: Uint8Array, __: number, length: number) => ({ bytesWritten: await write(length) }),
        truncate: () => Promise.resolve(),
        close: () => Promise.resolve(),
      };
      return Promise.resolve(file as unknown as FileHandle);
    },
  };
  return system;
}

/** Whether a file system does what is asked: coreutils' `dd` knows. */
const takesDirect = (probe: string) =>
  promisify(execFile)("dd", ["if=/dev/zero", `of=${probe}`, "bs=4096", "count=1", "oflag=direct"])
    .then(() => true, () => false);

const path = (name = "f") => join(folder, name);
const LINUX = platform === "linux";

describe("writing past the page cache", () => {
  it("is there on Linux", () => {
    expect(O_DIRECT > 0).toBe(LINUX);
  });

  it.each([MIB, MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB + 5])(
    "puts all of %i bytes into the file and nothing else",
    async (bytes) => {
      const parts = [part(80, 1), part(0, 2), part(123_457, 3), part(bytes - 80 - 123_457, 4)];
      const { system, flags, writes } = noting();
      expect(await new DirectWriter(system).write(path(), parts)).toBe(LINUX);
      if (!LINUX) return;
      expect(joined(parts).equals(await readFile(path()))).toBe(true);
      expect(flags.map((each) => each & O_DIRECT)).toEqual([O_DIRECT]);
      for (const { memory, length, position } of writes) {
        expect([memory % SECTOR, length % SECTOR, position % SECTOR]).toEqual([0, 0, 0]);
      }
    },
  );

  it("writes one file after another from the same memory", async () => {
    const { system } = noting();
    const writer = new DirectWriter(system);
    for (const [at, bytes] of [3 * MIB + 7, MIB, 9 * MIB].entries()) {
      const parts = [part(bytes, at)];
      expect(await writer.write(path(String(at)), parts)).toBe(LINUX);
      if (LINUX) expect(joined(parts).equals(await readFile(path(String(at))))).toBe(true);
    }
  });

  it("does so where another program can: the system finds memory, lengths and offsets as it wants them", async () => {
    const parts = [part(9 * MIB + 3, 5)];
    const can = LINUX && !IN_MEMORY.includes((await statfs(folder)).type) && await takesDirect(path("probe"));
    await rm(path("probe"), { force: true });
    expect(await new DirectWriter().write(path(), parts)).toBe(can);
    expect(await readdir(folder)).toEqual(can ? ["f"] : []);
    if (can) expect(joined(parts).equals(await readFile(path()))).toBe(true);
  });

  it("goes on where a part of a piece was taken, and fails where less than a sector is", async () => {
    const taken: number[] = [];
    const some = fake((length) => {
      taken.push(length);
      return Promise.resolve(Math.min(length, 100 * SECTOR));
    });
    expect(await new DirectWriter(some).write(path(), [part(MIB, 1)])).toBe(LINUX);
    if (LINUX) expect(taken).toEqual([256, 156, 56].map((sectors) => sectors * SECTOR));
    for (const most of [0, 100]) {
      const full = new DirectWriter(fake(() => Promise.resolve(most))).write(path(), [part(MIB, 1)]);
      if (LINUX) {
        await expect(full).rejects.toThrow(`found room for ${most} bytes, required ${MIB}`);
      } else expect(await full).toBe(false);
    }
  });

  it("touches no file that is there already", async () => {
    await writeFile(path(), "old");
    const { system } = noting();
    const written = new DirectWriter(system).write(path(), [part(MIB, 1)]);
    if (LINUX) await expect(written).rejects.toThrow("EEXIST");
    else expect(await written).toBe(false);
    expect(await readFile(path(), "utf8")).toBe("old");
  });
});

describe("leaving a file to the page cache", () => {
  it("is for small ones", async () => {
    const { system, flags } = noting();
    expect(await new DirectWriter(system).write(path(), [part(MIB - 1, 1)])).toBe(false);
    expect(flags).toEqual([]);
  });

  it("is for file systems that know nothing else, which are asked once", async () => {
    let asked = 0;
    const system: FileSystem = {
      ...STILL,
      async open(at) {
        asked++;
        // Linux makes the file and refuses then.
        await writeFile(at, "");
        throw Object.assign(new Error("EINVAL: invalid argument"), { code: "EINVAL" });
      },
    };
    const writer = new DirectWriter(system);
    for (let time = 0; time < 2; time++) expect(await writer.write(path(), [part(MIB, 1)])).toBe(false);
    expect(asked).toBe(LINUX ? 1 : 0);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is for file systems in memory", async () => {
    for (const type of IN_MEMORY) {
      const { system, flags } = noting();
      const writer = new DirectWriter({ ...system, type: () => Promise.resolve(type) });
      expect(await writer.write(path(), [part(MIB, 1)])).toBe(false);
      expect(flags).toEqual([]);
    }
  });

  it("is for what else goes wrong no remedy", async () => {
    const system: FileSystem = {
      ...STILL,
      open: () => Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" })),
    };
    const written = new DirectWriter(system).write(path(), [part(MIB, 1)]);
    if (LINUX) await expect(written).rejects.toThrow("ENOSPC");
    else expect(await written).toBe(false);
  });

  it("is for slow disks, once that has shown", async () => {
    const parts = [part(MIB, 1)];
    // Milliseconds for a mebibyte, and how many of 60 go to a disk that needs so long: all at 105 MB/s, at 95 those of the first half second.
    for (const [each, expected] of [[300, 2], [11, 46], [10, 60]] as const) {
      let now = 0;
      const disk = fake((length) => {
        now += each;
        return Promise.resolve(length);
      });
      const writer = new DirectWriter({ ...disk, now: () => now });
      let written = 0;
      for (let time = 0; time < 60; time++) if (await writer.write(path(), parts)) written++;
      expect(written).toBe(LINUX ? expected : 0);
    }
  });

  it("is for those that come while one is written and another waits", async () => {
    const going: (() => void)[] = [];
    const system = fake((length) => new Promise((resolve) => going.push(() => resolve(length))));
    const writer = new DirectWriter(system);
    const written = [0, 1, 2].map(() => writer.write(path(), [part(MIB, 1)]));
    expect(await written[2]).toBe(false);
    for (let ended = 0; LINUX && ended < 2;) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(going.length).toBeLessThanOrEqual(1);
      for (const go of going.splice(0)) {
        ended++;
        go();
      }
    }
    expect(await Promise.all(written)).toEqual([LINUX, LINUX, false]);
    expect(system.opened).toBe(LINUX ? 2 : 0);
  });
});
