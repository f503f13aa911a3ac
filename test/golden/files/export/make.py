"""Makes the files of this folder: four small networks, each in every form in which torch writes a network.

Run by hand, once with each version of torch: python3 make.py. All versions write <network>/torch-<version>.pt2; torch 2.8 writes the
others too (traced.pt, frozen.pt, scripted.pt, graph.onnx, state.pt, dynamic.pt2). Weights are the same whatever the version.
"""
import os, warnings, zipfile
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = ".".join(torch.__version__.split(".")[:2])


class Basic(nn.Module):
    def __init__(self, inputs, width, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Residual(nn.Module):
    """A residual CNN: two stages, a projection, a depthwise and a grouped convolution, a classifier behind a global pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.blocks = nn.Sequential(Basic(6, 6), Basic(6, 8, 2))
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 12, 1)
        self.grouped = nn.Conv2d(12, 12, 3, padding=1, groups=3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.stem(x))), 2)
        x = self.blocks(x)
        x = F.silu(self.pointwise(F.hardswish(self.depthwise(x))))
        x = self.pool(F.gelu(self.grouped(x)))
        return self.fc(torch.flatten(x, 1))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = [each.view(b, t, self.heads, c // self.heads).transpose(1, 2) for each in (q, k, v)]
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    """A transformer block between an embedding and a head."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.embedding = nn.Embedding(11, width)
        self.position = nn.Parameter(torch.randn(1, 7, width))
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.position
        x = x + self.dropout(self.attention(self.norm1(x)))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return torch.softmax(self.head(self.norm(x).mean(1)), -1)


class UNet(nn.Module):
    """A U-Net of two levels: a transposed convolution up, then an interpolation; skips are concatenated."""

    def __init__(self):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.LeakyReLU(0.1))
        self.middle = nn.Conv2d(6, 8, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(8, 6, 2, 2)
        self.merge2 = nn.Conv2d(12, 6, 3, padding=1)
        self.merge1 = nn.Conv2d(10, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(a)
        c = torch.tanh(self.middle(F.avg_pool2d(b, 2)))
        d = F.relu(self.merge2(torch.cat([self.up2(c), b], 1)))
        e = F.interpolate(d, scale_factor=2.0, mode="nearest")
        return torch.sigmoid(self.out(F.elu(self.merge1(torch.cat([e, a], dim=1)))))


class MLP(nn.Module):
    """Fully connected layers with batch norms; behind two of them the flattening of a map, and a gate from a half of the channels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc1 = nn.Linear(16, 12)
        self.bn1 = nn.BatchNorm1d(12)
        self.fc2 = nn.Linear(12, 16, bias=False)
        self.bn2 = nn.BatchNorm1d(16)
        self.fc3 = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.flatten(F.relu(self.conv(x)), 1)
        x = F.relu(self.bn1(self.fc1(x)))
        x = self.bn2(self.fc2(x))
        a, b = torch.split(x, 8, dim=1)
        return F.log_softmax(self.fc3(F.relu(a) + torch.tanh(b)), dim=1)


NETWORKS = {
    "residual": (Residual, lambda: torch.randn(2, 3, 16, 16)),
    "block": (Block, lambda: torch.arange(14).reshape(2, 7) % 11),
    "unet": (UNet, lambda: torch.randn(2, 2, 16, 16)),
    "mlp": (MLP, lambda: torch.randn(2, 1, 4, 4)),
}


def filled(network):
    """Weights that do not depend on torch's generator; of few bits, so that they deflate and are exact."""
    generator = np.random.RandomState(7)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point():
                continue
            values = np.round(generator.standard_normal(tuple(tensor.shape)) * 64) / 128
            tensor.copy_(torch.from_numpy(np.abs(values) + 0.5 if name.endswith("running_var") else values))
    return network.eval()


def bare(program):
    """Without what depends on this machine: stack traces, which name paths, and where nodes come from."""
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            for key in ("stack_trace", "from_node", "source_fn_stack", "nn_module_stack", "torch_fn", "original_aten"):
                node.meta.pop(key, None)
    return program


def packed(path):
    """The same archive with its texts deflated, which torch only stores; without what is for debuggers, and of one and the same time."""
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            if name.endswith(".debug_pkl") or "sample_inputs" in name or "traced_inputs" in name or "example_inputs" in name:
                continue
            method = zipfile.ZIP_DEFLATED if name.endswith((".json", ".py", ".pkl")) else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), content, method)


def main():
    for name, (make, sample) in NETWORKS.items():
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        torch.manual_seed(0)
        network, example = filled(make()), sample()
        at = lambda file: os.path.join(folder, file)
        torch.export.save(bare(torch.export.export(network, (example,))), at(f"torch-{VERSION}.pt2"))
        if VERSION != "2.8":
            packed(at(f"torch-{VERSION}.pt2"))
            continue
        batch = torch.export.Dim("batch", min=2, max=64)
        dynamic = torch.export.export(network, (example,), dynamic_shapes=({0: batch},))
        torch.export.save(bare(dynamic.run_decompositions()), at("dynamic.pt2"))
        torch.save(network.state_dict(), at("state.pt"))
        traced = torch.jit.trace(network, example)
        torch.jit.save(traced, at("traced.pt"))
        torch.jit.save(torch.jit.freeze(traced), at("frozen.pt"))
        torch.jit.save(torch.jit.script(network), at("scripted.pt"))
        torch.onnx.export(network, (example,), at("graph.onnx"), dynamo=False, opset_version=17, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.PRESERVE)
        for file in os.listdir(folder):
            if not file.endswith(".onnx"):
                packed(at(file))


main()
