"""Writes reference.json: what numpy says of the numbers that
TestAgainstNumpy makes. Run with any numpy: python reference.py > reference.json"""
import json
import numpy as np

QS = ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"]


def numbers(n):
    x, out = 1, []
    for i in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        u = (x >> 11) / 2**53
        # three kinds of numbers: wide, negative, and many times the same
        out.append([u * 1000, -(u**8), float(int(u * 50))][i % 3])
    return np.array(out)


def facts(n):
    v = numbers(n)
    counts, edges = np.histogram(v, bins=20)
    return {
        "n": n, "min": v.min(), "max": v.max(), "mean": v.mean(), "stddev": v.std(ddof=1) if n > 1 else 0, "distinct": len(np.unique(v)),
        "quantiles": {q: float(np.quantile(v, float(q))) for q in QS},
        "edges": edges.tolist(), "counts": counts.tolist(),
    }


print(json.dumps([facts(1), facts(2), facts(1000), facts(200_000)], indent=1))
