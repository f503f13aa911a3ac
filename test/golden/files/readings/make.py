"""Small trained networks whose weights lie as JAX and NumPy have them, and cells and attention whose weights are stacked.

Run with torch, numpy and safetensors: python make.py. Tests never run it. The tasks are synthetic and seeded.
Names are numbers in the order of the modules, so that nothing but the weights tells what they are.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

HERE = Path(__file__).parent


def trained(net, batch, loss, steps, rate=3e-3, decay=1e-4):
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=decay)
    for step in range(steps):
        value = loss(net, *batch())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    print(type(net).__name__, value.item())
    return {name: each.detach().numpy() for name, each in net.state_dict().items()}


def write(name, tensors):
    """Names say nothing, and stand in their order."""
    named = {f"t{at:02}": np.ascontiguousarray(each.astype(np.float16)) for at, each in enumerate(tensors)}
    save_file(named, HERE / f"{name}.safetensors")



def prototypes(classes, shape, noise):
    """Classes with several prototypes each."""
    centres = torch.randn(classes * 3, *shape)

    def batch(size=128):
        which = torch.randint(classes * 3, (size,))
        return centres[which] + noise * torch.randn(size, *shape), which % classes

    return batch


def cross_entropy(net, x, y):
    return nn.functional.cross_entropy(net(x), y)


def mlp():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(40, 48, bias=False), nn.ReLU(), nn.Linear(48, 48, bias=False), nn.ReLU(),
        nn.Linear(48, 32, bias=False), nn.ReLU(), nn.Linear(32, 10, bias=False),
    )
    state = trained(net, prototypes(10, (40,), 0.8), cross_entropy, 1500)
    write("mlp-out-in", state.values())
    write("mlp-in-out", [each.T for each in state.values()])


class Smooth(nn.Module):
    """Convolutions, a map that is flattened, two dense layers."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.dense = nn.Linear(24 * 9, 24)
        self.head = nn.Linear(24, 10)

    def forward(self, x):
        return self.head(nn.functional.relu(self.dense(self.convolutions(x).flatten(1))))


def cnn():
    torch.manual_seed(2)
    coarse = prototypes(10, (1, 4, 4), 0.5)

    def batch():
        x, y = coarse()
        x = nn.functional.interpolate(x, size=(12, 12), mode="bilinear")
        return x + 0.3 * torch.randn_like(x), y

    state = trained(Smooth(), batch, cross_entropy, 1200)
    dense = state["dense.weight"]
    last = dense.reshape(24, 24, 9).transpose(0, 2, 1).reshape(24, 24 * 9)
    vectors = ["convolutions.0.weight", "convolutions.0.bias", "convolutions.3.weight", "convolutions.3.bias"]
    first = [state[name] for name in vectors]
    end = [state["dense.bias"], state["head.weight"], state["head.bias"]]
    write("cnn-channels-first", [*first, dense, *end])
    write("cnn-channels-last", [*first, last, *end])
    # As Flax has it: `[height, width, in, out]` and `[in, out]`.
    turned = [each.transpose(2, 3, 1, 0) if each.ndim == 4 else each for each in first]
    write("cnn-flax", [*turned, last.T, end[0], end[1].T, end[2]])


class Cell(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.embed = nn.Linear(12, 20, bias=False)
        self.cell = cell(20, 40, batch_first=True)
        self.head = nn.Linear(40, 12)

    def forward(self, x):
        return self.head(self.cell(self.embed(x))[0])


def cells():
    """The symbol of two steps before, turned by the one of three steps before."""

    def batch():
        x = torch.randint(12, (64, 16))
        y = (x.roll(2, 1) + x.roll(3, 1)) % 12
        return nn.functional.one_hot(x, 12).float(), y

    def loss(net, x, y):
        return nn.functional.cross_entropy(net(x)[:, 3:].flatten(0, 1), y[:, 3:].flatten())

    for name, cell in (("lstm", nn.LSTM), ("gru", nn.GRU)):
        torch.manual_seed(3)
        write(name, trained(Cell(cell), batch, loss, 1500).values())


class Attention(nn.Module):
    """One head of attention with fused queries, keys and values, twice."""

    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Linear(12, width, bias=False)
        self.position = nn.Parameter(0.3 * torch.randn(16, width))
        self.blocks = nn.ModuleList(
            nn.ModuleList([nn.Linear(width, 3 * width), nn.Linear(width, width)]) for _ in range(2)
        )
        self.head = nn.Linear(width, 12)

    def forward(self, x):
        x = self.embed(x) + self.position
        for fused, out in self.blocks:
            q, k, v = fused(x).chunk(3, -1)
            x = x + out(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        return self.head(x)


def attention():
    torch.manual_seed(4)

    def batch():
        x = torch.randint(12, (64, 16))
        return nn.functional.one_hot(x, 12).float(), (x.roll(2, 1) + 5 * x.roll(1, 1)) % 12

    def loss(net, x, y):
        return nn.functional.cross_entropy(net(x)[:, 2:].flatten(0, 1), y[:, 2:].flatten())

    state = trained(Attention(), batch, loss, 2000)
    write("fused", [each for name, each in state.items() if name != "position"])


torch.set_num_threads(1)
mlp()
cnn()
cells()
attention()
