"""Makes the ONNX files of this folder that PyTorch does not write (onnx 1.23, checked with onnxruntime 1.32): gates, quantized operators,
functions and bodies of loops. Perturbs channels in onnxruntime to see which of them arrive where, and writes what weights mean to
quantized.json."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as TP
from onnx import helper as h
from onnx import numpy_helper as nh

HERE = Path(__file__).parent
rng = np.random.default_rng(24)
MS = "com.microsoft"
meant = {}


def R(*shape):
    return rng.normal(0, 0.5, shape).astype(np.float32)


def w(name, value):
    return nh.from_array(np.asarray(value), name)


def n(op, inputs, outputs, domain="", **attributes):
    return h.make_node(op, inputs, outputs, name=f"{op}_{outputs[0]}", domain=domain, **attributes)


def model(name, nodes, inputs, outputs, initializers, functions=()):
    graph = h.make_graph(nodes, name, [h.make_tensor_value_info(k, t, s) for k, t, s in inputs],
                         [h.make_tensor_value_info(k, t, s) for k, t, s in outputs], initializers)
    made = h.make_model(graph, functions=list(functions), ir_version=10, opset_imports=[
        h.make_opsetid("", 21), h.make_opsetid(MS, 1), h.make_opsetid("local", 1)])
    onnx.save(made, HERE / f"{name}.onnx")
    return made


def run(made, feeds, *names):
    return ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(list(names), feeds)


def arrives(made, feeds, edge, user, target, channels, axis=1):
    """Which channels of `target` change when one of the value `edge` is changed where the node that makes `user` reads it."""
    copy = onnx.ModelProto()
    copy.CopyFrom(made)
    graph = copy.graph
    at, node = next((i, each) for i, each in enumerate(graph.node) if user in each.output)
    node.input[:] = [f"{each}_moved" if each == edge else each for each in node.input]
    graph.node.insert(at, h.make_node("Add", [edge, "delta"], [f"{edge}_moved"]))
    graph.input.append(h.make_tensor_value_info("delta", TP.FLOAT, None))
    graph.output.append(h.make_tensor_value_info(target, TP.FLOAT, None))
    shape = run_shape(copy, feeds, edge)
    found = {}
    base = run(copy, {**feeds, "delta": np.zeros(shape, np.float32)}, target)[0]
    for c in range(channels):
        delta = np.zeros(shape, np.float32)
        np.moveaxis(delta, axis, 0)[c] = 3
        moved = np.abs(run(copy, {**feeds, "delta": delta}, target)[0] - base)
        found[c] = [int(k) for k in np.nonzero(np.moveaxis(moved, axis, 0).reshape(moved.shape[axis], -1).max(1) > 1e-3)[0]]
    return found


def run_shape(made, feeds, name):
    other = onnx.ModelProto()
    other.CopyFrom(made)
    other.graph.output.append(h.make_tensor_value_info(name, TP.FLOAT, None))
    return run(other, {**feeds, "delta": np.zeros(1, np.float32)}, name)[0].shape


same = lambda count, offset=0: {c: [c + offset] for c in range(count)}
x = np.abs(R(1, 3, 6)) + 0.5
sound = ("x", TP.FLOAT, [1, 3, 6])
conv = lambda name, source, out, width: (w(f"{name}.weight", R(out, width, 3)), n("Conv", [source, f"{name}.weight"], [name], pads=[1, 1]))

# Squeeze and excitation: a number per channel.
parts = [conv("a", "x", 4, 3), conv("g", "p", 2, 4), conv("h", "r", 4, 2), conv("c", "m", 2, 4)]
W, (a, g, hh, c) = zip(*parts)
se = model("squeeze", [a, n("GlobalAveragePool", ["a"], ["p"]), g, n("Relu", ["g"], ["r"]), hh, n("Sigmoid", ["h"], ["s"]),
           n("Mul", ["a", "s"], ["m"]), c], [sound], [("c", TP.FLOAT, None)], list(W))
assert arrives(se, {"x": x}, "a", "m", "m", 4) == same(4)
assert arrives(se, {"x": x}, "a", "p", "p", 4) == same(4)

# FiLM: a number per channel of another input, and one that is added.
(wa, a), (wc, c) = conv("a", "x", 4, 3), conv("c", "f", 2, 4)
film = model("film", [a, n("MatMul", ["e", "gamma"], ["u"]), n("Unsqueeze", ["u", "two"], ["gu"]), n("Mul", ["gu", "a"], ["m"]),
             n("MatMul", ["e", "beta"], ["v"]), n("Unsqueeze", ["v", "two"], ["bu"]), n("Add", ["m", "bu"], ["f"]), c],
             [sound, ("e", TP.FLOAT, [1, 5])], [("c", TP.FLOAT, None)],
             [wa, wc, w("gamma", R(5, 4)), w("beta", R(5, 4)), w("two", np.array([2]))])
both = {"x": x, "e": R(1, 5)}
assert arrives(film, both, "a", "m", "f", 4) == same(4)
assert arrives(film, both, "v", "bu", "f", 4) == same(4)

# A mask of one channel, made of lengths.
(wa, a), (wc, c) = conv("a", "x", 4, 3), conv("c", "m", 2, 4)
mask = model("mask", [a, n("Less", ["steps", "length"], ["l"]), n("Cast", ["l"], ["k"], to=TP.FLOAT), n("Mul", ["a", "k"], ["m"]), c],
             [sound, ("length", TP.FLOAT, [1, 1, 1])], [("c", TP.FLOAT, None)],
             [wa, wc, w("steps", np.arange(6, dtype=np.float32).reshape(1, 1, 6))])
assert arrives(mask, {"x": x, "length": np.full((1, 1, 1), 4, np.float32)}, "a", "m", "m", 4) == same(4)


# Quantized by onnxruntime's operators: a residual of two convolutions, a pool, a matrix.
def quantized(name, shape, scale):
    q = rng.integers(-30, 30, shape).astype(np.int8)
    meant[name] = (q.astype(np.float64) * np.reshape(scale, [-1] + [1] * (len(shape) - 1))).ravel().tolist()
    return w(name, q)


s = w("s", np.float32(0.1))
z = w("z", np.uint8(100))
scales = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
q2 = rng.integers(-100, 100, (4, 5)).astype(np.int8)
z2 = np.array([1, -2, 3, 0, 5], np.int8)
s2 = np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32)
meant["fc.weight"] = ((q2.astype(np.float64) - z2) * s2).ravel().tolist()
ql = model("qlinear", [
    n("QuantizeLinear", ["x", "s", "z"], ["xq"]),
    n("QLinearConv", ["xq", "s", "z", "a.weight", "sa", "zi", "s", "z"], ["a"], pads=[1, 1]),
    n("QLinearConv", ["a", "s", "z", "b.weight", "sb", "zi1", "s", "z", "bias"], ["b"], pads=[1, 1]),
    n("QLinearAdd", ["a", "s", "z", "b", "s", "z", "s", "z"], ["y"], MS),
    n("QLinearGlobalAveragePool", ["y", "s", "z", "s", "z"], ["p"], MS),
    n("Flatten", ["p"], ["f"]),
    n("QLinearMatMul", ["f", "s", "z", "fc.weight", "sc", "zc", "s", "z"], ["c"]),
    n("DequantizeLinear", ["c", "s", "z"], ["out"]),
], [sound], [("out", TP.FLOAT, [1, 5])], [
    s, z, quantized("a.weight", (4, 3, 3), scales), w("sa", scales), w("zi", np.zeros(4, np.int8)),
    quantized("b.weight", (4, 4, 3), [0.02]), w("sb", np.float32(0.02)), w("zi1", np.int8(0)), w("bias", np.zeros(4, np.int32)),
    w("fc.weight", q2), w("sc", s2), w("zc", z2)])
meant = {k: [float(np.float64(v)) for v in values] for k, values in meant.items()}
run(ql, {"x": x}, "out")


# Channels of a quantized value cannot be moved by an addition: those of the convolution before it are, by its bias.
def biased(channel):
    copy = onnx.ModelProto()
    copy.CopyFrom(ql)
    bias = np.zeros(4, np.int32)
    bias[channel] = 3000
    next(each for each in copy.graph.initializer if each.name == "bias").CopyFrom(w("bias", bias))
    copy.graph.output.append(h.make_tensor_value_info("f", TP.UINT8, None))
    return run(copy, {"x": x}, "f")[0][0].astype(int)


still = biased(slice(0, 0))
assert {c: np.nonzero(biased(c) - still)[0].tolist() for c in range(4)} == same(4)

# Integer products: the scale stands behind.
q = rng.integers(-127, 128, (6, 4)).astype(np.int8)
column = np.array([0.01, 0.02, 0.04, 0.08], np.float32)
meant["int.weight"] = (q.astype(np.float64) * column).ravel().tolist()
model("integer", [
    n("MatMul", ["x", "in.weight"], ["i"]), n("DynamicQuantizeLinear", ["i"], ["iq", "is", "iz"]),
    n("MatMulInteger", ["iq", "int.weight", "iz", "zero"], ["m"]), n("Cast", ["m"], ["mf"], to=TP.FLOAT),
    n("Mul", ["is", "int.scale"], ["k"]), n("Mul", ["mf", "k"], ["j"]), n("Relu", ["j"], ["r"]),
    n("MatMul", ["r", "out.weight"], ["out"])],
    [("x", TP.FLOAT, [1, 3])], [("out", TP.FLOAT, [1, 2])],
    [w("in.weight", R(3, 6)), w("int.weight", q), w("int.scale", column), w("zero", np.int8(0)), w("out.weight", R(4, 2))])


# Blocks of 4 bits, the last one not full, with and without zero points.
def blocks(name, rows, k, block, zeros):
    many = -(-k // block)
    numbers = rng.integers(0, 16, (rows, many, block)).astype(np.uint8)
    size = np.abs(R(rows, many)) + 0.01
    zero = rng.integers(0, 16, (rows, many + many % 2)).astype(np.uint8) if zeros else np.full((rows, many), 8, np.uint8)
    value = (numbers.astype(np.float64) - zero[:, :many, None]) * size[..., None]
    meant[name] = value.reshape(rows, -1)[:, :k].ravel().tolist()
    made = [w(name, numbers[..., 0::2] | numbers[..., 1::2] << 4), w(f"{name}.scale", size.ravel())]
    return made + ([w(f"{name}.zero", (zero[:, 0::2] | zero[:, 1::2] << 4).ravel())] if zeros else [])


nb = model("nbits", [
    n("MatMulNBits", ["x", "fc1", "fc1.scale", "fc1.zero"], ["a"], MS, K=40, N=24, bits=4, block_size=16), n("Relu", ["a"], ["r"]),
    n("MatMulNBits", ["r", "fc2", "fc2.scale"], ["c"], MS, K=24, N=5, bits=4, block_size=16)],
    [("x", TP.FLOAT, ["n", 40])], [("c", TP.FLOAT, ["n", 5])], blocks("fc1", 24, 40, 16, True) + blocks("fc2", 5, 24, 16, False))
got = run(nb, {"x": np.eye(40, dtype=np.float32)}, "c")[0]
fc1, fc2 = np.reshape(meant["fc1"], (24, 40)), np.reshape(meant["fc2"], (5, 24))
assert np.abs(got - np.maximum(fc1.T, 0) @ fc2.T).max() < 1e-3
assert arrives(nb, {"x": np.ones((1, 40), np.float32)}, "a", "r", "a_moved", 24) == same(24)

# A quantized LSTM: weights lie transposed, a scale per column.
H = 4
scale = np.abs(R(1, 4 * H)) + 0.01
lstm = []
for name, rows in (("W", 3), ("R", H)):
    q = rng.integers(-100, 100, (1, rows, 4 * H)).astype(np.int8)
    meant[name] = (q.astype(np.float64) * scale[:, None, :]).ravel().tolist()
    lstm += [w(name, q), w(f"{name}.scale", scale), w(f"{name}.zero", np.zeros((1, 4 * H), np.int8))]
run(model("dynamic-lstm", [
    n("DynamicQuantizeLSTM", ["x", "W", "R", "", "", "", "", "", "W.scale", "W.zero", "R.scale", "R.zero"], ["y"], MS, hidden_size=H),
    n("Squeeze", ["y", "one"], ["q"]), n("MatMul", ["q", "out.weight"], ["out"])],
    [("x", TP.FLOAT, ["t", 1, 3])], [("out", TP.FLOAT, ["t", 1, 2])], lstm + [w("one", np.array([1])), w("out.weight", R(H, 2))]),
    {"x": R(7, 1, 3)}, "out")

# Functions local to the model, one within the other, with an attribute that the call gives.
block = h.make_function("local", "Block", ["v", "matrix"], ["w"], [
    n("MatMul", ["v", "matrix"], ["t"]), h.make_node("Leaky", ["t"], ["w"], name="act", domain="local")],
    [h.make_opsetid("", 21), h.make_opsetid("local", 1)])
leaky = h.make_function("local", "Leaky", ["v"], ["w"], [h.make_node("LeakyRelu", ["v"], ["w"])], [h.make_opsetid("", 21)])
fn = model("functions", [
    h.make_node("Block", ["x", "first"], ["t"], name="one", domain="local"),
    h.make_node("Block", ["t", "second"], ["u"], name="two", domain="local"), n("MatMul", ["u", "third"], ["out"])],
    [("x", TP.FLOAT, [1, 3])], [("out", TP.FLOAT, [1, 2])],
    [w("first", R(3, 4)), w("second", R(4, 5)), w("third", R(5, 2))], [block, leaky])
assert arrives(fn, {"x": R(1, 3)}, "t", "u", "t_moved", 4) == same(4)

# A loop that refines what a layer made, by a layer of its own, and puts the passes one behind the other.
body = h.make_graph([n("Identity", ["go"], ["on"]), n("MatMul", ["state", "inner"], ["d"]), n("Tanh", ["d"], ["next"]),
                     n("MatMul", ["d", "each"], ["row"])], "body",
                    [h.make_tensor_value_info("i", TP.INT64, []), h.make_tensor_value_info("go", TP.BOOL, []),
                     h.make_tensor_value_info("state", TP.FLOAT, [1, 4])],
                    [h.make_tensor_value_info("on", TP.BOOL, []), h.make_tensor_value_info("next", TP.FLOAT, [1, 4]),
                     h.make_tensor_value_info("row", TP.FLOAT, [1, 2])])
run(model("loop", [n("MatMul", ["x", "before"], ["a"]), n("Loop", ["count", "", "a"], ["last", "rows"], body=body),
                   n("MatMul", ["last", "after"], ["out"]), n("MatMul", ["rows", "last.rows"], ["all"])],
          [("x", TP.FLOAT, [1, 3])], [("out", TP.FLOAT, [1, 5]), ("all", TP.FLOAT, [3, 1, 6])],
          [w("before", R(3, 4)), w("inner", R(4, 4)), w("each", R(4, 2)), w("after", R(4, 5)), w("last.rows", R(2, 6)),
           w("count", np.array(3))]), {"x": R(1, 3)}, "out", "all")

# A scan over the steps of what a layer made; its state begins with zeros.
body = h.make_graph([n("MatMul", ["step", "wi"], ["u"]), n("MatMul", ["state", "wh"], ["v"]), n("Add", ["u", "v"], ["t"]),
                     n("Tanh", ["t"], ["next"]), n("Identity", ["next"], ["row"])], "body",
                    [h.make_tensor_value_info("state", TP.FLOAT, [1, 4]), h.make_tensor_value_info("step", TP.FLOAT, [1, 6])],
                    [h.make_tensor_value_info("next", TP.FLOAT, [1, 4]), h.make_tensor_value_info("row", TP.FLOAT, [1, 4])])
run(model("scan", [n("MatMul", ["x", "before"], ["a"]), n("Scan", ["zeros", "a"], ["last", "rows"], body=body, num_scan_inputs=1),
                   n("MatMul", ["rows", "after"], ["out"])],
          [("x", TP.FLOAT, ["t", 1, 3])], [("out", TP.FLOAT, ["t", 1, 2])],
          [w("before", R(3, 6)), w("wi", R(6, 4)), w("wh", R(4, 4)), w("after", R(4, 2)), w("zeros", np.zeros((1, 4), np.float32))]),
    {"x": R(7, 1, 3)}, "out")

texts = {k: " ".join(f"{v:.7g}" for v in values) for k, values in sorted(meant.items())}
(HERE / "quantized.json").write_text(json.dumps(texts, indent=2) + "\n")
