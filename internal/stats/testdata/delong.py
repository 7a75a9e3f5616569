"""Writes delong.json, the values that delong_test.go expects.

python3 -m venv v && v/bin/pip install numpy scikit-learn && v/bin/python delong.py

Covariances are by the definition of DeLong, DeLong and Clarke-Pearson (1988),
from the matrix of all comparisons; areas are checked with scikit-learn.
"""
import json
import os
import numpy as np
import sklearn
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(6)


def delong(y, scores):
    pos, neg = y == 1, y == 0
    v10, v01, areas = [], [], []
    for s in scores:
        x, z = s[pos][:, None], s[neg][None, :]
        psi = (x > z) + 0.5 * (x == z)
        areas.append(psi.mean())
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
        assert abs(areas[-1] - roc_auc_score(y, s)) < 1e-12
    if pos.sum() < 2 or neg.sum() < 2:
        return areas, None
    cov = np.cov(np.array(v10), ddof=1) / pos.sum() + np.cov(np.array(v01), ddof=1) / neg.sum()
    return areas, np.atleast_2d(cov)


def rounded(v):
    return [rounded(x) for x in v] if isinstance(v, (list, np.ndarray)) else float(f"{float(v):.12g}")


cases = []
for i in range(300):
    n = int(rng.integers(4, 60))
    m = int(rng.integers(1, n)) if i % 4 else int(rng.integers(1, 4))
    y = np.zeros(n, dtype=int)
    y[rng.permutation(n)[:m]] = 1
    scores = []
    for _ in range(int(rng.integers(1, 4))):
        s = rng.normal(size=n) + y * rng.uniform(-1, 4)
        kind = rng.integers(0, 5)
        if kind == 0:
            s = np.round(s)  # many ties
        elif kind == 1:
            s = np.round(s, 1)
        elif kind == 2 and i % 7 == 0:
            s = np.zeros(n)
        else:
            s = np.round(s, 3) * 10 ** float(rng.integers(-3, 4))
        scores.append(np.array([float(f"{v:.6g}") for v in s]))
    if i % 10 == 0:
        scores.append(scores[0].copy())
    areas, cov = delong(y, scores)
    cases.append({"positive": y.tolist(), "scores": [s.tolist() for s in scores], "areas": rounded(areas),
                  "cov": None if cov is None else rounded(cov)})

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "delong.json")
with open(path, "w") as f:
    f.write('{"versions": %s,\n"cases": [\n' % json.dumps({"numpy": np.__version__, "scikit-learn": sklearn.__version__}))
    f.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")
