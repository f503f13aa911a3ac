"""Tracks of spectral neurons through the epochs of vgg16s, by NumPy: tracks.json.

    python test/golden/files/comparison/tracks.py ../shared/our-models/vgg16s

Of each layer: how many tracks there are, how many go through all steps, begin later, end earlier, how often two cross;
and the tracks that hold the eight leading neurons of the last step: by step the neuron (null where the track is not),
and the similarities with the step before.
"""

import json
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file
from scipy.special import betaincc, betaln, log_ndtr

LOG_ALPHA = log_ndtr(-3)
STEPS = [0, 4, 16]
LEADING = 8


def log_survival(cosine, dimensions):
    """ln P(cos^2 or more) of a random direction: cos^2 ~ Beta(1/2, (d - 1)/2). Its series where it is too small for a double."""
    x = np.clip(cosine**2, 0, 1 - 2**-53)
    a, b = 0.5, (dimensions - 1) / 2
    with np.errstate(divide="ignore"):
        direct = np.log(betaincc(a, b, x))
    # I_{1-x}(b, a) = (1-x)^b x^a / (b B(a, b)) * sum_k (a+b)_k / (b+1)_k (1-x)^k
    term, total = np.ones_like(x), np.ones_like(x)
    for k in range(400):
        term = term * (a + b + k) / (b + 1 + k) * (1 - x)
        total = total + term
    with np.errstate(divide="ignore"):
        series = b * np.log1p(-x) + a * np.log(x) - np.log(b) - betaln(a, b) + np.log(total)
    return np.where(direct > -600, direct, series)


def matches(one, other, positions):
    left, right = one[0].T @ other[0], one[2] @ other[2].T
    similarity = left * right
    best, back = np.abs(similarity).argmax(1), np.abs(similarity).argmax(0)
    log_p = log_survival(left, one[0].shape[0])
    if positions == 1:
        both = log_p + log_survival(right, one[2].shape[1])
        log_p = both + np.log1p(-both)
    log_p = log_p + np.log(similarity.size)
    return {
        i: (int(j), float(similarity[i, j]))
        for i, j in enumerate(best)
        if back[j] == i and log_p[i, j] <= LOG_ALPHA
    }


def layer(weights):
    positions = int(np.prod(weights[0].shape[2:]))
    steps = [np.linalg.svd(w.astype(np.float64).reshape(w.shape[0], -1), full_matrices=False) for w in weights]
    tracks = [[(i, None)] for i in range(len(steps[0][1]))]
    alive = {i: track for i, track in enumerate(tracks)}
    for step in range(1, len(steps)):
        found = matches(steps[step - 1], steps[step], positions)
        now = {}
        for i, track in alive.items():
            if i in found:
                track.append(found[i])
                now[found[i][0]] = track
            else:
                track.append(None)
        for j in range(len(steps[step][1])):
            if j not in now:
                tracks.append([None] * step + [(j, None)])
                now[j] = tracks[-1]
        for track in tracks:
            if len(track) <= step:
                track.append(None)
        alive = now
    crossings = 0
    for step in range(1, len(steps)):
        both = [t for t in tracks if t[step - 1] is not None and t[step] is not None]
        before = np.array([steps[step - 1][1][t[step - 1][0]] for t in both])
        after = np.array([steps[step][1][t[step][0]] for t in both])
        crossings += int(
            ((before[:, None] > before[None, :]) & (after[:, None] < after[None, :])).sum()
        )
    last = len(steps) - 1
    leading = sorted((t for t in tracks if t[last] is not None), key=lambda t: t[last][0])[:LEADING]
    return {
        "tracks": len(tracks),
        "through": sum(None not in t for t in tracks),
        "births": sum(t[0] is None for t in tracks),
        "deaths": sum(t[last] is None for t in tracks),
        "crossings": crossings,
        "leading": [
            {
                "neurons": [None if place is None else place[0] for place in t],
                "similarities": [None if place is None else place[1] for place in t],
            }
            for t in leading
        ],
    }


folder = pathlib.Path(sys.argv[1])
models = [load_file(folder / f"epoch-{step:03d}.f16.safetensors") for step in STEPS]
layers = {
    name.removesuffix(".weight"): layer([model[name] for model in models])
    for name, tensor in models[0].items()
    if tensor.ndim >= 2
}
path = pathlib.Path(__file__).parent / "tracks.json"
path.write_text(json.dumps({"steps": STEPS, "layers": layers}, indent=1) + "\n")
