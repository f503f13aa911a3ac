/**
 * YOLO of ultralytics, versions 5 and 8. A state dict says at which number of a list which kind of module stands, and not what it reads:
 * only networks of the kinds, widths and depths that were published are claimed, and read as they were published.
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";
import { read, unit } from "./units.ts";

/** Ultralytics sets it in all of its batch normalizations. */
const EPSILON = 1e-3;

/** What stands at a number of the list: its kind, out channels and repeats before scaling, and what it reads (-1: what is before). */
interface Module {
  readonly kind: "conv" | "c2f" | "c3" | "sppf" | "upsample" | "concat";
  readonly width?: number;
  readonly repeats?: number;
  /** Whether something bypasses each of its bottlenecks. */
  readonly bypassed?: boolean;
  readonly from?: readonly number[];
}

/** Depth, width, and most channels before scaling. */
type Scale = readonly [depth: number, width: number, most: number];

interface Version {
  readonly modules: readonly Module[];
  /** The numbers of the modules that detectors read. */
  readonly detected: readonly number[];
  readonly scales: readonly Scale[];
}

const conv = (width: number): Module => ({ kind: "conv", width });
const upsample: Module = { kind: "upsample" };
const concat = (other: number): Module => ({ kind: "concat", from: [-1, other] });

/** From an image to a map of a thirty-second of its extents. */
const backbone = (kind: "c2f" | "c3", third: number): readonly Module[] => [
  conv(64),
  conv(128),
  { kind, width: 128, repeats: 3, bypassed: true },
  conv(256),
  { kind, width: 256, repeats: 6, bypassed: true },
  conv(512),
  { kind, width: 512, repeats: third, bypassed: true },
  conv(1024),
  { kind, width: 1024, repeats: 3, bypassed: true },
  { kind: "sppf", width: 1024 },
];

const joint = (kind: "c2f" | "c3", width: number): Module => ({ kind, width, repeats: 3 });

/** `cfg/models/v8/yolov8.yaml` */
const V8: Version = {
  modules: [
    ...backbone("c2f", 6),
    ...[upsample, concat(6), joint("c2f", 512), upsample, concat(4), joint("c2f", 256)],
    ...[conv(256), concat(12), joint("c2f", 512), conv(512), concat(9), joint("c2f", 1024)],
  ],
  detected: [15, 18, 21],
  scales: [[0.33, 0.25, 1024], [0.33, 0.5, 1024], [0.67, 0.75, 768], [1, 1, 512], [1, 1.25, 512]],
};

/** `cfg/models/v5/yolov5.yaml`, the same since version 6.0 of the repository yolov5 */
const V5: Version = {
  modules: [
    ...backbone("c3", 9),
    ...[conv(512), upsample, concat(6), joint("c3", 512)],
    ...[conv(256), upsample, concat(4), joint("c3", 256)],
    ...[conv(256), concat(14), joint("c3", 512), conv(512), concat(10), joint("c3", 1024)],
  ],
  detected: [17, 20, 23],
  scales: [[0.33, 0.25, 1024], [0.33, 0.5, 1024], [0.67, 0.75, 1024], [1, 1, 1024], [1.33, 1.25, 1024]],
};

/** The last convolution of a module. */
const LAST = { conv: "conv", c2f: "cv2.conv", c3: "cv3.conv", sppf: "cv2.conv" } as const;

/** YOLOv5 and YOLOv8 that detect, and those of version 8 that also find masks, key points or angles. */
export const yolo: Architecture = {
  name: "YOLO",
  build(facts) {
    for (const version of [V8, V5]) {
      const signs = version.modules.flatMap(({ kind }, i) =>
        kind === "upsample" || kind === "concat" ? [] : [`model.${i}.${LAST[kind]}.weight`]
      );
      const net = Network.find("YOLO", facts, ["model.0.conv.weight", ...signs]);
      if (net === null || net.numbers("model.").at(-1) !== version.modules.length) continue;
      const signals = body(net, version);
      detect(net, `model.${version.modules.length}`, version.detected.map((at) => signals[at]!));
      return net.finish();
    }
    return null;
  },
};

function body(net: Network, { modules, scales }: Version): readonly Signal[] {
  const stem = net.shape("model.0.conv.weight")[0];
  const depth = net.numbers("model.2.m.").length;
  const scale = scales.find(([deep, wide]) =>
    64 * wide === stem && Math.max(1, Math.round(3 * deep)) === depth
  );
  if (scale === undefined) {
    net.fail("model.0.conv.weight", `${stem} out channels`, "those of a published network");
  }
  const signals: Signal[] = [];
  for (const [i, module] of modules.entries()) {
    const inputs = (module.from ?? [-1]).map((at) =>
      at === -1 ? signals.at(-1) ?? net.input() : signals[at]!
    );
    signals.push(
      inputs.length > 1 ? net.concat(...inputs) : moduleOf(net, `model.${i}`, module, inputs[0]!, scale),
    );
  }
  return signals;
}

function moduleOf(net: Network, name: string, module: Module, x: Signal, scale: Scale): Signal {
  if (module.kind === "upsample" || module.kind === "concat") return x;
  const [deep, wide, most] = scale;
  const width = Math.ceil(Math.min(module.width!, most) * wide / 8) * 8;
  const repeats = Math.max(1, Math.round((module.repeats ?? 1) * deep));
  const last = `${name}.${LAST[module.kind]}.weight`;
  const [found] = net.shape(last);
  if (found !== width) net.fail(last, `${found ?? "no"} out channels`, `${width}, as published`);
  if (module.kind === "conv") return conved(net, name, x);
  if (module.kind === "sppf") {
    const y = conved(net, `${name}.cv1`, x);
    return conved(net, `${name}.cv2`, net.concat(y, y, y, y));
  }
  const list = `${name}.m.`;
  const numbers = net.blocks(list);
  if (numbers.length !== repeats) net.fail(list, `${numbers.length} blocks`, `${repeats}, as published`);
  const y = conved(net, `${name}.cv1`, x);
  if (module.kind === "c3") {
    const deepest = numbers.reduce((z, i) => bottleneck(net, `${list}${i}`, z, module), y);
    return conved(net, `${name}.cv3`, net.concat(deepest, conved(net, `${name}.cv2`, x)));
  }
  const half = net.channels(y)! / 2;
  const parts = [0, half].map((source) => net.map(y, [{ source, target: 0, length: half }], half));
  for (const i of numbers) parts.push(bottleneck(net, `${list}${i}`, parts.at(-1)!, module));
  return conved(net, `${name}.cv2`, net.concat(...parts));
}

/** A convolution with its batch normalization. */
function conved(net: Network, name: string, x: Signal): Signal {
  return unit(net, [`${name}.conv`, `${name}.bn`], x, { epsilon: EPSILON });
}

function bottleneck(net: Network, name: string, x: Signal, { bypassed = false }: Module): Signal {
  const y = conved(net, `${name}.cv2`, conved(net, `${name}.cv1`, x));
  return bypassed ? net.sum(x, y) : y;
}

/** What reads the maps of three resolutions: one convolution each, or lists of three for boxes, classes and what else is found. */
function detect(net: Network, name: string, maps: readonly Signal[]): void {
  const isSingle = net.hasLayer(`${name}.m.0`);
  for (const [i, x] of maps.entries()) {
    if (isSingle) read(net, `${name}.m.${i}`, x);
    for (const list of ["cv2", "cv3", "cv4"]) {
      const at = `${name}.${list}.${i}`;
      if (isSingle || list === "cv4" && !net.hasLayer(`${at}.2`)) continue;
      read(net, `${at}.2`, conved(net, `${at}.1`, conved(net, `${at}.0`, x)));
    }
  }
  binned(net, name);
  net.role("extents of boxes", `${name}.anchors`, `${name}.anchor_grid`);
  net.role("strides of maps", `${name}.stride`, `${name}.strides`);
  const masks = `${name}.proto`;
  if (!net.hasLayer(`${masks}.upsample`)) return;
  const wide = net.convTransposed(`${masks}.upsample`, conved(net, `${masks}.cv1`, maps[0]!));
  conved(net, `${masks}.cv3`, conved(net, `${masks}.cv2`, wide));
}

/** A box has so many bins for each of its sides; the weight that takes their mean is their numbers, which nobody trains. */
function binned(net: Network, name: string): void {
  const bins = `${name}.dfl.conv.weight`;
  if (!net.has(bins)) return;
  const [sides = 0] = net.shape(`${name}.cv2.0.2.weight`);
  const found = net.shape(bins).join(" x ");
  if (found !== `1 x ${sides / 4} x 1 x 1`) net.fail(bins, found, `a quarter of ${sides} numbers`);
  net.role("numbers of bins, which are constants", bins);
}
