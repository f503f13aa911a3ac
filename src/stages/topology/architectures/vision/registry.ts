/** The families of networks that see images. A new one is a file and a line here. */

import type { Architecture } from "../architecture.ts";
import { autoencoderKl } from "./autoencoder-kl.ts";
import { convnext } from "./convnext.ts";
import { dcgan } from "./dcgan.ts";
import { densenet } from "./densenet.ts";
import { googlenet, inception, squeezenet } from "./inception.ts";
import { efficientnet, mobilenet } from "./mobilenet.ts";
import { mtcnn } from "./mtcnn.ts";
import { regnet } from "./regnet.ts";
import { resnet } from "./resnet.ts";
import { swin } from "./swin.ts";
import { timmMobile } from "./timm-mobile.ts";
import { ultraface } from "./ultraface.ts";
import { unet2dCondition } from "./unet-2d-condition.ts";
import { vgg } from "./vgg.ts";
import { vit } from "./vit.ts";
import { upResNet } from "./waifu2x-resnet.ts";
import { yolo } from "./yolo.ts";

/** Most particular first. */
export const VISION: readonly Architecture[] = [
  swin,
  vit,
  convnext,
  regnet,
  resnet,
  efficientnet,
  mobilenet,
  timmMobile,
  densenet,
  inception,
  googlenet,
  squeezenet,
  unet2dCondition,
  autoencoderKl,
  yolo,
  dcgan,
  mtcnn,
  ultraface,
  upResNet,
  vgg,
];
