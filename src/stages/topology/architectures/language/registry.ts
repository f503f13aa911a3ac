/** The families of language and speech networks that are recognized. A new one is a file and a line here. */

import type { Architecture } from "../architecture.ts";
import { bert } from "./bert.ts";
import { bloom, falcon, gpt2, gptJ, gptNeo, gptNeox, llama, metaLlama, opt, phi } from "./decoders.ts";

/** Most particular first. */
export const LANGUAGE: readonly Architecture[] = [
  llama,
  phi,
  gpt2,
  gptNeo,
  gptJ,
  gptNeox,
  bloom,
  falcon,
  opt,
  metaLlama,
  bert,
];
