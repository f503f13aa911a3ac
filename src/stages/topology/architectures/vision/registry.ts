/** The families of networks that see images. A new one is a file and a line here. */

import type { Architecture } from "../architecture.ts";
import { resnet } from "./resnet.ts";
import { ultraface } from "./ultraface.ts";
import { vit } from "./vit.ts";
import { upResNet } from "./waifu2x-resnet.ts";

/** Most particular first. */
export const VISION: readonly Architecture[] = [
  vit,
  resnet,
  ultraface,
  upResNet,
];
