"""Writes bootstrap.json, the values that the tests of the bootstrap expect.

python3 -m venv v && v/bin/pip install numpy scipy && v/bin/python bootstrap.py
"""
import json
import os
import numpy as np
import scipy
from scipy import stats
from scipy.stats import _resampling

rng = np.random.default_rng(6)


def rounded(v):
    return [rounded(x) for x in v] if isinstance(v, (list, np.ndarray)) else float(f"{float(v):.12g}")


STATISTICS = {
    "mean": (np.mean, lambda n: np.round(rng.exponential(size=n), 4)),
    "median": (np.median, lambda n: np.round(rng.normal(size=n), 4)),
    "variance": (lambda x, axis=-1: np.var(x, axis=axis), lambda n: np.round(rng.gamma(2, size=n), 4)),
    "ratio": (lambda x, axis=-1: (x > 1).mean(axis=axis) / x.mean(axis=axis), lambda n: np.round(rng.exponential(size=n), 4)),
}

# The corrections and bounds from given resamples: exact.
given = []
for name, (statistic, draw) in STATISTICS.items():
    for n in (12, 60):
        x = draw(n)
        resamples = np.array([statistic(rng.choice(x, n)) for _ in range(300)])
        resamples = np.array(rounded(resamples))
        for confidence in (0.9, 0.95):
            alpha = (1 - confidence) / 2
            low, high, a = _resampling._bca_interval((x,), statistic, -1, alpha, resamples, None, np)
            z0 = stats.norm.ppf(_resampling._percentile_of_score(resamples, statistic(x)[None], -1, np)).item()
            bounds = np.quantile(resamples, [low.item(), high.item()])
            given.append({"statistic": name, "x": x.tolist(), "resamples": resamples.tolist(), "confidence": confidence,
                          "bias": rounded(z0), "acceleration": rounded(a.item()), "levels": rounded([low.item(), high.item()]),
                          "bounds": rounded(bounds)})

# Whole runs, with so many resamples that their own error is small.
runs = []
for name, (statistic, draw) in STATISTICS.items():
    for n in (40, 300):
        x = draw(n)
        for method in ("BCa", "percentile"):
            r = stats.bootstrap((x,), statistic, vectorized=True, method=method, confidence_level=0.9,
                                n_resamples=50_000, batch=1000, rng=np.random.default_rng(1))
            runs.append({"statistic": name, "x": x.tolist(), "method": method, "se": rounded(r.standard_error),
                         "bounds": rounded([r.confidence_interval.low, r.confidence_interval.high])})

# Two strata: scipy's two independent samples.
x, y = np.round(rng.exponential(size=30), 4), np.round(rng.exponential(size=80) * 2, 4)
r = stats.bootstrap((x, y), lambda x, y, axis=-1: x.mean(axis=axis) / y.mean(axis=axis), vectorized=True, method="BCa",
                    confidence_level=0.9, n_resamples=50_000, batch=1000, rng=np.random.default_rng(1))
_, _, a = _resampling._bca_interval((x, y), lambda x, y, axis=-1: x.mean(axis=axis) / y.mean(axis=axis), -1, 0.05,
                                    r.bootstrap_distribution, None, np)
strata = {"x": x.tolist(), "y": y.tolist(), "se": rounded(r.standard_error), "acceleration": rounded(a.item()),
          "bounds": rounded([r.confidence_interval.low, r.confidence_interval.high])}

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.json")
with open(path, "w") as f:
    f.write('{"versions": %s,\n' % json.dumps({"numpy": np.__version__, "scipy": scipy.__version__}))
    for key, rows in (("given", given), ("runs", runs)):
        f.write('"%s": [\n' % key + ",\n".join(json.dumps(c, separators=(",", ":")) for c in rows) + "\n],\n")
    f.write('"strata": %s}\n' % json.dumps(strata, separators=(",", ":")))
