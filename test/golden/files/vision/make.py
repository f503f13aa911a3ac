"""Makes the twins of this folder (torch 2.8, torchvision 0.23, timm 1.0): tiny networks of torchvision's and timm's own classes with
seeded weights, each as a state dict (`<name>.safetensors`) and as the ONNX graph that torch exports of the same module. Where the walk of
that graph gets lost (attention, windows), `<name>.json` has the connections, found by differentiation. Tests never run it; they compare
what we know of the names in the one with what the other says.

python make.py [name ...]"""

import json
import sys
import warnings
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import onnx
import torch
from networks import NETWORKS
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

HERE = Path(__file__).parent
LOST = ["torchvision-vit", "timm-vit", "torchvision-swin", "torchvision-swin-v2", "timm-swin"]
warnings.filterwarnings("ignore")


def seeded(module):
    """Weights of all kinds from one seed; statistics and scales that are not trivial."""
    generator = torch.Generator().manual_seed(1)
    for name, value in module.state_dict().items():
        if not value.is_floating_point() or "relative_coords" in name:
            continue
        draw = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            draw = torch.exp(2 * draw - 3)
        elif value.dim() <= 1 and name.endswith("weight"):
            draw = 1 + draw / 2
        elif value.dim() > 1:
            draw = draw / value[0].numel() ** 0.5
        value.copy_(draw)


class Cut(TorchFunctionMode):
    """Cuts the graph of derivatives behind every layer, and keeps what each layer reads."""

    def __init__(self, module):
        self.names = {id(value): name for name, value in module.named_parameters()}
        self.read, self.made = [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") not in ("linear", "conv2d"):
            return out
        name = self.names[id(args[1] if len(args) > 1 else kwargs["weight"])]
        leaf = out.detach().requires_grad_()
        self.read.append((name, args[0]))
        self.made.append((name, leaf))
        # Some write into what a layer made.
        return leaf.clone()


def connections(module, example):
    """Whose output what a layer reads depends on when no other layer's output changes: pairs of weights' names."""
    cut = Cut(module)
    # Attention as a whole would pass by as one function.
    with cut, patch("torch.nn.functional.has_torch_function", lambda _: False):
        module(example)
    found = []
    for target, value in cut.read:
        if not value.requires_grad:
            continue
        leaves = [leaf for _, leaf in cut.made]
        slopes = torch.autograd.grad(
            value, leaves, torch.randn_like(value), retain_graph=True, allow_unused=True
        )
        for (source, _), slope in zip(cut.made, slopes):
            if slope is not None and slope.abs().max() > 1e-12:
                found.append([source, target])
    return found


def shortened(graph):
    """Names of nodes and of values between them say nothing: out with them, for the size of the file."""
    kept = {each.name for each in [*graph.input, *graph.output, *graph.initializer]}
    names = {}
    short = lambda name: name if name in kept or name == "" else names.setdefault(name, f"v{len(names)}")
    for node in graph.node:
        node.name, node.doc_string = "", ""
        del node.metadata_props[:]
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
    del graph.value_info[:]


def write(name, module, example):
    torch.manual_seed(0)
    module.eval()
    with torch.no_grad():
        module(example)  # gives lazy layers their shapes
        seeded(module)
    state = {key: value.contiguous().clone() for key, value in module.state_dict().items()}
    save_file(state, HERE / f"{name}.safetensors")
    if name in LOST:
        lines = ",\n".join(json.dumps(each) for each in connections(module, torch.randn(example.shape)))
        (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")
    if "swin" in name:
        return
    # In this mode the exporter leaves batch normalizations where they are.
    buffer = BytesIO()
    torch.onnx.export(
        module,
        (example,),
        buffer,
        opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=True,
        dynamo=False,
    )
    model = onnx.load_from_string(buffer.getvalue())
    shortened(model.graph)
    onnx.save(model, HERE / f"{name}.onnx")


if __name__ == "__main__":
    torch.backends.mha.set_fastpath_enabled(False)
    for name, (network, example) in NETWORKS.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write(name, network(), torch.zeros(example))
            print(name, *[f"{path.suffix} {path.stat().st_size}" for path in HERE.glob(f"{name}.*")])
