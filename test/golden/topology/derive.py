"""Writes the connection lists of this folder from the architectures' rules, not from svrflow's program.

Each list says who reads whom: for every reader, the layers whose output arrives there. Sources: He et al. 2016 (option A shortcuts) and the
model code of pytorch_resnet_cifar10; lib/srcnn.py of waifu2x-chainer; Silero's network as its ONNX export shows it; baby-a3c.py; Touvron et
al. 2023 for llama, Ainslie et al. 2023 for grouped queries; torchvision's vgg.py. Run it with Python 3, no packages.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent


def connection(source, target, via, channels, part=0):
    return {"from": source, "to": target, "via": via, "channels": channels, **({"part": part} if part else {})}


def write(name, model, comment, connections):
    lines = ",\n".join("    " + json.dumps(each) for each in connections)
    text = f'{{\n  "model": {json.dumps(model)},\n  "comment": {json.dumps(comment)},\n  "connections": [\n{lines}\n  ]\n}}\n'
    (HERE / f"{name}.json").write_text(text)


def chain(names, widths, via=None):
    """Each feeds the next, all channels in order. `widths`: out channels."""
    via = via or {}
    return [
        connection(a, b, via.get(b, "direct"), [[0, 0, width]])
        for a, b, width in zip(names, names[1:], widths)
    ]


def resnet20():
    # Writers to the stream of a stage: the first convolution and the second one of each block. A writer's channels move up by a quarter
    # of the wider stage's channels at each shortcut between stages.
    blocks = [(stage, block) for stage in (1, 2, 3) for block in (0, 1, 2)]
    width = {1: 16, 2: 32, 3: 64}
    stream = [("conv1", 1)]  # a writer and its stage
    out = []
    for stage, block in blocks:
        name = f"layer{stage}.{block}"
        # The first block of a stage reads the stream as the stage before left it.
        seen = stage - 1 if block == 0 and stage > 1 else stage
        for writer, its in stream:
            offset = sum(width[s] // 4 for s in range(its + 1, seen + 1))
            via = "direct" if len(stream) == 1 else "residual"
            out.append(connection(writer, f"{name}.conv1", via, [[0, offset, width[its]]]))
        out.append(connection(f"{name}.conv1", f"{name}.conv2", "direct", [[0, 0, width[stage]]]))
        stream.append((f"{name}.conv2", stage))
    for writer, its in stream:
        offset = sum(width[s] // 4 for s in range(its + 1, 4))
        out.append(connection(writer, "linear", "residual", [[0, offset, width[its]]]))
    write(
        "resnet20",
        "models/resnet_cifar_akamaster/resnet20-12fca82f.th",
        "Option A: a shortcut between stages pads planes//4 channels on each side (16 -> 32: 8, 32 -> 64: 16). Every block's second "
        "convolution and conv1 write to the stream; every later block's first convolution and the linear layer read it.",
        out,
    )


def vgg(name, places, classifier):
    widths = [32, 32, 64, 64, 128, 128, 128] + [256] * 6
    names = [f"features.{i}" for i in places] + classifier
    write(
        name,
        f"our-models/{name}/final.safetensors",
        "VGG-16 at half width: a chain; 16 x 16 inputs and four poolings of five that keep a 2 x 2 map of 256 channels to be flattened.",
        chain(names, widths + [256], {classifier[0]: "flatten"}),
    )


def waifu2x():
    names = [f"conv{i}" for i in range(1, 8)]
    for kind, widths, comment in (
        ("vgg7", [32, 32, 64, 64, 128, 128], "Seven convolutions, each feeding the next."),
        ("upconv7", [16, 32, 64, 128, 256, 256], "Six convolutions and a transposed one (weight [in, out, 4, 4]), each feeding the next."),
    ):
        write(f"waifu2x-{kind}", f"models/waifu2x_chainer/models/{kind}/anime_style_scale_rgb.npz", comment, chain(names, widths))


def silero():
    # LSTM gates i, f, g, o of 128: the state carries the candidate g, rows 256 to 383.
    cell = ["lstm_cell.weight_ih", "lstm_cell.weight_hh"]
    state = [[256, 0, 128]]
    out = chain(["conv1", "conv2", "conv3", "conv4", cell[0]], [128, 64, 64, 128])
    out += [connection(each, cell[1], "recurrent", state) for each in cell]
    out += [connection(each, "final_conv", "recurrent", state) for each in cell]
    write(
        "silero-vad",
        "models/silero_vad/silero_vad_16k.safetensors",
        "stft_conv feeds nobody: the magnitude of its 129 complex outputs is no linear map of channels. Then four convolutions, an LSTM "
        "whose state carries rows 256..383 (g), and a convolution that reads the state.",
        out,
    )


def baby_a3c():
    # GRU gates r, z, n of 256: the state carries the candidate n, rows 512 to 767. The last map is 32 x 5 x 5, flattened.
    cell = ["gru.weight_ih", "gru.weight_hh"]
    state = [[512, 0, 256]]
    out = chain(["conv1", "conv2", "conv3", "conv4", cell[0]], [32] * 4, {cell[0]: "flatten"})
    out += [connection(each, target, "recurrent", state) for target in (cell[1], "critic_linear", "actor_linear") for each in cell]
    write(
        "baby-a3c",
        "models/baby_a3c/breakout-v4/model.80.tar",
        "Four convolutions, a flattened 32 x 5 x 5 map, a GRU whose state carries rows 512..767 (n); actor and critic read the state.",
        out,
    )


def tiny_llama():
    layers, width, inner, heads, values, each = 4, 128, 352, 4, 2, 32
    all_channels = [[0, 0, width]]
    stream = ["model.embed_tokens"]
    out = []

    def read(target):
        # Nothing has been added to the embedding where the first block reads it.
        via = "direct" if len(stream) == 1 else "residual"
        out.extend(connection(writer, target, via, all_channels) for writer in stream)

    for i in range(layers):
        attention, mlp = f"model.layers.{i}.self_attn", f"model.layers.{i}.mlp"
        for name in "qkv":
            read(f"{attention}.{name}_proj")
        for head in range(heads):
            from_value = head // (heads // values)
            out.append(
                connection(f"{attention}.v_proj", f"{attention}.o_proj", "attention-head", [[each * from_value, each * head, each]], head)
            )
        stream.append(f"{attention}.o_proj")
        for name in ("gate", "up"):
            read(f"{mlp}.{name}_proj")
        out.append(connection(f"{mlp}.up_proj", f"{mlp}.down_proj", "direct", [[0, 0, inner]]))
        stream.append(f"{mlp}.down_proj")
    read("lm_head")
    assert len(out) == 5 * layers**2 + 4 * layers + 1 + layers * heads + layers
    write(
        "tiny-llama",
        "our-models/tiny-llama/model.safetensors",
        "Embedding, attention outputs and MLP outputs write to the residual stream; q, k, v, gate, up and the unembedding read all earlier "
        "writers. Four heads share two value heads, two by two. up feeds down; gate, q and k end in products.",
        out,
    )


resnet20()
vgg("vgg16s", [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 23, 25, 27], ["classifier.0", "classifier.3"])
vgg("vgg16s-bn", [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 33, 36, 39], ["classifier.0", "classifier.3"])
waifu2x()
silero()
baby_a3c()
tiny_llama()
