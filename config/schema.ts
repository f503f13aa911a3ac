/** What a run may say. The committed JSON Schema, which editors use, is generated from here. */

import { z } from "zod";
import { AUTO, BYTE_SIZE, MEMORY_SIZE, parseByteSize } from "./byte-size.ts";
import { DEFAULTS } from "./defaults.ts";
import { PLUGIN_MODULE } from "./plugin.ts";
import { globsSchema, seriesRuleSchema } from "./series.ts";
import { channelRangeSchema, topologySchema, viaSchema } from "./topology.ts";

const text = z.string().min(1);

/** A bucket's name as S3 allows it; with it no password can stand in a config. */
const S3_ADDRESS = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.*)?$/;

/** Extents are bounded so that products of a few of them stay exact. */
const extent = z.int().min(1).max(2 ** 20);

// Seeds that count up from it stay exact integers.
const seed = z.int().min(-(2 ** 52)).max(2 ** 52);

const syntheticSchema = z.strictObject({
  seed: z.int().describe("The same seed gives the same weights."),
  layers: z.array(z.strictObject({
    name: text,
    out: extent.describe("Out channels."),
    in: extent.describe("In channels."),
    kernel: z.array(extent).min(1).max(3).optional().describe("Kernel extents of a convolution."),
    positions: extent.optional().describe("Positions per in channel of a layer that reads a flattened map."),
    groups: extent.optional(),
  })).min(1),
  connections: z.array(z.strictObject({
    from: text,
    to: text,
    via: viaSchema.optional(),
    part: z.int().min(0).max(0xffff).optional()
      .describe("Tells connections between the same two layers apart, attention heads say. Default: 0."),
    channels: z.array(channelRangeSchema).min(1).optional(),
  })).optional().describe("Default: each layer feeds the next."),
  planted: z.array(z.strictObject({
    from: text,
    to: text,
    cosine: z.number().min(0).max(1),
    gain: z.number().positive(),
  })).optional().describe("Chains of leading neurons that feed each other; the known answer of a test."),
}).describe("A generated model: Gaussian weights of variance 1/fan_in, the null control.");

const topology = z.union([text, topologySchema])
  .describe("A declared topology, or the path of a file that holds one.");

const include = globsSchema.optional();
const exclude = globsSchema.optional();

/** Files among `models`, in a config or in a manifest. */
export const fileEntrySchema = z.strictObject({
  path: text.describe(
    "A file, a folder, a glob, or a remote place: https://…, s3://bucket/key-or-prefix/, hub:org/name@revision/path.",
  ),
  id: text.optional().describe("The model's id; only for a single file."),
  topology: topology.optional(),
  include,
  exclude,
  series: text.max(1000).optional().describe(
    "The series that its models belong to. Default: as the run's rule says.",
  ),
  step: z.number().min(0).optional().describe("Epoch or step within the series; only for a single file."),
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: "64 hex digits" }).optional()
    .describe("Digest of the file, checked before it is read; only for a single file."),
});

/** Files among `models`. */
export type FileEntry = z.infer<typeof fileEntrySchema>;

const modelSchema = z.union([
  text,
  fileEntrySchema,
  z.strictObject({ id: text, synthetic: syntheticSchema }),
  z.strictObject({
    manifest: text.describe("A file that lists models: YAML or JSON as here, or CSV with a column path."),
    include,
    exclude,
  }),
]).describe(
  "A model file, a folder, a glob, a remote place, a manifest or a generated model. Paths are relative to the config file.",
);

const edgesSchema = z.union([
  z.enum(["significant", "all"]),
  z.strictObject({ top: z.int().min(1) }).describe("The k largest overlaps of each connection."),
]);

const neo4jSchema = z.strictObject({
  uri: text.optional().describe(
    "Address, such as neo4j://localhost:7687 or neo4j+s://…; without user name and password. Default: NEO4J_URI.",
  ),
  database: text.optional().describe("Default: NEO4J_DATABASE, else neo4j."),
  credentials: text.optional().describe(
    "A file with NEO4J_USERNAME=… and NEO4J_PASSWORD=…. Default: the environment.",
  ),
  labelPrefix: z.string().regex(/^(?:[A-Za-z_][A-Za-z0-9_]{0,63})?$/, {
    error: "up to 64 letters, digits and underscores, no digit first",
  }).optional().describe("Stands before every label. Default: nothing."),
  patience: z.number().min(0).max(3600).optional()
    .describe("Seconds for which the server may be away before the run gives up. Default: 60."),
}).describe("The graph server; passwords are never part of a config.");

const compareSchema = z.strictObject({
  pairs: z.array(z.tuple([text, text])).min(1).optional().describe(
    "Pairs of ids of models of the run: the base, and the model that is compared with it.",
  ),
  base: text.optional().describe("The id of the model that all others are compared with."),
  series: z.literal(true).optional().describe(
    "Each checkpoint of a series with the next, and the tracks of neurons through all of them.",
  ),
  all: z.literal(true).optional().describe("Every model with every other."),
  leading: z.int().min(1).max(2 ** 20).default(DEFAULTS.compare.leading)
    .describe("How many leading neurons of a layer may be intruders."),
  cosine: z.number().min(0).max(1).default(DEFAULTS.compare.cosine)
    .describe("An intruder has no left cosine of so much with any neuron of the base."),
  fileOrder: z.boolean().default(DEFAULTS.compare.fileOrder).describe(
    "Whether channels are compared as they stand in the files. Otherwise hidden channels in another order are put in the base's first.",
  ),
}).refine(
  ({ pairs, base, series, all }) =>
    [pairs, base, series, all].filter((each) => each !== undefined).length === 1,
  "one of pairs, base, series and all",
).describe("Which models are compared with which, after all are done. Default: none.");

const lakePlace = text.refine((address) => !address.startsWith("s3:") || S3_ADDRESS.test(address), {
  error: "a folder, or s3://bucket/prefix with neither user nor port",
  params: { hidden: true },
});

/** What a config says of its lake, in whichever way it is written. */
interface LakeSettings {
  /** A folder or an address, if not the output folder. */
  readonly lake?: string;
  /** Formats in which the lake keeps its tables. */
  readonly lakeTables?: readonly ("delta" | "iceberg")[];
}

/** The settings of a run. */
export const runConfigSchema = z.strictObject({
  models: z.union([modelSchema, z.array(modelSchema).min(1)]).describe("What is read."),
  include: include.describe("Of all files that models stand for, only these."),
  exclude: exclude.describe("Of all files that models stand for, not these."),
  series: seriesRuleSchema.default(DEFAULTS.series),
  idPrefix: text.max(1000).refine(
    (prefix) => !/[{}]/.test(prefix.replaceAll(/\{(?:folder|run)\}/g, "")),
    "text in which braces stand only in {folder} and {run}",
  ).optional().describe(
    "Stands before the id of every model. {folder}: the folder that the model lies in, above those that its id names already. {run}: the name " +
      "of the output folder.",
  ),
  replace: z.boolean().default(DEFAULTS.replace).describe(
    "Whether a model may take the place of another one that has its id and was read from elsewhere. Otherwise such a run is refused.",
  ),
  out: text.default(DEFAULTS.out).describe(
    "The output folder. A path in a config file is relative to the file, as all of them are.",
  ),
  lake: z.union([
    lakePlace,
    z.strictObject({
      place: lakePlace.optional().describe("Where the tables go. Default: the output folder."),
      tables: z.array(z.enum(["delta", "iceberg"])).describe(
        "Formats of tables that engines know, which each run to this lake keeps up from then on.",
      ),
    }),
  ]).optional().describe(
    "Where the Parquet tables go, if not into the output folder: a folder, or s3://bucket/prefix. " +
      "Credentials come from the environment (AWS_ACCESS_KEY_ID and so on).",
  ),
  unfolding: z.enum(["svr", "cosvr"]).default(DEFAULTS.unfolding)
    .describe("How a weight becomes a matrix: svr is m x (n*z), cosvr is (m*z) x n."),
  batchNorm: z.enum(["raw", "folded"]).default(DEFAULTS.batchNorm)
    .describe(
      "What becomes of the scaling of batch normalization: raw ignores it, folded takes it into the layer before.",
    ),
  batchNormEpsilon: z.number().min(0).max(1).optional()
    .describe(
      "Epsilon of batch normalizations whose file does not say it, as a state dict does not. Default: 1e-5, as in PyTorch. " +
        "TensorFlow's is 1e-3.",
    ),
  normGain: z.enum(["raw", "folded"]).default(DEFAULTS.normGain)
    .describe(
      "What becomes of the gain of layer and RMS normalization: raw ignores it, folded takes it into the layers behind.",
    ),
  null: z.enum(["rotation", "beta", "chi2"]).default(DEFAULTS.null)
    .describe(
      "What an overlap is compared with. rotation: the channels of the two layers have nothing to do with each other. beta and chi2 also turn the " +
        "spatial profile of kernels at random, so that they test profile and alignment together; beta is exact, chi2 is the large-n limit of the " +
        "reference program.",
    ),
  sigma: z.number().min(0).max(38).optional()
    .describe("Level of significance, alpha = 1 - Phi(sigma). Default 3. Instead of alpha."),
  alpha: z.number().gt(0).max(0.5).optional().describe("Level of significance. Instead of sigma."),
  correction: z.enum(["none", "bonferroni", "holm", "bh", "by"]).default(DEFAULTS.correction)
    .describe("Correction for the number of tests."),
  correctionOver: z.enum(["connection", "model"]).default(DEFAULTS.correctionOver)
    .describe("What is one family of tests."),
  weight: text.max(1000).default(DEFAULTS.weight).describe(
    "An expression, or one of the presets overlap, amplitude and gain. It may use overlap, cosine, sourceSingularValue, " +
      "targetSingularValue, channels, positions, p, logP, q and sigma.",
  ),
  edges: edgesSchema.default(DEFAULTS.edges).describe("Which edges are written; counts speak of all."),
  nearKernel: z.strictObject({
    relative: z.number().min(0).max(1).default(DEFAULTS.nearKernel.relative)
      .describe("Neurons with s_j <= relative * s_1 are near-kernels."),
  }).default(DEFAULTS.nearKernel),
  layerMetrics: z.strictObject({
    pooled: z.boolean().default(DEFAULTS.layerMetrics.pooled).describe(
      "Whether the figures of each position of a convolution apart, their eigenvalues pooled as WeightWatcher has them, are computed too.",
    ),
    permuted: z.boolean().default(DEFAULTS.layerMetrics.permuted).describe(
      "Whether the figures of each weight with its entries permuted are computed too: their null control.",
    ),
    bootstrap: z.int().min(0).max(10_000).default(DEFAULTS.layerMetrics.bootstrap).describe(
      "Samples for an interval of alpha, and as many for the goodness of fit of the power law. 0: neither.",
    ),
    seed: seed.default(DEFAULTS.layerMetrics.seed).describe("The seed of permutations and samples."),
    alpha: z.number().gt(0).max(0.5).default(DEFAULTS.layerMetrics.alpha).describe(
      "The family-wise level at which a layer's spikes are counted; edges have one of their own.",
    ),
  }).default(DEFAULTS.layerMetrics).describe(
    "Figures of layers that cost more than the others, and the level of those that are tested.",
  ),
  nullControl: z.union([z.boolean(), z.int().min(1).max(1000)]).default(DEFAULTS.nullControl).describe(
    "Repeats the analysis with the channels of every layer turned at random, so often: true is once. Of several times the report has mean and standard deviation.",
  ),
  nullControlSeed: seed.default(DEFAULTS.nullControlSeed).describe(
    "The seed of the first null control; those of the others count up from it.",
  ),
  // Each chain is a pass over all links, on the thread that does all else: some seconds where 2^20 are kept.
  dominant: z.int().min(1).max(100).default(DEFAULTS.dominant).describe(
    "How many dominant connections are sought: the best chain of edges, then the best that share no neuron with a better one.",
  ),
  sinks: z.array(z.enum(["parquet", "arrow"])).default([...DEFAULTS.sinks])
    .describe("Table files that are written."),
  graph: z.enum(["embedded", "neo4j", "none"]).default(DEFAULTS.graph).describe(
    "The property graph that answers Cypher: a file in the output folder, a graph server, or none.",
  ),
  neo4j: neo4jSchema.optional(),
  kernel: z.enum(["auto", "wasm", "native", "reference"]).default(DEFAULTS.kernel).describe(
    "The linear algebra: native is OpenBLAS where it is installed, wasm works everywhere, auto takes the faster of them.",
  ),
  precision: z.enum(["f64", "f32"]).default(DEFAULTS.precision)
    .describe("Precision of the linear algebra; f32 with the native kernel only."),
  threads: z.int().min(1).max(1024).optional()
    .describe("Matrices decomposed at a time. Default: one per core, fewer where memory is small."),
  rank: z.union([z.int().min(1), z.enum(["all", "auto"])]).default(DEFAULTS.rank).describe(
    "Which neurons of each matrix are wanted: so many leading ones, each with its residual; all; or auto, which is all, but of matrices " +
      "with both sides over 4096, and of those over 1024 in models that take over 10^13 operations, those above the noise edge, 1 to 256 of them.",
  ),
  tolerance: z.number().min(1e-12).max(0.01).default(DEFAULTS.tolerance).describe(
    "Largest residual, relative to the largest singular value, at which a leading neuron has converged. Others are kept and not tested.",
  ),
  residual: z.strictObject({
    span: z.int().min(1).describe("So many of the nearest layers that write to a residual stream."),
  }).optional().describe(
    "How far residual connections reach. Default: every layer that writes to the stream feeds every later one that reads it.",
  ),
  memory: z.string().regex(MEMORY_SIZE, { error: "a size such as 512MiB or 2GiB, or auto", abort: true })
    .refine((size) => size === AUTO || parseByteSize(size) !== null, "a size of at least one byte")
    .default(DEFAULTS.memory).describe(
      "The byte budget for weights and spectra, such as 512MiB or 2GiB; auto is half of what is free, 1 to 16 GiB.",
    ),
  modelsAtATime: z.int().min(1).max(64).optional().describe(
    "Models worked on side by side, within the one byte budget. Default: one more than there are threads, at most 4.",
  ),
  cache: z.union([
    z.literal("off"),
    z.strictObject({
      limit: z.string().regex(BYTE_SIZE, { error: "a size such as 512MiB or 4GiB", abort: true })
        .refine((size) => parseByteSize(size) !== null, "a size of at least one byte")
        .default(DEFAULTS.cache.limit).describe("Bytes of files; what was not used longest goes first."),
      dir: text.optional().describe(
        "A folder that runs may share. Default: .cache/spectra in the output folder.",
      ),
    }),
  ]).default(DEFAULTS.cache).describe(
    "Whether spectra are kept, so that no later run decomposes a weight again.",
  ),
  compare: compareSchema.optional(),
  topology: topology.optional(),
  guess: z.boolean().default(DEFAULTS.guess).describe(
    "Whether a topology that is not known is guessed from names and shapes. false refuses the model.",
  ),
  infer: z.union([z.literal("auto"), z.boolean()]).default(DEFAULTS.infer).describe(
    "Whether who feeds whom is inferred from the weights: auto where nothing but names and shapes would tell it, true of every model without a declared topology, false of none.",
  ),
  audit: z.boolean().default(DEFAULTS.audit).describe(
    "Whether weights are asked what they say to the topology: connections that they contradict, spaces of channels that nobody declared. Reads every weight once more.",
  ),
  circuits: z.boolean().optional().describe("Whether circuits of heads are layers too. Default: false."),
  strict: z.boolean().default(DEFAULTS.strict).describe(
    "Whether a run ends with exit code 3 where a model has no layers, or more than a tenth of its numbers could not be read. Otherwise it warns.",
  ),
  plugins: z.array(
    text.regex(PLUGIN_MODULE, {
      error: "./file.ts, another path, or the name of an installed package",
    }),
  ).optional().describe(
    "Modules with formats and sinks of your own, which are run: files, relative to the config file, or packages that are installed there.",
  ),
}).refine(({ sigma, alpha }) => sigma === undefined || alpha === undefined, {
  message: "sigma or alpha, not both",
  path: ["alpha"],
}).refine(({ lake, sinks }) => lake === undefined || sinks.includes("parquet"), {
  message: "parquet among the sinks, which is what a lake is made of",
  path: ["lake"],
}).refine(
  ({ compare, unfolding, rank }) => compare === undefined || unfolding === "svr" && typeof rank !== "number",
  {
    message: "unfolding svr and no number as rank: all neurons of that unfolding are compared",
    path: ["compare"],
  },
);

/** A checked run config, defaults filled in. */
export type RunConfig = Omit<z.output<typeof runConfigSchema>, "lake"> & LakeSettings;

/** A checked config, with what it says of its lake written in one way. */
export function settledConfig({ lake, ...config }: z.output<typeof runConfigSchema>): RunConfig {
  if (lake === undefined) return config;
  if (typeof lake === "string") return { ...config, lake };
  const { place, tables } = lake;
  return { ...config, ...place === undefined ? {} : { lake: place }, lakeTables: tables };
}

/** A checked config as a user would have written it: what `settledConfig` has made of it, undone. */
export function writtenConfig({ lake: place, lakeTables: tables, ...config }: RunConfig): WrittenConfig {
  const lake = tables === undefined
    ? place
    : { ...place === undefined ? {} : { place }, tables: [...tables] };
  return { ...config, ...lake === undefined ? {} : { lake } };
}

/** A checked config in the form in which a user may write it. */
export type WrittenConfig = z.output<typeof runConfigSchema>;

/** A run config as a user may write it. */
export type RunConfigInput = z.input<typeof runConfigSchema>;

/** The JSON Schema of a run config as a user may write it. */
export function runConfigJsonSchema(): Record<string, unknown> {
  return {
    $id: "urn:svrflow:schema:run-config",
    title: "svrflow run config",
    ...z.toJSONSchema(runConfigSchema, { io: "input" }),
  };
}
