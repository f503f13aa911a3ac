/**
 * How often the weights tell how matrices lie: `node test/bench/readings.ts [folder of shared models [part of a path]]`. Names are hidden, and all matrices
 * of a trained model are written the four ways in which libraries write them.
 */

import { argv, stdout } from "node:process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openPool } from "../../src/kernels/pool.ts";
import { openModel } from "../../src/mod.ts";
import { knownGraph } from "../../src/stages/layers.ts";
import { inferred } from "../../src/stages/topology/inference/inferred.ts";
import { rereadModel, rereadOf } from "../support/reread-model.ts";
import { SHARED } from "../support/shared.ts";
import { hidden } from "./hidden-models.ts";
import { MODELS } from "./wiring-models.ts";

const kernel = await openPool({ name: "wasm", precision: "f64", threads: 1 });
const [folder, only] = [argv[2] ?? SHARED, argv[3] ?? ""];
const sums = { turned: [0, 0], flattened: [0, 0] };
stdout.write("| model | matrices | flattened maps | axes found | orders found |\n|---|---|---|---|---|\n");
for (const { path } of MODELS) {
  if (!path.includes(only) || !existsSync(join(folder, path))) continue;
  const model = await openModel(join(folder, path));
  const known = knownGraph(model, {});
  const { from, nameOf } = hidden(model, known, true);
  for (const transposed of [false, true]) {
    for (const flattened of ["channels-first", "channels-last"] as const) {
      const lying = { transposed, flattened };
      const now = (name: string) => nameOf.get(name)!;
      const { graph } = await inferred(rereadModel(from, known, now, lying), kernel);
      const reread = rereadOf(known, graph, now, lying);
      for (const kind of ["turned", "flattened"] as const) {
        sums[kind] = [sums[kind][0]! + reread[kind][0], sums[kind][1]! + reread[kind][1]];
      }
      const cells = [
        path.split("/").slice(-2).join("/"),
        transposed ? "[in, out]" : "[out, in]",
        flattened,
        reread.turned.join("/"),
        reread.flattened.join("/"),
      ];
      stdout.write(`| ${cells.join(" | ")} | ${reread.wrong.join(", ")}\n`);
      if (reread.flattened[1] === 0 && flattened === "channels-first") break;
    }
  }
  await model.close();
}
stdout.write(`axes ${sums.turned.join("/")}, orders ${sums.flattened.join("/")}\n`);
await kernel.dispose();
