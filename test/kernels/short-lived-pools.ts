/** Opens pools and ends them while threads are still loading: run as a process of its own by `pool.test.ts`, for the kernel that it names. */

import { argv } from "node:process";
import { setTimeout } from "node:timers/promises";
import type { ComputingKernelName } from "../../src/kernels/in-thread.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { normalMatrix } from "../support/matrices.ts";

const name = argv[2] as ComputingKernelName;
for (let turn = 0; turn < 40; turn++) {
  const pool = await openPool({ name, precision: "f64", threads: 4 });
  // Every other time while the threads open their kernels for calls that nobody waits for.
  const stop = new AbortController();
  const calls = turn % 2 === 0
    ? []
    : [1, 2, 3, 4].map((seed) => pool.svd(normalMatrix(8, 8, seed), { signal: stop.signal }));
  const outcomes = Promise.allSettled(calls);
  if (calls.length > 0) await setTimeout(turn % 4 === 1 ? 1 : turn);
  if (turn % 4 === 1) stop.abort();
  await pool.dispose();
  await outcomes;
}
console.log("done");
