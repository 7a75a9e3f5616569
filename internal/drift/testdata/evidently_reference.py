"""Writes evidently_reference.json: what Evidently computes for the data of evidently_test.go.

python3 -m venv v && v/bin/pip install evidently 'pandas<3' && v/bin/python evidently_reference.py
"""
import json
import os
from importlib.metadata import version
import numpy as np
import pandas as pd
from evidently.legacy.calculations import stattests as s
from evidently.legacy.core import ColumnType

NUMBER, CATEGORY = ColumnType.Numerical, ColumnType.Categorical


def sample(seed, n, scale, shift):
    out, x = [], seed
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        u = (x >> 33) / 2**31
        out.append(u * u * scale + shift)
    return pd.Series(out)


def words(seed, n, k):
    return sample(seed, n, k, 0).map(lambda v: "abcdefgh"[int(v)])


def run(test, a, b, kind):
    r = test.func(a, b, kind, test.default_threshold)
    return [float(r[0]), bool(r[1])]


tests = {"psi": s.psi_stat_test, "kl": s.kl_div_stat_test, "js-distance": s.jensenshannon_stat_test, "hellinger": s.hellinger_stat_test,
         "wasserstein": s.wasserstein_stat_test, "ks": s.ks_stat_test, "chi-square": s.chi_stat_test, "z": s.z_stat_test}
numbers = [(1500, 1200, 1, 0.02), (300, 200, 1.1, 0), (5000, 900, 1, 0.2)]
categories = [(1500, 1200, 5, 6), (300, 200, 4, 4), (5000, 900, 8, 6)]
out = {"made": "evidently " + version("evidently"), "numbers": [], "categories": []}
for m, n, scale, shift in numbers:
    a, b = sample(1, m, 1, 0), sample(2, n, scale, shift)
    got = {k: run(tests[k], a, b, NUMBER) for k in ("psi", "kl", "js-distance", "hellinger", "wasserstein", "ks")}
    out["numbers"].append({"m": m, "n": n, "scale": scale, "shift": shift, "results": got})
for m, n, k, l in categories:
    a, b = words(1, m, k), words(2, n, l)
    got = {t: run(tests[t], a, b, CATEGORY) for t in ("psi", "kl", "js-distance", "hellinger", "chi-square")}
    out["categories"].append({"m": m, "n": n, "k": k, "l": l, "results": got})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "evidently_reference.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
