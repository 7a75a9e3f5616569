"""Writes ranking.json: metrics of random rankings. ndcg and map are
scikit-learn's; the others are means over all orders of rows of one score, each
order by the definition.

Run with scikit-learn 1.9.1, numpy: python ranking.py
"""
import itertools, json, os, warnings
import numpy as np
from sklearn.metrics import average_precision_score, ndcg_score

rng = np.random.default_rng(66)
warnings.simplefilter("error")
K = [1, 2, 3, 5, 10]


def orders(score):
    """All orders of the rows by descending score."""
    blocks = [np.flatnonzero(score == s).tolist() for s in sorted(set(score.tolist()), reverse=True)]
    for parts in itertools.product(*(itertools.permutations(b) for b in blocks)):
        yield [i for p in parts for i in p]


def by_order(rel, name, k):
    """rel is whether each row is relevant, best score first."""
    top, total = rel[:k], sum(rel)
    if name == "recall":
        return sum(top) / total
    if name == "precision":
        return sum(top) / k
    if name == "hit_rate":
        return float(any(top))
    if name == "mrr":
        return 1 / (rel.index(True) + 1)
    if name == "map":
        return sum(sum(rel[: i + 1]) / (i + 1) for i in range(len(top)) if rel[i]) / min(total, k)


def ndcg(truth, score, k=None):
    return 1.0 if len(truth) == 1 else ndcg_score([truth], [score], k=k)


def query(truth, score):
    rel = (truth > 0)
    out = {"ndcg": ndcg(truth, score), "map": average_precision_score(rel, score)}
    lists = [[bool(rel[i]) for i in o] for o in orders(score)]
    out["mrr"] = np.mean([by_order(l, "mrr", None) for l in lists])
    for k in K:
        out[f"ndcg@{k}"] = ndcg(truth, score, k)
        for name in ("recall", "precision", "hit_rate", "map"):
            out[f"{name}@{k}"] = np.mean([by_order(l, name, k) for l in lists])
    return out


cases = []
for i in range(150):
    truth, score, number = [], [], []
    for q in range(int(rng.integers(1, 6))):
        ties = rng.random() < 0.6
        n = int(rng.integers(1, 8 if ties else 25))
        t = rng.integers(0, 4, n) if rng.random() < 0.5 else (rng.random(n) < 0.3).astype(int)
        if rng.random() < 0.1:
            t = t * 0
        s = rng.integers(0, 3, n).astype(float) if ties else rng.permutation(n) / 8 - 1
        truth += t.tolist(); score += s.tolist(); number += [q * 3] * n
    truth, score, number = np.array(truth), np.array(score), np.array(number)
    mix = rng.permutation(len(truth))  # the rows of a query need not stand together
    truth, score, number = truth[mix], score[mix], number[mix]
    got = [query(truth[number == q], score[number == q]) for q in sorted(set(number.tolist())) if (truth[number == q] > 0).any()]
    want = {k: float("%.12g" % np.mean([g[k] for g in got])) for k in got[0]} if got else None
    cases.append({"truth": truth.tolist(), "score": score.tolist(), "query": number.tolist(), "want": want,
                  "without": len(set(number.tolist())) - len(got)})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ranking.json"), "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
