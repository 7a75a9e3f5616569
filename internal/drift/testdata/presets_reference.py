"""Writes NAME_presets.json for the tool NAME: what it computes and decides for the columns below, which presets_test.go makes too.

python3.11 -m venv v && v/bin/pip install 'nannyml==0.13.1' && v/bin/python presets_reference.py nannyml
python3.11 -m venv v && v/bin/pip install 'deepchecks==0.19.1' 'numpy<2' 'setuptools<81' && v/bin/python presets_reference.py deepchecks
python3.11 -m venv v && v/bin/pip install 'evidently==0.7.23' 'pandas<3' && v/bin/python presets_reference.py evidently
"""
import json
import os
import sys
import warnings
from importlib.metadata import version
import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

# Each column is one shape on both sides: shape, then rows, scale and shift of the reference and of the current side.
COLUMNS = [
    ("normal", "normal", (400, 1, 0), (300, 1, 0.02)),
    ("normal-moved", "normal", (3000, 1, 0), (2000, 1.2, 0.1)),
    ("normal-wide", "normal", (1500, 1, 0), (1500, 1.1, 0)),
    ("skewed", "skewed", (2000, 1, 0), (700, 1.3, 0)),
    ("skewed-moved", "skewed", (250, 1, 0), (200, 1, 3)),
    ("gaps", "gaps", (900, 1, 0), (1200, 1, 0.3)),
    ("few", "whole", (2000, 7, 0), (2000, 7, 1)),
    ("few-short", "whole", (200, 7, 0), (200, 9, 0)),
    ("ten", "whole", (1000, 10, 0), (1000, 10, 2)),
    ("halves", "halves", (800, 8, 0), (600, 8, 1)),
    ("many-whole", "whole", (3000, 25, 0), (1000, 25, 5)),
    ("more-whole", "whole", (600, 15, 0), (3000, 40, 0)),
    ("constant", "whole", (300, 0.5, 0), (300, 0.5, 0)),
    ("constant-moved", "whole", (300, 0.5, 0), (300, 0.5, 1)),
    ("words", "words", (500, 5, 0), (400, 5, 0)),
    ("words-unseen", "words", (1500, 5, 0), (1000, 5, 1)),
    ("words-two", "words", (300, 2, 0), (200, 2.2, 0)),
    ("words-one", "words", (200, 1, 0), (300, 1, 0)),
    ("words-rare", "rare", (3000, 40, 0), (2000, 50, 0)),
    ("words-rare-moved", "rare", (1000, 60, 0), (2500, 60, 4)),
    ("words-many", "words", (3000, 200, 0), (3000, 220, 10)),
]


def uniform(seed, n):
    x = seed
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (x >> 33) / 2**31


def make(shape, seed, n, scale, shift):
    if shape == "normal":
        u = list(uniform(seed, 4 * n))
        return [(u[i] + u[i + 1] + u[i + 2] + u[i + 3]) / 4 * scale + shift for i in range(0, 4 * n, 4)]
    u = list(uniform(seed, n))
    if shape == "skewed":
        return [scale / (1.01 - v) + shift for v in u]
    if shape == "gaps":
        return [None if i % 7 == 3 else v * v * scale + shift for i, v in enumerate(u)]
    if shape == "halves":
        return [int(v * v * scale + shift) / 2 for v in u]
    if shape == "whole":
        return [int(v * v * scale + shift) for v in u]
    if shape == "rare":
        return ["w%d" % int(v * v * v * scale + shift) for v in u]
    return ["w%d" % int(v * v * scale + shift) for v in u]


def columns():
    for name, shape, reference, current in COLUMNS:
        yield name, pd.Series(make(shape, 1, *reference)), pd.Series(make(shape, 2, *current))


# result is [statistic, p-value or null, whether it is drift] by method, and the method that the tool chooses by itself.
def nannyml(x, y):
    import nannyml as nml
    out, numeric = {}, x.dtype != object
    for method, key in (NANNYML_NUMBERS if numeric else NANNYML_WORDS).items():
        c = nml.UnivariateDriftCalculator(column_names=["x"], chunk_number=1, thresholds={key: nml.thresholds.ConstantThreshold(None, 0.1)},
                                          **{"continuous_methods" if numeric else "categorical_methods": [key]})
        r = c.fit(pd.DataFrame({"x": x})).calculate(pd.DataFrame({"x": y})).filter(period="analysis").to_df()
        p = None
        if key == "chi2":
            p = float(c._column_to_models_mapping["x"][0]._p_value)
        out[method] = [float(r[("x", key, "value")].iloc[0]), p, bool(r[("x", key, "alert")].iloc[0])]
    return out, "js-distance"


NANNYML_NUMBERS = {"js-distance": "jensen_shannon", "ks": "kolmogorov_smirnov", "wasserstein": "wasserstein", "hellinger": "hellinger"}
NANNYML_WORDS = {"js-distance": "jensen_shannon", "chi-square": "chi2", "hellinger": "hellinger", "l-infinity": "l_infinity"}


def deepchecks(x, y):
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.checks import FeatureDrift
    out, default = {}, None
    names = {"Kolmogorov-Smirnov": "ks", "Earth Mover's Distance": "wasserstein", "Cramer's V": "cramers-v", "PSI": "psi"}
    other = pd.Series(range(len(x))), pd.Series(range(len(y)))
    a, b = (Dataset(pd.DataFrame({"x": s, "other": o}), label=None) for s, o in zip((x, y), other))
    for numeric, category in (("KS", "cramers_v"), ("EMD", "PSI")):
        check = FeatureDrift(numerical_drift_method=numeric, categorical_drift_method=category).add_condition_drift_score_less_than()
        r = check.run(a, b)
        score, method = r.value["x"]["Drift score"], r.value["x"]["Method"]
        if method is None:
            continue
        details = r.conditions_results[0].details
        out[names[method]] = [None if np.isnan(score) else float(score), None, "'x'" in details or " x" in details]
        default = default or names[method]
    return out, default


def evidently(x, y):
    from evidently.legacy.calculations import stattests as s
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType
    kind = ColumnType.Numerical if x.dtype != object else ColumnType.Categorical
    x, y = x.dropna(), y.dropna()
    tests = {"psi": s.psi_stat_test, "kl": s.kl_div_stat_test, "js-distance": s.jensenshannon_stat_test, "hellinger": s.hellinger_stat_test}
    if kind == ColumnType.Numerical:
        tests |= {"wasserstein": s.wasserstein_stat_test, "ks": s.ks_stat_test}
    else:
        tests["chi-square"] = s.chi_stat_test
    chosen = get_stattest(x, y, kind, None)
    ids = {"wasserstein": "wasserstein", "ks": "ks", "chisquare": "chi-square", "z": "z", "jensenshannon": "js-distance"}
    default = ids[chosen.name]
    tests[default] = chosen
    out = {}
    for method, t in tests.items():
        r = t.func(x.copy(), y.copy(), kind, t.default_threshold)
        value = float(r[0])
        if not np.isfinite(value):
            value = None
        out[method] = [None, value, bool(r[1])] if method in ("ks", "chi-square", "z") else [value, None, bool(r[1])]
    return out, default


tool = sys.argv[1]
out = {"made": tool + " " + version(tool), "columns": []}
for (name, shape, reference, current), (_, x, y) in zip(COLUMNS, columns()):
    results, default = globals()[tool](x, y)
    print(name, default, results, file=sys.stderr)
    sides = [dict(zip(("rows", "scale", "shift"), side)) for side in (reference, current)]
    out["columns"].append({"name": name, "shape": shape, "reference": sides[0], "current": sides[1], "default": default, "results": results})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), tool + "_presets.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
