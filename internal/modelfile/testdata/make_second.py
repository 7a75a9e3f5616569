"""Writes the files of this folder that other libraries than those of
make_models.py write, and second.json, what the libraries say of them.

Made with xgboost 3.2, lightgbm 4.7, scikit-learn, joblib 1.6, skops 0.16,
h5py 3.16, catboost 1.2.10, openvino 2026.4, coremltools 9.0 and tflite 2.18 (the
schema only):  python make_second.py
"""

import json
import os
import pickle

import catboost
import coremltools
import flatbuffers
import h5py
import joblib
import lightgbm
import numpy as np
import openvino as ov
import skops.io
import sklearn
import tflite
import xgboost
from openvino import opset13
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

facts = {"sklearn": sklearn.__version__, "xgboost": xgboost.__version__, "skops": skops.__version__,
         "catboost": catboost.__version__, "openvino": ov.__version__}
rng = np.random.default_rng(7)
x = rng.random((60, 3)).astype(np.float32)
y = np.arange(60) % 3
words = np.array(["cat", "dog", "größe"])[y]


def write_xgboost():
    data = xgboost.DMatrix(x, label=y, feature_names=["age", "size", "größe"], feature_types=["float", "q", "float"])
    model = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, data, num_boost_round=2)
    model.save_model("small.ubj")
    model.save_model("small.xgboost.json")
    dart = xgboost.train({"booster": "dart", "max_depth": 1}, data, num_boost_round=1)
    dart.save_model("dart.ubj")
    linear = xgboost.train({"booster": "gblinear"}, data, num_boost_round=1)
    linear.save_model("linear.ubj")
    facts["trees"] = len(model.get_dump())


def write_lightgbm():
    data = lightgbm.Dataset(x, label=y, feature_name=["age", "size", "width"])
    model = lightgbm.train({"objective": "multiclass", "num_class": 3, "num_leaves": 3, "verbose": -1, "min_data_in_leaf": 5}, data, 2)
    model.save_model("small.lightgbm.txt")
    facts["lightgbm"] = {"features": model.feature_name(), "trees": model.num_trees()}


def write_sklearn():
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=5))]).fit(x, words)
    for step in [pipeline[0], pipeline[1]]:
        step.feature_names_in_ = np.array(["age", "size", "größe"], dtype=object)
    with open("pipeline.pkl", "wb") as out:
        pickle.dump(pipeline, out, protocol=5)
    joblib.dump(pipeline, "pipeline.joblib")
    for name in ["zlib", "gzip", "bz2", "xz", "lzma"]:
        joblib.dump(pipeline, "pipeline.joblib." + name, compress=(name, 3))
    search = GridSearchCV(pipeline, {"model__C": [0.1, 1.0]}, cv=2).fit(x, words)
    for name in ["cv_results_"]:
        delattr(search, name)
    joblib.dump(search, "search.joblib")
    skops.io.dump(pipeline, "small.skops")


def write_keras():
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "numbers"}, "registered_name": None},
        {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "units": 3}, "registered_name": None},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "lambda"}, "registered_name": None}]}}
    for name, libver, extra in [("small.h5", "earliest", 0), ("latest.h5", "latest", 0), ("dense.h5", "latest", 20)]:
        with h5py.File(name, "w", libver=libver, track_order=name == "latest.h5") as f:
            f.attrs["keras_version"] = "2.15.0"
            f.attrs["backend"] = b"tensorflow"
            f.attrs["model_config"] = json.dumps(config).encode()
            for i in range(extra):
                f.attrs["extra%d" % i] = i
            g = f.create_group("model_weights").create_group("dense").create_group("dense")
            f["model_weights"].attrs["layer_names"] = np.array([b"dense"])
            g.create_dataset("kernel:0", data=rng.random((4, 3)).astype(np.float32))
            g["nothing"] = h5py.Empty("f4")
            g.create_dataset("bias:0", data=np.zeros(3, dtype=np.float64))
    facts["h5"] = {}
    for name in ["small.h5", "latest.h5"]:
        with h5py.File(name) as f:
            f.visititems(lambda path, o: facts["h5"].update({name + ":" + path: {"shape": o.shape, "dtype": str(o.dtype), "offset": o.id.get_offset()}}) if isinstance(o, h5py.Dataset) and o.shape is not None else None)
    with h5py.File("fixed.h5", "w") as f:
        f.attrs["model_config"] = np.bytes_(json.dumps(config))


def write_catboost():
    rows = [[float(a), float(b), str(int(3 * c))] for a, b, c in x]
    pool = catboost.Pool(rows, words, feature_names=["age", "size", "größe"], cat_features=[2])
    model = catboost.CatBoostClassifier(iterations=2, depth=2, verbose=False, allow_writing_files=False).fit(pool)
    model.save_model("small.cbm")
    facts["catboostTrees"] = model.tree_count_


def write_openvino():
    p = opset13.parameter([-1, 4], np.float32, name="numbers")
    p.output(0).get_tensor().set_names({"numbers"})
    w = opset13.constant(rng.random((4, 3)).astype(np.float32))
    m = opset13.softmax(opset13.matmul(p, w, False, False), 1)
    m.output(0).get_tensor().set_names({"scores"})
    ov.save_model(ov.Model([m], [p], "small"), "small.xml", compress_to_fp16=False)
    os.remove("small.bin")  # the weights, which are not read


def write_tflite():
    """One fully connected layer and one operator of one's own."""
    b = flatbuffers.Builder(1024)

    def vector(start, values, prepend):
        start(b, len(values))
        for v in reversed(values):
            prepend(v)
        return b.EndVector()

    def tensor(name, shape, signature, kind, buffer):
        name = b.CreateString(name)
        shape = vector(tflite.TensorStartShapeVector, shape, b.PrependInt32)
        if signature:
            signature = vector(tflite.TensorStartShapeSignatureVector, signature, b.PrependInt32)
        tflite.TensorStart(b)
        tflite.TensorAddName(b, name)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, kind)
        tflite.TensorAddBuffer(b, buffer)
        if signature:
            tflite.TensorAddShapeSignature(b, signature)
        return tflite.TensorEnd(b)

    kind = tflite.TensorType
    tensors = [tensor("x", [1, 4], [-1, 4], kind.FLOAT32, 0), tensor("w", [3, 4], None, kind.INT8, 1),
               tensor("h", [1, 3], None, kind.FLOAT32, 0), tensor("y", [1, 3], None, kind.FLOAT32, 0)]
    tensors = vector(tflite.SubGraphStartTensorsVector, tensors, b.PrependUOffsetTRelative)

    def operator(code, inputs, outputs):
        inputs = vector(tflite.OperatorStartInputsVector, inputs, b.PrependInt32)
        outputs = vector(tflite.OperatorStartOutputsVector, outputs, b.PrependInt32)
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        return tflite.OperatorEnd(b)

    operators = vector(tflite.SubGraphStartOperatorsVector, [operator(0, [0, 1], [2]), operator(1, [2], [3]), operator(1, [2], [3])], b.PrependUOffsetTRelative)
    inputs = vector(tflite.SubGraphStartInputsVector, [0], b.PrependInt32)
    outputs = vector(tflite.SubGraphStartOutputsVector, [3], b.PrependInt32)
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensors)
    tflite.SubGraphAddInputs(b, inputs)
    tflite.SubGraphAddOutputs(b, outputs)
    tflite.SubGraphAddOperators(b, operators)
    graphs = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(b)], b.PrependUOffsetTRelative)
    custom = b.CreateString("MyOp")
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddBuiltinCode(b, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddVersion(b, 1)
    first = tflite.OperatorCodeEnd(b)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, tflite.BuiltinOperator.CUSTOM)
    tflite.OperatorCodeAddBuiltinCode(b, tflite.BuiltinOperator.CUSTOM)
    tflite.OperatorCodeAddCustomCode(b, custom)
    codes = vector(tflite.ModelStartOperatorCodesVector, [first, tflite.OperatorCodeEnd(b)], b.PrependUOffsetTRelative)
    data = b.CreateByteVector(bytes(range(12)))
    buffers = []
    for d in [None, data]:
        tflite.BufferStart(b)
        if d:
            tflite.BufferAddData(b, d)
        buffers.append(tflite.BufferEnd(b))
    buffers = vector(tflite.ModelStartBuffersVector, buffers, b.PrependUOffsetTRelative)
    description = b.CreateString("a small model")
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddBuffers(b, buffers)
    tflite.ModelAddDescription(b, description)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    open("small.tflite", "wb").write(bytes(b.Output()))


def write_coreml():
    array = coremltools.models.datatypes.Array(4)
    inputs = [("numbers", array)]
    outputs = [("scores", coremltools.models.datatypes.Dictionary(str))]
    b = coremltools.models.neural_network.NeuralNetworkBuilder(inputs, outputs, mode="classifier")
    b.add_inner_product("dense", rng.random((3, 4)), np.zeros(3), 4, 3, True, "numbers", "h")
    b.spec.neuralNetworkClassifier.layers.add(name="mine", input=["h"], output=["scores"]).custom.className = "MyLayer"
    b.set_class_labels(["cat", "dog", "größe"], predicted_feature_name="label")
    b.spec.description.metadata.author = "nobody"
    b.spec.description.metadata.license = "MIT"
    b.spec.description.metadata.userDefined["com.github.apple.coremltools.version"] = coremltools.__version__
    open("small.mlmodel", "wb").write(b.spec.SerializeToString(deterministic=True))
    facts["coreml"] = {"specification": b.spec.specificationVersion, "version": coremltools.__version__,
                       "inputs": [i.name for i in b.spec.description.input], "outputs": [o.name for o in b.spec.description.output]}


write_coreml()
write_xgboost()
write_lightgbm()
write_sklearn()
write_keras()
write_catboost()
write_openvino()
write_tflite()
json.dump(facts, open("second.json", "w"), indent=1, sort_keys=True)
