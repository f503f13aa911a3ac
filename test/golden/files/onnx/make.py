"""Makes the ONNX files of this folder with PyTorch's exporter (torch 1.13, opset 16): tiny networks with seeded weights."""

import sys
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent


class Squeeze(nn.Module):
    """A gate of one number per channel, from global pooling."""

    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Linear(channels, 2), nn.Linear(2, channels)

    def forward(self, x):
        gate = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class ConvNet(nn.Module):
    """Residual, grouped convolution with a shuffle of channels, concatenation, split, group norm, SiLU, flatten."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.grouped, self.after = nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(8, 8, 1)
        self.gn = nn.GroupNorm(2, 8)
        self.left, self.right = nn.Conv2d(4, 6, 1), nn.Conv2d(4, 2, 1)
        self.joined, self.up = nn.Conv2d(8, 4, 1), nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.head, self.pooled = nn.Linear(3 * 16, 5), nn.Linear(3, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        y = self.grouped(x)
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        y = nn.functional.silu(self.gn(self.after(y))) + x
        a, b = y.chunk(2, 1)
        z = torch.cat([self.left(a), nn.functional.hardswish(self.right(b))], 1)
        z = self.up(nn.functional.max_pool2d(nn.functional.gelu(self.joined(z)), 2))
        return self.head(z.flatten(1)), self.pooled(nn.functional.adaptive_avg_pool2d(z, 1).flatten(1))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.out = nn.Conv2d(3, 4, 1), Squeeze(4), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.out(self.gate(self.conv(x)))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(11, 6), nn.LSTM(6, 4, bidirectional=True)
        self.gru, self.out = nn.GRU(8, 5), nn.Linear(5, 3)

    def forward(self, x):
        x, _ = self.lstm(self.embed(x))
        x, _ = self.gru(x)
        return self.out(x)


class Attention(nn.Module):
    """One block of a transformer before its norms: attention with fused projections, then a gated and a plain linear pair."""

    def __init__(self):
        super().__init__()
        self.qkv, self.o = nn.Linear(8, 24), nn.Linear(8, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        a = torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v
        x = x + self.o(a.transpose(1, 2).reshape(n, t, d))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


def export(name, model, example, **options):
    torch.manual_seed(sum(map(ord, name)))
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    torch.onnx.export(model.eval(), example, HERE / f"{name}.onnx", opset_version=16, input_names=["x"], **options)


torch.manual_seed(0)
export("convnet", ConvNet(), torch.zeros(1, 3, 4, 4), dynamic_axes={"x": {0: "batch"}}, training=torch.onnx.TrainingMode.PRESERVE)
export("gated", Gated(), torch.zeros(1, 3, 4, 4))
export("lstm", Recurrent(), torch.zeros(7, 1, dtype=torch.long))
export("attention", Attention(), torch.zeros(1, 5, 8), dynamic_axes={"x": {0: "batch", 1: "time"}})
