"""Writes expected.json: what scikit-learn says about small and awkward sets of
predictions. null is a metric for which scikit-learn warns that it is
ill-defined (0/0) for a label that has weight.

Made with scikit-learn 1.9.1:  python expected.py
"""

import json
import random
import warnings

import numpy as np
import sklearn
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

assert sklearn.__version__ == "1.9.1"
warnings.simplefilter("ignore")
warnings.simplefilter("error", UndefinedMetricWarning)
FUNCTIONS = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def averaged(function, labels, predictions, average):
    if average == "micro":
        return float(function(labels, predictions, average="micro"))
    each = function(labels, predictions, average=None, zero_division=np.nan)
    if average == "weighted":
        names = np.unique(np.concatenate([labels, predictions]))
        each = each[[n in labels for n in names]]
    if np.isnan(each).any():
        return None
    return float(function(labels, predictions, average=average, zero_division=0))


def case(name, labels, predictions, positive=None):
    names = [str(n) for n in np.unique(np.concatenate([labels, predictions]))]
    metrics = {"accuracy": float(accuracy_score(labels, predictions))}
    for metric, function in FUNCTIONS.items():
        for average in ("macro", "micro", "weighted"):
            metrics[metric + "." + average] = averaged(function, labels, predictions, average)
        pos = positive if positive is not None else 1
        if positive is None and len(names) > 2:
            metrics[metric] = None
            continue
        try:
            # labels=[pos] is "binary" that also takes more than two labels.
            metrics[metric] = float(function(labels, predictions, labels=[pos], average="macro"))
        except UndefinedMetricWarning:
            metrics[metric] = None
    return {
        "name": name,
        "labels": [str(x) for x in labels],
        "predictions": [str(x) for x in predictions],
        "positive": None if positive is None else str(positive),
        "classes": names,
        "confusion": confusion_matrix(labels, predictions).tolist(),
        "metrics": metrics,
    }


cases = [
    case("all right", [0, 1, 1, 0], [0, 1, 1, 0]),
    case("all wrong", [0, 1, 1, 0], [1, 0, 0, 1]),
    case("one row, right", [1], [1]),
    case("one row, wrong", [1], [0]),
    case("nothing predicted positive", [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]),
    case("everything predicted positive", [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]),
    case("no positive label", [0, 0, 0], [0, 1, 0]),
    case("one class, negative", [0, 0, 0], [0, 0, 0]),
    case("one class, positive", [1, 1, 1], [1, 1, 1]),
    case("positive is the other label", [0, 1, 1, 0, 1], [0, 1, 0, 1, 1], 0),
    case("three classes, documentation", [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]),
    case("three classes, one never predicted", [0, 1, 2, 0, 1, 2], [0, 1, 1, 0, 1, 0]),
    case("three classes, two never predicted", [0, 1, 2, 0, 1, 2], [0, 0, 0, 0, 0, 0]),
    case("three classes, one never labelled", [0, 1, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2]),
    case("three classes, one against the rest", [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 2], 2),
    case("names", ["cat", "dog", "bird", "cat"], ["cat", "cat", "bird", "dog"]),
    case("two names with positive", ["ham", "spam", "spam", "ham"], ["ham", "spam", "ham", "spam"], "spam"),
    case("numbers sort by value", [2, 10, 9, 10], [10, 10, 9, 2]),
]
random.seed(20)
for i in range(60):
    classes, rows = random.randint(2, 6), random.randint(1, 40)
    skill = random.random()
    labels = [random.randrange(classes) for _ in range(rows)]
    predictions = [y if random.random() < skill else random.randrange(classes) for y in labels]
    cases.append(case(f"random {i}", labels, predictions, random.choice([None, labels[0]])))

with open("expected.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
