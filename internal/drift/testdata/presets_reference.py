"""Writes NAME_presets.json for the tool NAME: what it computes and decides for the columns below, which presets_test.go makes too.

python3.11 -m venv v && v/bin/pip install 'nannyml==0.13.1' statsmodels && v/bin/python presets_reference.py nannyml
python3.11 -m venv v && v/bin/pip install 'deepchecks==0.19.1' 'numpy<2' 'setuptools<81' 'scikit-learn<1.6' 'category-encoders<2.7' && v/bin/python presets_reference.py deepchecks
python3.11 -m venv v && v/bin/pip install 'tensorflow-data-validation==1.16.1' 'setuptools<81' && v/bin/python presets_reference.py tfdv
    (pip looks for very long; --no-deps, with tfx-bsl and tensorflow-metadata 1.16.1, tensorflow-cpu 2.16.2, apache-beam 2.60.0, pyarrow 10.0.1, numpy 1.26.4, pandas 1.5.3 and what they import, does)
python3.11 -m venv v && v/bin/pip install 'evidently==0.7.23' 'pandas<3' && v/bin/python presets_reference.py evidently
"""
import json
import logging
import os
import sys
import warnings
from importlib.metadata import version
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
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
    ("nans", "nans", (900, 1, 0), (700, 1.1, 0)),
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
    if shape == "nans":
        return [float("nan") if i % 9 == 3 else v * v * scale + shift for i, v in enumerate(u)]
    if shape == "halves":
        return [int(v * v * scale + shift) / 2 for v in u]
    if shape == "whole":
        return [int(v * v * scale + shift) for v in u]
    if shape == "rare":
        return ["w%d" % int(v * v * v * scale + shift) for v in u]
    return ["w%d" % int(v * v * scale + shift) for v in u]


def columns():
    for name, shape, reference, current in COLUMNS:
        x, y = pd.Series(make(shape, 1, *reference)), pd.Series(make(shape, 2, *current))
        if shape == "nans":
            for s in (x, y):
                s.attrs["nans"] = int(s.isna().sum())
        yield name, x, y


# result is [statistic, p-value or null, whether it is drift] by method, and the method that the tool chooses by itself.
def nannyml(x, y):
    import nannyml as nml
    out, numeric = {}, pd.api.types.is_numeric_dtype(x)
    for method, key in (NANNYML_NUMBERS if numeric else NANNYML_WORDS).items():
        c = nml.UnivariateDriftCalculator(column_names=["x"], chunk_number=1, thresholds={key: nml.thresholds.ConstantThreshold(None, 0.1)},
                                          **{"continuous_methods" if numeric else "categorical_methods": [key]})
        r = c.fit(pd.DataFrame({"x": x})).calculate(pd.DataFrame({"x": y})).filter(period="analysis").to_df()
        short = [c for c in r.columns if c[0] == "x" and c[2] == "value"][0][1]
        p = None
        if key == "chi2":
            p = float(c._column_to_models_mapping["x"][0]._p_value)
        out[method] = [float(r[("x", short, "value")].iloc[0]), p, bool(r[("x", short, "alert")].iloc[0])]
    return out, "js-distance"


NANNYML_NUMBERS = {"js-distance": "jensen_shannon", "ks": "kolmogorov_smirnov", "wasserstein": "wasserstein", "hellinger": "hellinger"}
NANNYML_WORDS = {"js-distance": "jensen_shannon", "chi-square": "chi2", "hellinger": "hellinger", "l-infinity": "l_infinity"}


def deepchecks(x, y):
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.checks import FeatureDrift
    out, default = {}, None
    names = {"Kolmogorov-Smirnov": "ks", "Earth Mover's Distance": "wasserstein", "Cramer's V": "cramers-v", "PSI": "psi"}
    logging.disable()
    a = Dataset(pd.DataFrame({"x": x, "other": range(len(x))}))
    left_out = not pd.api.types.is_numeric_dtype(x) and "x" not in a.cat_features  # too many words: it would compare nothing
    if left_out:
        a = Dataset(a.data, cat_features=["x"])
    b = Dataset(pd.DataFrame({"x": y, "other": range(len(y))}), cat_features=a.cat_features)
    for numeric, category in (("KS", "cramers_v"), ("EMD", "PSI")):
        check = FeatureDrift(numerical_drift_method=numeric, categorical_drift_method=category).add_condition_drift_score_less_than()
        r = check.run(a, b)
        score, method = r.value["x"]["Drift score"], r.value["x"]["Method"]
        details = r.conditions_results[0].details
        out[names[method]] = [None if np.isnan(score) else float(score), None, "'x'" in details or " x" in details]
        default = default or (None if left_out else names[method])
    return out, default


def tfdv(x, y):
    import tensorflow_data_validation as tfdv
    a, b = (tfdv.generate_statistics_from_dataframe(pd.DataFrame({"x": s}), n_jobs=1) for s in (x, y))
    schema = tfdv.infer_schema(a)
    comparator = tfdv.get_feature(schema, "x").drift_comparator

    def drift():
        r = tfdv.validate_statistics(b, schema, previous_statistics=a)
        reasons = [reason.short_description for f in r.anomaly_info.values() for reason in f.reason]
        return r.drift_skew_info[0].drift_measurements[0].value, any(r.startswith("High") for r in reasons)

    if not pd.api.types.is_numeric_dtype(x):
        comparator.infinity_norm.threshold = 0.1
        value, verdict = drift()
        return {"l-infinity": [value, None, verdict]}, "l-infinity"
    comparator.jensen_shannon_divergence.threshold = 0.1
    _, verdict = drift()
    # Its histograms come from approximate quantiles. Given the counts that are right, it computes this. pandas hands it NaN as null, so NaN is put back too.
    for stats, side in ((a, x), (b, y)):
        n = stats.datasets[0].features[0].num_stats
        (h,) = (h for h in n.histograms if h.type == h.STANDARD)
        nans, side = side.attrs.get("nans", 0), side.dropna()
        h.num_nan = nans
        del h.buckets[:]
        low, high = side.min(), side.max()
        edges = np.linspace(low, high, 11)
        counts = np.histogram(side, edges)[0] if low < high else [len(side)]
        for i, n in enumerate(counts):
            h.buckets.add(low_value=edges[i], high_value=edges[i + 1], sample_count=n)
    value, exact = drift()
    return {"js-divergence": [value, None, exact if x.attrs else verdict]}, "js-divergence"


def evidently(x, y):
    from evidently.legacy.calculations import stattests as s
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType
    kind = ColumnType.Numerical if pd.api.types.is_numeric_dtype(x) else ColumnType.Categorical
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
package = {"tfdv": "tensorflow-data-validation"}.get(tool, tool)
out = {"made": package + " " + version(package), "columns": []}
for (name, shape, reference, current), (_, x, y) in zip(COLUMNS, columns()):
    results, default = globals()[tool](x, y)
    print(name, default, results, file=sys.stderr)
    sides = [dict(zip(("rows", "scale", "shift"), side)) for side in (reference, current)]
    out["columns"].append({"name": name, "shape": shape, "reference": sides[0], "current": sides[1], "default": default, "results": results})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), tool + "_presets.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
