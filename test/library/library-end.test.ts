import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../integration/svr.ts";

const EPOCH = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");

/** A program that ends when nothing holds it: it never calls `exit`. */
const PROGRAM = `
const { run } = await import(process.argv[1]);
try {
  await run({ models: process.argv[2], out: process.argv[3] });
  console.log("done");
} catch (cause) {
  console.log(cause.message);
}`;

/** Longer than any of these programs takes; one that hangs is killed, and the call rejects. */
const PATIENCE_MS = 30_000;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-end-"));
  await copyFile(EPOCH, join(folder, "whole.safetensors"));
  await writeFile(join(folder, "truncated.safetensors"), (await readFile(EPOCH)).subarray(0, 20_000));
  await writeFile(join(folder, "unknown.format"), "not a model");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a program that calls run() ends by itself", () => {
  it.each([
    ["whole.safetensors", "done"],
    ["missing.safetensors", "no such file"],
    ["truncated.safetensors", "data_offsets"],
    ["unknown.format", "extension"],
  ])("of %s: %s", async (name, said) => {
    const [entry, model, out] = [join(ROOT, "src/run.ts"), join(folder, name), join(folder, `${name}.out`)];
    const args = ["--input-type=module", "--eval", PROGRAM, entry, model, out];
    const { stdout } = await promisify(execFile)(execPath, args, { timeout: PATIENCE_MS });
    expect(stdout).toContain(said);
  }, 2 * PATIENCE_MS);
});
