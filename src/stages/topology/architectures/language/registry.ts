/** The families of language and speech networks that are recognized. A new one is a file and a line here. */

import type { Architecture } from "../architecture.ts";
import { bert } from "./bert.ts";
import { clip } from "./clip.ts";
import { bloom, falcon, gpt2, gptJ, gptNeo, gptNeox, llama, metaLlama, opt, phi } from "./decoders.ts";
import { deberta } from "./deberta.ts";
import { distilbert } from "./distilbert.ts";
import { hookedTransformer } from "./hooked-transformer.ts";
import { llamaCpp } from "./llama-cpp.ts";
import { t5 } from "./t5.ts";
import { wav2vec2 } from "./wav2vec2.ts";
import { whisper } from "./whisper.ts";

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
  llamaCpp,
  bert,
  distilbert,
  deberta,
  t5,
  whisper,
  wav2vec2,
  clip,
  hookedTransformer,
];
