"""Writes drift_reference.json, the values that drift_test.go expects.

python3 -m venv v && v/bin/pip install numpy scipy && v/bin/python drift_reference.py

Samples are made by the same generator as in the test (integers by Knuth's
MMIX constants), so that they need not be stored.
"""
import json
import os
import numpy as np
import scipy
from scipy import stats
from scipy.spatial import distance


def sample(seed, n, scale, shift, integers):
    """n numbers, skewed; equal in drift_test.go."""
    out, s = [], seed
    for _ in range(n):
        s = (s * 6364136223846793005 + 1442695040888963407) % 2**64
        u = (s >> 33) / 2**31
        v = u * u * scale + shift
        out.append(float(np.floor(v)) if integers else v)
    return np.array(out)


def vectors():
    for ref, cur in (
        ([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]),
        ([200, 800], [400, 600]),
        ([5, 5, 8], [4, 6, 8]),
        ([1000, 10, 1, 30], [1, 990, 5, 70]),
        ([3, 4], [30, 41]),
        ([100, 200, 300, 400] * 30, [101, 199, 303, 391] * 30),
    ):
        r, c = np.array(ref, float), np.array(cur, float)
        p, q = r / r.sum(), c / c.sum()
        fit = stats.chisquare(c, r * c.sum() / r.sum())
        both = stats.chi2_contingency(np.array([r, c]))
        plain = stats.chi2_contingency(np.array([r, c]), correction=False)
        yield {
            "reference": ref, "current": cur,
            "psi": float(((p - q) * np.log(p / q)).sum()),
            "kl": float(stats.entropy(p, q)),
            "js": float(distance.jensenshannon(p, q)),
            "js2": float(distance.jensenshannon(p, q, base=2)),
            "hellinger": float(np.sqrt(1 - np.sqrt(p * q).sum())),
            "linf": float(abs(p - q).max()), "tvd": float(abs(p - q).sum() / 2),
            "fit": [float(fit.statistic), float(fit.pvalue)],
            "yates": [float(both.statistic), float(both.pvalue)],
            "plain": [float(plain.statistic), float(plain.pvalue)],
            "cramer": float(stats.contingency.association(np.array([ref, cur]), method="cramer", correction=True)),
        }


def samples():
    for m, n, scale, shift, integers in (
        (8, 9, 1, 0.1, False), (50, 70, 1.3, 0, False), (300, 200, 1, 0.02, False), (500, 500, 1, 0.5, False),
        (400, 300, 9, 1, True), (3000, 4000, 1, 0.01, False), (3000, 4000, 1.05, 0, False), (20000, 30000, 1, 0.003, False),
        (3000, 5000, 20, 0, True), (5000, 2000, 1, 0, False),
    ):
        x, y = sample(1, m, 20 if integers else 1, 0, integers), sample(2, n, scale * (2 if integers else 1), shift, integers)
        edges = np.histogram_bin_edges(x, "doane")
        inside = np.histogram(y, edges)[0]
        overflow = np.append(np.histogram(x, edges)[0], 0) / m, np.append(inside, n - inside.sum()) / n
        way = "exact" if m * n <= 4_000_000 else "asymp"
        ks = stats.ks_2samp(x, y, method=way)
        yield {
            "m": m, "n": n, "scale": scale * (2 if integers else 1), "shift": shift, "integers": integers,
            "ks": [float(ks.statistic), float(ks.pvalue)], "exact": way == "exact",
            "wasserstein": float(stats.wasserstein_distance(x, y)), "std": float(np.std(x)),
            "sturges": len(np.histogram_bin_edges(x, "sturges")) - 1, "doane": len(edges) - 1,
            "js2": float(distance.jensenshannon(*overflow, base=2)),
            "deciles": [float(v) for v in np.quantile(x, np.linspace(0.1, 0.9, 9))],
            "histogram": [int(v) for v in np.histogram(x, "sturges")[0]],
        }


result = {
    "made": f"numpy {np.__version__}, scipy {scipy.__version__}",
    "vectors": list(vectors()), "samples": list(samples()),
    "chi2sf": [[x, df, float(stats.chi2.sf(x, df))] for df in (1, 2, 3, 5, 20, 119, 999, 20000)
               for x in (1e-6, 0.1, df * 0.5, df * 0.9, df + 1.0, df * 1.1, df * 1.5 + 3, df * 2 + 30)],
    "kstwosf": [[n, d / np.sqrt(n), float(stats.kstwo.sf(d / np.sqrt(n), n))] for n in (1, 2, 5, 10, 35, 100, 140, 141, 500, 5000, 100000, 200000, 3000000)
                for d in (0.3, 0.5, 0.7, 1.0, 1.3, 1.48, 1.7, 2.0, 2.5, 4.0) if d / np.sqrt(n) < 1],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "drift_reference.json"), "w") as f:
    json.dump(result, f, indent=1)
    f.write("\n")
