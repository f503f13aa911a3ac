/**
 * A synthetic decoder of the llama family, bf16: `node test/bench/transformer.ts [shapes] [blocks] [memory]` writes it to a temporary folder, runs
 * svrflow over it and prints the time and the largest resident set. Shapes: `small` (default; 24 blocks of width 1024, 1GiB), `1.1b`
 * (TinyLlama's, 22 blocks of width 2048) or `7b` (llama 2's, 32 blocks of width 4096), the latter two with default settings. With fewer
 * blocks than that, the difference between two runs is what a block takes.
 */

import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, hrtime, memoryUsage, resourceUsage, stdout } from "node:process";
import { run } from "../../src/run.ts";

interface Shapes {
  readonly blocks: number;
  readonly width: number;
  readonly inner: number;
  readonly vocabulary: number;
  /** Channels of one head. */
  readonly each: number;
  /** Heads that share values. */
  readonly shared: number;
  readonly memory: string;
}

const SHAPES: Readonly<Record<string, Shapes>> = {
  "small": { blocks: 24, width: 1024, inner: 2816, vocabulary: 4096, each: 64, shared: 4, memory: "1GiB" },
  "1.1b": { blocks: 22, width: 2048, inner: 5632, vocabulary: 32_000, each: 64, shared: 8, memory: "auto" },
  "7b": { blocks: 32, width: 4096, inner: 11_008, vocabulary: 32_000, each: 128, shared: 1, memory: "auto" },
};

/** Names and shapes of a decoder's weights. */
export function decoder(
  { width, inner, vocabulary, shared }: Shapes,
  blocks: number,
): readonly (readonly [string, readonly number[]])[] {
  const values = width / shared;
  return [
    ["model.embed_tokens.weight", [vocabulary, width]],
    ...Array.from({ length: blocks }, (_, i) =>
      ([
        ["self_attn.q_proj", [width, width]],
        ["self_attn.k_proj", [values, width]],
        ["self_attn.v_proj", [values, width]],
        ["self_attn.o_proj", [width, width]],
        ["mlp.gate_proj", [inner, width]],
        ["mlp.up_proj", [inner, width]],
        ["mlp.down_proj", [width, inner]],
        ["input_layernorm", [width]],
        ["post_attention_layernorm", [width]],
      ] as const).map(([name, shape]) => [`model.layers.${i}.${name}.weight`, shape] as const)).flat(),
    ["model.norm.weight", [width]],
    ["lm_head.weight", [vocabulary, width]],
  ];
}

async function write(path: string, tensors: ReturnType<typeof decoder>): Promise<number> {
  const count = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
  let at = 0;
  const header = Buffer.from(JSON.stringify(Object.fromEntries(tensors.map(([name, shape]) => {
    const begin = at;
    at += 2 * count(shape);
    return [name, { dtype: "BF16", shape, data_offsets: [begin, at] }];
  }))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  try {
    await file.writeFile(Buffer.concat([length, header]));
    for (const [, shape] of tensors) {
      await file.writeFile(new Uint8Array(noise(count(shape)).buffer));
    }
  } finally {
    await file.close();
  }
  return at + header.length + 8;
}

let state = 1;

/** Numbers of either sign between 1/64 and 1/32 as bf16: a random sign, a fixed exponent, random fractions. */
function noise(count: number): Uint16Array {
  const out = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    out[i] = 0x3c80 | (state >>> 16) & 0x807f;
  }
  return out;
}

const [, , name = "small", count, budget] = argv;
const shapes = SHAPES[name];
if (shapes === undefined) {
  throw new RangeError(`found ${name}, required one of ${Object.keys(SHAPES).join(", ")}`);
}
const blocks = count === undefined ? shapes.blocks : Number(count);
const memory = budget ?? shapes.memory;
const folder = await mkdtemp(join(tmpdir(), "svrflow-transformer-"));
try {
  const path = join(folder, "model.safetensors");
  const bytes = await write(path, decoder(shapes, blocks));
  const heads = shapes.width / shapes.each;
  const config = { model_type: "llama", num_attention_heads: heads, tie_word_embeddings: false };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  stdout.write(
    `model: ${(bytes / 2 ** 20).toFixed(0)} MiB; resident before ${mebibytes(memoryUsage.rss())}\n`,
  );
  const begin = hrtime.bigint();
  const { report } = await run({ models: path, out: join(folder, "run"), memory, graph: "none" });
  const seconds = Number(hrtime.bigint() - begin) / 1e9;
  for (const { layers, connections, warnings } of report.models) {
    stdout.write(
      `${layers.length} layers, ${connections.length} connections, ${warnings.length} warnings:\n`,
    );
    stdout.write(`${warnings.slice(0, 3).join("\n")}\n`);
  }
  const { maxRSS, userCPUTime } = resourceUsage();
  stdout.write(`${seconds.toFixed(0)} s (processor ${(userCPUTime / 1e6).toFixed(0)} s), `);
  stdout.write(`largest resident set ${mebibytes(maxRSS * 1024)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function mebibytes(count: number): string {
  return `${(count / 2 ** 20).toFixed(0)} MiB`;
}
