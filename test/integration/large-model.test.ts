import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../src/run.ts";
import { execute, ROOT } from "./svr.ts";

/** 200 tensors of 4 * 1600 * 1640 bytes: 2.1 GB. */
const [COUNT, ROWS, COLS] = [200, 1600, 1640];
const BYTES = 4 * ROWS * COLS;

/** Says at the end of a process how much memory it had, in KiB, and how many bytes it read. */
const WATCH = `data:text/javascript,
  import { readFileSync } from "node:fs";
  process.on("exit", () => {
    const read = /rchar: (\\d+)/.exec(readFileSync("/proc/self/io", "utf8"))[1];
    console.error("watched " + process.resourceUsage().maxRSS + " " + read);
  });`;

let folder = "";
let path = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "large-"));
  path = join(folder, "large.safetensors");
  const entries = Array.from({ length: COUNT }, (_, at) => [
    `layer.${at}.weight`,
    { dtype: "F32", shape: [ROWS, COLS], data_offsets: [at * BYTES, (at + 1) * BYTES] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  await file.write(Buffer.concat([length, header]));
  // A hole: zeros that take no space on disk.
  await file.truncate(8 + header.length + COUNT * BYTES);
  await file.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function watched(...args: string[]) {
  const env = { NODE_OPTIONS: `--import ${JSON.stringify(WATCH.replaceAll("\n", ""))}` };
  const ended = await execute(`${ROOT}node_modules/.bin/svr`, args, { env });
  const [, kib, read] = /watched (\d+) (\d+)/.exec(ended.stderr) ?? [];
  return { ...ended, rss: 1024 * Number(kib), read: Number(read) };
}

describe("a model of 2 GB", () => {
  it("is inspected by its header, in less than 110 MB", async () => {
    await watched("inspect", path); // fills the cache of compiled code, where a checkout is new
    const { code, stdout, rss, read } = await watched("inspect", path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/in all\s+weights[^\n]*\n[^\n]*\n\s*200\s+200/);
    expect(rss).toBeLessThan(110e6);
    expect(read).toBeLessThan(20e6);
  });

  it("gives one of its layers without reading the others", async () => {
    const topology = join(folder, "one.yaml");
    await writeFile(topology, "chain: [layer.7]\n");
    const out = join(folder, "out");
    const { code, read } = await watched(
      ...["run", path, "--topology", topology, "--out", out, "--graph", "none", "--rank", "8", "--quiet"],
    );
    expect(code).toBe(0);
    const record = JSON.parse(await readFile(join(out, "run.json"), "utf8")) as RunRecord;
    const [input] = record.models[0]!.inputs;
    // Once to digest it, once to decompose it; the rest is the program itself.
    expect(input?.digested).toBeGreaterThan(BYTES);
    expect(input?.digested).toBeLessThan(BYTES + 40_000);
    expect(read).toBeGreaterThan(2 * BYTES);
    expect(read).toBeLessThan(2 * BYTES + 60e6);
  });
});
