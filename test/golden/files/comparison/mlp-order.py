"""The order of hidden units of shared/golden/compare/mlp-permuted.json, by NumPy: mlp-order.json.

    python test/golden/files/comparison/mlp-order.py
"""

import json
import pathlib

import numpy as np

order = np.random.default_rng(5).permutation(352).tolist()
(pathlib.Path(__file__).parent / "mlp-order.json").write_text(json.dumps(order) + "\n")
