"""Writes models with the real libraries: legitimate.py DIR. None of them may be
called unsafe. DIR/pickles has plain pickles only, for measuring speed."""
import os
import pickle
import sys
import warnings

import joblib
import numpy as np

warnings.filterwarnings("ignore")
out = sys.argv[1]
pickles = os.path.join(out, "pickles")
os.makedirs(pickles, exist_ok=True)
rng = np.random.default_rng(7)
x, y = rng.random((200, 8)), rng.integers(0, 3, 200)
words = [f"w{i}" for i in range(30_000)]
texts = [" ".join(rng.choice(words, 200)) for _ in range(400)]


def path(name):
    return os.path.join(out, name)


def sklearn_models():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.cluster import KMeans
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.ensemble import (GradientBoostingRegressor, HistGradientBoostingClassifier, IsolationForest,
                                  RandomForestClassifier, StackingClassifier)
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, LabelEncoder, OneHotEncoder, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier
    yield "linear", LinearRegression().fit(x, y)
    yield "logistic", LogisticRegression().fit(x, y)
    yield "sgd", SGDClassifier(random_state=np.random.RandomState(1)).fit(x, y)
    yield "forest", RandomForestClassifier(100, random_state=0).fit(x, y)
    yield "boosting", GradientBoostingRegressor(random_state=0).fit(x, y)
    yield "hist", HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(x, y)
    yield "isolation", IsolationForest(n_estimators=50, random_state=0).fit(x)
    yield "tree", DecisionTreeClassifier().fit(x, y)
    yield "bayes", GaussianNB().fit(x, y)
    yield "neighbors", KNeighborsClassifier().fit(x, y)
    yield "svc", SVC(probability=False).fit(x, y)
    yield "mlp", MLPClassifier((16,), max_iter=20).fit(x, y)
    yield "kmeans", KMeans(3, n_init=1).fit(x)
    yield "pca", PCA(2).fit(x)
    yield "gaussian", GaussianProcessRegressor().fit(x[:50], y[:50])
    yield "calibrated", CalibratedClassifierCV(GaussianNB(), cv=2).fit(x, y)
    yield "grid", GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(x, y)
    yield "stacking", StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())], cv=2).fit(x, y)
    yield "columns", ColumnTransformer([("n", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]), ("c", OneHotEncoder(), [2])]).fit(x)
    yield "function", make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LinearRegression()).fit(x, y)
    yield "labels", LabelEncoder().fit(["negative", "neutral", "positive"])
    yield "tfidf", make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=20)).fit(texts, [i % 2 for i in range(400)])


for name, model in sklearn_models():
    for protocol in (2, 4, 5):
        with open(os.path.join(pickles, f"{name}-p{protocol}.pkl"), "wb") as f:
            pickle.dump(model, f, protocol)
    for ext, compress in (("joblib", 0), ("zlib.joblib", ("zlib", 3)), ("gzip.joblib", ("gzip", 3)), ("bz2.joblib", ("bz2", 3)),
                          ("xz.joblib", ("xz", 1)), ("lzma.joblib", ("lzma", 1))):
        if compress == 0 or name in ("forest", "function", "tfidf"):
            joblib.dump(model, path(f"{name}.{ext}"), compress=compress)

# Plain data, arrays.
with open(os.path.join(pickles, "vocabulary.pkl"), "wb") as f:
    pickle.dump({w: i for i, w in enumerate(words * 1)}, f)
with open(os.path.join(pickles, "records.pkl"), "wb") as f:
    pickle.dump([{"id": i, "text": texts[i % 400][:50], "scores": [0.1 * i, 2.0], "label": None} for i in range(20_000)], f)
with open(os.path.join(pickles, "arrays-p0.pkl"), "wb") as f:
    pickle.dump({"weights": x[:20], "when": np.datetime64("2026-01-01")}, f, 0)
np.save(path("plain.npy"), x)
np.save(path("objects.npy"), np.array(["a", None, {"b": 1}], dtype=object), allow_pickle=True)
np.savez(path("plain.npz"), x=x, y=y)
np.savez_compressed(path("compressed.npz"), x=x, names=np.array(["a", "b"], dtype=object))

# XGBoost.
import xgboost  # noqa: E402

booster = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(x, y)
with open(os.path.join(pickles, "xgboost.pkl"), "wb") as f:
    pickle.dump(booster, f)
booster.save_model(path("xgboost.json"))
booster.save_model(path("xgboost.ubj"))

# safetensors, ONNX, skops, GGUF.
from safetensors.numpy import save_file  # noqa: E402

save_file({"w": x.astype(np.float32), "b": y}, path("model.safetensors"), metadata={"format": "np"})

import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def onnx_model(big):
    w = numpy_helper.from_array(rng.random((8, big)).astype(np.float32), "w")
    g = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, big])], [w])
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", 20)])


onnx.save(onnx_model(3), path("model.onnx"))
os.makedirs(path("external"), exist_ok=True)
onnx.save(onnx_model(1000), path("external/model.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)

import skops.io  # noqa: E402

for name, model in sklearn_models():
    if name in ("linear", "forest", "columns", "function", "svc"):
        skops.io.dump(model, path(f"{name}.skops"))

import gguf  # noqa: E402

w = gguf.GGUFWriter(path("model.gguf"), "llama")
w.add_context_length(128)
w.add_chat_template("{% for m in messages %}<|{{ m['role'] }}|>{{ m.content | trim }}{% endfor %}")
w.add_tensor("token_embd.weight", x.astype(np.float32))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()

# A folder as the Hub has it.
with open(path("tokenizer_config.json"), "w") as f:
    f.write('{"chat_template": "{% for message in messages %}{{ message.role + \': \' + message[\'content\'] }}{% endfor %}", "model_max_length": 512}')
with open(path("config.json"), "w") as f:
    f.write('{"architectures": ["BertForSequenceClassification"], "id2label": {"0": "negative", "1": "positive"}, "torch_dtype": "float32"}')
