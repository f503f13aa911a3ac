"""Finds who feeds whom in small image networks by perturbing them while they run, as families.py does; writes image-families.json.

Run by hand with torch, diffusers, facenet-pytorch, ultralytics and yolov5: python3 image_families.py. It shares nothing with svrflow.
DCGAN is written down here, after PyTorch's example.

Beside what families.py keeps as it was, a group normalization keeps its means and variances: a channel then moves only itself. `channels`
has, of the pairs that are named here, which in channels of the reader differ when one out channel alone is moved.
"""

import json
import os
import sys

import torch
from torch import nn

import families

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "image-families.json")
torch.set_num_threads(1)
families.LAYERS.add("conv_transpose2d")
families.FACTORS.add("gelu")  # the gate of a GEGLU; no network here has it anywhere else


class Run(families.Run):
    """A pass in which group normalizations are the linear maps that they were in the first one."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.norms = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") != "group_norm" or self.inside:
            return super().__torch_function__(func, types, args, kwargs)
        out = func(*args, **(kwargs or {}))
        if self.recorded is not None:
            x, before = self.recorded.norms[len(self.norms)]
            groups, gain, epsilon = args[1], kwargs["weight"], kwargs["eps"]
            parts = x.reshape(x.shape[0], groups, -1)
            spread = (parts.var(-1, unbiased=False) + epsilon).rsqrt().repeat_interleave(x.shape[1] // groups, 1)
            factor = spread * gain
            out = before + (args[0] - x) * factor.reshape(*factor.shape, *[1] * (x.dim() - 2))
        self.norms.append((args[0].detach().clone(), out.detach().clone()))
        return out


families.Run = Run


def filled(model):
    """In double precision, with numbers that let every way through."""
    model = model.eval().double()
    g = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, p in model.named_parameters():
            # Gains near one: a channel that an activation lets nothing through of would not move. Nor would one of 1e20.
            spread = 0.3 if p.dim() < 2 else p[0].numel() ** -0.5
            p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64) * spread + (p.dim() == 1 and name.endswith("weight")))
    return model


def channels(model, feed, a, b):
    """Which in channels of b, of the flattened map where b reads one, an out channel of a moves: [out, in, length]."""
    names = [(p.data_ptr(), p.numel() * p.element_size(), None, name) for name, p in model.named_parameters() if p.dim() >= 2]
    first = families.run(model, feed, names)
    out, x = first.outputs[a, 0], first.inputs[b, 0]
    axis = families.channel_axis(first.kinds[b], x)
    joined = []
    for c in range(out.shape[families.channel_axis(first.kinds[a], out)]):
        again = families.run(model, feed, names, first, a, families.moving((c, 1)))
        differs = ((again.inputs[b, 0] - x).abs() > 1e-9).movedim(axis, 0).flatten(1).any(1)
        for i in differs.nonzero().flatten().tolist():
            if joined and joined[-1][0] + joined[-1][2] == c and joined[-1][1] + joined[-1][2] == i:
                joined[-1][2] += 1
            else:
                joined.append([c, i, 1])
    return joined


def entry(model, feed, pairs=(), config=None):
    tensors = {name: list(value.shape) for name, value in model.state_dict().items()}
    found, _, unused = families.truth(model, feed, lambda *_: None, ())
    inputs = {}
    for a, b in sorted(set(found)):
        inputs.setdefault(b, []).append(a)
    return {"config": config or {}, "tensors": tensors, "inputs": inputs,
            "channels": {f"{a} -> {b}": channels(model, feed, a, b) for a, b in pairs}, **({"unused": sorted(unused)} if unused else {})}


class Main(nn.Module):
    """DCGAN keeps its modules in one list."""

    def __init__(self, modules):
        super().__init__()
        self.main = nn.Sequential(*modules)

    def forward(self, x):
        return self.main(x)


def dcgan_generator(nz=5, ngf=2, nc=3):
    widths = [nz, 8 * ngf, 4 * ngf, 2 * ngf, ngf]
    modules = []
    for i, (before, after) in enumerate(zip(widths, widths[1:])):
        modules += [nn.ConvTranspose2d(before, after, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    return Main([*modules, nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh()])


def dcgan_discriminator(nc=3, ndf=2):
    modules = [nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for i in (1, 2, 4):
        modules += [nn.Conv2d(i * ndf, 2 * i * ndf, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * i * ndf), nn.LeakyReLU(0.2, inplace=True)]
    return Main([*modules, nn.Conv2d(8 * ndf, 1, 4, 1, 0, bias=False), nn.Sigmoid()])


def dcgan():
    yield "dcgan-generator", dcgan_generator(), {"x": families.noise(2, 5, 1, 1)}, [("main.3.weight", "main.6.weight")]
    yield "dcgan-discriminator", dcgan_discriminator(), {"x": families.noise(2, 3, 64, 64)}, [("main.2.weight", "main.5.weight")]


class Detectors(nn.Module):
    """The networks of MTCNN in one file; its own class calls them one after the other on parts of an image."""

    def __init__(self, **networks):
        super().__init__()
        for name, network in networks.items():
            setattr(self, name, network)

    def forward(self, pnet, rnet, onet):
        return self.pnet(pnet), self.rnet(rnet), self.onet(onet)


def mtcnn():
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
    pnet, rnet, onet = [network(pretrained=False) for network in (PNet, RNet, ONet)]
    images = {"pnet": families.noise(1, 3, 12, 12), "rnet": families.noise(1, 3, 24, 24), "onet": families.noise(1, 3, 48, 48)}
    yield "mtcnn-pnet", pnet, {"x": images["pnet"]}, []
    yield "mtcnn-rnet", rnet, {"x": images["rnet"]}, [("conv3.weight", "dense4.weight")]
    yield "mtcnn-onet", onet, {"x": images["onet"]}, [("conv4.weight", "dense5.weight")]
    yield "mtcnn", Detectors(pnet=pnet, rnet=rnet, onet=onet), images, []


ATTENTION = "attentions.0.transformer_blocks.0.attn"


def plain_attention(model):
    """Products of matrices and a softmax, which this script sees, in the place of one operation."""
    from diffusers.models.attention_processor import AttnProcessor
    model.set_attn_processor(AttnProcessor())
    return model


def autoencoder():
    from diffusers import AutoencoderKL
    size = {"block_out_channels": (4, 8), "layers_per_block": 1, "norm_num_groups": 2, "latent_channels": 3, "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2}
    feed = {"sample": families.noise(1, 3, 8, 8)}
    latent = [("quant_conv.weight", "post_quant_conv.weight"), ("encoder.mid_block.attentions.0.to_v.weight", "encoder.mid_block.attentions.0.to_out.0.weight")]
    yield "autoencoder-kl", plain_attention(AutoencoderKL(**size)), feed, latent
    bare = AutoencoderKL(**size, use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False)
    yield "autoencoder-kl-bare", bare, feed, [("encoder.conv_out.weight", "decoder.conv_in.weight")]


def unet():
    from diffusers import UNet2DConditionModel
    size = {"sample_size": 8, "norm_num_groups": 2, "layers_per_block": 1}
    feed = {"sample": families.noise(1, 4, 8, 8), "timestep": torch.tensor([7]), "encoder_hidden_states": families.noise(1, 3, 6)}
    config = lambda model, *keys: {key: model.config[key] for key in keys}

    first = plain_attention(UNet2DConditionModel(
        **size, block_out_channels=(4, 8), cross_attention_dim=6, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")))
    yield "unet-2d-condition", first, feed, [
        ("mid_block.resnets.1.conv2.weight", "up_blocks.0.resnets.0.conv1.weight"),
        ("down_blocks.1.resnets.0.conv2.weight", "up_blocks.0.resnets.0.conv1.weight"),
        ("conv_in.weight", "up_blocks.1.resnets.1.conv1.weight"),
        ("down_blocks.0.resnets.0.conv1.weight", "down_blocks.0.resnets.0.conv2.weight"),
        (f"down_blocks.0.{ATTENTION}1.to_v.weight", f"down_blocks.0.{ATTENTION}1.to_out.0.weight"),
        (f"up_blocks.1.{ATTENTION}2.to_v.weight", f"up_blocks.1.{ATTENTION}2.to_out.0.weight"),
        (f"mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight", f"mid_block.attentions.0.transformer_blocks.0.ff.net.2.weight"),
    ], config(first, "attention_head_dim", "only_cross_attention")

    sizes = plain_attention(UNet2DConditionModel(
        **{**size, "layers_per_block": 2}, block_out_channels=(4, 8), cross_attention_dim=6, attention_head_dim=(1, 4), transformer_layers_per_block=(1, 2),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=2, projection_class_embeddings_input_dim=9,
        time_cond_proj_dim=5, encoder_hid_dim=5, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")))
    more = {"encoder_hidden_states": families.noise(1, 3, 5), "added_cond_kwargs": {"text_embeds": families.noise(1, 5), "time_ids": torch.tensor([[1.0, 2.0]])}, "timestep_cond": families.noise(1, 5)}
    yield "unet-2d-condition-sizes", sizes, {**feed, **more}, [
        ("time_embedding.linear_2.weight", "up_blocks.1.resnets.0.time_emb_proj.weight"),
        (f"down_blocks.1.{ATTENTION}1.to_v.weight", f"down_blocks.1.{ATTENTION}1.to_out.0.weight"),
    ], config(sizes, "attention_head_dim")

    # Words as wide as the map in one block: only the config tells what the first attention of a block reads.
    words = plain_attention(UNet2DConditionModel(
        **size, block_out_channels=(4, 6), cross_attention_dim=6, attention_head_dim=2, only_cross_attention=(True, False), class_embed_type="timestep",
        down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2))
    yield "unet-2d-condition-words", words, {**feed, "class_labels": torch.tensor([3])}, [], config(words, "attention_head_dim", "only_cross_attention")


def yolo():
    from ultralytics.nn.tasks import DetectionModel, PoseModel, SegmentationModel
    feed = {"x": families.noise(1, 3, 64, 64)}
    first = "model.2.{}.conv.weight".format
    yield "yolov8n", DetectionModel("yolov8n.yaml", verbose=False), feed, [
        (first("cv1"), first("cv2")), (first("cv1"), first("m.0.cv1")), ("model.9.cv1.conv.weight", "model.9.cv2.conv.weight"),
        ("model.9.cv2.conv.weight", "model.12.cv1.conv.weight")]
    yield "yolov8s-seg", SegmentationModel("yolov8s-seg.yaml", verbose=False), feed, []
    yield "yolov8n-pose", PoseModel("yolov8n-pose.yaml", verbose=False), feed, []
    yield "yolov5nu", DetectionModel("yolov5n.yaml", verbose=False), feed, [(first("m.0.cv2"), first("cv3")), (first("cv2"), first("cv3"))]


def yolov5():
    import yolov5
    from yolov5.models.yolo import Model
    model = Model(os.path.join(os.path.dirname(yolov5.__file__), "models", "yolov5n.yaml"))
    yield "yolov5n", model, {"x": families.noise(1, 3, 64, 64)}, []


FAMILIES = {"yolo": yolo, "yolov5": yolov5, "dcgan": dcgan, "mtcnn": mtcnn, "autoencoder": autoencoder, "unet": unet}


def main(only):
    out = {}
    if only and os.path.exists(OUT):
        with open(OUT) as file:
            out = json.load(file)
    for group, networks in FAMILIES.items():
        if only and group not in only:
            continue
        for name, model, feed, pairs, *config in networks():
            out[name] = entry(filled(model), feed, pairs, *config)
            print(name, len(out[name]["tensors"]), sum(map(len, out[name]["inputs"].values())), out[name].get("unused", ""), flush=True)
    with open(OUT, "w") as file:
        lines = [f'"{name}": {json.dumps(value, separators=(",", ":"))}' for name, value in out.items()]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
