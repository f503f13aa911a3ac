/** Layers, spectra and models for tests, made without the stages under test. */

import type { Connection, Layer, Unfolding } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { matrix } from "../../src/model/tensor.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";

/** Seeded normal deviates (mulberry32, Box and Muller). */
export function gaussian(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A dense layer; anything can be said otherwise. */
export function layerOf(index: number, out: number, inputs: number, more: Partial<Layer> = {}): Layer {
  const positions = more.positions ?? 1;
  const groups = more.groups ?? 1;
  return {
    index,
    name: `layer${index}`,
    kind: positions > 1 ? "conv" : "linear",
    weight: {
      tensor: `layer${index}.weight`,
      shape: [out, inputs / groups, ...positions > 1 ? [positions] : []],
      offset: 0,
      strides: {
        group: out / groups * inputs / groups * positions,
        out: inputs / groups * positions,
        in: positions,
        position: 1,
      },
    },
    dtype: "F32",
    outChannels: out,
    inChannels: inputs,
    positions,
    groups,
    batchNorm: "none",
    normGain: "none",
    ...more,
  };
}

/** A spectrum whose vectors are random unit vectors (not orthogonal: overlaps do not need that). */
export function spectrumOf(layer: Layer, unfolding: Unfolding, neurons: number, seed: number): Spectrum {
  const normal = gaussian(seed);
  const m = layer.outChannels / layer.groups * (unfolding === "cosvr" ? layer.positions : 1);
  const n = layer.inChannels / layer.groups * (unfolding === "svr" ? layer.positions : 1);
  const rows = (cols: number) => {
    const out = matrix(neurons, cols);
    for (let j = 0; j < neurons; j++) {
      const row = out.data.subarray(j * cols, (j + 1) * cols);
      for (let i = 0; i < cols; i++) row[i] = normal();
      const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
      row.forEach((value, i) => row[i] = value / norm);
    }
    return out;
  };
  return {
    layer,
    unfolding,
    norm: Math.sqrt(neurons * (neurons + 1) * (2 * neurons + 1) / 6),
    left: rows(m),
    singularValues: Float64Array.from({ length: neurons }, (_, j) => neurons - j),
    right: rows(n),
    group: Int32Array.from({ length: neurons }, (_, j) => j % layer.groups),
    nullNeurons: new Uint8Array(neurons),
    clustered: new Uint8Array(neurons),
    sparse: false,
  };
}

/** A connection with this channel map. */
export function connectionOf(source: number, target: number, channels: Connection["channels"]): Connection {
  return { source, target, part: 0, via: "direct", evidence: "declared", channels };
}

/** A tensor's entry in a header. */
export function tensorOf(name: string, shape: readonly number[], more: Partial<TensorInfo> = {}): TensorInfo {
  return {
    name,
    dtype: "F32",
    shape,
    byteLength: 4 * shape.reduce((product, extent) => product * extent, 1),
    ...more,
  };
}
