"""Writes the demo's small decoder with its LoRA in its weights: W + alpha/r B A, in float16 as the others are.

python merge.py ../../../../pipelines/models/small-llama
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

models = Path(sys.argv[1])
config = json.loads((models / "lora/adapter_config.json").read_text())
factors = load_file(models / "lora/adapter_model.safetensors")
weights = load_file(models / "base/model.safetensors")
for name, a in factors.items():
    if ".lora_A." not in name:
        continue
    module = name.removeprefix("base_model.model.").split(".lora_A.")[0]
    b = factors[name.replace(".lora_A.", ".lora_B.")]
    change = config["lora_alpha"] / config["r"] * (b.astype(np.float64) @ a.astype(np.float64))
    weight = weights[f"{module}.weight"]
    weights[f"{module}.weight"] = (weight.astype(np.float64) + change).astype(np.float16)
merged = models / "lora-merged"
merged.mkdir(exist_ok=True)
save_file(weights, merged / "model.safetensors", metadata={"format": "pt"})
shutil.copy(models / "base/config.json", merged / "config.json")
