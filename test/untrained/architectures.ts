/** ResNet-18, VGG-11 and MobileNetV2 as torchvision names them, GPT-2 as Hugging Face does; of any width and depth. */

import type { Signal } from "../../src/model/operators.ts";
import type { OperatorGraph } from "../../src/model/operators.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { Network } from "../../src/stages/topology/architectures/network.ts";
import { type Parameter, Parameters } from "./parameters.ts";

/** How wide and how deep; what that is, each network says. */
export interface Size {
  readonly width: number;
  readonly depth: number;
}

/** A network without weights. */
export interface NetworkArchitecture {
  readonly parameters: readonly Parameter[];
  /** The `config.json` that lies beside published weights, where who feeds whom cannot be told without it. */
  readonly config?: unknown;
  /** The dataflow of a network whose family svrflow does not know. */
  readonly operators?: (tensors: readonly TensorInfo[]) => OperatorGraph;
}

/** Classes; a thousand published. */
const CLASSES = 100;

/** Extent of the last map that VGG's classifier reads; 7 published. */
const MAP = 3;

/** `width`: channels of the first stage, 64 published; `depth`: blocks per stage, 2 published. */
function resnet18({ width, depth }: Size): NetworkArchitecture {
  const net = new Parameters();
  net.conv("conv1", width, 3, { k: 7 });
  net.batchNorm("bn1", width);
  let inputs = width;
  for (let stage = 0; stage < 4; stage++) {
    const out = width * 2 ** stage;
    for (let i = 0; i < depth; i++) {
      const block = `layer${stage + 1}.${i}`;
      net.conv(`${block}.conv1`, out, inputs, { k: 3 });
      net.batchNorm(`${block}.bn1`, out);
      net.conv(`${block}.conv2`, out, out, { k: 3, end: true });
      net.batchNorm(`${block}.bn2`, out);
      if (inputs !== out) {
        net.conv(`${block}.downsample.0`, out, inputs, { k: 1 });
        net.batchNorm(`${block}.downsample.1`, out);
      }
      inputs = out;
    }
  }
  net.linear("fc", CLASSES, inputs);
  return { parameters: net.finish() };
}

/**
 * `width`: channels of the first stage, 64 published; `depth`: convolutions in each of the last three stages, 2 published. The classifier
 * is narrower than published: as wide as the last convolution, which it reads at 3 x 3 positions.
 */
function vgg11({ width, depth }: Size): NetworkArchitecture {
  const net = new Parameters();
  let [at, inputs] = [0, 3];
  [1, 1, depth, depth, depth].forEach((count, stage) => {
    const out = width * 2 ** Math.min(stage, 3);
    for (let i = 0; i < count; i++) {
      net.conv(`features.${at}`, out, inputs, { k: 3, bias: true });
      inputs = out;
      // An activation follows.
      at += 2;
    }
    // A pooling.
    at++;
  });
  net.linear("classifier.0", inputs, inputs, [MAP, MAP]);
  net.linear("classifier.3", inputs, inputs);
  net.linear("classifier.6", CLASSES, inputs);
  return { parameters: net.finish() };
}

/** Of each stage of MobileNetV2: expansion, channels, blocks, stride of the first. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** torchvision's `_make_divisible`: a multiple of 8, not more than a tenth below. */
function divisible(channels: number): number {
  const rounded = Math.max(8, 8 * Math.floor((channels + 4) / 8));
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** `width`: channels of the first convolution, 32 published; `depth`: the most blocks in a stage, 4 published. */
function mobilenetV2({ width, depth }: Size): NetworkArchitecture {
  const net = new Parameters();
  const scaled = (channels: number) => divisible(channels * width / 32);
  let inputs = scaled(32);
  net.conv("features.0.0", inputs, 3, { k: 3 });
  net.batchNorm("features.0.1", inputs);
  let at = 1;
  /** Blocks that something bypasses: not told by shapes, where stages are equally wide. */
  const bypassed = new Set<number>();
  for (const [expansion, channels, blocks, stride] of STAGES) {
    const out = scaled(channels);
    for (let i = 0; i < Math.min(blocks, depth); i++, at++) {
      const end = inputs === out && (i > 0 || stride === 1);
      if (end) bypassed.add(at);
      const inner = inputs * expansion;
      let part = 0;
      const module = () => `features.${at}.conv.${part++}`;
      const activated = (out: number, inputs: number, shape: { k: number; groups?: number }) => {
        const name = module();
        net.conv(`${name}.0`, out, inputs, shape);
        net.batchNorm(`${name}.1`, out);
      };
      if (expansion > 1) activated(inner, inputs, { k: 1 });
      activated(inner, inner, { k: 3, groups: inner });
      net.conv(module(), out, inner, { k: 1, end });
      net.batchNorm(module(), out);
      inputs = out;
    }
  }
  const last = scaled(1280);
  net.conv(`features.${at}.0`, last, inputs, { k: 1 });
  net.batchNorm(`features.${at}.1`, last);
  net.linear("classifier.1", CLASSES, last);
  return { parameters: net.finish(), operators: (tensors) => mobilenetDataflow(tensors, bypassed) };
}

function mobilenetDataflow(tensors: readonly TensorInfo[], bypassed: ReadonlySet<number>): OperatorGraph {
  const facts = { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  const net = Network.find("MobileNetV2", facts, ["features.0.0.weight", "features.1.conv.0.0.weight"])!;
  const convolved = (name: string, x: Signal) => net.batchNorm(`${name}.1`, net.conv(`${name}.0`, x));
  let x = net.input(3);
  for (const i of net.blocks("features.")) {
    let y = x;
    for (const j of net.numbers(`features.${i}.conv.`)) {
      const name = `features.${i}.conv.${j}`;
      if (net.hasLayer(`${name}.0`)) y = convolved(name, y);
      else y = net.shape(`${name}.weight`).length > 1 ? net.conv(name, y) : net.batchNorm(name, y);
    }
    // The first and the last have no blocks inside.
    if (y === x) y = convolved(`features.${i}`, x);
    x = bypassed.has(i) ? net.sum(x, y) : y;
  }
  net.linear("classifier.1", net.flatten(net.globalPool(x)));
  return net.finish();
}

/**
 * `width`: channels of the stream, 768 published; `depth`: blocks, 12 published. The vocabulary and the number of positions go with the
 * width; heads have 64 channels from a width of 128 on, below there are 4.
 */
function gpt2({ width, depth }: Size): NetworkArchitecture {
  const net = new Parameters();
  const positions = Math.ceil(width * 1024 / 768);
  const vocabulary = Math.ceil(width * 50257 / 768);
  net.embedding("wte", vocabulary, width);
  net.embedding("wpe", positions, width);
  for (let i = 0; i < depth; i++) {
    net.layerNorm(`h.${i}.ln_1`, width);
    net.mask(`h.${i}.attn.bias`, positions);
    net.conv1d(`h.${i}.attn.c_attn`, 3 * width, width);
    net.conv1d(`h.${i}.attn.c_proj`, width, width, true);
    net.layerNorm(`h.${i}.ln_2`, width);
    net.conv1d(`h.${i}.mlp.c_fc`, 4 * width, width);
    net.conv1d(`h.${i}.mlp.c_proj`, width, 4 * width, true);
  }
  net.layerNorm("ln_f", width);
  const config = {
    model_type: "gpt2",
    n_embd: width,
    n_head: width >= 128 ? width / 64 : 4,
    n_layer: depth,
    n_positions: positions,
    vocab_size: vocabulary,
  };
  return { parameters: net.finish(), config };
}

/** How to build each network, and a size at which it has all its layers and takes seconds. */
export const ARCHITECTURES = {
  resnet18: { build: resnet18, size: { width: 16, depth: 2 } },
  vgg11: { build: vgg11, size: { width: 16, depth: 2 } },
  mobilenetv2: { build: mobilenetV2, size: { width: 16, depth: 4 } },
  gpt2: { build: gpt2, size: { width: 32, depth: 4 } },
} as const satisfies Record<
  string,
  { readonly build: (size: Size) => NetworkArchitecture; readonly size: Size }
>;
