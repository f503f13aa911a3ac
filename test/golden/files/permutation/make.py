"""Tails of permutation statistics, counted: tail.json, for test/stats/permutation-tail.test.ts. Needs numpy only; about ten minutes.

Two ports of n channels have weights of 24 numbers each, from a fixed congruence, skewed or heavy-tailed. Their kernels are cosines; entries off the diagonal
are cut at three times their root mean square, row sums and trace are taken out, and the length is 1. The statistic is <A, B[p, p]> over random relabellings
p, or over all of them for n = 8. Written are the values that a share 1e-2 ... 1e-5 of them reaches.
"""
import itertools, json, pathlib
import numpy as np

COUNT = 1_000_000
LEVELS = [1e-2, 1e-3, 1e-4, 1e-5]


def noise(count, seed):
    """Uniform in [-1, 1): the congruence of test/support/safetensors-file.ts, without its rounding to float32."""
    state, values = seed, np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state / 2**31 - 1
    return values


FAMILIES = {
    "skewed": lambda u: np.exp(2.5 * u),
    "heavy-tailed": lambda u: np.sign(u) * (1 - np.abs(u) + 1e-6) ** -0.6,
    "in clusters": None,
}


def weights(family, n, seed):
    u = noise(n * 24, seed).reshape(n, 24)
    if family != "in clusters":
        return FAMILIES[family](u)
    # Every fifth channel is nearly a copy of one.
    return u + 2 * (np.arange(n) % 5 == 0)[:, None] * noise(24, seed + 99)


def kernel(w):
    n = len(w)
    c = w / np.sqrt((w * w).sum(1, keepdims=True))
    c = c @ c.T
    off = ~np.eye(n, dtype=bool)
    most = 3 * np.sqrt((c[off] ** 2).mean())
    c[off] = np.clip(c[off], -most, most)
    h = np.eye(n) - 1 / n
    c = h @ c @ h
    c -= np.trace(c) / (n - 1) * h
    return c / np.sqrt((c * c).sum())


def statistics(a, b, rng):
    n = len(a)
    if n <= 8:
        p = np.array(list(itertools.permutations(range(n))))
        return np.einsum("ij,pij->p", a, b[p[:, :, None], p[:, None, :]])
    found = []
    for _ in range(COUNT // 2000):
        p = np.argsort(rng.random((2000, n)), axis=1)
        found.append(b[p[:, :, None], p[:, None, :]].reshape(2000, -1) @ a.ravel())
    return np.concatenate(found)


cases = []
for n in (8, 16, 32, 64):
    for family in FAMILIES:
        a, b = kernel(weights(family, n, 11)), kernel(weights(family, n, 23))
        t = np.sort(statistics(a, b, np.random.default_rng(n)))
        levels = [p for p in LEVELS if p * len(t) >= 10]
        reached = {str(p): float(t[len(t) - max(1, round(p * len(t)))]) for p in levels}
        # What is reached by ties is reached by more than that share.
        shares = {k: float((t >= v - 1e-12).mean()) for k, v in reached.items()}
        cases.append({"channels": n, "weights": family, "relabellings": len(t), "reached": reached, "shares": shares})
        print(n, family, flush=True)
        pathlib.Path(__file__).with_name("tail.json").write_text(json.dumps(cases, indent=1) + "\n")
