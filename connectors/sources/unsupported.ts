/** Formats that hold models and cannot be read, each with the way to one that can. */

/** A format that is refused. */
export interface Unsupported {
  readonly name: string;
  /** Extensions that mean it and nothing else, lower case. */
  readonly extensions: readonly string[];
  /** Bytes that it begins with, and where. */
  readonly magic?: { readonly at: number; readonly text: string };
  /** What to do. */
  readonly convert: string;
}

const TENSORFLOW_JS: Unsupported = {
  name: "TensorFlow.js",
  extensions: [],
  convert:
    "tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json model.h5, or for a graph model the SavedModel that it was made from",
};

const UNSUPPORTED: readonly Unsupported[] = [
  TENSORFLOW_JS,
  {
    name: "a pointer of Git LFS in place of the file",
    extensions: [],
    magic: { at: 0, text: "version https://git-lfs" },
    convert: "git lfs pull fetches the file itself",
  },
  {
    name: "TensorFlow's SavedModel or frozen graph",
    extensions: [".pb"],
    convert: "python -m tf2onnx.convert --saved-model folder --output model.onnx",
  },
  {
    name: "TensorFlow Lite",
    extensions: [".tflite"],
    magic: { at: 4, text: "TFL3" },
    convert: "python -m tf2onnx.convert --tflite model.tflite --output model.onnx",
  },
  {
    name: "Core ML",
    extensions: [".mlmodel", ".mlpackage"],
    convert: "export the network that it was made from to ONNX or safetensors",
  },
  {
    name: "Flax",
    extensions: [".msgpack"],
    convert:
      "in Python safetensors.flax.save_file(flax.traverse_util.flatten_dict(parameters, sep='.'), 'model.safetensors')",
  },
  {
    name: "PaddlePaddle",
    extensions: [".pdparams", ".pdmodel"],
    convert: "in Python safetensors.paddle.save_file(paddle.load(path), 'model.safetensors')",
  },
  {
    name: "a pickle of Python objects",
    extensions: [".pkl", ".pickle", ".joblib"],
    convert: "in Python numpy.savez('model.npz', **arrays), or torch.save(model.state_dict(), 'model.pt')",
  },
];

/** The extensions that say so alone. */
export const UNSUPPORTED_EXTENSIONS: readonly string[] = UNSUPPORTED.flatMap(({ extensions }) => extensions);

/**
 * The unsupported format that a file has, by its extension, or else its beginning; undefined where it has none of them.
 *
 * @param extension with its dot, lower case
 * @param head the file's first bytes, some hundreds
 */
export function unsupportedFormat(extension: string, head: Uint8Array): Unsupported | undefined {
  const text = new TextDecoder("latin1").decode(head);
  if (extension === ".json" && /"(modelTopology|weightsManifest|format)"\s*:/.test(text)) {
    return TENSORFLOW_JS;
  }
  return UNSUPPORTED.find(({ extensions, magic }) =>
    extensions.includes(extension) || magic !== undefined && text.startsWith(magic.text, magic.at)
  );
}

/** Why a file of such a format is not taken. */
export function reasonAgainst({ name, convert }: Unsupported): string {
  return `found ${name}, which is not supported; convert it: ${convert}`;
}

/** What to say of it. */
export function refusal(path: string, format: Unsupported): TypeError {
  return new TypeError(`${path}: ${reasonAgainst(format)}`);
}
