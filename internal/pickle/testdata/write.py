"""Writes the pickles of this folder and dis.txt, what pickletools makes of them.

    python -m venv VENV
    VENV/bin/pip install numpy==2.4.6 joblib==1.6.0 scikit-learn==1.9.1 \
        scipy==1.17.1 pandas==3.1.1 xgboost-cpu==3.2.0 lightgbm==4.7.0
    VENV/bin/python write.py

Written by Python 3.11.
"""
import collections, datetime, decimal, io, os, pickle, pickletools, uuid
import joblib, lightgbm, numpy as np, pandas as pd, scipy.sparse, xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

here = os.path.dirname(os.path.abspath(__file__))
dis = {}


def write(name, value, protocols=range(6)):
    for p in protocols:
        data = pickle.dumps(value, p)
        file = f"{name}.{p}.pkl"
        with open(os.path.join(here, file), "wb") as f:
            f.write(data)
        if name in ("std", "numpy", "frames", "pandas"):
            dis[file] = [f"{at}:{op.name}" for op, _, at in pickletools.genops(data)]


r = []
r.append(r)
t = ([],)
t[0].append(t)
write("std", [
    collections.OrderedDict(a=1), collections.defaultdict(list, a=[1]), collections.Counter("aab"), collections.deque([1], 3),
    {1}, frozenset([2]), b"ab\xff", bytearray(b"ab"), 1j, range(3), datetime.datetime(2026, 1, 2), datetime.timezone.utc,
    decimal.Decimal("1.5"), uuid.UUID(int=5), int, 10**30, -(10**30), -5, -300, 2**31, 2**40, -2**63, True, False, None, 1.5, "ü\n\\x\ud800",
    tuple(range(5)), "long " * 100, b"long" * 100, r, t, [None, None],
])
write("numpy", {
    "a": np.arange(3), "b": np.float32(2), "c": np.dtype([("x", "f4"), ("y", "U3")]), "d": np.array(["a", None], dtype=object),
    "m": np.ma.array([1, 2], mask=[0, 1]), "r": np.random.RandomState(1).get_state()[0], "t": np.arange(6).reshape(2, 3).T,
    "g": np.random.default_rng(1),
})
write("frames", bytes(70_000), [4])
rng = np.random.RandomState(0)
X = rng.rand(20, 3)
y = np.array(["no", "yes"])[(X[:, 0] > 0.5).astype(int)]
model = make_pipeline(StandardScaler(), SGDClassifier()).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
write("sklearn", model)
write("forest", RandomForestClassifier(2, max_depth=2).fit(X, y), [5])
write("pandas", pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2020", "2021"]), "d": pd.Categorical(["q", "r"])}), [2, 4, 5])
write("sparse", scipy.sparse.random(5, 5, 0.3, format="csr", random_state=0), [2, 4])
write("xgboost", xgboost.XGBClassifier(n_estimators=1, max_depth=1).fit(X, (X[:, 0] > 0.5).astype(int)), [4])
write("lightgbm", lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, y), [4])

for name, value in {
    "model": model,
    "mixed": {
        "o": np.array(["a", None, {"x": 1}], dtype=object), "f": np.arange(10.0), "u": np.array(["ab", "c"]),
        "s": np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]), "e": np.zeros((0, 3)), "F": np.asfortranarray(np.ones((3, 4))),
        "after": [1, 2, "z"],
    },
}.items():
    joblib.dump(value, os.path.join(here, name + ".joblib"))

with open(os.path.join(here, "dis.txt"), "w") as f:
    for name in sorted(dis):
        f.write(name + " " + " ".join(dis[name]) + "\n")
