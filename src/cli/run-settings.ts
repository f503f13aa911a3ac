/** The settings of a run that are options too. */

import { type Command, Option } from "commander";
import { flagOf } from "../../config/load.ts";
import { cacheOf, edgesOf, layerMetricsOf, numberOf, rankOf } from "./argument-values.ts";
import { compareOf } from "./run-arguments.ts";

/** Key in the config, argument, what it does, and what its text means. */
type Setting = readonly [
  key: string,
  argument: string,
  description: string,
  parse?: (text: string, before?: unknown) => unknown,
];

/** Which models are taken, and what they are checkpoints of; of `inspect` too. */
const CHOICE: readonly Required<Setting>[] = [
  ["include", "<glob>", "of a folder or glob only files of this name or path; may be repeated", oneMore],
  ["exclude", "<glob>", "of a folder or glob no files of this name or path; may be repeated", oneMore],
  [
    "series",
    "<rule>",
    "how epoch or step are read from names: auto, off, or a pattern with (?<step>…) (default: auto)",
    (text) => text === "auto" || text === "off" ? text : { pattern: text },
  ],
  [
    "plugins",
    "<module>",
    "formats and sinks of your own: ./my-format.ts or a package; may be repeated",
    oneMore,
  ],
];

/** The settings of a run that are options too: key in the config, argument, what it does. */
const SETTINGS: readonly Setting[] = [
  ...CHOICE,
  [
    "idPrefix",
    "<text>",
    "stands before every model's id; {folder} is the folder that the model lies in, {run} the output folder's name",
  ],
  ["replace", "", "let a model replace another of its id that was read from elsewhere (default: refuse)"],
  [
    "strict",
    "",
    "exit code 3 where a model has no layers or over a tenth of its numbers were not read (default: warn)",
  ],
  ["out", "<dir>", "output folder (default: svr-out)"],
  ["lake", "<place>", "folder or s3://bucket/prefix for the Parquet tables (default: the output folder)"],
  ["graph", "<store>", "embedded, neo4j or none (default: embedded)"],
  [
    "sinks",
    "<list>",
    "parquet,arrow or one of them (default: both)",
    (text) => text === "none" ? [] : text.split(","),
  ],
  ["edges", "<which>", "significant, all or top:<k> (default: significant)", edgesOf],
  [
    "null",
    "<name>",
    "what an overlap is compared with. rotation: the channels of the two layers have nothing to do with each other, all else as it is. " +
    "beta, chi2: singular vectors point in random directions, so profile and alignment are tested together (default: rotation)",
  ],
  ["sigma", "<number>", "level of significance, alpha = 1 - Phi(sigma) (default: 3)", numberOf],
  ["alpha", "<number>", "level of significance, instead of --sigma", numberOf],
  ["correction", "<name>", "none, bonferroni, holm, bh or by (default: bh)"],
  ["correctionOver", "<family>", "connection or model (default: connection)"],
  [
    "weight",
    "<expression>",
    "weight of an edge, such as sqrt(overlap), or overlap, amplitude, gain (default: overlap)",
  ],
  ["unfolding", "<name>", "svr or cosvr (default: svr)"],
  ["batchNorm", "<mode>", "raw, or folded into the layer before (default: raw)"],
  ["batchNormEpsilon", "<number>", "where the file does not say it (default: 1e-5)", numberOf],
  ["normGain", "<mode>", "of layer and RMS norms: raw, or folded into the layers behind (default: raw)"],
  [
    "nearKernel",
    "<share>",
    "neurons up to this share of s_1 are near-kernels (default: 0.1)",
    (text) => ({ relative: numberOf(text) }),
  ],
  [
    "layerMetrics",
    "<list>",
    "figures of layers that cost more: pooled (positions of convolutions apart, as WeightWatcher has them), permuted (those of permuted entries), bootstrap=<samples> (interval of alpha, goodness of fit); and alpha=<level> of spikes (default: 0.001)",
    layerMetricsOf,
  ],
  [
    "nullControl",
    "[count]",
    "repeat the analysis with every layer's channels turned at random, so that every figure stands beside chance; so many times, for a mean and a spread; behind the models, or as --null-control=20 (alone: once)",
    numberOf,
  ],
  ["nullControlSeed", "<n>", "seed of the first null control; the others' count up (default: 0)", numberOf],
  ["compare", "<which>", "compare models when they are done: all, series, or the id of the base", compareOf],
  ["dominant", "<k>", "the k best disjoint chains of edges (default: 1)", numberOf],
  [
    "topology",
    "<file>",
    "who feeds whom: a topology, or a model that lends its graph (default: <model>.topology.yaml beside the model, else the model's own graph, else a known architecture, else inferred from the weights, else guessed)",
  ],
  ["kernel", "<name>", "auto, wasm, native (OpenBLAS) or reference (default: auto)"],
  ["precision", "<name>", "f64 or, with the native kernel, f32 (default: f64)"],
  ["threads", "<n>", "matrices at a time (default: one per core)", numberOf],
  ["rank", "<k>", "the k leading neurons of each matrix, all, or auto (default)", rankOf],
  ["tolerance", "<share>", "largest residual of a converged leading neuron (default: 1e-8)", numberOf],
  [
    "residual",
    "<k>",
    "residual connections from the k nearest layers only (default: from all)",
    (text) => ({ span: numberOf(text) }),
  ],
  [
    "circuits",
    "",
    "the circuits of attention heads as layers too: OV, and QK without positions (default: not)",
  ],
  [
    "memory",
    "<size>",
    "byte budget for weights and spectra, such as 512MiB (default: half of what is free, 1 to 16 GiB)",
  ],
  ["modelsAtATime", "<n>", "models worked on side by side (default: threads + 1, at most 4)", numberOf],
  ["cache", "<size|off>", "bytes of spectra that are kept for later runs (default: 4GiB)", cacheOf],
];

function oneMore(text: string, before?: unknown): unknown {
  return [...Array.isArray(before) ? before as readonly unknown[] : [], text];
}

/** Adds the settings of a run as options. @param said keys of those that the command takes, with a description where the command has its own; default: all */
export function addSettings(command: Command, said?: Readonly<Record<string, string | undefined>>): void {
  for (const setting of SETTINGS) {
    const [key] = setting;
    if (said === undefined || Object.hasOwn(said, key)) command.addOption(optionOf(setting, said?.[key]));
  }
}

/** Adds those that say which models are taken. */
export function addChoice(command: Command): void {
  for (const setting of CHOICE) command.addOption(optionOf(setting));
}

function optionOf([key, argument, description, parse]: Setting, said = description): Option {
  const option = new Option(`--${flagOf(key)} ${argument}`.trimEnd(), said);
  return parse === undefined ? option : option.argParser(parse);
}
