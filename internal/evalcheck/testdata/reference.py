"""Expected values of the fairness check, written to reference.json.

python 3, numpy, scipy, statsmodels; run: python reference.py > reference.json

Rates of groups, their difference and ratio and equalised odds follow the
definitions of Fairlearn's MetricFrame.difference/ratio(method="between_groups"),
equalized_odds_difference and equalized_odds_ratio (agg="worst_case"), computed
here with numpy. Newcombe's interval is statsmodels' confint_proportions_2indep
(method="newcomb"); that of a ratio is the closed form of MOVER-R (Newcombe 2016,
with Wilson's limits). The design effect is Rao and Scott's (1992).
"""
import json
import sys

import numpy as np
import scipy
import statsmodels
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

rng = np.random.default_rng(20261123)


def num(v):
    return None if v is None or not np.isfinite(v) else float(f"{v:.12g}")


def spread(rates):
    return num(max(rates) - min(rates)), num(min(rates) / max(rates)) if max(rates) > 0 else None


def frame():
    k = int(rng.integers(2, 6))
    n = int(rng.integers(40 * k, 90 * k))
    g = rng.integers(0, k, n)
    y = (rng.random(n) < rng.uniform(0.3, 0.7)).astype(int)
    shift = rng.uniform(-0.15, 0.15, k)
    p = (rng.random(n) < np.clip(0.25 + 0.5 * y + shift[g], 0, 1)).astype(int)
    rate = {"selection-rate": [], "tpr": [], "fpr": [], "accuracy": []}
    for i in range(k):
        m = g == i
        rate["selection-rate"].append(p[m].mean())
        rate["tpr"].append(p[m & (y == 1)].mean())
        rate["fpr"].append(p[m & (y == 0)].mean())
        rate["accuracy"].append((p[m] == y[m]).mean())
    out = {"groups": "".join(map(str, g)), "labels": "".join(map(str, y)), "predictions": "".join(map(str, p)), "measures": {}}
    for name, rates in rate.items():
        d, r = spread(rates)
        out["measures"][name] = {"difference": d, "ratio": r}
    t, f = out["measures"]["tpr"], out["measures"]["fpr"]
    out["measures"]["equalised-odds"] = {"difference": max(t["difference"], f["difference"]),
                                         "ratio": min(v for v in (t["ratio"], f["ratio"], 1.0) if v is not None)}
    return out


def mover_r(k1, n1, k2, n2, level):
    (l1, u1), (l2, u2) = (proportion_confint(k, n, 1 - level, method="wilson") for k, n in ((k1, n1), (k2, n2)))
    p1, p2 = k1 / n1, k2 / n2
    a = p1 * p2
    low = (a - np.sqrt(max(a * a - l1 * u2 * (2 * p1 - l1) * (2 * p2 - u2), 0))) / (u2 * (2 * p2 - u2))
    high = (a + np.sqrt(max(a * a - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2), 0))) / (l2 * (2 * p2 - l2)) if l2 > 1e-12 else np.inf
    return low, high


def pair():
    n1, n2 = (int(v) for v in rng.integers(20, 400, 2))
    k1, k2 = int(rng.integers(1, n1 + 1)), int(rng.integers(1, n2 + 1))
    level = float(rng.choice([0.8, 0.9, 0.95]))
    d = confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff", alpha=1 - level, correction=False)
    r = mover_r(k1, n1, k2, n2, level)
    return {"k1": k1, "n1": n1, "k2": k2, "n2": n2, "level": level, "difference": [num(v) for v in d], "ratio": [num(v) for v in r]}


def cluster():
    m = int(rng.integers(5, 30))
    sizes = rng.integers(1, 12, m)
    c = np.repeat(np.arange(m), sizes)
    x = (rng.random(len(c)) < np.repeat(rng.beta(2, 2, m), sizes)).astype(int)
    n, rate = len(c), x.mean()
    r = np.array([(x[c == i] - rate).sum() for i in range(m)])
    v = m / (m - 1) * (r**2).sum() / n**2
    return {"clusters": c.tolist(), "hits": x.tolist(), "effect": num(v / (rate * (1 - rate) / n))}


json.dump({"made": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
           "frames": [frame() for _ in range(60)], "pairs": [pair() for _ in range(300)], "clusters": [cluster() for _ in range(40)]}, sys.stdout, separators=(",", ":"))
