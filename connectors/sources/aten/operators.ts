/** All operators of PyTorch's that are known, by name. */

import { ELEMENTWISE } from "./elementwise.ts";
import { LAYERS } from "./layers.ts";
import { MOVEMENTS } from "./movement.ts";
import type { AtenHandlers } from "./network.ts";
import { REDUCTIONS } from "./reductions.ts";
import { SELECTIONS } from "./selection.ts";

/** What each operator does to channels; `add_` and its like are looked up without the underscore. */
export const OPERATORS: AtenHandlers = new Map([
  ...SELECTIONS,
  ...MOVEMENTS,
  ...REDUCTIONS,
  ...ELEMENTWISE,
  ...LAYERS,
]);
