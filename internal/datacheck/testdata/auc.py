"""Writes auc.json: areas under the ROC curve by leave-pair-out cross-validation, the slow way.

    pip install scikit-learn==1.9.1 numpy==2.4.6 && python auc.py > auc.json

For each pair of a row with a label and a row without, both are left out, the rate of the label among the
other rows with the same value (among all others, when there is none) is the score, and scikit-learn
says which share of the pairs is in order; the mean over the labels, weighted by their rows, is what
roc_auc_score calls multi_class="ovr", average="weighted".
"""
import json
import random

import sklearn
from sklearn.metrics import roc_auc_score

random.seed(7)


def rate(values, labels, label, value, without):
    same = [labels[i] == label for i in range(len(values)) if values[i] == value and i not in without]
    rest = same or [labels[i] == label for i in range(len(values)) if i not in without]
    return sum(same or rest) / len(same or rest)


def leave_pair_out(values, labels, label):
    won = pairs = 0
    for i in range(len(values)):
        for j in range(len(values)):
            if labels[i] == label and labels[j] != label:
                scores = [rate(values, labels, label, values[k], (i, j)) for k in (i, j)]
                won += roc_auc_score([1, 0], scores)
                pairs += 1
    return won / pairs


cases = []
for name, values, noise in [("telling", 3, 0.1), ("noise", 5, 1), ("many values", 25, 0.3), ("one value", 1, 1)]:
    labels = [random.choice("abc") for _ in range(36)]
    column = []
    for l in labels:
        v = "abc".index(l) % values
        if random.random() < noise:
            v = random.randrange(values)
        column.append(f"v{v}")
    auc = {l: leave_pair_out(column, labels, l) for l in "abc"}
    cases.append({"name": name, "values": column, "labels": labels, "auc": auc, "weighted": sum(auc[l] * labels.count(l) for l in "abc") / len(labels)})
print(json.dumps({"scikit-learn": sklearn.__version__, "cases": cases}))
