#!/usr/bin/env python3
"""The work of svrflow's kernels against numpy and torch, in the same run: pairs of runs in turns, medians of their ratios.

    python3 test/bench/peer.py [rounds]

Needs numpy; torch where it is installed (Debian: python3-numpy, python3-torch). One BLAS thread for matrices; single-thread
processor time. A ratio below 1 says that svrflow is faster. The last part, VGG-19, is wall-clock time of two threads each.
"""
import json
import os
import subprocess
import sys
import time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy

try:
    import torch
except ImportError:
    torch = None

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
CHANNELS = [3, 64, 64, 128, 128, 256, 256, 256, 256] + [512] * 8


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def processor_time(work):
    start = time.process_time()
    work()
    return time.process_time() - start


class Svrflow:
    """test/bench/serve.ts, asked one measurement at a time."""

    def __init__(self):
        node = os.path.join(ROOT, "node_modules", ".bin", "node")
        self.process = subprocess.Popen([node, os.path.join(ROOT, "test", "bench", "serve.ts")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kernel, operation, precision="f64", rows=0, cols=0, positions=1):
        request = dict(kernel=kernel, operation=operation, precision=precision, rows=rows, cols=cols, positions=positions)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["seconds"]


def svd_peers(rows, cols, dtype):
    """Thin SVDs by every library that is here."""
    a = numpy.random.default_rng(0).standard_normal((rows, cols)).astype(dtype)
    peers = {"numpy": lambda: numpy.linalg.svd(a, full_matrices=False)}
    if torch is not None:
        t = torch.from_numpy(a)
        peers["torch"] = lambda: torch.linalg.svd(t, full_matrices=False)
    return peers


def compare(name, ours, peers):
    """Pairs in turns; against the peer whose median is the least."""
    ours()
    for peer in peers.values():
        peer()
    runs = [(ours(), {peer: processor_time(work) for peer, work in peers.items()}) for _ in range(ROUNDS)]
    best = min(peers, key=lambda peer: median([theirs[peer] for _, theirs in runs]))
    ratio = median([mine / theirs[best] for mine, theirs in runs])
    print(f"{name:44} {median([mine for mine, _ in runs]):8.3f} s  {median([t[best] for _, t in runs]):8.3f} s {best:6} "
          f"{ratio:6.2f}", flush=True)


def vgg19_torch():
    """SVDs in single precision, overlaps by tensordot, squared and summed; no p-values."""
    generator = torch.Generator().manual_seed(19)
    weights = [torch.randn(CHANNELS[i + 1], CHANNELS[i], 3, 3, generator=generator) for i in range(16)]

    def run():
        left = None
        for weight in weights:
            m, n = weight.shape[:2]
            u, _, v = torch.linalg.svd(weight.reshape(m, -1), full_matrices=False)
            if left is not None:
                inner = torch.tensordot(v.reshape(-1, n, 9), left, dims=([1], [0]))
                (inner ** 2).sum(1)
            left = u
    return run


def main():
    svrflow = Svrflow()
    kernels = [("wasm", "f64"), ("native", "f64"), ("native", "f32")]
    available = []
    for kernel, precision in kernels:
        try:
            svrflow.ask(kernel, "open", precision)
            available.append((kernel, precision))
        except RuntimeError as error:
            print(f"{kernel} {precision}: {error}")
    print(f"{'':44} {'svrflow':>10}  {'peer':>10} {'':6} {'ratio':>6}")
    for kernel, precision in available:
        dtype = numpy.float64 if precision == "f64" else numpy.float32
        for rows, cols in ((512, 4608), (1024, 1024), (2048, 2048)):
            compare(f"{kernel} {precision}: thin SVD of {rows} x {cols}",
                    lambda: svrflow.ask(kernel, "svd", precision, rows, cols), svd_peers(rows, cols, dtype))
    a = numpy.random.default_rng(0).standard_normal((1024, 1024))
    for kernel, precision in available:
        if precision == "f64":
            ours = [svrflow.ask(kernel, "overlap", precision, 512, 4608, 9) for _ in range(ROUNDS + 1)][1:]
            peak = [2 * 1024 ** 3 / processor_time(lambda: a @ a) for _ in range(ROUNDS + 1)][1:]
            rate = 2 * 512 * 512 * 4608 / median(ours)
            print(f"{kernel} f64: overlap of 512 x 4608, 9 positions: {rate / 1e9:.1f} GFLOP/s, "
                  f"{rate / median(peak):.2f} of numpy's product ({median(peak) / 1e9:.1f})", flush=True)
            print(f"{kernel} f64: two threads against one: {svrflow.ask(kernel, 'scaling', precision):.2f}", flush=True)
    if torch is not None:
        torch.set_num_threads(2)
        peer = vgg19_torch()
        peer()
        for kernel, precision in available:
            runs = []
            for _ in range(max(3, ROUNDS // 2)):
                ours = svrflow.ask(kernel, "vgg19", precision)
                start = time.perf_counter()
                peer()
                runs.append((ours, time.perf_counter() - start))
            print(f"{kernel} {precision}: VGG-19, two threads each: {median([o for o, _ in runs]):.2f} s, torch f32 "
                  f"{median([p for _, p in runs]):.2f} s, ratio {median([o / p for o, p in runs]):.2f}", flush=True)


main()
