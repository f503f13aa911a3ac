/** Opens pools and ends them while most of their threads are still loading: run as a process of its own by `pool.test.ts`. */

import { openPool } from "../../src/kernels/pool.ts";

for (let turn = 0; turn < 60; turn++) {
  const pool = await openPool({ name: "reference", precision: "f64", threads: 4 });
  await pool.dispose();
}
console.log("done");
