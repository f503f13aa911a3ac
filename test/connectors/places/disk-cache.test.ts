import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../../../connectors/places/disk-cache.ts";
import { openPlace } from "../../../connectors/places/open.ts";
import { noise } from "../../support/files/safetensors-file.ts";
import { Environment } from "./environment.ts";
import { FileServer } from "./server.ts";

const MIB = 2 ** 20;
const FILE = new Uint8Array(noise(6 * MIB / 4, 11).buffer);

let environment: Environment;
let server: FileServer;
beforeEach(async () => {
  environment = await Environment.begin();
  server = await FileServer.start();
  server.files.set("/file", FILE);
});
afterEach(async () => {
  await server.stop();
  await environment.end();
});

async function read(path = "/file", query = ""): Promise<Uint8Array> {
  const source = await openPlace(`${server.origin}${path}${query}`);
  try {
    return await source.slice(0, source.size);
  } finally {
    await source.close();
  }
}

const same = (bytes: Uint8Array) => Buffer.compare(bytes, FILE) === 0;

/** Files of the cache, their paths from its folder on, less the pins. */
async function kept(): Promise<string[]> {
  const folder = join(environment.folder, "cache");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((each) => each.isFile() && each.name !== "pin.json").map((each) =>
    join(each.parentPath, each.name)
  );
}

describe("the disk cache", () => {
  it("keeps what was fetched, for as long as the server says that it is the same", async () => {
    expect(same(await read())).toBe(true);
    server.served.length = 0;
    expect(same(await read())).toBe(true);
    expect(server.bytes()).toBe(0);
    expect(server.served.map(({ status }) => status)).toEqual([304]);
    const other = FILE.toReversed();
    server.files.set("/file", other);
    expect(Buffer.compare(await read(), other)).toBe(0);
  });

  it("knows damaged, shortened and foreign blocks for what they are", async () => {
    await read();
    const [first, ...others] = await kept();
    expect(others.length).toBeGreaterThan(0);
    const bytes = await readFile(first!);
    bytes[1000]! ^= 1;
    await writeFile(first!, bytes);
    for (const other of others) await writeFile(other, (await readFile(other)).subarray(1));
    await writeFile(join(first!, "..", "0-99999999"), "foreign");
    await writeFile(join(first!, "..", ".partial-0000"), "unfinished");
    expect(same(await read())).toBe(true);
    server.served.length = 0;
    expect(same(await read())).toBe(true);
    expect(server.bytes()).toBe(0);
  });

  it("ends where it is told to, and forgets what was used least", async () => {
    environment.set("SVRFLOW_CACHE_SIZE", "8MiB");
    for (const name of ["/a", "/b", "/c"]) {
      server.files.set(name, FILE.map((byte) => byte ^ name.charCodeAt(1)));
      await read(name);
      // Times of use have the resolution of the file system.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const sizes = await Promise.all((await kept()).map(async (path) => (await stat(path)).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeGreaterThan(4 * MIB);
    expect(total).toBeLessThanOrEqual(8 * MIB);
    server.served.length = 0;
    await read("/c");
    expect(server.bytes()).toBeLessThan(FILE.length / 2);
  });

  it("ends there too when blocks come while it is being looked through", async () => {
    environment.set("SVRFLOW_CACHE_SIZE", "4MiB");
    for (let round = 0; round < 3; round++) {
      const { store } = await openStore(`somewhere/${round}`, { size: 16 * MIB, etag: '"one"' });
      const blocks = Array.from(
        { length: 32 },
        (_, at) => store.write(at * MIB / 2, FILE.subarray(0, MIB / 2)),
      );
      await Promise.all(blocks);
      const sizes = await Promise.all((await kept()).map(async (path) => (await stat(path)).size));
      const total = sizes.reduce((sum, size) => sum + size, 0);
      expect(total).toBeGreaterThan(2 * MIB);
      expect(total).toBeLessThanOrEqual(4 * MIB);
    }
  });

  it("names no address, and lets nobody else in", async () => {
    await read("/file", "?token=5ecret");
    const folder = join(environment.folder, "cache");
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      expect(path.slice(folder.length)).not.toMatch(/5ecret|127\.0|token/);
      expect((await stat(path)).mode & 0o077).toBe(0);
    }
    expect(entries.length).toBeGreaterThan(3);
  });

  it("can be off: then nothing stays, and nothing is fetched twice while a file is open", async () => {
    environment.set("SVRFLOW_CACHE", "off");
    environment.set("XDG_CACHE_HOME", join(environment.folder, "xdg"));
    const passing = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith("svrflow-fetched-"));
    const before = await passing();
    const source = await openPlace(`${server.origin}/file`);
    expect(same(await source.slice(0, source.size))).toBe(true);
    expect(same(await source.slice(0, source.size))).toBe(true);
    expect(server.bytes()).toBe(FILE.length);
    await source.close();
    expect((await passing()).filter((name) => !before.includes(name))).toEqual([]);
    expect(await readdir(environment.folder)).toEqual([]);
  });

  it("is where the system has its caches, unless it is named", async () => {
    environment.set("SVRFLOW_CACHE", undefined);
    environment.set("XDG_CACHE_HOME", join(environment.folder, "xdg"));
    await read();
    expect(await readdir(join(environment.folder, "xdg"))).toEqual(["svrflow"]);
  });

  it("does without where it cannot be written to", async () => {
    await writeFile(join(environment.folder, "cache"), "a file, not a folder");
    expect(same(await read())).toBe(true);
  });

  it.each([
    ["SVRFLOW_CACHE", "relative/folder"],
    ["SVRFLOW_CACHE_SIZE", "much"],
    ["SVRFLOW_TIMEOUT", "0"],
    ["SVRFLOW_RETRIES", "-1"],
  ])("refuses %s=%s", async (name, value) => {
    environment.set(name, value);
    await expect(read()).rejects.toThrow(`${name}: found ${JSON.stringify(value)}, required`);
  });
});
