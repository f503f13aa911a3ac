"""Makes the HDF5 and Keras files beside it. Needs keras 3.15.1 (backend jax), h5py 3.16, numpy, scipy:

    SVRFLOW_RECORD=cases.jsonl npm test -- test/contract/source/keras.test.ts   # notes the cases of the contract suite
    KERAS_BACKEND=jax python make.py cases.jsonl

Files end in .gz where HDF5 pads them with zeros. All weights are seeded. Nothing here is read from a model of others.
"""

import base64, gzip, hashlib, io, json, os, sys, tempfile, zipfile
import h5py, keras, ml_dtypes, numpy as np
from keras import layers as L

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "U64": "u8", "I32": "i4", "U32": "u4", "I16": "i2", "U16": "u2",
         "I8": "i1", "U8": "u1", "C64": "c8"}
keras.utils.set_random_seed(20261124)


def save(name, data):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data)


def h5(fill, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.h5")
        with h5py.File(path, "w", **options) as file:
            fill(file)
        return open(path, "rb").read()


def contract(cases):
    for key, tensors in cases.items():
        def fill(file):
            for each in map(json.loads, tensors):
                data = base64.b64decode(each["data"])
                if each["dtype"] == "BF16":  # as Keras 3 does
                    array = np.frombuffer(data, ml_dtypes.bfloat16).reshape(each["shape"])
                    file.create_dataset(each["name"], data=array).attrs["dtype"] = "bfloat16"
                else:
                    array = np.frombuffer(data, "<" + TYPES[each["dtype"]]).reshape(each["shape"])
                    file.create_dataset(each["name"], data=array)
        save(f"contract/{key}.h5.gz", h5(fill))


def layouts(file):
    """Every way to lay out data that the older format has, with values that a formula gives: element i is i % 251 - 100."""
    ramp = lambda *shape: (np.arange(np.prod(shape)) % 251 - 100).reshape(shape)
    file.create_dataset("contiguous", data=ramp(7, 11).astype("f4"))
    file.create_dataset("big-endian", data=ramp(7, 11).astype(">f8"))
    file.create_dataset("big-endian integers", data=ramp(7, 11).astype(">i2"))
    file.create_dataset("chunked", data=ramp(13, 9, 5).astype("f4"), chunks=(4, 5, 2))
    file.create_dataset("deflated", data=ramp(53, 21).astype("f4"), chunks=(10, 10), compression="gzip")
    file.create_dataset("shuffled", data=ramp(53, 21).astype("f8"), chunks=(10, 10), compression="gzip", shuffle=True)
    file.create_dataset("checked", data=ramp(53, 21).astype("f2"), chunks=(10, 10), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("many chunks", data=ramp(300).astype("f4"), chunks=(2,))
    space, plist = h5py.h5s.create_simple((3, 4)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    inside = h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F32LE, space, plist)
    inside.write(h5py.h5s.ALL, h5py.h5s.ALL, ramp(3, 4).astype("f4"))
    file.create_dataset("lzf", data=ramp(53, 21).astype("f4"), chunks=(10, 10), compression="lzf")
    file.create_dataset("never written", shape=(4, 4), dtype="f4")
    file.create_dataset("some chunks", shape=(8, 8), dtype="f4", chunks=(4, 4))[:4] = 1
    file["soft"] = h5py.SoftLink("/contiguous")
    file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/w")
    file.create_dataset("outside", (2, 2), "f4", external=[("../../../etc/passwd", 0, h5py.h5f.UNLIMITED)])
    deep = file.create_group("a/b/c")
    deep["w"] = ramp(2, 3).astype("f4")
    wide = file.create_group("wide")
    for i in range(60):
        wide[f"w{i}"] = np.float32(i)
    file.attrs["text"] = "héé"
    file.attrs["texts"] = ["one", "", "three"]
    file.attrs["bytes"] = np.array([b"a", b"bcd"])


def newer(file):
    """The same, as far as it goes, in the layout of libver="latest"."""
    ramp = lambda *shape: (np.arange(np.prod(shape)) % 251 - 100).reshape(shape)
    file.create_dataset("contiguous", data=ramp(7, 11).astype("f4"))
    file.create_dataset("one chunk", data=ramp(53, 21).astype("f8"), chunks=(53, 21), compression="gzip")
    file.create_dataset("chunked", data=ramp(53, 21).astype("f8"), chunks=(10, 10))
    few = file.create_group("few", track_order=True)
    few["w"] = ramp(2, 3).astype("f4")
    wide = file.create_group("wide", track_order=True)
    for i in range(300):
        wide[f"w{i}"] = np.float32(i)
    file.attrs["text"] = "héé"


def cnn():
    i = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(6, 3, name="c1")(i)
    x = L.BatchNormalization(name="bn1")(x)
    x = L.ReLU()(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="dw")(x)
    shared = L.SeparableConv2D(12, 3, padding="same", name="sep", use_bias=False)
    y = shared(x)
    y = shared(L.Add(name="sum")([x, y]))
    y = L.Conv2DTranspose(5, 2, name="up")(y)
    y = L.Concatenate()([y, y])
    inner = keras.Sequential([L.Input((7,)), L.Dense(5, activation="relu"), L.Dense(3, name="q")], name="inner")
    z = L.Dense(7, name="d")(L.Flatten()(y))
    z = inner(L.Dense(7, name="e")(inner(z)))
    return keras.Model(i, z)


def rnn():
    t = keras.Input((5,), dtype="int32")
    x = L.Embedding(10, 4, name="words")(t)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True), name="both")(x)
    x = L.GRU(4, return_sequences=True, name="gru")(x)
    x = L.SimpleRNN(4, return_sequences=True, name="plain")(x)
    x = L.TimeDistributed(L.Dense(6, name="step"), name="steps")(x)
    x = L.LayerNormalization(name="norm")(x)
    a = L.MultiHeadAttention(3, 2, name="attention")(x, x)
    x = keras.ops.add(a, x) * 2
    return keras.Model(t, L.Dense(2, name="out")(L.GlobalAveragePooling1D()(x)))


def tiny():
    return keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 3, name="c"), L.Flatten(), L.Dense(3, name="d")], name="tiny")


def normalized(archive):
    """Without the date, and every variable drawn anew from one seed."""
    out = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "metadata.json":
                data = json.dumps({"keras_version": keras.__version__}).encode()
            new.writestr(zipfile.ZipInfo(info.filename), data)
    return out.getvalue()


def models():
    expected, built = {}, {}
    for name, build in (("cnn", cnn), ("rnn", rnn), ("tiny", tiny)):
        model = built[name] = build()
        rng = np.random.default_rng(7)
        for variable in model.variables:
            variable.assign(np.abs(rng.normal(size=variable.shape)) + 0.1)
        with tempfile.TemporaryDirectory() as folder:
            path = lambda end: os.path.join(folder, name + end)
            model.save(path(".keras"))
            model.save(path(".h5"))
            model.save_weights(path(".weights.h5"))
            save(f"{name}.keras", normalized(path(".keras")))
            save(f"{name}.h5.gz", open(path(".h5"), "rb").read())
            save(f"{name}.weights.h5.gz", open(path(".weights.h5"), "rb").read())
        # Keras's own names, and what it holds.
        expected[name] = {v.path: {"shape": list(v.shape), "sum": float(np.asarray(v, "f8").sum()),
                                   "sha256": hashlib.sha256(np.asarray(v, "<f4").tobytes()).hexdigest()} for v in model.variables
                          if "seed" not in v.path}
    # The method's matrices of a depthwise and a pointwise layer, by numpy alone: one row of nine per channel; out by in.
    weights = {v.path: np.asarray(v, "f8") for v in built["cnn"].variables}
    dw = weights["dw/kernel"]  # 3 x 3 x 6 x 2
    blocks = [dw[:, :, c, :].reshape(9, 2).T for c in range(6)]
    pointwise = weights["sep/pointwise_kernel"].reshape(12, 12).T
    depthwise = weights["sep/depthwise_kernel"]
    spectra = {
        "dw": sorted((s for b in blocks for s in np.linalg.svd(b, compute_uv=False)), reverse=True),
        "sep/depthwise": sorted((float(np.linalg.norm(depthwise[:, :, c, 0])) for c in range(12)), reverse=True),
        "sep/pointwise": list(np.linalg.svd(pointwise, compute_uv=False)),
    }
    save("expected.json", json.dumps({"tensors": expected, "spectra": {k: [float(x) for x in v] for k, v in spectra.items()}}, indent=1).encode())


if __name__ == "__main__":
    recorded = {}
    for line in open(sys.argv[1]):
        case = json.loads(line)
        recorded[case["key"]] = case["tensors"]
    contract(recorded)
    save("layouts.h5.gz", h5(layouts))
    save("newer.h5.gz", h5(newer, libver="latest"))
    models()
