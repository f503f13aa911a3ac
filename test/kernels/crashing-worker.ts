/** A thread that dies: at a call whose first number is 666, once for each file that `SVRFLOW_TEST_CRASH` names, else always. */

import { existsSync, writeFileSync } from "node:fs";
import { env, exit } from "node:process";
import type { Matrix } from "../../src/model/tensor.ts";
import answer, { type Call } from "../../src/kernels/worker.ts";

/** Of a test's own work, or of a decomposition. */
type Argument = { readonly a: Matrix } | { readonly blocks: readonly [Matrix] };

function numbersOf(argument: Argument): Float64Array {
  return "a" in argument ? argument.a.data : argument.blocks[0].data;
}

/** Answers as a thread of the pool does, or dies. */
export default function answerOrDie(call: Call): Promise<unknown> {
  const [first] = call.kind === "svd"
    ? call.matrix.data
    : call.kind === "multiply"
    ? call.a.data
    : call.kind === "overlap"
    ? call.tested.data
    : call.kind === "within"
    ? numbersOf(call.argument as Argument)
    : [];
  const mark = env["SVRFLOW_TEST_CRASH"] ?? "";
  if (first === 666 && !existsSync(mark)) {
    if (mark !== "") writeFileSync(mark, "");
    exit(1);
  }
  return answer(call);
}
