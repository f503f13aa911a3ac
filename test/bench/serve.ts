/**
 * One measurement for each line of JSON on stdin, answered by a line on stdout: the other side of `peer.py`, which takes turns
 * with its own libraries.
 */

import { createInterface } from "node:readline";
import { stdin, stdout } from "node:process";
import { once, type Operation, random, scaling } from "../../src/cli/machine/bench.ts";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { type ComputingKernelName, openInThread, type Precision } from "../../src/kernels/in-thread.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { spectralEdges, vgg19 } from "./vgg19.ts";

interface Request {
  readonly kernel: ComputingKernelName;
  readonly precision: Precision;
  readonly operation: Operation | "vgg19" | "scaling" | "open";
  readonly rows: number;
  readonly cols: number;
  readonly positions: number;
}

const kernels = new Map<string, Promise<Kernel>>();
const engines = new Map<string, OpenEngine>();
const inputs = new Map<string, ReturnType<typeof random>>();
let model: ReturnType<typeof vgg19> | null = null;

function remembered<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

async function seconds({ kernel, precision, operation, rows, cols, positions }: Request): Promise<number> {
  if (operation === "scaling") return (await scaling({ name: kernel, precision }, 2)).speedup;
  if (operation === "vgg19") {
    model ??= vgg19();
    const key = `${kernel} ${precision}`;
    const before = engines.get(key);
    const engine = before ?? await openEngine({ kernel, precision, threads: 2 });
    engines.set(key, engine);
    // Every thread compiles for itself, in the course of its first matrices.
    for (let warm = before === undefined ? 3 : 0; warm > 0; warm--) await spectralEdges(model, engine);
    model.refill();
    const start = performance.now();
    await spectralEdges(model, engine);
    return (performance.now() - start) / 1000;
  }
  const opened = await remembered(kernels, `${kernel} ${precision}`, () => openInThread(kernel, precision));
  if (operation === "open") return 0;
  const a = remembered(inputs, `${rows} x ${cols}`, () => random(rows, cols));
  const b = remembered(inputs, `${rows} x ${cols / positions}`, () => random(rows, cols / positions));
  return await once(opened, operation, a, b);
}

for await (const line of createInterface({ input: stdin })) {
  const answer = await seconds(JSON.parse(line) as Request).then((value) => ({ seconds: value }), String);
  stdout.write(`${JSON.stringify(typeof answer === "string" ? { error: answer } : answer)}\n`);
}
