"""A small decoder of the demo, its full fine-tuning and its LoRA, by PyTorch: pipelines/models/small-llama.

    python test/golden/files/comparison/small-llama.py pipelines/models/small-llama

Trained on characters of Python's own library, then on the same with its letters exchanged (ROT13): a new task in a known
form. Names, config.json and adapter are as transformers and PEFT write them; weights of models are float16.
"""

import codecs
import json
import pathlib
import sys
import sysconfig

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

WIDTH, HIDDEN, BLOCKS, HEADS, KEYS, HEAD, VOCABULARY = 64, 176, 2, 4, 2, 16, 96
LENGTH, BATCH = 48, 16
RANK, ALPHA = 4, 16
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": WIDTH,
    "intermediate_size": HIDDEN,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEYS,
    "head_dim": HEAD,
    "vocab_size": VOCABULARY,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "max_position_embeddings": LENGTH,
}


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Linear(nn.Module):
    """A linear layer, with a LoRA where it is asked for."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * 0.02)
        self.lora_A = self.lora_B = None

    def adapt(self):
        outputs, inputs = self.weight.shape
        self.weight.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(RANK, inputs))
        self.lora_B = nn.Parameter(torch.zeros(outputs, RANK))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def forward(self, x):
        y = functional.linear(x, self.weight)
        if self.lora_A is None:
            return y
        return y + ALPHA / RANK * functional.linear(functional.linear(x, self.lora_A), self.lora_B)


def rotated(x):
    position = torch.arange(x.shape[-2])[:, None]
    frequency = 10000.0 ** (-torch.arange(0, HEAD, 2) / HEAD)
    angle = torch.cat([position * frequency] * 2, -1)
    first, second = x.chunk(2, -1)
    return x * angle.cos() + torch.cat([-second, first], -1) * angle.sin()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.o_proj = Linear(WIDTH, HEADS * HEAD), Linear(HEADS * HEAD, WIDTH)
        self.k_proj, self.v_proj = Linear(WIDTH, KEYS * HEAD), Linear(WIDTH, KEYS * HEAD)

    def forward(self, x):
        heads = lambda y, n: y.view(*x.shape[:2], n, HEAD).transpose(1, 2)
        q = rotated(heads(self.q_proj(x), HEADS))
        k, v = rotated(heads(self.k_proj(x), KEYS)), heads(self.v_proj(x), KEYS)
        k, v = (y.repeat_interleave(HEADS // KEYS, 1) for y in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj = Linear(WIDTH, HIDDEN), Linear(WIDTH, HIDDEN)
        self.down_proj = Linear(HIDDEN, WIDTH)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(), Norm()
        self.self_attn, self.mlp = Attention(), Mlp()

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.model.layers = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.model.norm = Norm()
        self.lm_head = Linear(WIDTH, VOCABULARY)

    def forward(self, tokens):
        x = self.model.embed_tokens(tokens)
        for block in self.model.layers:
            x = block(x)
        return self.lm_head(self.model.norm(x))


def text():
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    names = ["argparse", "ast", "inspect", "pathlib", "subprocess", "tarfile", "typing", "zipfile"]
    paths = [path for name in names for path in [library / f"{name}.py"] if path.exists()]
    return "".join(path.read_text(errors="ignore") for path in paths)


def tokens(characters):
    known = [min(max(ord(c) - 32, 0), VOCABULARY - 1) if c != "\n" else VOCABULARY - 1 for c in characters]
    return torch.tensor(known)


def train(model, data, steps, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    losses = []
    for _ in range(steps):
        at = torch.randint(len(data) - LENGTH - 1, (BATCH,), generator=generator)
        batch = torch.stack([data[i : i + LENGTH + 1] for i in at])
        loss = functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[:10]) / 10, sum(losses[-50:]) / 50


def save(folder, model):
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")


torch.manual_seed(1)
torch.set_num_threads(1)
out = pathlib.Path(sys.argv[1])
source = text()
base = Llama()
print("base", train(base, tokens(source), 500, 3e-3, 1), flush=True)
save(out / "base", base)
# Both are tuned from the file, as users do.
state = {name: value.half().float() for name, value in base.state_dict().items()}
other = tokens(codecs.encode(source, "rot13"))

full = Llama()
full.load_state_dict(state)
print("full", train(full, other, 150, 1e-3, 2), flush=True)
save(out / "full", full)

lora = Llama()
lora.load_state_dict(state)
lora.requires_grad_(False)
modules = {name: module for name, module in lora.named_modules() if isinstance(module, Linear) and name != "lm_head"}
for module in modules.values():
    module.adapt()
print("lora", train(lora, other, 150, 1e-2, 2), flush=True)
adapter = out / "lora"
adapter.mkdir(exist_ok=True)
save_file(
    {
        f"base_model.model.{name}.{side}.weight": getattr(module, side).detach().contiguous()
        for name, module in modules.items()
        for side in ("lora_A", "lora_B")
    },
    adapter / "adapter_model.safetensors",
)
(adapter / "adapter_config.json").write_text(
    json.dumps(
        {
            "peft_type": "LORA",
            "base_model_name_or_path": "base",
            "r": RANK,
            "lora_alpha": ALPHA,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "use_rslora": False,
            "target_modules": sorted({name.split(".")[-1] for name in modules}),
            "task_type": "CAUSAL_LM",
        },
        indent=1,
    )
    + "\n"
)
