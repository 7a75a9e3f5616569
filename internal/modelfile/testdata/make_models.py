"""Writes the GGUF, ONNX, NumPy and Hugging Face files of this folder and
models.json, what the libraries themselves read back from them.

Made with onnx 1.23.2, gguf and numpy of November 2026:  python make_models.py
"""

import collections
import io
import json
import os
import pickle
import sys
import types
import zipfile

import gguf
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

facts = {}


def write_gguf():
    w = gguf.GGUFWriter("small.gguf", "llama")
    w.add_license("apache-2.0")
    w.add_context_length(2048)
    w.add_embedding_length(64)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    w.add_tokenizer_model("gpt2")
    w.add_token_list(["<s>", "</s>", "größe", ""])
    w.add_chat_template("{{ messages[0].content }}")
    w.add_array("general.tags", ["a", "b"])
    w.add_float32("llama.rope.freq_base", 10000.0)
    w.add_bool("tokenizer.ggml.add_bos_token", True)
    rng = np.random.default_rng(7)
    w.add_tensor("token_embd.weight", rng.random((3, 64), dtype=np.float32))
    w.add_tensor("blk.0.norm.weight", rng.random(5).astype(np.float16))
    q8 = gguf.quantize(rng.random((2, 64), dtype=np.float32), gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("blk.0.q.weight", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    r = gguf.GGUFReader("small.gguf")
    facts["small.gguf"] = {
        "tensors": {
            t.name: {"dtype": t.tensor_type.name, "shape": [int(d) for d in reversed(t.shape.tolist())],
                     "bytes": int(t.n_bytes), "offset": int(t.data_offset), "elements": int(t.n_elements)}
            for t in r.tensors
        },
    }


def write_onnx():
    w = nh.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "w")
    b = h.make_tensor("b", T.FLOAT, [3], [1.0, 2.0, 3.0])  # typed data, not raw
    half = h.make_tensor("half", T.INT4, [3], [1, 2, 3])
    words = h.make_tensor("words", T.STRING, [2], [b"", b"yes"])
    inner = h.make_graph([h.make_node("Identity", ["y"], ["z"])], "then",
                         [], [h.make_tensor_value_info("z", T.FLOAT, None)],
                         [nh.from_array(np.zeros(2, dtype=np.int64), "in_then")])
    other = h.make_graph([h.make_node("Relu", ["y"], ["z2"])], "else",
                         [], [h.make_tensor_value_info("z2", T.FLOAT, None)])
    f = h.make_function("my.ops", "Twice", ["a"], ["c"], [h.make_node("Add", ["a", "a"], ["c"])], [h.make_opsetid("", 21)])
    nodes = [
        h.make_node("MatMul", ["x", "w"], ["m"]), h.make_node("Add", ["m", "b"], ["s"]),
        h.make_node("Twice", ["s"], ["y"], domain="my.ops"),
        h.make_node("If", ["cond"], ["out"], then_branch=inner, else_branch=other),
        h.make_node("ZipMap", ["y"], ["probabilities"], domain="ai.onnx.ml", classlabels_strings=["cat", "dog", "größe"]),
    ]
    seq = h.make_sequence_type_proto(h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, [])))
    opt = h.make_optional_type_proto(h.make_tensor_type_proto(T.INT64, [None, "n"]))
    graph = h.make_graph(nodes, "g",
                         [h.make_tensor_value_info("x", T.FLOAT, ["batch", 4]), h.make_tensor_value_info("w", T.FLOAT, [4, 3]),
                          h.make_tensor_value_info("cond", T.BOOL, []), h.make_value_info("maybe", opt)],
                         [h.make_tensor_value_info("out", T.FLOAT, None), h.make_value_info("probabilities", seq)],
                         [w, b, half, words])
    m = h.make_model(graph, producer_name="testmaker", producer_version="1.2", functions=[f],
                     opset_imports=[h.make_opsetid("", 21), h.make_opsetid("ai.onnx.ml", 3), h.make_opsetid("my.ops", 1)])
    m.model_version = 9223372036854775807
    h.set_model_props(m, {"license": "mit", "author": "nobody"})
    onnx.save(m, "small.onnx")
    outside = h.make_model(h.make_graph([h.make_node("Identity", ["big"], ["y"])], "g", [],
                                        [h.make_tensor_value_info("y", T.FLOAT, [1000])],
                                        [nh.from_array(np.arange(1000, dtype=np.float32), "big")]),
                           producer_name="testmaker")
    if os.path.exists("outside.bin"):
        os.remove("outside.bin")
    onnx.save(outside, "outside.onnx", save_as_external_data=True, location="outside.bin", size_threshold=0)
    read = onnx.load("small.onnx")
    facts["small.onnx"] = {
        "tensors": {t.name: {"shape": list(t.dims), "type": T.DataType.Name(t.data_type)} for t in read.graph.initializer},
        "ir": read.ir_version, "opsets": {o.domain: o.version for o in read.opset_import},
    }


def write_numpy():
    np.save("matrix.npy", np.arange(6, dtype="<f4").reshape(2, 3))
    np.save("columns.npy", np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3)))
    np.save("objects.npy", np.array([{"a": 1}], dtype=object))
    np.save("scalar.npy", np.float64(1.5))
    np.save("record.npy", np.zeros(2, dtype=[("a", "<i4"), ("b", "<f8")]))
    np.savez("two.npz", w=np.zeros((2, 3), dtype="<f2"), b=np.zeros(0, dtype="?"))
    np.savez_compressed("packed.npz", w=np.zeros((20, 30), dtype="<f4"))


def write_torch():
    """A state_dict as torch.save writes it, without torch: data.pkl imports
    the names that torch/_utils.py and torch/_tensor.py put into it."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ["FloatStorage", "HalfStorage"]:
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def rebuild(*args): ...
    rebuild.__module__, rebuild.__name__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils

    class Storage:
        def __init__(self, kind, key, n):
            self.id = ("storage", kind, key, "cpu", n)

    class Tensor:
        def __init__(self, storage, offset, shape, stride):
            self.args = (storage, offset, shape, stride, False, collections.OrderedDict())

        def __reduce__(self):
            return rebuild, self.args

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return obj.id if isinstance(obj, Storage) else None

    a, b = Storage(torch.FloatStorage, "0", 12), Storage(torch.HalfStorage, "1", 3)
    w = Tensor(a, 0, (2, 3), (3, 1))
    state = {"state_dict": collections.OrderedDict([("w", w), ("tied", w), ("half.b", Tensor(b, 0, (3,), (1,))), ("view", Tensor(a, 6, (3, 2), (1, 3)))]), "epoch": 3}

    def dump(obj):
        out = io.BytesIO()
        Pickler(out, 2).dump(obj)
        return out.getvalue()

    with zipfile.ZipFile("small.pt", "w", zipfile.ZIP_STORED) as z:
        for name, data in [("data.pkl", dump(state)), ("byteorder", b"little"), ("data/0", bytes(48)), ("data/1", bytes(6)), ("version", b"3\n")]:
            z.writestr(zipfile.ZipInfo("archive/" + name), data)
    with open("legacy.pt", "wb") as out:
        for obj in [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]:
            out.write(dump(obj))
        a.id, b.id = a.id + (None,), b.id + (None,)
        out.write(dump(state))
        out.write(dump(["0", "1"]))
        for n, size in [(12, 48), (3, 6)]:
            out.write(n.to_bytes(8, "little") + bytes(size))


def write_keras():
    config = {"module": "keras", "class_name": "Functional", "registered_name": "Functional", "config": {"name": "m", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 28, 28], "dtype": "float32", "name": "image"}, "registered_name": None},
        {"module": "keras.layers", "class_name": "Flatten", "config": {"name": "flatten"}, "registered_name": None},
        {"module": "my", "class_name": "Mine", "config": {"name": "dense"}, "registered_name": "my>Mine"}],
        "input_layers": [["image", 0, 0]], "output_layers": [["dense", 0, 0]]}}
    with zipfile.ZipFile("small.keras", "w", zipfile.ZIP_STORED) as z:
        z.writestr(zipfile.ZipInfo("metadata.json"), json.dumps({"keras_version": "3.12.0", "date_saved": "2026-11-23@16:00:00"}))
        z.writestr(zipfile.ZipInfo("config.json"), json.dumps(config))
        z.writestr(zipfile.ZipInfo("model.weights.h5"), b"\x89HDF\r\n\x1a\n")


def write_sklearn():
    from sklearn.linear_model import LogisticRegression
    import sklearn

    x = np.arange(12, dtype=float).reshape(6, 2)
    for name, labels in [("numbers.pkl", [0, 1, 2, 0, 1, 2]), ("words.pkl", ["cat", "größe", "dog"] * 2)]:
        with open(name, "wb") as out:
            pickle.dump(LogisticRegression(max_iter=5).fit(x, labels), out, protocol=4)
    facts["words.pkl"] = {"sklearn": sklearn.__version__}


write_sklearn()
write_torch()
write_keras()
write_gguf()
write_onnx()
write_numpy()
json.dump(facts, open("models.json", "w"), indent=1, sort_keys=True)
