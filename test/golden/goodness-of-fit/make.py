"""p-values of power laws after Clauset, Shalizi and Newman (2009), as their programs plfit and plpva compute them for
continuous data, of samples without randomness. Writes p-values.json beside it. NumPy 2.3."""

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np

ROUNDS = 1500


def plfit(values):
    """Distance, beginning and exponent of the best fit: every value but the largest is tried."""
    values = np.sort(values)
    best = None
    for xmin in np.unique(values)[:-1]:
        tail = values[values >= xmin]
        n = len(tail)
        a = n / np.sum(np.log(tail / xmin))
        distance = np.max(np.abs(1 - (xmin / tail) ** a - np.arange(n) / n))
        if best is None or distance < best[0]:
            best = (distance, xmin, 1 + a)
    return best


def plpva(values, rounds, rng):
    """The same, and the share of samples of the fitted law that are as far from theirs."""
    distance, xmin, alpha = plfit(values)
    body = values[values < xmin]
    n = len(values)
    farther = 0
    for _ in range(rounds):
        below = np.sum(rng.random(n) > (n - len(body)) / n) if len(body) else 0
        drawn = body[rng.integers(0, len(body), below)] if below else np.empty(0)
        tail = xmin * (1 - rng.random(n - below)) ** (-1 / (alpha - 1))
        if plfit(np.concatenate([drawn, tail]))[0] >= distance:
            farther += 1
    return distance, xmin, alpha, farther / rounds


u = (np.arange(80) + 0.5) / 80
half = (np.arange(40) + 0.5) / 40
SAMPLES = {
    "power law": (1 - u) ** (-1 / 1.5),
    "shifted exponential": 15 - 8 * np.log(1 - u),
    "exponential": -np.log(1 - u),
    "lognormal": np.exp(np.array([NormalDist().inv_cdf(share) for share in u])),
    "body and power law": np.concatenate([np.linspace(0.2, 0.98, 40), (1 - half) ** (-1 / 2)]),
    "uniform": 1 + u,
}

found = []
for name, sample in SAMPLES.items():
    # Not too regular.
    sample = np.sort(sample * np.exp(0.15 * np.sin(37 * np.arange(len(sample)))))
    distance, xmin, alpha, p = plpva(sample, ROUNDS, np.random.default_rng(1))
    found.append({
        "name": name,
        "values": [float(value) for value in sample],
        "D": float(distance),
        "xmin": float(xmin),
        "alpha": float(alpha),
        "p": float(p),
    })
Path(__file__).with_name("p-values.json").write_text(json.dumps({"rounds": ROUNDS, "samples": found}))
