"""Intruders of the demo's small-llama after full fine-tuning and in its LoRA, layer by layer, by NumPy: intruders.json.

    python test/golden/files/comparison/intruders.py pipelines/models/small-llama
"""

import json
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file

folder = pathlib.Path(sys.argv[1])
base, full = (load_file(folder / name / "model.safetensors") for name in ("base", "full"))
factors = load_file(folder / "lora" / "adapter_model.safetensors")
adapter = json.loads((folder / "lora" / "adapter_config.json").read_text())


def weight(name):
    value = base[f"{name}.weight"].astype(np.float64)
    a = factors.get(f"base_model.model.{name}.lora_A.weight")
    if a is None:
        return value
    b = factors[f"base_model.model.{name}.lora_B.weight"]
    return value + adapter["lora_alpha"] / adapter["r"] * b.astype(np.float64) @ a.astype(np.float64)


def intruders(name, one, other):
    # An embedding's table has a row per token, which is its in channel.
    one, other = (w.T if "embed" in name else w for w in (one, other))
    left = [np.linalg.svd(w, full_matrices=False)[0] for w in (one, other)]
    return int((np.abs(left[0].T @ left[1][:, :10]).max(0) < 0.5).sum())


names = [name.removesuffix(".weight") for name, value in base.items() if value.ndim == 2]
counts = {
    tuned: {
        name: intruders(name, base[f"{name}.weight"].astype(np.float64), of(name)) for name in sorted(names)
    }
    for tuned, of in {"full": lambda name: full[f"{name}.weight"].astype(np.float64), "lora": weight}.items()
}
(pathlib.Path(__file__).parent / "intruders.json").write_text(json.dumps(counts, indent=1) + "\n")
