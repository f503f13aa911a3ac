"""Makes the files of this folder with torch and numpy, and what their tensors are (expected.json). Run by hand: python3 make.py

With a folder of shared models as argument, also the digests of their tensors as torch and numpy read them (digests.json).
Written with torch 1.13.0 and numpy 1.24.2.
"""
import csv, hashlib, json, os, sys, types, zipfile, io
from collections import OrderedDict
import numpy as np
import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
expected = {}
torch.manual_seed(1)


# Whole modules carry the source of their classes; a stand-in, so that neither torch's source nor a path of this machine is in the files.
torch.serialization.get_source_lines_and_file = lambda cls, *rest: ([f"class {cls.__name__}: ...\n"], 0, "source.py")


def as_doubles(tensor):
    if isinstance(tensor, torch.Tensor):
        return np.ascontiguousarray(tensor.detach().to(torch.float64).numpy())
    return np.ascontiguousarray(np.asarray(tensor).astype(np.float64))


def digest(tensor):
    return hashlib.sha256(as_doubles(tensor).astype("<f8").tobytes()).hexdigest()


def expect(name, tensors, unreadable=()):
    rows = [[key, list(t.shape), None if key in unreadable else digest(t)] for key, t in tensors.items()]
    expected[name] = rows


def save(name, value, tensors, unreadable=(), **options):
    torch.save(value, os.path.join(HERE, name), **options)
    expect(name, tensors, unreadable)


def both(name, value, tensors, unreadable=()):
    save(f"{name}.pt", value, tensors, unreadable)
    save(f"{name}-legacy.pth", value, tensors, unreadable, _use_new_zipfile_serialization=False)


def kinds():
    base = torch.arange(-12, 12)
    out = OrderedDict()
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8):
        out[str(dtype)[6:]] = (base / 4 if dtype.is_floating_point else base).to(dtype).reshape(4, 6)
    out["uint8"] = torch.arange(24, dtype=torch.uint8).reshape(4, 6)
    out["bool"] = (base % 3 == 0).reshape(4, 6)
    out["scalar"] = torch.tensor(2.5)
    out["empty"] = torch.zeros(0, 3)
    out["complex64"] = torch.zeros(2, 2, dtype=torch.complex64)
    return out


def layouts():
    big = torch.randn(10, 12)
    tied = torch.randn(3, 4)
    return OrderedDict(
        transposed=big.t(), rows=big[2:5], columns=big[:, 3:7], stepped=big[::3, 1::2], row=big[4], expanded=torch.randn(1, 3).expand(5, 3),
        channels_last=torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), permuted=torch.randn(2, 3, 4).permute(2, 0, 1),
        tied=tied, tied_again=tied, parameter=nn.Parameter(torch.randn(2, 2)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Sequential(nn.Conv2d(2, 3, 3, bias=False)))
        self.head = nn.Linear(3, 4)
        self.again = self.head
        self.register_buffer("kept", torch.arange(3.0))
        self.register_buffer("hidden", torch.arange(4.0), persistent=False)
        self.plain = torch.ones(2, 2)


def own_files():
    both("kinds", kinds(), kinds(), unreadable=("complex64",))
    values = layouts()
    both("layouts", values, values)
    for protocol in (3, 4, 5):
        save(f"protocol-{protocol}.pt", values, values, pickle_protocol=protocol)
        save(f"protocol-{protocol}-legacy.pth", values, values, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    net = Net()
    both("module", net, net.state_dict())
    parallel = nn.DataParallel(nn.Linear(3, 2))
    parallel(torch.ones(1, 3)).sum().backward()
    optimizer = torch.optim.Adam(parallel.parameters())
    optimizer.step()
    state = optimizer.state_dict()
    plain = OrderedDict((key[7:], value) for key, value in parallel.state_dict().items())
    moments = OrderedDict((f"optimizer.state.{i}.{key}", value) for i, own in state["state"].items() for key, value in own.items())
    both("checkpoint", {"epoch": 3, "arch": "linear", "state_dict": parallel.state_dict(), "optimizer": state, "best": torch.tensor(0.5)},
         {**plain, **moments, "best": torch.tensor(0.5)}, unreadable=tuple(moments))
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(model), script)
    with zipfile.ZipFile(script) as whole, zipfile.ZipFile(os.path.join(HERE, "torchscript.pt"), "w") as archive:
        for name in whole.namelist():
            if not name.endswith(".debug_pkl"):  # where in torch's source each line came from
                archive.writestr(name, whole.read(name))
    expect("torchscript.pt", model.state_dict())
    sparse = OrderedDict(w=torch.ones(2, 3), sparse=torch.eye(3).to_sparse(), quantized=torch.quantize_per_tensor(torch.ones(2, 4), 0.1, 0, torch.qint8))
    both("special", sparse, OrderedDict(w=sparse["w"], sparse=torch.zeros(3, 3), quantized=torch.zeros(2, 4)), unreadable=("sparse", "quantized"))
    both("bare", torch.arange(6.0).reshape(2, 3), {"tensor": torch.arange(6.0).reshape(2, 3)})
    both("list", [torch.ones(2, 2), {"w": torch.zeros(2, 1)}], {"0": torch.ones(2, 2), "1.w": torch.zeros(2, 1)})
    inner = io.BytesIO()
    torch.save(OrderedDict(w=torch.ones(2, 3)), inner)
    other = io.BytesIO()
    torch.save(optimizer.state_dict(), other)
    with zipfile.ZipFile(os.path.join(HERE, "agent.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", "{}")
        archive.writestr("policy.pth", inner.getvalue())
        archive.writestr("policy.optimizer.pth", other.getvalue())
    expect("agent.zip", {"w": torch.ones(2, 3)})
    arrays = {"conv/W": np.arange(24.0, dtype="<f4").reshape(2, 3, 4), "fortran": np.asfortranarray(np.arange(12, dtype="<f8").reshape(3, 4)),
              "big": np.arange(6, dtype=">f4").reshape(2, 3), "half": np.arange(4, dtype="f2"), "long": np.arange(-3, 3), "flags": np.arange(5) % 2 == 0,
              "scalar": np.float64(2.5), "none": np.zeros((0, 4)), "complex": np.zeros(2, dtype="c8"), "words": np.array(["a", "bc"]),
              "objects": np.array([None, 1], dtype=object), "records": np.zeros(2, dtype=[("a", "f4"), ("b", "i2")])}
    bad = ("complex", "words", "objects", "records")
    shaped = {key: np.asarray(value) for key, value in arrays.items()}
    np.savez(os.path.join(HERE, "arrays.npz"), **arrays)
    expect("arrays.npz", shaped, unreadable=bad)
    np.savez_compressed(os.path.join(HERE, "arrays-compressed.npz"), **arrays)
    expect("arrays-compressed.npz", shaped, unreadable=bad)
    for version in ((1, 0), (2, 0), (3, 0)):
        name = f"version-{version[0]}.npy"
        with open(os.path.join(HERE, name), "wb") as file:
            np.lib.format.write_array(file, arrays["fortran"], version=version)
        expect(name, {f"version-{version[0]}": arrays["fortran"]})


def whole_digest(tensors):
    """Of names, shapes and values, in the order of the names."""
    hash = hashlib.sha256()
    for key in sorted(tensors):
        hash.update(f"{key}\n{json.dumps(list(tensors[key].shape), separators=(',', ':'))}\n".encode())
        hash.update(as_doubles(tensors[key]).astype("<f8").tobytes())
    return hash.hexdigest()


def stand_ins():
    """vdsr is a module pickled whole: these make its classes importable."""
    vdsr = types.ModuleType("vdsr")
    for name in ("Net", "Conv_ReLU_Block"):
        setattr(vdsr, name, type(name, (nn.Module,), {"__module__": "vdsr"}))
    thnn = types.ModuleType("torch.nn.backends.thnn")
    thnn._get_thnn_function_backend = lambda: None
    sys.modules.update({"vdsr": vdsr, "torch.nn.backends": types.ModuleType("torch.nn.backends"), "torch.nn.backends.thnn": thnn})


def foreign_tensors(path):
    if path.endswith(".npz"):
        with np.load(path) as arrays:
            return {key: arrays[key] for key in arrays}
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            path = io.BytesIO(archive.read("policy.pth"))
    value = torch.load(path, map_location="cpu")
    if isinstance(value, dict) and isinstance(value.get("model"), nn.Module):
        value = value["model"].state_dict()
    value = value["state_dict"] if "state_dict" in value else value
    return {key.removeprefix("module."): tensor for key, tensor in value.items()}


def write(name, value):
    with open(os.path.join(HERE, name), "w") as file:
        file.write(json.dumps(value, indent=2) + "\n")


own_files()
write("expected.json", expected)
if len(sys.argv) > 1:
    stand_ins()
    found = {}
    for row in csv.DictReader(open(os.path.join(sys.argv[1], "MANIFEST.csv"))):
        if row["file"].rsplit(".", 1)[1] in ("pt", "pth", "th", "tar", "npz", "zip"):
            tensors = foreign_tensors(os.path.join(sys.argv[1], row["file"]))
            found[row["file"]] = {"tensors": len(tensors), "sha256": whole_digest(tensors)}
    write("digests.json", found)
