"""Writes the connection lists of the ONNX models of this folder from the architectures' own code, not from svrflow's program.

Sources: vision/nn/mb_tiny_RFB.py and vision/ssd/mb_tiny_RFB_fd.py of Ultra-Light-Fast-Generic-Face-Detector-1MB (BasicRFB, SeperableConv2d,
headers behind base_net 7, 10 and 12); basic_pitch/models.py and nnaudio.py of basic-pitch (harmonic stacking makes the channels that the
first two convolutions read; the CQT's bins lie along the frequency axis); Silero's exported graph; DTLN_model.py of DTLN; torchvision's vgg.py. Run it with
Python 3, no packages.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent


def write(name, model, comment, connections):
    rows = [{"from": a, "to": b, "via": via, "channels": [channels]} for a, b, via, channels in connections]
    lines = ",\n".join("    " + json.dumps(each) for each in rows)
    text = f'{{\n  "model": {json.dumps(model)},\n  "comment": {json.dumps(comment)},\n  "connections": [\n{lines}\n  ]\n}}\n'
    (HERE / f"{name}.json").write_text(text)


def ultraface(rename):
    out = []

    def feed(a, b, width, via="direct", at=0):
        out.append((rename(a), rename(b), via, [0, at, width]))

    # conv_bn(3, 16), then conv_dw(in, out): a depthwise convolution (.0) and a 1 x 1 convolution (.3).
    base = {1: (16, 32), 2: (32, 32), 3: (32, 32), 4: (32, 64), 5: (64, 64), 6: (64, 64),
            8: (64, 128), 9: (128, 128), 10: (128, 128), 11: (128, 256), 12: (256, 256)}
    # BasicRFB(64, 64, stride=1, scale=1.0): three branches concatenated, ConvLinear, and the shortcut added.
    rfb = "base_net.7"
    for k, widths in enumerate([(8, 16, 16), (8, 16, 16), (8, 12, 16, 16)]):
        names = [f"{rfb}.branch{k}.{i}.conv" for i in range(len(widths))]
        feed("base_net.6.3", names[0], 64)
        for a, b, width in zip(names, names[1:], widths):
            feed(a, b, width)
        feed(names[-1], f"{rfb}.ConvLinear.conv", 16, "concat", 16 * k)
    feed("base_net.6.3", f"{rfb}.shortcut.conv", 64)

    def read(layer, target):
        """Whoever makes what base_net[layer] puts out feeds the target."""
        if layer == 7:
            feed(f"{rfb}.ConvLinear.conv", target, 64, "residual")
            feed(f"{rfb}.shortcut.conv", target, 64, "residual")
        elif layer == 0:
            feed("base_net.0.0", target, 16)
        else:
            feed(f"base_net.{layer}.3", target, base[layer][1])

    for layer, (width, _) in base.items():
        read(layer - 1, f"base_net.{layer}.0")
        feed(f"base_net.{layer}.0", f"base_net.{layer}.3", width)
    # SeperableConv2d headers at the ends of three stages, plain ones behind the extra layer.
    for k, layer in enumerate([7, 10, 12]):
        for kind in ("classification", "regression"):
            header = f"{kind}_headers.{k}"
            read(layer, f"{header}.0")
            feed(f"{header}.0", f"{header}.2", {7: 64, 10: 128, 12: 256}[layer])
    read(12, "extras.0.0")
    feed("extras.0.0", "extras.0.2.0", 64)
    feed("extras.0.2.0", "extras.0.2.2", 64)
    for kind in ("classification", "regression"):
        feed("extras.0.2.2", f"{kind}_headers.3", 256)
    return out


def simplified():
    """onnx-simplifier folded batch norms in; those convolutions' weights are numbered in the order of the network, four apart."""
    names = ["base_net.0.0"]
    for layer in (1, 2, 3, 4, 5, 6):
        names += [f"base_net.{layer}.0", f"base_net.{layer}.3"]
    for k, count in enumerate([3, 3, 4]):
        names += [f"base_net.7.branch{k}.{i}.conv" for i in range(count)]
    names += ["base_net.7.ConvLinear.conv", "base_net.7.shortcut.conv"]
    for layer in (8, 9, 10, 11, 12):
        names += [f"base_net.{layer}.0", f"base_net.{layer}.3"]
    numbers = {name: str(487 + 4 * i) for i, name in enumerate(names)}
    return lambda name: numbers.get(name, name)


def basic_pitch():
    # tf2onnx calls a node after all that was fused into it, twice over; these are the names in the file.
    twice = lambda *parts: ";".join(f"{p};{p}" for p in parts)
    cqt = "model_1/cq_t2010v2_1/"
    imag, real, low = (twice(cqt + each) for each in ("conv1d_1", "conv1d", "conv1d_2"))
    conv2d_1 = twice("model_1/re_lu_1/Relu", "model_1/batch_normalization_2/FusedBatchNormV3",
                     "model_1/conv2d_1/BiasAdd/ReadVariableOp", "model_1/conv2d_1/BiasAdd", "model_1/conv2d_1/Conv2D") + "1"
    conv2d_4 = twice("model_1/re_lu_3/Relu", "model_1/batch_normalization_3/FusedBatchNormV3",
                     "model_1/conv2d_4/BiasAdd/ReadVariableOp", "model_1/conv2d_4/BiasAdd", "model_1/conv2d_2/Conv2D",
                     "model_1/conv2d_4/Conv2D") + "1"
    contours = twice("model_1/contours-reduced/BiasAdd", "model_1/conv2d_5/Conv2D", "model_1/contours-reduced/Conv2D",
                     "model_1/contours-reduced/BiasAdd/ReadVariableOp")
    notes = twice("model_1/re_lu_2/Relu", "model_1/conv2d_2/BiasAdd", "model_1/conv2d_2/Conv2D",
                  "model_1/conv2d_2/BiasAdd/ReadVariableOp")
    notes_out = twice("model_1/conv2d_3/BiasAdd", "model_1/conv2d_5/Conv2D", "model_1/conv2d_3/Conv2D",
                      "model_1/conv2d_3/BiasAdd/ReadVariableOp")
    onsets = twice("model_1/conv2d_5/BiasAdd", "model_1/conv2d_5/Conv2D", "model_1/conv2d_5/BiasAdd/ReadVariableOp")
    write(
        "basic-pitch",
        "models/basic_pitch/basic_pitch/saved_models/icassp_2022/nmp.onnx",
        "The low-pass filter halves the signal eight times (it also feeds itself, which is no connection) and feeds both kernels of the "
        "transform. Its bins are positions along frequency for the convolutions behind harmonic stacking, so nothing feeds conv2d_1 and "
        "conv2d_4. Contours -> notes; notes (channel 0) and conv2d_4's 32 channels are concatenated before the onsets.",
        [
            (low, imag, "direct", [0, 0, 1]),
            (low, real, "direct", [0, 0, 1]),
            (conv2d_1, contours, "direct", [0, 0, 8]),
            (contours, notes, "direct", [0, 0, 1]),
            (notes, notes_out, "direct", [0, 0, 32]),
            (notes_out, onsets, "concat", [0, 0, 1]),
            (conv2d_4, onsets, "concat", [0, 1, 32]),
        ],
    )


def silero():
    encoder = [f"model.encoder.{i}.reparam_conv" for i in range(4)]
    ih, hh, last = "model.decoder.rnn.weight_ih", "model.decoder.rnn.weight_hh", "model.decoder.decoder.2"
    write(
        "silero-vad-onnx",
        "models/silero_vad/silero_vad_16k_op15.onnx",
        "As the safetensors twin: the magnitude of the transform is no linear map of channels; four convolutions; an LSTM whose gates the "
        "exporter reorders (slices of the stored matrix, put together as i, o, f, c), so that the candidate is rows 256..383 as stored.",
        [
            *((a, b, "direct", [0, 0, width]) for a, b, width in zip(encoder, encoder[1:], (128, 64, 64))),
            (encoder[3], ih, "direct", [0, 0, 128]),
            *((a, b, "recurrent", [256, 0, 128]) for a in (ih, hh) for b in (hh, last)),
        ],
    )


def dtln():
    # Keras's layers under the names of their kernels. The LSTMs are taken apart into products of gates, and a mask is multiplied at the end.
    write(
        "dtln-model-2",
        "models/dtln/pretrained_model/model_2.onnx",
        "Only the encoder feeds the first LSTM's kernel, through an instant layer normalization; all others read products of activations or "
        "states that are the network's inputs.",
        [("conv1d_2/kernel:0", "model_2/lstm_6/MatMul/ReadVariableOp/resource:0", "direct", [0, 0, 256])],
    )


def vgg():
    names = [f"features.{i}" for i in (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 33, 36, 39)] + ["classifier.0", "classifier.3"]
    widths = (32, 32, 64, 64, 128, 128, 128, 256, 256, 256, 256, 256, 256, 256)
    for file, name in (("final", str), ("final-fused", lambda n: f"/features/{n}/Conv" if n.startswith("features") else n)):
        write(
            f"vgg16s-bn-{file}-onnx",
            f"our-models/vgg16s-bn/{file}.onnx",
            "A chain, as the safetensors twin's. Where the exporter folded batch norms in, convolutions have lost their weights' names.",
            [(name(a), name(b), "flatten" if b == "classifier.0" else "direct", [0, 0, w]) for a, b, w in zip(names, names[1:], widths)],
        )


FACE = "UltraFace RFB-320: convolutions behind base_net 7, 10, 12 and extras read what the list of headers says."
for suffix, rename in (("", str), ("_simplified", simplified())):
    write(f"ultraface-rfb-320{suffix.replace('_', '-')}", f"models/ultraface/models/onnx/version-RFB-320{suffix}.onnx", FACE, ultraface(rename))
basic_pitch()
silero()
dtln()
vgg()
