"""Writes classification.json: what scikit-learn says of random and awkward
predictions of classes. null is a value that scikit-learn warns about as
ill-defined, refuses, or makes 0 or 1 of by convention (0/0).

Classes are the letters a, b, c, …; b is positive. Scores are in
thousandths.

Made with scikit-learn 1.9.1, scipy 1.17.1:  python classification.py
"""

import json
import random
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import ks_2samp
from sklearn import metrics as M
from sklearn.exceptions import UndefinedMetricWarning

assert sklearn.__version__ == "1.9.1" and scipy.__version__ == "1.17.1"
warnings.simplefilter("ignore")
warnings.simplefilter("error", UndefinedMetricWarning)

PER_CLASS = {
    "precision": M.precision_score,
    "recall": M.recall_score,
    "f1": M.f1_score,
    "jaccard": M.jaccard_score,
    "f2": lambda *a, **k: M.fbeta_score(*a, beta=2, **k),
}


def defined(f):
    try:
        v = float(f())
    except (UndefinedMetricWarning, ValueError):
        return None
    return None if np.isnan(v) else v


def averages(y, p, out):
    """Averages of one label and one prediction a row."""
    occur = sorted(set(y) | set(p))
    for name, f in PER_CLASS.items():
        each = {k: defined(lambda: f(y, p, labels=[k], average="macro")) for k in occur}
        out[name + ".macro"] = None if None in each.values() else f(y, p, average="macro", zero_division=0)
        out[name + ".micro"] = f(y, p, average="micro")
        out[name + ".weighted"] = (
            None if None in [each[k] for k in set(y)] else f(y, p, average="weighted", zero_division=0)
        )


def whole_matrix(y, p, out):
    out["accuracy"] = M.accuracy_score(y, p)
    both = set(y) | set(p)
    out["balanced_accuracy"] = None if len(both) < 2 or both != set(y) else M.balanced_accuracy_score(y, p)
    out["mcc"] = None if len(set(y)) < 2 or len(set(p)) < 2 else M.matthews_corrcoef(y, p)
    out["cohen_kappa"] = defined(lambda: M.cohen_kappa_score(y, p))


def positive(y, p, out):
    """One class against the rest."""
    for name, f in PER_CLASS.items():
        out[name] = defined(lambda: f(y, p))
    out["f0.5"] = defined(lambda: M.fbeta_score(y, p, beta=0.5))
    out["specificity"] = defined(lambda: M.recall_score(y, p, pos_label=0))
    out["npv"] = defined(lambda: M.precision_score(y, p, pos_label=0))
    out["fpr"] = None if out["specificity"] is None else 1 - out["specificity"]
    out["fnr"] = None if out["recall"] is None else 1 - out["recall"]
    out["selection_rate"] = p.mean()


def calibration(p, hit, bins):
    """ece and mce, bin by bin, with edges that are closed above."""
    gaps, total = [], 0.0
    for b in range(bins):
        inside = (p > b / bins) & (p <= (b + 1) / bins) | ((b == 0) & (p == 0))
        if inside.any():
            gaps.append(abs(p[inside].mean() - hit[inside].mean()))
            total += inside.sum() * gaps[-1]
    return total / len(p), max(gaps)


def lift(y, s, share):
    """The mean over random orders of rows of one score: each row of the block
    at the cut counts in part."""
    if not y.any():
        return None
    k, hits = share * len(y), 0.0
    for v in sorted(set(s), reverse=True):
        above, block = (s > v).sum(), s == v
        part = min(max(k - above, 0), block.sum()) / block.sum()
        hits += part * y[block].sum()
    return hits / k / y.mean()


def binary(y, p, thousandths):
    y, p, s = np.array(y), np.array(p), np.array(thousandths) / 1000
    out = {}
    whole_matrix(y, p, out)
    positive(y, p, out)
    averages(y, p, out)
    out["roc_auc"] = defined(lambda: M.roc_auc_score(y, s))
    # Without positives scikit-learn warns, with another warning, and has 0.
    out["average_precision"] = M.average_precision_score(y, s) if y.any() else None
    out["ks"] = None if len(set(y)) < 2 else ks_2samp(s[y == 1], s[y == 0]).statistic
    for share in (0.1, 0.25):
        out[f"lift@{share}"] = lift(y, s, share)
    out["log_loss"] = defined(lambda: M.log_loss(y, s, labels=[0, 1]))
    out["brier"] = defined(lambda: M.brier_score_loss(y, s, labels=[0, 1]))
    for bins, suffix in ((10, ""), (15, "@15")):
        out["ece" + suffix], out["mce" + suffix] = calibration(s, y, bins) if 0 <= s.min() and s.max() <= 1 else (None, None)
    return out


def multiclass(y, p, thousandths, classes):
    y, p, s = np.array(y), np.array(p), np.array(thousandths).T / 1000
    labels, out = list(range(classes)), {}
    whole_matrix(y, p, out)
    averages(y, p, out)
    positive((y == 1).astype(int), (p == 1).astype(int), out)
    complete = len(set(y)) == classes
    for name, average in (("ovr", "macro"), ("ovo", "macro")):
        out[f"roc_auc.{name}.{average}"] = (
            defined(lambda: M.roc_auc_score(y, s, multi_class=name, average=average, labels=labels)) if complete else None
        )
    weighted = None
    if len(set(y)) > 1:
        weighted = sum((y == k).mean() * M.roc_auc_score(y == k, s[:, k]) for k in set(y))
        if complete:
            assert abs(weighted - M.roc_auc_score(y, s, multi_class="ovr", average="weighted", labels=labels)) < 1e-12
    out["roc_auc.ovr.weighted"] = weighted
    for k in (1, 2, 3):
        out[f"top_{k}_accuracy"] = defined(lambda: M.top_k_accuracy_score(y, s, k=k, labels=labels))
    out["log_loss"] = defined(lambda: M.log_loss(y, s, labels=labels))
    out["brier"] = defined(lambda: M.brier_score_loss(y, s, labels=labels, scale_by_half=False))
    out["ece"], out["mce"] = calibration(s.max(axis=1), s.argmax(axis=1) == y, 10)
    return out


def multilabel(y, p):
    y, p, out = np.array(y), np.array(p), {}
    out["subset_accuracy"] = M.accuracy_score(y, p)
    out["hamming_loss"] = M.hamming_loss(y, p)
    for name, f in PER_CLASS.items():
        each = [defined(lambda: f(y[:, k], p[:, k])) for k in range(y.shape[1])]
        out[name + ".macro"] = None if None in each else f(y, p, average="macro")
        out[name + ".micro"] = defined(lambda: f(y, p, average="micro"))
        some = [v for k, v in enumerate(each) if y[:, k].any()]
        out[name + ".weighted"] = None if None in some or not some else f(y, p, average="weighted", zero_division=0)
        out[name + ".samples"] = defined(lambda: f(y, p, average="samples"))
    return out


NAMES, CASES = {}, []


def add(task, classes, y, p, scores, values):
    names = NAMES.setdefault(task, sorted(values))
    assert names == sorted(values)
    letters = lambda row: "".join(chr(97 + k) for k in row)
    if task == "multilabel":
        y, p = ([[k for k in range(classes) if row[k]] for row in m] for m in (y, p))
        y, p = ",".join(map(letters, y)), ",".join(map(letters, p))
    else:
        y, p = letters(y), letters(p)
    CASES.append(
        {"task": task, "classes": classes, "y": y, "p": p, "s": scores,
         "v": [None if values[n] is None else float(f"{float(values[n]):.12g}") for n in names]}
    )


def size():
    return random.choice([1, 2, 3, 5, 8, 13, random.randint(1, 40), random.randint(1, 40), random.randint(1, 300)])


def random_binary():
    n, prevalence, skill = size(), random.choice([0.02, 0.1, 0.3, 0.5, 0.9]), random.random()
    y = [int(random.random() < prevalence) for _ in range(n)]
    step = random.choice([1, 1, 50, 100, 250, 1000])  # ties
    s = [round((1000 * skill * t + 1000 * (1 - skill) * random.random()) / step) * step for t in y]
    kind = random.random()
    if kind < 0.05:
        s = [500] * n
    elif kind < 0.1:
        s = [1000 * random.randint(0, 1) for _ in y]
    elif kind < 0.15:
        s = [5 * v - 2000 for v in s]  # no probabilities
    p = [int(v >= 500) for v in s] if random.random() < 0.7 else [random.choice(y + [0, 1]) for _ in y]
    add("binary", 2, y, p, [s], binary(y, p, s))


def random_multiclass():
    n, k, skill = min(size(), 60), random.choice([3, 3, 4, 5, 12]), random.random()
    present = random.sample(range(k), random.choice([k, k, k, random.randint(1, k)]))
    y, p, s = [random.choice(present) for _ in range(n)], [], []
    if random.random() < 0.5:  # every class has a row
        y = list(range(k)) + y
    for t in y:
        w = [random.random() ** 3 + (2 * skill if i == t else 0) for i in range(k)]
        step = random.choice([1, 50, 200])
        row = [int(v / sum(w) * 1000 / step) * step for v in w]
        row[random.randrange(k)] += 1000 - sum(row)
        s.append(row)
        p.append(max(range(k), key=lambda i: row[i]) if random.random() < 0.8 else random.randrange(k))
    columns = [list(c) for c in zip(*s)]
    add("multiclass", k, y, p, columns, multiclass(y, p, columns, k))


def random_multilabel():
    n, k, skill = min(size(), 60), random.choice([2, 3, 4, 8]), random.random()
    rate = random.choice([0.2, 0.5, 0.8])
    y = [[int(random.random() < rate) for _ in range(k)] for _ in range(n)]
    p = [[v if random.random() < skill else int(random.random() < rate) for v in row] for row in y]
    if random.random() < 0.5:  # no row without a class
        for m in (y, p):
            for row in m:
                row[random.randrange(k)] = 1
    add("multilabel", k, y, p, None, multilabel(y, p))


random.seed(20)
for _ in range(320):
    random_binary()
for _ in range(150):
    random_multiclass()
for _ in range(110):
    random_multilabel()

with open("classification.json", "w") as f:
    rows = ",\n".join(json.dumps(c, separators=(",", ":")) for c in CASES)
    f.write('{"names":%s,\n"cases":[\n%s\n]}\n' % (json.dumps(NAMES, separators=(",", ":")), rows))
