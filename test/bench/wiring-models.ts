/** Trained models with a graph or a family, and what the spikes of `topology-spike/README.md` found of them. */

/** Precision and recall. */
type Score = readonly [precision: number, recall: number];

/** A model of the shared folder. */
export interface WiringModel {
  readonly path: string;
  /** Of ports that share a space, by the first spike. */
  readonly pairs?: Score;
  /** Of directed connections, by the second spike. */
  readonly directed?: Score;
}

export const MODELS: readonly WiringModel[] = [
  {
    path: "models/resnet_cifar_akamaster/resnet20-12fca82f.th",
    pairs: [1, 0.896],
    directed: [1, 0.48],
  },
  { path: "models/resnet_cifar_akamaster/resnet32-d509ac18.th" },
  { path: "models/resnet_cifar_akamaster/resnet44-014dd654.th" },
  {
    path: "models/resnet_cifar_akamaster/resnet56-4bfd9763.th",
    pairs: [1, 0.956],
    directed: [0.98, 0.4],
  },
  { path: "our-models/vgg16s/final.safetensors", directed: [1, 0.93] },
  { path: "our-models/vgg16s-wd/epoch-012.f16.safetensors", pairs: [1, 1] },
  { path: "our-models/vgg16s-bn/final.safetensors", pairs: [1, 0.923], directed: [1, 0.93] },
  { path: "our-models/vgg16s-bn/final-fused.onnx", directed: [1, 1] },
  { path: "our-models/vgg16s-bn-wd/epoch-012.f16.safetensors" },
  { path: "models/vdsr/model/model_epoch_50.pth", directed: [0.95, 0.95] },
  { path: "models/waifu2x_chainer/models/vgg7/anime_style_noise0_rgb.npz", directed: [1, 1] },
  { path: "models/waifu2x_chainer/models/vgg7/anime_style_scale_rgb.npz" },
  { path: "models/waifu2x_chainer/models/upconv7/anime_style_scale_rgb.npz", directed: [1, 1] },
  { path: "models/waifu2x_chainer/models/upresnet10/anime_style_scale_rgb.npz", directed: [0.86, 0.82] },
  {
    path: "models/ultraface/models/pretrained/version-RFB-320.pth",
    pairs: [0.983, 0.509],
    directed: [0.94, 0.91],
  },
  { path: "models/ultraface/models/onnx/version-RFB-320_simplified.onnx", directed: [0.9, 0.82] },
  {
    path: "models/oarriaga_xception_epochs/emotion_models/fer2013_mini_XCEPTION.102-0.66.hdf5",
    directed: [1, 0.72],
  },
  {
    path: "models/mlperf_tiny/benchmark/training/image_classification/pretrainedResnet.h5",
    directed: [1, 0.79],
  },
  { path: "models/mlperf_tiny/benchmark/training/anomaly_detection/ad01.h5", directed: [1, 1] },
  { path: "models/basic_pitch/basic_pitch/saved_models/icassp_2022/nmp.onnx" },
  { path: "models/silero_vad/silero_vad_16k.safetensors" },
  { path: "models/baby_a3c/breakout-v4/model.80.tar" },
  { path: "models/sb3_mlps/ppo/CartPole-v1_1/CartPole-v1.zip" },
  { path: "models/sb3_mlps/a2c/CartPole-v1_1/CartPole-v1.zip" },
  { path: "models/tinyvgg_maxi/models/tiny_vgg.pth" },
  { path: "models/burn_mnist/mnist.safetensors" },
  { path: "our-models/mnist-mlp/epoch-010.safetensors", directed: [1, 1] },
  { path: "our-models/tiny-llama/model.safetensors" },
];
