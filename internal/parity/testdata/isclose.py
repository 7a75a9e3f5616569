"""Writes isclose.json: what numpy says of random outputs of two models, number by
number and list by list.

Run with numpy 2: python isclose.py
"""
import json, os
import numpy as np

rng = np.random.default_rng(7)
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e-8, 1.0]


def stats(a, b, rtol, atol):
    with np.errstate(all="ignore"):
        close = np.isclose(a, b, rtol=rtol, atol=atol)
        both = np.isfinite(a) & np.isfinite(b)
        d = np.minimum(np.abs(a - b)[both], np.finfo(float).max)
        r = np.minimum((d / np.abs(b[both]))[b[both] != 0], np.finfo(float).max)
    return {"close": close.astype(int).tolist(), "maxAbs": float(d.max(initial=0)), "maxRel": float(r.max(initial=0)),
            "meanAbs": float("%.12g" % min(np.mean(d / 2) * 2 if len(d) else 0, np.finfo(float).max)), "notFinite": int((~both).sum())}


def text(x):
    return [repr(float(v)) for v in x]


cases = []
for i in range(200):
    n = int(rng.integers(1, 30))
    rtol, atol = [(1e-5, 1e-8), (0, 0), (0.1, 0), (0, 0.5)][i % 4]
    b = np.round(rng.normal(0, 10, n), 4)
    a = np.round(b * (1 + rng.normal(0, 1, n) * [1e-5, 1e-1, 0][i % 3]), 8)
    if i % 5 == 0:
        hit = rng.random(n) < 0.4
        a = np.where(hit, rng.choice(SPECIAL[:5] + SPECIAL[7:], n), a)
        b = np.where(rng.random(n) < 0.4, rng.choice(SPECIAL[:5] + SPECIAL[7:], n), b)
    if i % 7 == 0:
        a = np.where(rng.random(n) < 0.5, b, a)
    cases.append({"a": text(a), "b": text(b), "rtol": rtol, "atol": atol, **stats(a, b, rtol, atol)})
lists = []
for i in range(60):
    n, k = int(rng.integers(1, 9)), int(rng.integers(2, 6))
    b = np.round(rng.normal(0, 1, (n, k)), 1 if i % 2 else 4)
    a = np.round(b + rng.normal(0, 0.2, (n, k)), 1 if i % 2 else 4)
    if i % 6 == 0:
        a[0, 0] = np.nan
    close = np.isclose(a, b, rtol=0, atol=0.25)
    lists.append({"a": [text(r) for r in a], "b": [text(r) for r in b], "outsideRows": int((~close).any(axis=1).sum()),
                  "outsideValues": int((~close).sum()), "flips": int((a.argmax(axis=1) != b.argmax(axis=1)).sum())})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "isclose.json"), "w") as out:
    out.write('{"numbers":[\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) +
              '\n],"lists":[\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in lists) + "\n]}\n")
