"""Digests of the .h5 and .hdf5 files of the shared models, by h5py: python digests.py <shared folder> > digests.json

Per file: all data sets, the network's weights by name, and a digest over their lines `name shape sha256`, of little-endian float64.
"""

import glob, hashlib, json, os, sys
import h5py, numpy as np

out = {}
for path in sorted(glob.glob(os.path.join(sys.argv[1], "models", "**", "*.h*5"), recursive=True)):
    with h5py.File(path, "r") as file:
        count = []
        file.visititems(lambda name, node: count.append(name) if isinstance(node, h5py.Dataset) else None)
        weights, lines = file["model_weights"], []
        for layer in weights.attrs["layer_names"]:
            group = weights[layer]
            for name in group.attrs["weight_names"]:
                value = np.asarray(group[name], "<f8")
                short = f"{layer.decode()}/{name.decode().split('/')[-1].removesuffix(':0')}"
                lines.append(f"{short} {'x'.join(map(str, value.shape))} {hashlib.sha256(value.tobytes()).hexdigest()}")
        out[os.path.relpath(path, sys.argv[1])] = {"datasets": len(count), "weights": len(lines),
                                                   "sha256": hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()}
print(json.dumps(out, indent=1))
