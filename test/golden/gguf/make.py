"""Digests of the weights of tiny-llama's GGUF files, as the gguf package (0.19.0) dequantizes them: make.py <folder>."""

import hashlib
import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

HEADS = {"attn_q": 4, "attn_k": 2}


def weights(tensor):
    """float32, rows of q and k as transformers has them (the inverse of the converter's permute)."""
    values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    heads = HEADS.get(tensor.name.split(".")[-2])
    if heads is None:
        return values
    apart = values.reshape(heads, values.shape[0] // heads // 2, 2, -1).swapaxes(1, 2)
    return np.ascontiguousarray(apart.reshape(values.shape))


digests = {
    path.stem: {
        tensor.name: hashlib.sha256(weights(tensor).tobytes()).hexdigest()
        for tensor in GGUFReader(path).tensors
    }
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.gguf"))
}
print(json.dumps(digests, indent=2))
