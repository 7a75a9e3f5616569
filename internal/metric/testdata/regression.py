"""Writes regression.json: metrics of random estimates, as scikit-learn and scipy
compute them. Rows are given weights by repeating them.

Run with scikit-learn 1.9.1, scipy 1.17.1, numpy: python regression.py
"""
import json, warnings, os
import numpy as np
from scipy import stats
from sklearn import metrics as m

rng = np.random.default_rng(6)
warnings.simplefilter("error")


def smape(y, e):
    d = np.abs(y) + np.abs(e)
    return np.mean(np.where(d == 0, 0, 2 * np.abs(e - y) / np.where(d == 0, 1, d)))


def refuse(bad, f):
    return (lambda y, e: None if bad(y, e) else f(y, e))


def constant(y, e):
    return len(y) < 2 or np.ptp(y) == 0


def either(y, e):
    return constant(y, e) or np.ptp(e) == 0


FUNCTIONS = {
    "mae": m.mean_absolute_error,
    "mse": m.mean_squared_error,
    "rmse": m.root_mean_squared_error,
    "rmsle": refuse(lambda y, e: min(y.min(), e.min()) <= -1, m.root_mean_squared_log_error),
    "r2": refuse(constant, m.r2_score),
    "explained_variance": refuse(constant, m.explained_variance_score),
    "median_absolute_error": m.median_absolute_error,
    "max_error": m.max_error,
    "mape": refuse(lambda y, e: (y == 0).any(), m.mean_absolute_percentage_error),
    "smape": smape,
    "wape": refuse(lambda y, e: (y == 0).all(), lambda y, e: np.abs(e - y).sum() / np.abs(y).sum()),
    "bias": lambda y, e: np.mean(e - y),
    "pearson": refuse(either, lambda y, e: stats.pearsonr(y, e)[0]),
    "spearman": refuse(either, lambda y, e: stats.spearmanr(y, e)[0]),
    "quantile_loss@0.5": lambda y, e: m.mean_pinball_loss(y, e, alpha=0.5),
    "quantile_loss@0.9": lambda y, e: m.mean_pinball_loss(y, e, alpha=0.9),
}


def number(v):
    return None if v is None else float("%.12g" % v)


def values(y, e):
    return {k: number(f(y, e)) for k, f in FUNCTIONS.items()}


def draw(i):
    n = int(rng.choice([1, 2, 3, 4, 5, 8, 13, 21, 34]))
    kind = i % 8
    y = np.round(rng.normal(0, 3, n), 3)
    e = np.round(y + rng.normal(0.3, 1, n), 3)
    if kind == 1:  # ties and zeros
        y, e = rng.integers(0, 4, n).astype(float), rng.integers(0, 4, n).astype(float)
    elif kind == 2:  # positive
        y, e = np.round(rng.lognormal(0, 2, n), 4), np.round(rng.lognormal(0, 2, n), 4)
    elif kind == 3:  # constant truth
        y = np.full(n, 0.1)
    elif kind == 4:  # constant estimate
        e = np.full(n, 0.7)
    elif kind == 5:  # far from zero
        y, e = y + 1e6, e + 1e6
    elif kind == 6:  # exact
        e = y.copy()
    elif kind == 7:  # zeros
        y = np.where(rng.random(n) < 0.8, 0.0, y)
    return y, e


cases = []
for i in range(320):
    y, e = draw(i)
    w = rng.integers(0, 4, len(y))
    w[rng.integers(len(y))] = 2
    cases.append({"truth": y.tolist(), "estimate": e.tolist(), "want": values(y, e),
                  "weight": w.tolist(), "weighted": values(np.repeat(y, w), np.repeat(e, w))})
# The example of scikit-learn's documentation.
y, e = np.array([3, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8])
cases.append({"truth": y.tolist(), "estimate": e.tolist(), "want": values(y, e), "weight": [1] * 4, "weighted": values(y, e)})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "regression.json"), "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
