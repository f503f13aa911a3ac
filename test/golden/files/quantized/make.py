"""Makes small files of quantized weights, and right.safetensors with what the library that wrote each reads from it.

Libraries: transformers 5.24 (MXFP4, float8), auto_gptq 0.7.1 (its qlinear_cuda.py alone, given as the first argument: the package needs
CUDA), autoawq 0.2.9, bitsandbytes 0.50, compressed-tensors 0.20.1, mlx 0.32. Written without a library: AWQ's packing (the inverse of
autoawq's unpack_awq and reverse_awq_order), float8 with scales (torch's casts), MXFP4's blocks (random bytes).
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
torch.manual_seed(1)


def weight(*shape):
    return torch.randn(shape) * 0.3


def write(name, tensors, right, config=None):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    save_file({k: v.contiguous() for k, v in right.items()}, folder / "right.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config) + "\n")


def alone(path):
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gptq(path):
    module = alone(path)
    for bits in (2, 3, 4, 8):
        inputs, out, group = 64, 32, 32
        w = weight(out, inputs)
        # Activation order: channels of a group do not stand together.
        index = torch.randperm(inputs).argsort() // group if bits == 4 else torch.arange(inputs) // group
        groups = inputs // group
        scales, zeros = torch.zeros(out, groups), torch.zeros(out, groups)
        for g in range(groups):
            part = w[:, index == g]
            low, high = part.min(1).values, part.max(1).values
            scales[:, g] = (high - low) / (2**bits - 1)
            zeros[:, g] = torch.clamp(torch.round(-low / scales[:, g]), 1, 2**bits - 1)
        for g in range(groups):  # codes must stay within their bits
            low = (-zeros[:, g] * scales[:, g])[:, None]
            high = ((2**bits - 1 - zeros[:, g]) * scales[:, g])[:, None]
            w[:, index == g] = torch.minimum(torch.maximum(w[:, index == g], low), high)
        linear = torch.nn.Linear(inputs, out, bias=False)
        linear.weight.data = w
        layer = module.QuantLinear(bits, group, inputs, out, False, weight_dtype=torch.float32)
        layer.pack(linear, scales, zeros, index.to(torch.int32))
        layer.autogptq_cuda_available = False
        name = "model.layers.0.mlp.up_proj"
        stored = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales, "g_idx": layer.g_idx}
        layer.scales = layer.scales.half().float()
        stored["scales"] = layer.scales.half()
        config = {"quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": bits == 4, "sym": False}}
        right = {f"{name}.weight": layer(torch.eye(inputs)).t()}
        write(f"gptq-{bits}", {f"{name}.{k}": v for k, v in stored.items()}, right, config)


def awq():
    package = Path(importlib.util.find_spec("awq").submodule_search_locations[0])
    dequantize_gemm = alone(package / "utils" / "packing_utils.py").dequantize_gemm
    inputs, out, group = 64, 32, 32
    name = "model.layers.0.mlp.up_proj"
    codes = torch.randint(0, 16, (inputs, out), dtype=torch.int32)
    zeros = torch.randint(0, 16, (inputs // group, out), dtype=torch.int32)
    scales = (torch.rand(inputs // group, out) * 0.1 + 0.01).half()
    pack = lambda t: sum((t.reshape(len(t), -1, 8)[:, :, [0, 2, 4, 6, 1, 3, 5, 7][i]].to(torch.int64) << 4 * i) for i in range(8)) \
        .to(torch.int32)
    tensors = {"qweight": pack(codes), "qzeros": pack(zeros), "scales": scales}
    right = dequantize_gemm(tensors["qweight"], tensors["qzeros"], scales.float(), 4, group)
    assert torch.equal(right, (codes - zeros.repeat_interleave(group, 0)) * scales.float().repeat_interleave(group, 0))
    config = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}}
    write("awq", {f"{name}.{k}": v for k, v in tensors.items()}, {f"{name}.weight": right.t()}, config)


def bitsandbytes():
    import bitsandbytes.functional as F
    tensors, right = {}, {}
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            # 33 columns: the last byte holds one code, the last block is short.
            w = weight(48, 33 if not nested else 384)
            name = f"{kind}{'.nested' if nested else ''}.weight"
            codes, state = F.quantize_4bit(w, blocksize=64, compress_statistics=nested, quant_type=kind)
            tensors[name] = codes
            tensors |= {f"{name}.{k}": v for k, v in state.as_dict(packed=True).items()}
            right[name] = F.dequantize_4bit(codes, state)
    write("bitsandbytes-4", tensors, right)
    w = weight(32, 48)
    codes, scb, _ = F.int8_vectorwise_quant(w.half())
    tensors = {"fc.weight": codes, "fc.SCB": scb, "fc.weight_format": torch.tensor(0, dtype=torch.uint8)}
    write("bitsandbytes-8", tensors, {"fc.weight": F.int8_vectorwise_dequant(codes, scb)})


def compressed():
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams
    kinds = {
        "tensor": {"type": "float", "strategy": "tensor"},
        "channel": {"type": "float", "strategy": "channel"},
        "block": {"type": "float", "strategy": "block", "block_structure": [16, 32]},
        "int8": {"type": "int", "strategy": "channel"},
        "int8-zeros": {"type": "int", "strategy": "channel", "symmetric": False},
    }
    for kind, settings in kinds.items():
        args = QuantizationArgs(num_bits=8, **settings)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        w = weight(40, 96)
        rows, cols = args.block_structure or ((40, 96) if args.strategy == "tensor" else (1, 96))
        low = torch.stack([torch.stack([b.min() for b in r.split(cols, 1)]) for r in w.split(rows, 0)])
        high = torch.stack([torch.stack([b.max() for b in r.split(cols, 1)]) for r in w.split(rows, 0)])
        scale, zero = calculate_qparams(low, high, args)
        scale = scale.reshape(1) if args.strategy == "tensor" else scale
        form = "float-quantized" if args.type == "float" else "int-quantized"
        compressor = BaseCompressor.get_value_from_registry(form)
        state = {"weight": w, "weight_scale": scale}
        if not args.symmetric:
            state["weight_zero_point"] = zero.to(torch.int8)
        state = compressor.compress(state, scheme)
        right = compressor.decompress(state, scheme)["weight"]
        config = {"quantization_config": {
            "quant_method": "compressed-tensors", "format": form,
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": json.loads(args.model_dump_json())}}}}
        write(f"compressed-{kind}", {f"layers.0.fc.{k}": v for k, v in state.items()}, {"layers.0.fc.weight": right}, config)


def compressed_packed():
    """Integers in words, and NVFP4. The library reads no `weight_g_idx` any more: what it means is computed here."""
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.lifecycle.forward import dequantize
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
    kinds = {
        "pack-4": {"num_bits": 4, "strategy": "group", "group_size": 32},
        "pack-4-zeros": {"num_bits": 4, "strategy": "group", "group_size": 32, "symmetric": False},
        "pack-8": {"num_bits": 8, "strategy": "channel"},
        "nvfp4": {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "symmetric": True},
    }
    for kind, settings in kinds.items():
        args = QuantizationArgs(**settings)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        # Rows of words that are not full, and of zero points too.
        inputs = 100 if kind == "pack-8" else 96
        w = weight(41, inputs)
        size = args.group_size or inputs
        blocks = w.reshape(41, inputs // size, size)
        low, high = blocks.min(-1).values, blocks.max(-1).values
        name, state = "layers.0.fc", {"weight": w}
        if kind == "nvfp4":
            state["weight_global_scale"] = generate_gparam(w.min(), w.max()).reshape(1)
            state["weight_scale"], _ = calculate_qparams(low, high, args, global_scale=state["weight_global_scale"])
        else:
            state["weight_scale"], zero = calculate_qparams(low, high, args)
            if not args.symmetric:
                state["weight_zero_point"] = zero.to(torch.int8)
        form = "nvfp4-pack-quantized" if kind == "nvfp4" else "pack-quantized"
        compressor = BaseCompressor.get_value_from_registry(form)
        state = compressor.compress(state, scheme)
        if kind == "nvfp4":
            values = unpack_fp4_from_uint8(state["weight_packed"], 41, inputs, torch.float32)
            right = dequantize(values, state["weight_scale"].float(), args=args, dtype=torch.float32,
                               global_scale=state["weight_global_scale"])
        else:
            right = compressor.decompress(state, scheme)["weight"]
        config = {"quantization_config": {
            "quant_method": "compressed-tensors", "format": form,
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": json.loads(args.model_dump_json())}}}}
        write(f"compressed-{kind}", {f"{name}.{k}": v for k, v in state.items()}, {f"{name}.weight": right}, config)
        if kind == "pack-4":
            index = torch.randperm(inputs).argsort() // size
            contiguous = state["weight_scale"].repeat_interleave(size, 1)
            moved = torch.round(right / contiguous) * state["weight_scale"][:, index]
            state["weight_g_idx"] = index.to(torch.int32)
            write("compressed-pack-4-order", {f"{name}.{k}": v for k, v in state.items()}, {f"{name}.weight": moved}, config)


def float8():
    """DeepSeek's: blocks of 128 x 128, the last of them smaller; as weight_dequant_cpu of its fp8_cast_bf16 computes it."""
    w = weight(136, 160)
    scales = torch.zeros(2, 2)
    codes = torch.zeros(136, 160, dtype=torch.float8_e4m3fn)
    right = torch.zeros(136, 160)
    for i in range(2):
        for j in range(2):
            block = (slice(128 * i, 128 * i + 128), slice(128 * j, 128 * j + 128))
            scales[i, j] = w[block].abs().max() / 448
            codes[block] = (w[block] / scales[i, j]).to(torch.float8_e4m3fn)
            right[block] = codes[block].float() * scales[i, j]
    config = {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}}
    write("deepseek", {"model.layers.0.mlp.up_proj.weight": codes, "model.layers.0.mlp.up_proj.weight_scale_inv": scales},
          {"model.layers.0.mlp.up_proj.weight": right}, config)
    # Every value that the types have, by torch's casts.
    bits = torch.arange(256, dtype=torch.uint8).reshape(2, 128)
    tensors, right = {}, {}
    for name, dtype in {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}.items():
        finite = torch.where(bits.view(dtype).float().isfinite(), bits, torch.zeros_like(bits))
        scale = torch.tensor([[0.5], [2.0]]) if name == "e4m3" else torch.tensor(1.5)
        tensors |= {f"{name}.weight": finite.view(dtype), f"{name}.weight_scale": scale}
        right[f"{name}.weight"] = finite.view(dtype).float() * scale
    write("float8", tensors, right)
    torch.save(tensors, HERE / "float8" / "model.pt")


def mxfp4():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    blocks = torch.randint(0, 256, (3, 20, 2, 16), dtype=torch.uint8)
    scales = torch.randint(118, 130, (3, 20, 2), dtype=torch.uint8)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    right = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    write("mxfp4", {f"{name}_blocks": blocks, f"{name}_scales": scales}, {name: right.transpose(1, 2)})


def mlx():
    import mlx.core as mx
    tensors, right = {}, {}
    settings = {"group_size": 64, "bits": 4}
    for bits, group in ((4, 64), (2, 32), (3, 32), (5, 64), (6, 128), (8, 128)):
        w = mx.array(weight(16, 128).numpy())
        codes, scales, biases = mx.quantize(w, group_size=group, bits=bits)
        name = f"layers.{bits}.fc"
        settings[name] = {"group_size": group, "bits": bits}
        for part, values in {"weight": codes, "scales": scales, "biases": biases}.items():
            array = np.array(values)
            tensors[f"{name}.{part}"] = torch.from_numpy(array.view(np.int32)).view(torch.uint32) if part == "weight" else torch.from_numpy(array)
        right[f"{name}.weight"] = torch.from_numpy(np.array(mx.dequantize(codes, scales, biases, group_size=group, bits=bits)))
    write("mlx", tensors, right, {"quantization": settings})


gptq(sys.argv[1])
awq()
bitsandbytes()
compressed()
compressed_packed()
float8()
mxfp4()
mlx()
