"""Writes the .safetensors files of this folder and library.json, what the
library itself reads back from them.

Made with safetensors 0.8.0 and numpy 2.4.6:  python make.py
"""

import json
import struct

import numpy as np
import safetensors
from safetensors import TensorSpec, deserialize, serialize

assert safetensors.__version__ == "0.8.0"

NAMES = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz",
    "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "complex64",
]
BITS = {"bool": 8, "bfloat16": 16, "complex64": 64, "float4_e2m1fn_x2": 4}


def bits(name):
    if name in BITS:
        return BITS[name]
    if name.startswith("float8"):
        return 8
    return int("".join(c for c in name if c.isdigit()))


def spec(name, shape, data, keep):
    buf = np.frombuffer(data, dtype=np.uint8).copy() if data else np.zeros(1, np.uint8)
    keep.append(buf)
    return TensorSpec(dtype=name, shape=shape, data_ptr=buf.ctypes.data, data_len=len(data))


def write(file, tensors, metadata=None):
    keep = []
    specs = {n: spec(d, s, b, keep) for n, (d, s, b) in tensors.items()}
    data = bytes(serialize(specs, metadata=metadata))
    with open(file, "wb") as f:
        f.write(data)
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    out = {}
    for name, t in deserialize(data):
        begin = header[name]["data_offsets"][0] + 8 + n
        out[name] = {"dtype": t["dtype"], "shape": list(t["shape"]), "bytes": len(t["data"]), "offset": begin}
    return {"size": len(data), "metadata": header.get("__metadata__"), "tensors": out}


library = {}
library["empty.safetensors"] = write("empty.safetensors", {})
library["dtypes.safetensors"] = write(
    "dtypes.safetensors",
    # The constructor doubles the last dimension of packed dtypes.
    {"t." + n: (n, [2, 2] if "x2" in n else [2, 4], bytes(range(8 * bits(n) // 8))) for n in NAMES},
    {"format": "np"},
)
library["shapes.safetensors"] = write(
    "shapes.safetensors",
    {
        "scalar": ("float32", [], struct.pack("<f", 1.5)),
        "none": ("float32", [0], b""),
        "hollow": ("int64", [3, 0, 2], b""),
        "gewicht/größe": ("float16", [3], bytes(6)),
        'quote " back \\ tab \t bell \x07 line\u2028 <&>': ("uint8", [1, 1, 1, 1, 5], bytes(5)),
        "": ("bool", [1], b"\x01"),
        "b": ("float32", [2, 3], struct.pack("<6f", *range(6))),
        "a": ("float32", [2, 3], struct.pack("<6f", *range(6))),
    },
    {"note": 'made "by" the library\n'},
)
with open("library.json", "w") as f:
    json.dump(library, f, indent=1, ensure_ascii=True, sort_keys=True)
    f.write("\n")
