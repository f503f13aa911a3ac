"""Finds who feeds whom in small language, speech and multimodal networks by perturbing them while they run; writes families.json.

Run by hand with torch and transformers: python3 families.py. It shares nothing with svrflow. For each layer A (whatever multiplies by a
weight of two axes or more, or looks a row up in one) the network runs once more: A's output gets noise, every other layer's output is
replaced by what it was in the first run. A layer B whose input differs then reads A with no layer between. So normalizations,
activations, additions and the mixing of positions are ways; layers are not.

Of a product of two activations svrflow follows one factor (docs/decisions/topology/025-gates.md), and so does this script. The other
factor is replaced by what it was: the probabilities of attention and of routers (softmax, sigmoid), and what an activation module
made where it is a factor (the gate of a gated feed-forward layer). Queries and keys, which end in such a product, then reach nothing.

`channels` has, of some pairs, which in channels of B differ when out channel c of A alone is moved, as runs [c, in channel, length].
Names and shapes are those of the files that the classes write. Where a class keeps experts or halves of a weight in one tensor and its
file does not (or the other way round), the rows of the tensor are moved on their own.
"""

import json
import os
import re
import tempfile

import torch
import transformers as tf
from torch import nn
from torch.overrides import TorchFunctionMode

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "families.json")
LAYERS = {"linear", "embedding", "conv1d", "conv2d", "addmm", "matmul", "__matmul__"}
FACTORS = {"softmax", "sigmoid"}
PRODUCTS = {"mul", "__mul__", "__rmul__", "mul_", "__imul__"}


class Run(TorchFunctionMode):
    """One forward pass: recorded, or replayed with one layer moved."""

    def __init__(self, names, recorded=None, moved=None, noise=None):
        super().__init__()
        self.names, self.recorded, self.moved, self.noise = names, recorded, moved, noise
        self.inputs, self.outputs, self.factors, self.gates = {}, {}, [], {}
        self.calls, self.kinds, self.factor, self.activated, self.inside = {}, {}, 0, {}, False

    def name_of(self, weight):
        at = weight.data_ptr()
        for start, size, stride, name in self.names:
            if start <= at < start + size:
                return name if stride is None else f"{name}[{(at - start) // stride}]"
        return None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        what = getattr(func, "__name__", "")
        if what in LAYERS and not self.inside:
            return self.layer(func, what, args, kwargs)
        if what in PRODUCTS and self.recorded is not None:
            args = tuple(self.gate(a) if isinstance(a, torch.Tensor) and self.is_factor(args, i) else a for i, a in enumerate(args))
        out = func(*args, **kwargs)
        if what in FACTORS and not self.inside:
            if self.recorded is not None:
                out = self.recorded.factors[self.factor].clone()
            self.factors.append(out)
            self.factor += 1
        return out

    def layer(self, func, what, args, kwargs):
        values = list(args) + [kwargs[k] for k in ("input", "weight") if k in kwargs]
        x, weight = (values[1], values[2]) if what == "addmm" else (values[0], values[1])
        if what == "embedding" and not weight.is_floating_point():
            x, weight = weight, x
        name = self.name_of(weight)
        self.inside = True
        out = func(*args, **kwargs)
        self.inside = False
        if name is None:
            return out
        # A table that is also a head is two layers.
        if self.kinds.setdefault(name, what) != what:
            name += " (tied)"
        call = self.calls[name] = self.calls.get(name, -1) + 1
        self.inputs[name, call] = x.detach().clone()
        if self.recorded is not None:
            out = self.recorded.outputs[name, call].clone()  # some classes add to it in place
            if name == self.moved:
                out = self.noise(out, what)
        self.outputs[name, call] = out.detach().clone()
        return out

    def is_factor(self, args, i):
        """Whether an operand is what an activation module made, and the other one a tensor of activations."""
        other = args[1 - i] if len(args) > 1 else None
        return id(args[i]) in self.activated and isinstance(other, torch.Tensor) and not isinstance(other, nn.Parameter)

    def gate(self, a):
        return self.recorded.gates[self.activated[id(a)]]


def is_activation(module):
    name = type(module).__module__
    return name.endswith("transformers.activations") or name == "torch.nn.modules.activation" and not isinstance(module, nn.MultiheadAttention)


def run(model, feed, names, recorded=None, moved=None, noise=None):
    mode = Run(names, recorded, moved, noise)
    counts, kept, handles = {}, [], []
    for name, module in model.named_modules():
        if is_activation(module):
            def hook(module, args, out, name=name):
                key = name, counts.get(name, 0)
                counts[name] = key[1] + 1
                mode.gates[key] = out
                mode.activated[id(out)] = key
                kept.append(out)
            handles.append(module.register_forward_hook(hook))
    torch.manual_seed(5)
    with torch.no_grad(), mode:
        model(**feed)
    for handle in handles:
        handle.remove()
    return mode


def differs(a, b):
    return a.shape != b.shape or (a - b).abs().max() > 1e-9


def channel_axis(what, tensor):
    return 1 if what.startswith("conv") else tensor.dim() - 1


def moving(rows=None, seed=9):
    """Noise on all out channels, or on some."""
    def noise(out, what):
        axis = channel_axis(what, out)
        g = torch.Generator().manual_seed(seed)
        extra = torch.randn(out.shape, generator=g, dtype=torch.float64)
        if rows is not None:
            keep = torch.zeros(out.shape[axis], dtype=torch.float64)
            keep[rows[0]:rows[0] + rows[1]] = 1
            extra = extra * keep.reshape([-1 if i == axis else 1 for i in range(out.dim())])
        return out + extra
    return noise


def truth(model, feed, parts, pairs):
    """Connections by the names of the file, and channels of the pairs whose names match."""
    # What is no layer in any sense: gains stay out by having one axis.
    names = []
    for name, p in list(model.named_parameters()) + list(model.named_buffers()):
        if p.dim() >= 2 and p.is_floating_point():
            stacked = p.dim() == 3 and "experts" in name
            names.append((p.data_ptr(), p.numel() * p.element_size(), p[0].numel() * p.element_size() if stacked else None, name))
    first = run(model, feed, names)
    layers = sorted({name for name, _ in first.outputs})
    tables = {n: p for n, p in model.named_parameters() if p.dim() >= 2 and not any(l == n or l.startswith(n + "[") for l in layers)}

    def readers(name, rows=None):
        again = run(model, feed, names, first, name, moving(rows))
        return {b for (b, call), x in again.inputs.items() if x.is_floating_point() and differs(x, first.inputs[b, call])}

    def named(name):
        return parts(name, first.outputs[name, 0].shape) or [(name, None)]

    found = []
    for a in layers:
        for part, rows in named(a):
            for b in readers(a, rows):
                found += [(part, other) for other, _ in named(b)]
    unused = []
    for name, table in tables.items():
        # What is used as it stands, by no operation of a layer: tables of positions.
        kept = table.detach().clone()
        with torch.no_grad():
            table += torch.randn(table.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
        hit = readers(name)
        with torch.no_grad():
            table.copy_(kept)
        found += [(name, other) for b in hit for other, _ in named(b)]
        unused += [] if hit else [name]
    channels = {}
    for a in layers:
        for b in layers:
            if parts(a, (2,)) or parts(b, (2,)):
                continue  # the file has other tensors
            if any(re.search(x, a) and re.search(y, b) for x, y in pairs) and stem(a) == stem(b):
                channels[f"{a} -> {b}"] = channel_map(model, feed, names, first, a, b)
    return found, channels, unused


def stem(name):
    """The block that a layer is in, and of experts which one."""
    block = re.search(r"^(.*?\.\d+)\.", name)
    return block and block.group(1), re.findall(r"\[(\d+)\]|experts\.(\d+)", name)


def channel_map(model, feed, names, first, a, b):
    runs = []
    # A convolution's channels are its second axis; no pair asks for one.
    for c in range(first.outputs[a, 0].shape[-1]):
        again = run(model, feed, names, first, a, moving((c, 1)))
        hit = set()
        for (name, call), x in again.inputs.items():
            if name == b:
                moved = ((x - first.inputs[name, call]).abs() > 1e-9).reshape(-1, x.shape[-1]).any(0)
                hit |= {i for i, yes in enumerate(moved.tolist()) if yes}
        runs += [[c, i, 1] for i in sorted(hit)]
    runs.sort(key=lambda r: r[1])
    joined = []
    for c, i, n in runs:
        if joined and joined[-1][0] + joined[-1][2] == c and joined[-1][1] + joined[-1][2] == i:
            joined[-1][2] += n
        else:
            joined.append([c, i, n])
    return joined


CONFIG_KEYS = re.compile(
    r"^(architectures|model_type|tie_word_embeddings|num_attention_heads|num_key_value_heads|n_head|num_heads|n_heads|num_kv_heads"
    r"|encoder_attention_heads|decoder_attention_heads|new_decoder_architecture|multi_query|parallel_attn|do_layer_norm_before"
    r"|use_parallel_residual|apply_residual_connection_post_layernorm|do_stable_layer_norm|is_encoder_decoder|text_config|vision_config"
    r"|position_biased_input|feed_forward_proj|is_gated_act|feat_extract_norm|hidden_act|norm_rel_ebd|share_att_key|pos_att_type)$")


def trimmed(config):
    return {k: trimmed(v) if isinstance(v, dict) else v for k, v in config.items() if CONFIG_KEYS.match(k) and v is not None}


def written(model):
    """Names and shapes in the file that a class writes, and its config."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        from safetensors import safe_open
        with safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
            shapes = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}
        with open(os.path.join(folder, "config.json")) as file:
            return shapes, trimmed(json.load(file))


def build(cls, config):
    torch.manual_seed(3)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = getattr(tf, cls)(config).eval().double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, dtype=torch.float64) * (0.3 if p.dim() > 1 else 0.5))
    return model


def entry(model, feed, parts=lambda name, shape: None, pairs=(), shapes=None):
    files, config = written(model)
    for module in model.modules():
        if nn.utils.parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                nn.utils.parametrize.remove_parametrizations(module, name)
    # svrflow puts weights in parts together before a family sees them.
    files = {re.sub(r"parametrizations\.weight\.original1$", "weight", k): v for k, v in files.items() if not k.endswith("original0")}
    files = {re.sub(r"weight_v$", "weight", k): v for k, v in files.items() if not k.endswith("weight_g")}
    found, channels, unused = truth(model, feed, parts, pairs)
    inputs = {}
    for a, b in sorted(set(found)):
        inputs.setdefault(b, []).append(a)
    return {"config": config, "tensors": shapes(model) if shapes else files, "inputs": inputs, "channels": channels,
            **({"unused": sorted(unused)} if unused else {})}


def state_shapes(model):
    return {k: list(v.shape) for k, v in model.state_dict().items()}


def tokens(length=10, rows=2, low=3):
    return {"input_ids": torch.randint(low, 40, (rows, length), generator=torch.Generator().manual_seed(2))}


SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 40, "max_position_embeddings": 32}
GROUPED = {**SIZE, "num_key_value_heads": 2, "intermediate_size": 24}
HEADS = [(r"(v_proj|c_attn|qkv_proj|query_key_value|\.v|value|v_lin|in_proj|value_proj)\.weight$",
          r"(o_proj|out_proj|attn\.c_proj|dense|\.o|out_lin)\.weight$"), (r"gate_up_proj", r"down_proj")]


def split_experts(to):
    """Names of experts in the file, where the class keeps them in one tensor."""
    def parts(name, shape):
        if name.endswith("mlp.gate.weight"):
            return [(name.replace("mlp.gate", to["router"]), None)]
        match = re.match(r"(.*)mlp\.experts\.(gate_up_proj|down_proj)\[(\d+)\]", name)
        if not match:
            return None
        start = f"{match[1]}{to['list']}.{match[3]}."
        if match[2] == "down_proj":
            return [(start + to["down"], None)]
        half = shape[-1] // 2
        return [(start + to["gate"], (0, half)), (start + to["up"], (half, half))]
    return parts


MIXTRAL = {"router": "block_sparse_moe.gate", "list": "block_sparse_moe.experts", "gate": "w1.weight", "up": "w3.weight", "down": "w2.weight"}
QWEN = {"router": "mlp.gate", "list": "mlp.experts", "gate": "gate_proj.weight", "up": "up_proj.weight", "down": "down_proj.weight"}

DECODERS = {
    "llama": ("LlamaForCausalLM", lambda: tf.LlamaConfig(**GROUPED)),
    "mistral": ("MistralForCausalLM", lambda: tf.MistralConfig(**GROUPED, head_dim=6)),
    "qwen2": ("Qwen2ForCausalLM", lambda: tf.Qwen2Config(**GROUPED, tie_word_embeddings=True)),
    "qwen3": ("Qwen3ForCausalLM", lambda: tf.Qwen3Config(**GROUPED, head_dim=8)),
    "gemma": ("GemmaForCausalLM", lambda: tf.GemmaConfig(**GROUPED, head_dim=8)),
    "gemma2": ("Gemma2ForCausalLM", lambda: tf.Gemma2Config(**GROUPED, head_dim=8)),
    "gemma3": ("Gemma3ForCausalLM", lambda: tf.Gemma3TextConfig(**GROUPED, head_dim=8)),
    "olmo2": ("Olmo2ForCausalLM", lambda: tf.Olmo2Config(**GROUPED)),
    "phi": ("PhiForCausalLM", lambda: tf.PhiConfig(**SIZE, intermediate_size=24)),
    "phi3": ("Phi3ForCausalLM", lambda: tf.Phi3Config(**GROUPED, pad_token_id=0)),
    "cohere": ("CohereForCausalLM", lambda: tf.CohereConfig(**GROUPED, use_qk_norm=True, pad_token_id=0)),
    "cohere2": ("Cohere2ForCausalLM", lambda: tf.Cohere2Config(**GROUPED, pad_token_id=0)),
    "stablelm": ("StableLmForCausalLM", lambda: tf.StableLmConfig(**GROUPED)),
    "stablelm-parallel": ("StableLmForCausalLM", lambda: tf.StableLmConfig(**GROUPED, use_parallel_residual=True, qk_layernorm=True)),
    "falcon-7b": ("FalconForCausalLM", lambda: tf.FalconConfig(**SIZE)),
    "falcon-40b": ("FalconForCausalLM", lambda: tf.FalconConfig(**SIZE, new_decoder_architecture=True, num_kv_heads=2)),
    "falcon-rw": ("FalconForCausalLM", lambda: tf.FalconConfig(**SIZE, multi_query=False, parallel_attn=False, alibi=True)),
    "opt": ("OPTForCausalLM", lambda: tf.OPTConfig(**SIZE, ffn_dim=24, word_embed_proj_dim=16)),
    "opt-350m": ("OPTForCausalLM", lambda: tf.OPTConfig(**SIZE, ffn_dim=24, word_embed_proj_dim=12, do_layer_norm_before=False)),
    "gpt2": ("GPT2LMHeadModel", lambda: tf.GPT2Config(n_embd=16, n_layer=2, n_head=4, vocab_size=40, n_positions=32)),
    "gpt-neo": ("GPTNeoForCausalLM", lambda: tf.GPTNeoConfig(
        hidden_size=16, num_layers=2, num_heads=4, vocab_size=40, max_position_embeddings=32, attention_types=[[["global", "local"], 1]])),
    "gpt-j": ("GPTJForCausalLM", lambda: tf.GPTJConfig(n_embd=16, n_layer=2, n_head=4, vocab_size=40, n_positions=32, rotary_dim=4)),
    "gpt-neox": ("GPTNeoXForCausalLM", lambda: tf.GPTNeoXConfig(**SIZE, intermediate_size=24)),
    "gpt-neox-sequential": ("GPTNeoXForCausalLM", lambda: tf.GPTNeoXConfig(**SIZE, intermediate_size=24, use_parallel_residual=False)),
    "bloom": ("BloomForCausalLM", lambda: tf.BloomConfig(hidden_size=16, n_layer=2, n_head=4, vocab_size=40)),
    "bloom-post": ("BloomForCausalLM", lambda: tf.BloomConfig(
        hidden_size=16, n_layer=2, n_head=4, vocab_size=40, apply_residual_connection_post_layernorm=True)),
}

MIXTURES = {
    "mixtral": ("MixtralForCausalLM", lambda: tf.MixtralConfig(**GROUPED, num_local_experts=3, num_experts_per_tok=2), MIXTRAL),
    "qwen2-moe": ("Qwen2MoeForCausalLM", lambda: tf.Qwen2MoeConfig(
        **GROUPED, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, shared_expert_intermediate_size=20, mlp_only_layers=[1]), QWEN),
    "qwen3-moe": ("Qwen3MoeForCausalLM", lambda: tf.Qwen3MoeConfig(
        **GROUPED, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, head_dim=8), QWEN),
    "qwen3-moe-stacked": ("Qwen3MoeForCausalLM", lambda: tf.Qwen3MoeConfig(
        **GROUPED, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, head_dim=8), None),
}

BERT = {**SIZE, "intermediate_size": 24}
ENCODERS = {
    "bert": ("BertForMaskedLM", lambda: tf.BertConfig(**BERT)),
    "roberta": ("RobertaForSequenceClassification", lambda: tf.RobertaConfig(**BERT, pad_token_id=1)),
    "electra": ("ElectraForPreTraining", lambda: tf.ElectraConfig(**BERT, embedding_size=12)),
    "electra-generator": ("ElectraForMaskedLM", lambda: tf.ElectraConfig(**BERT, embedding_size=12)),
    "distilbert": ("DistilBertForMaskedLM", lambda: tf.DistilBertConfig(
        dim=16, hidden_dim=24, n_layers=2, n_heads=4, vocab_size=40, max_position_embeddings=32)),
    "distilbert-classes": ("DistilBertForSequenceClassification", lambda: tf.DistilBertConfig(
        dim=16, hidden_dim=24, n_layers=2, n_heads=4, vocab_size=40, max_position_embeddings=32)),
    "deberta": ("DebertaForSequenceClassification", lambda: tf.DebertaConfig(
        **BERT, relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, max_relative_positions=8)),
    "deberta-v2": ("DebertaV2ForSequenceClassification", lambda: tf.DebertaV2Config(
        **BERT, relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, share_att_key=True,
        norm_rel_ebd="layer_norm", position_buckets=8)),
    "deberta-v2-convolution": ("DebertaV2ForMaskedLM", lambda: tf.DebertaV2Config(
        **BERT, relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, share_att_key=True,
        norm_rel_ebd="layer_norm", position_buckets=8, conv_kernel_size=3, conv_act="gelu", legacy=False)),
    "deberta-v2-classes": ("DebertaV2ForTokenClassification", lambda: tf.DebertaV2Config(
        **BERT, relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, share_att_key=False,
        norm_rel_ebd="none", position_buckets=8)),
}


def pair(source, target):
    return {"input_ids": tokens(source)["input_ids"], "decoder_input_ids": tokens(target)["input_ids"]}


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


T5 = {"d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 4, "vocab_size": 40, "decoder_start_token_id": 0}
SPEECH = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24, "vocab_size": 12,
          "conv_dim": (8, 8), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_conv_pos_embeddings": 8,
          "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 2}
TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}


def others():
    yield "t5", "T5ForConditionalGeneration", tf.T5Config(**T5), pair(8, 6)
    yield "t5-gated", "T5ForConditionalGeneration", tf.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False), pair(8, 6)
    yield "t5-encoder", "T5EncoderModel", tf.T5Config(**T5), tokens()
    yield "whisper", "WhisperForConditionalGeneration", tf.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=24,
        decoder_ffn_dim=24, vocab_size=40, num_mel_bins=8, max_source_positions=10, max_target_positions=20, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    ), {"input_features": noise(1, 8, 20), "decoder_input_ids": tokens(6, 1)["input_ids"]}
    yield "wav2vec2", "Wav2Vec2ForCTC", tf.Wav2Vec2Config(**SPEECH), {"input_values": noise(1, 300)}
    yield "wav2vec2-stable", "Wav2Vec2ForCTC", tf.Wav2Vec2Config(
        **SPEECH, do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True), {"input_values": noise(1, 300)}
    yield "hubert", "HubertForCTC", tf.HubertConfig(**SPEECH), {"input_values": noise(1, 300)}
    clip = tf.CLIPConfig(
        text_config={**TOWER, "vocab_size": 40, "max_position_embeddings": 16, "eos_token_id": 39, "bos_token_id": 1, "pad_token_id": 0},
        vision_config={**TOWER, "hidden_size": 24, "image_size": 8, "patch_size": 4}, projection_dim=12)
    yield "clip", "CLIPModel", clip, {**tokens(), "pixel_values": noise(2, 3, 8, 8)}
    yield "clip-text", "CLIPTextModel", clip.text_config, tokens()


def renamed(entry, rename, tensors, config):
    """The same network under other names: `rename` gives all names that a layer has, of the readers and of those that are read."""
    inputs = {}
    for reader, sources in entry["inputs"].items():
        for name in rename(reader, "reader"):
            inputs[name] = sorted(each for source in sources for each in rename(source, "source"))
    return {"config": config, "tensors": tensors, "inputs": inputs, "channels": {}}


def meta(entry):
    """By the table of transformers' convert_llama_weights_to_hf.py, read backwards."""
    table = [("model.embed_tokens", "tok_embeddings"), ("model.norm", "norm"), ("lm_head", "output"), ("model.layers", "layers"),
             ("self_attn.q_proj", "attention.wq"), ("self_attn.k_proj", "attention.wk"), ("self_attn.v_proj", "attention.wv"),
             ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"), ("mlp.down_proj", "feed_forward.w2"),
             ("mlp.up_proj", "feed_forward.w3"), ("post_attention_layernorm", "ffn_norm"), ("input_layernorm", "attention_norm")]

    def name(old):
        for a, b in table:
            old = old.replace(a, b)
        return old
    tensors = {name(k): v for k, v in entry["tensors"].items()}
    return renamed(entry, lambda old, role: [name(old)], {**tensors, "rope.freqs": [2]}, {})


def nano(entry):
    """By nanoGPT's GPT.from_pretrained: the same names, matrices of Conv1D transposed, the head in the file."""
    tensors = {k: v[::-1] if re.search(r"(attn|mlp)\.c_\w+\.weight$", k) else v for k, v in entry["tensors"].items()}
    name = lambda old, role: [old.replace("transformer.wte.weight (tied)", "lm_head.weight")]
    return renamed(entry, name, {**tensors, "lm_head.weight": [40, 16]}, {"n_head": 4})


def openai(entry):
    """By the table of transformers' convert_openai_to_hf.py, read backwards."""
    table = [("model.", ""), ("encoder.layer_norm", "encoder.ln_post"), ("decoder.layer_norm", "decoder.ln"), ("layers", "blocks"),
             ("self_attn_layer_norm", "attn_ln"), ("encoder_attn_layer_norm", "cross_attn_ln"), ("final_layer_norm", "mlp_ln"),
             ("encoder_attn", "cross_attn"), ("self_attn", "attn"), ("q_proj", "query"), ("k_proj", "key"), ("v_proj", "value"),
             ("out_proj", "out"), ("fc1", "mlp.0"), ("fc2", "mlp.2"), ("embed_tokens", "token_embedding"),
             ("embed_positions.weight", "positional_embedding")]

    def name(old):
        for a, b in table:
            old = old.replace(a, b)
        return old
    tensors = {name(k): v for k, v in entry["tensors"].items()}
    heads = {key: 4 for key in ("encoder_attention_heads", "decoder_attention_heads")}
    return renamed(entry, lambda old, role: [name(old)], tensors, heads)


def hooked(entry):
    """By TransformerLens's convert_gpt2_weights: [head, in, out] and [head, out of a head, out]; gains are called w."""
    table = [("transformer.wte.weight (tied)", "unembed.W_U"), ("transformer.wte.weight", "embed.W_E"), ("transformer.wpe.weight", "pos_embed.W_pos"),
             ("transformer.h.", "blocks."), ("attn.c_proj.weight", "attn.W_O"), ("mlp.c_fc.weight", "mlp.W_in"),
             ("mlp.c_proj.weight", "mlp.W_out")]

    def name(old, role):
        for a, b in table:
            old = old.replace(a, b)
        letters = "V" if role == "source" else "QKV"
        return [old.replace("attn.c_attn.weight", f"attn.W_{letter}") for letter in letters] if "c_attn" in old else [old]
    tensors = {"embed.W_E": [40, 16], "pos_embed.W_pos": [32, 16], "unembed.W_U": [16, 40], "unembed.b_U": [40], "ln_final.w": [16], "ln_final.b": [16]}
    for i in range(2):
        at = f"blocks.{i}."
        tensors.update({f"{at}attn.W_{x}": [4, 16, 4] for x in "QKV"})
        tensors.update({f"{at}attn.b_{x}": [4, 4] for x in "QKV"})
        tensors.update({f"{at}attn.W_O": [4, 4, 16], f"{at}attn.b_O": [16], f"{at}attn.mask": [32, 32], f"{at}attn.IGNORE": [],
                        f"{at}mlp.W_in": [16, 64], f"{at}mlp.b_in": [64], f"{at}mlp.W_out": [64, 16], f"{at}mlp.b_out": [16]})
        tensors.update({f"{at}{n}.{x}": [16] for n in ("ln1", "ln2") for x in "wb"})
    return renamed(entry, name, tensors, {"parallel_attn_mlp": False})


def main(only):
    tf.logging.set_verbosity_error()
    with open(OUT) if only and os.path.exists(OUT) else open(os.devnull) as file:
        text = file.read()
    out = json.loads(text) if text else {}

    def add(name, cls, config, feed, parts=None, shapes=None):
        if only and name not in only:
            return
        try:
            out[name] = entry(build(cls, config), feed, parts or (lambda *_: None), HEADS, shapes)
            print(name, len(out[name]["tensors"]), out[name].get("unused", ""), flush=True)
        except Exception as failure:
            if not only:
                raise
            print(name, "FAILED", repr(failure), flush=True)

    for name, (cls, config) in {**DECODERS, **ENCODERS}.items():
        # The class has a name for its head that its files do not have.
        head = (lambda layer, shape: [("embed_out.weight", None)] if layer == "lm_head.weight" else None) if cls.startswith("GPTNeoX") else None
        add(name, cls, config(), tokens(), head)
    for name, (cls, config, names) in MIXTURES.items():
        add(name, cls, config(), tokens(12, 3), names and split_experts(names), None if names else state_shapes)
    for name, cls, config, feed in others():
        add(name, cls, config, feed)
    for name, old, rename in [("llama-meta", "llama", meta), ("nanogpt", "gpt2", nano), ("hooked-transformer", "gpt2", hooked),
                              ("whisper-openai", "whisper", openai)]:
        if old in out:
            out[name] = rename(out[old])
    with open(OUT, "w") as file:
        lines = [f'"{name}": {json.dumps(value, separators=(",", ":"))}' for name, value in out.items()]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(os.sys.argv[1:])
