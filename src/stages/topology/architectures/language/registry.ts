/** The families of language and speech networks that are recognized. A new one is a file and a line here. */

import type { Architecture } from "../architecture.ts";
import { bert } from "./bert.ts";
import { gpt2 } from "./gpt2.ts";
import { gptNeox } from "./gpt-neox.ts";
import { llama } from "./llama.ts";

/** Most particular first. */
export const LANGUAGE: readonly Architecture[] = [llama, gpt2, gptNeox, bert];
