/** All operators that are known to the walk over an ONNX graph, by name. */

import type { Handlers } from "./context.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LAYERS } from "./layers.ts";
import { MOVEMENTS } from "./movement.ts";
import { RECURRENT } from "./recurrent.ts";
import { REDUCTIONS } from "./reductions.ts";
import { SELECTIONS } from "./selection.ts";

/** What each operator does to channels. */
export const HANDLERS: Handlers = new Map([
  ...SELECTIONS,
  ...MOVEMENTS,
  ...REDUCTIONS,
  ...ELEMENTWISE,
  ...RECURRENT,
  ...LAYERS,
]);
