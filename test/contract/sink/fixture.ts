/** A small model whose rows hold the values that files and stores get wrong. */

import { LAYER_METRIC_COLUMNS } from "../../../src/model/tables/layer-metrics.ts";
import { type ColumnData, type Row, type TableName, TABLES } from "../../../src/model/tables.ts";

export type Tables = Readonly<Record<TableName, readonly Row[]>>;

const TEXTS = [
  "",
  " ",
  "conv1.weight",
  "emoji 🧠👩‍🔬 and Ünïcödé",
  "line\nbreak\r\ntab\t",
  `"double" 'single' \`tick\` \\back\\`,
  "NULL",
  "x".repeat(10_240),
  '{"a": [1, 2]}',
  "-0",
  "__proto__",
];
const FLOATS = [
  0,
  -0,
  1,
  0.1,
  -1 / 3,
  NaN,
  Infinity,
  -Infinity,
  5e-324,
  -5e-324,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  1e-308,
  2 ** 53 + 2,
];
// Both hold counts and indices, which are never negative. (Ladybug 0.19.1 loses values of a column whose range leaves the type: -2^31 beside
// 2^31 - 1, -1 beside 2^63 - 1. The ends of the range have a test of their own where the files are ours.)
const INT64S = [0n, 1n, -1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 62n, 1n - 2n ** 62n, 1_000_000_007n];
const INT32S = [0, 1, -1, 2 ** 31 - 1, 65_536];

/**
 * Eleven layers with neurons, connections, edges and skipped tensors. Ends of connections and edges exist.
 *
 * @param seed rotates the values, so that two seeds never give equal tables
 */
export function fixture(seed: number): Tables {
  let turn = seed;
  const pick = <T>(values: readonly T[]): T => values[turn++ % values.length] as T;
  const float = () => pick(FLOATS);
  const maybe = () => turn % 4 === 0 ? (turn++, null) : float();
  const layers = TEXTS.map((name, layer_index): Row => ({
    layer_index,
    name,
    kind: pick(["linear", "conv", "embedding"]),
    out_channels: pick(INT32S),
    in_channels: pick(INT32S),
    positions: 1000 + seed,
    groups: pick(INT32S),
    rank: layer_index % 3 === 0 ? null : pick(INT32S),
    frobenius_norm: maybe(),
    spectral_norm: maybe(),
    stable_rank: maybe(),
    near_kernels: layer_index % 3 === 0 ? null : layer_index,
    null_neurons: layer_index % 3 === 0 ? null : pick(INT32S),
    batch_norm: "raw",
    norm_gain: pick(["none", "folded"]),
    dtype: pick(TEXTS),
    ...Object.fromEntries(
      LAYER_METRIC_COLUMNS.map(({ name, type }) => [name, type === "int32" ? layer_index : maybe()]),
    ),
  }));
  const neurons = layers.flatMap((_, layer_index) =>
    [0, 1, 2].map((neuron): Row => ({
      layer_index,
      neuron,
      group: pick(INT32S),
      singular_value: float(),
      relative: float(),
      energy: float(),
      intensity: seed,
      near_kernel: (layer_index + neuron + seed) % 2 === 0,
      null: (layer_index + neuron + seed) % 4 === 0,
      cluster: (layer_index * neuron + seed) % 3 === 1,
      residual: maybe(),
      converged: (layer_index + neuron * seed) % 5 !== 1,
      loc_ratio: maybe(),
      part_ratio: maybe(),
      vec_entropy: maybe(),
      spike_log_p: maybe(),
    }))
  );
  const connections = INT64S.map((_, at): Row => ({
    source_layer: at,
    target_layer: at + 1,
    part: at % 2,
    via: pick(["direct", "residual"]),
    evidence: pick(TEXTS),
    shared_channels: pick(INT32S),
    tested_channels: pick(INT32S),
    positions: 1,
    shared_log_p: at % 3 === 1 ? null : float(),
    sparse: at % 2 === 1,
    tests: pick(INT64S),
    threshold: maybe(),
    significant: pick(INT64S),
    expected_by_chance: float(),
    nominal: pick(INT64S),
    max_overlap: float(),
    entropy: float(),
    total_overlap: float(),
    internal_target: at,
    internal_source: seed,
    near_kernel_energy: maybe(),
    near_kernel_expected: null,
    near_kernel_log_p: maybe(),
    near_kernel_log_p_low: maybe(),
    near_kernel_tests: pick(INT64S),
    near_kernel_significant: BigInt(seed),
    near_kernel_significant_expected: float(),
    near_kernel_nominal: pick(INT64S),
    sparsification: maybe(),
    sparsification_expected: maybe(),
    composition: ["Q", "K", "V", null][at % 4]!,
    composition_score: maybe(),
  }));
  const edges = FLOATS.flatMap((overlap, at) =>
    [0, 1, 2].map((source_neuron): Row => ({
      source_layer: at % 10,
      source_neuron,
      target_layer: at % 10 + 1,
      target_neuron: (source_neuron + at) % 3,
      part: seed,
      overlap,
      cosine: source_neuron === 1 ? null : float(),
      log_p: float(),
      log_q: float(),
      q_value: float(),
      sigma: seed,
      weight: float(),
      significant: turn % 3 === 0,
    }))
  );
  const skipped = TEXTS.map((name): Row => ({ subject: "tensor", name, reason: `${pick(TEXTS)} ${seed}` }));
  const models = [{
    id: pick(TEXTS),
    uri: pick(TEXTS),
    format: pick(TEXTS),
    series: maybe() === null ? null : pick(TEXTS),
    step: maybe(),
    key: pick(TEXTS),
    layers: pick(INT32S),
    neurons: pick(INT64S),
    connections: pick(INT64S),
    edges: pick(INT64S),
    skipped: BigInt(seed),
  }];
  return { models, layers, neurons, connections, edges, skipped };
}

/** Two layers of many neurons each. */
export function bigNodes(neurons: number): { layers: Row[]; neurons: Row[] } {
  const template = fixture(0);
  const layer = template.layers[0];
  const neuron = template.neurons[0];
  if (layer === undefined || neuron === undefined) throw new Error("the fixture has no rows");
  return {
    layers: [{ ...layer, layer_index: 0 }, { ...layer, layer_index: 1 }],
    neurons: [0, 1].flatMap((layer_index) =>
      Array.from({ length: neurons }, (_, at) => ({ ...neuron, layer_index, neuron: at }))
    ),
  };
}

/** Edges whose every value follows from their number `at = 1000 * source_neuron + target_neuron`. */
export function bigEdges(first: number, rows: number) {
  const numbers = Float64Array.from({ length: rows }, (_, i) => first + i);
  const float = (of: (at: number) => number): ColumnData => ({ type: "float64", values: numbers.map(of) });
  const int = (of: (at: number) => number): ColumnData => ({
    type: "int32",
    values: Int32Array.from(numbers, of),
  });
  const valid = Uint8Array.from(numbers, (at) => at % 3 === 0 ? 0 : 1);
  const columns: ColumnData[] = [
    int(() => 0),
    int((at) => Math.floor(at / 1000)),
    int(() => 1),
    int((at) => at % 1000),
    int((at) => at % 2),
    float((at) => at / 300_000),
    { type: "float64", values: numbers.map((at) => -at / 7), valid },
    float((at) => -at),
    float((at) => -at / 2),
    float(() => 0.5),
    float((at) => at / 3),
    float(Math.sqrt),
    { type: "bool", values: Uint8Array.from(numbers, (at) => at % 5 === 0 ? 1 : 0) },
  ];
  return { schema: TABLES.edges, rows, columns };
}
