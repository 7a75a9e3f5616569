"""Writes inference.json, the values that inference_test.go expects.

python3 -m venv v && v/bin/pip install numpy scipy statsmodels && v/bin/python inference.py

Run with the versions named in the output. Random cases are seeded; numbers
have 12 significant digits.
"""
import json
import math
import os
import warnings

import numpy as np
import scipy
import statsmodels
from scipy import optimize, special, stats
from statsmodels.stats import contingency_tables, multitest, proportion

rng = np.random.default_rng(6)
warnings.simplefilter("ignore")


def logspace(low, high):
    return float(10 ** rng.uniform(math.log10(low), math.log10(high)))


def counts(greatest):
    """k of n, edge cases often."""
    n = max(1, int(logspace(1, greatest)))
    edge = rng.random()
    if edge < 0.12:
        return 0, n
    if edge < 0.24:
        return n, n
    return int(rng.binomial(n, rng.choice([rng.random(), 0.999, 0.5, logspace(1e-6, 0.1)]))), n


def confidence():
    return float(rng.choice([0.9, 0.95, 0.99, 0.8, 0.5, 0.999, 0.999999]))


def distributions():
    normal = []
    for z in list(np.linspace(-37, 8, 31)) + [0.0, -0.5, 1.0, 1.959963984540054, 1e-9]:
        normal.append([float(z), special.ndtr(z)])
    quantiles = []
    for p in [1e-300, 1e-100, 1e-30, 1e-12, 1e-9, 1e-5, 0.001, 0.01, 0.025, 0.05, 0.0749, 0.075, 0.1, 0.2, 0.49, 0.5, 0.5000001, 0.8, 0.9251, 0.95, 0.975, 0.999, 0.9999999]:
        quantiles.append([p, special.ndtri(p)])
    student, student_quantile = [], []
    for _ in range(120):
        df = float(rng.choice([1, 2, 3, 10, 29.5, 0.5, logspace(0.3, 1e9), logspace(1, 1000)]))
        t = float(rng.choice([-1, 1]) * logspace(1e-3, 50))
        v = stats.t.cdf(t, df)
        if v > 1e-290:
            student.append([t, df, v])
        p = float(rng.choice([logspace(1e-12, 0.5), rng.random(), 0.05, 0.975, 0.499]))
        # scipy's own quantile is less exact for few degrees: one step by Newton
        # on its distribution function.
        q = stats.t.ppf(p, df)
        q = q - (stats.t.cdf(q, df) - p) / stats.t.pdf(q, df)
        student_quantile.append([p, df, q])
    return normal, quantiles, student, student_quantile


def betas():
    cdf, quantile = [], []
    for _ in range(150):
        a, b = logspace(0.05, 1e6), logspace(0.05, 1e6)
        if rng.random() < 0.3:
            a = b = logspace(0.1, 1e5)
        sd = math.sqrt(a * b / (a + b) ** 2 / (a + b + 1))
        x = float(np.clip(a / (a + b) + rng.normal() * 3 * sd, 1e-12, 1 - 1e-9))
        if rng.random() < 0.2:
            x = logspace(1e-8, 1)
        v = special.betainc(a, b, x)
        if v > 1e-290:
            cdf.append([x, a, b, v])
        p = float(rng.choice([rng.random(), 0.025, 0.975, logspace(1e-10, 1)]))
        q = special.betaincinv(a, b, p)
        if 1e-290 < q < 1 and abs(special.betainc(a, b, q) / p - 1) < 1e-10:
            quantile.append([p, a, b, q])
    binomial = []
    for _ in range(100):
        k, n = counts(1e11)
        p = float(np.clip((k + rng.normal() * math.sqrt((k + 1) * (1.000001 - k / n)) * 2) / n, 1e-9, 1 - 1e-6))
        v = special.bdtr(k, n, p) if n < 1e3 else special.betaincc(k + 1, n - k, p) if k < n else 1.0
        if v > 1e-290:
            binomial.append([k, n, p, v])
    return cdf, quantile, binomial


def intervals():
    out = []
    for _ in range(100):
        k, n = counts(1e10)
        c = confidence()
        exact = proportion.proportion_confint(k, n, 1 - c, "beta")
        jeffreys = list(proportion.proportion_confint(k, n, 1 - c, "jeffreys"))
        if k == 0:
            jeffreys[0] = 0.0
        if k == n:
            jeffreys[1] = 1.0
        wilson = list(proportion.proportion_confint(k, n, 1 - c, "wilson"))
        if k == 0:
            wilson[0] = 0.0  # not 1e-20
        out.append([k, n, c, *(0 if np.isnan(v) else v for v in exact), *jeffreys,
                    *proportion.proportion_confint(k, n, 1 - c, "agresti_coull"),
                    *wilson])
    tests = []
    for _ in range(100):
        k, n = counts(1e5)
        p = float(rng.choice([0.5, 0.9, 0.75, rng.random(), np.clip(k / n + rng.normal() / math.sqrt(n), 0, 1)]))
        v = stats.binomtest(k, n, p).pvalue
        if v > 1e-290:
            tests.append([k, n, p, v])
    tests += [[0, 5, 0.0, 1.0], [1, 5, 0.0, 0.0], [5, 5, 1.0, 1.0], [4, 5, 1.0, 0.0], [10, 20, 0.5, 1.0]]
    independent = []
    for _ in range(80):
        (k1, n1), (k2, n2) = counts(1e5), counts(1e5)
        c = confidence()
        low, high = proportion.confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", alpha=1 - c)
        independent.append([k1, n1, k2, n2, c, k1 / n1 - k2 / n2, low, high])
    return out, tests, independent


def paired():
    """statsmodels has no interval by Newcombe for pairs: here it is written
    out as M. W. Fagerland, S. Lydersen and P. Laake do (Statistics in Medicine
    33, 2014, section 5)."""
    out = []
    for i in range(100):
        n = int(logspace(1, 1e6))
        share = rng.dirichlet([rng.choice([1, 20]), rng.choice([0.2, 1]), rng.choice([0.2, 1]), 1])
        a, b, c, d = (int(v) for v in rng.multinomial(n, share))
        if i % 10 == 0:
            a, b, c, d = a + b, 0, 0, c + d
        conf = confidence()
        z = stats.norm.ppf((1 + conf) / 2)
        l1, u1 = proportion.proportion_confint(a + b, n, 1 - conf, "wilson")
        l2, u2 = proportion.proportion_confint(a + c, n, 1 - conf, "wilson")
        p1, p2 = (a + b) / n, (a + c) / n
        product = (a + b) * (c + d) * (a + c) * (b + d)
        excess = a * d - b * c
        if excess > 0:
            excess = max(excess - n / 2, 0)
        psi = excess / math.sqrt(product) if product else 0.0
        low = p1 - p2 - math.sqrt(max((p1 - l1) ** 2 + (u2 - p2) ** 2 - 2 * psi * (p1 - l1) * (u2 - p2), 0))
        high = p1 - p2 + math.sqrt(max((p2 - l2) ** 2 + (u1 - p1) ** 2 - 2 * psi * (p2 - l2) * (u1 - p1), 0))
        se = math.sqrt(b + c - (b - c) ** 2 / n) / n
        wald = [(b - c) / n - z * se, (b - c) / n + z * se]
        table = [[a, b], [c, d]]
        if b + c:
            exact = contingency_tables.mcnemar(table, exact=True).pvalue
            plain = contingency_tables.mcnemar(table, exact=False, correction=False)
            edwards = contingency_tables.mcnemar(table, exact=False, correction=True)
            edwards = [0, 1] if b == c else [edwards.statistic, edwards.pvalue]
            k = min(b, c)
            mid = 2 * stats.binom.cdf(k, b + c, 0.5) - stats.binom.pmf(k, b + c, 0.5)
            tests = [min(exact, 1), mid, plain.statistic, plain.pvalue, *edwards]
        else:
            tests = [1, 1, 0, 1, 0, 1]
        if tests[0] < 1e-100:
            continue  # scipy's digits are lost there
        out.append([a, b, c, d, conf, low, high, se, max(wald[0], -1), min(wald[1], 1), *tests])
    return out


def tango():
    """The score interval from its definition: the likelihood is maximised, and
    the statistic inverted, by root finding."""
    out = []

    def statistic(b, c, n, delta):
        # r is the smaller of the two shares on which one alone is right.
        few, many = (c, b) if delta >= 0 else (b, c)
        size = abs(delta)
        width = (1 - size) / 2

        def slope(r):
            return many / (r + size) + few / r - (n - b - c) / (width - r)
        low, high = 1e-13 * width, (1 - 1e-13) * width
        if slope(low) <= 0:
            r = 0.0
        elif slope(high) >= 0:
            r = width
        else:
            r = optimize.brentq(slope, low, high, xtol=1e-18, rtol=1e-15, maxiter=500)
        excess = b - c - n * delta
        return excess and excess / math.sqrt(n * (2 * r + size - size * size))

    for i in range(60):
        n = int(logspace(2, 1e4))
        b, c = (int(v) for v in rng.multinomial(n, rng.dirichlet([0.5, 0.5, 4]))[:2])
        if i % 6 == 0:
            b = 0
        if i % 12 == 0:
            c = 0
        conf = float(rng.choice([0.9, 0.95, 0.99]))
        z, d = stats.norm.ppf((1 + conf) / 2), (b - c) / n
        low = -1.0 if c == n else optimize.brentq(lambda x: statistic(b, c, n, x) - z, -1 + 1e-12, d, xtol=1e-16, rtol=1e-15)
        high = 1.0 if b == n else optimize.brentq(lambda x: statistic(b, c, n, x) + z, d, 1 - 1e-12, xtol=1e-16, rtol=1e-15)
        out.append([n, b, c, conf, low, high])
    return out


def means():
    t, wilcoxon = [], []
    for i in range(60):
        n = int(rng.integers(2, 40))
        x = [float("%.5g" % v) for v in rng.normal(rng.normal(), logspace(1e-3, 1e3), n) + rng.choice([0, 1000])]
        if len(set(x)) == 1:
            continue
        null, c = float("%.3g" % rng.normal()), confidence()
        r = stats.ttest_1samp(x, null)
        low, high = r.confidence_interval(c)
        t.append({"x": x, "null": null, "confidence": c,
                  "want": [float(np.mean(x)), stats.sem(x), low, high, r.statistic, r.pvalue]})
    for i in range(60):
        n = int(rng.integers(1, 80))
        x = rng.normal(0.3, 1, n)
        if i % 2:
            x = np.round(x * 4) / 4  # ties, zeros
        else:
            x = np.array([float("%.6g" % v) for v in x])
        kept = x[x != 0]
        if len(kept) == 0:
            continue
        ranks = stats.rankdata(np.abs(kept))
        exact = len(kept) < 50 and len(kept) == len(x) and len(set(np.abs(kept))) == len(kept)
        r = stats.wilcoxon(x, zero_method="wilcox", correction=True, method="exact" if exact else "asymptotic")
        wilcoxon.append({"x": x.tolist(), "want": [float(ranks[kept > 0].sum()), float(r.pvalue)], "exact": exact})
    return t, wilcoxon


def multiple():
    out = []
    for _ in range(25):
        p = [float("%.4g" % v) for v in rng.random(int(rng.integers(1, 30))) ** rng.choice([1, 4])]
        if rng.random() < 0.3:
            p += p[:2] + [0.0, 1.0]
        out.append({"p": p, "want": [multitest.multipletests(p, method=m)[1].tolist() for m in ("bonferroni", "holm", "fdr_bh", "fdr_by")]})
    return out


def orders():
    ranks, stopping = [], []
    for _ in range(80):
        n = int(logspace(1, 1e6))
        q, c = float(rng.choice([0.5, 0.9, 0.95, 0.99, 0.999, rng.random()])), confidence()
        lower = int(stats.binom.ppf((1 - c) / 2, n, q))
        upper = int(stats.binom.ppf(1 - (1 - c) / 2, n, q)) + 1
        ranks.append([n, q, c, lower, upper])
    for _ in range(30):
        t = int(logspace(1, 300)) - 1
        p, d, c = float(rng.choice([0.5, 0.9, 0.99, 0.97])), float(rng.choice([0, 0, 0.005])), float(rng.choice([0.99, 0.9, 0.95]))
        h = np.arange(1, 60000)
        odds = special.betainc(h, t + 1, p - d)
        stopping.append([t, p, d, c, int(h[odds < 1 - c][0])])
    return ranks, stopping


def short(v):
    if isinstance(v, dict):
        return {k: short(w) for k, w in v.items()}
    if isinstance(v, (list, tuple)):
        return [short(w) for w in v]
    if isinstance(v, (bool, str)):
        return v
    if float(v) == int(v) and abs(v) < 1e15:
        return int(v)
    return float(v)


def round12(v):
    """Of results only: arguments keep their digits."""
    return float("%.12g" % v)


def last(rows, arguments):
    return [[*r[:arguments], *(round12(v) for v in r[arguments:])] for r in rows]


normal, quantiles, student, student_quantile = distributions()
beta, beta_quantile, binomial = betas()
proportions, binomial_test, newcombe = intervals()
t, wilcoxon = means()
ranks, stopping = orders()
for case in t + wilcoxon:
    case["want"] = [round12(v) for v in case["want"]]
adjusted = multiple()
for case in adjusted:
    case["want"] = [[round12(v) for v in w] for w in case["want"]]
out = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "normal": last(normal, 1), "normalQuantile": last(quantiles, 1),
    "student": last(student, 2), "studentQuantile": last(student_quantile, 2),
    "beta": last(beta, 3), "betaQuantile": last(beta_quantile, 3), "binomial": last(binomial, 3),
    "proportions": last(proportions, 3), "binomialTest": last(binomial_test, 3),
    "newcombe": last(newcombe, 5), "paired": last(paired(), 5),
    "tango": last(tango(), 4),
    "t": t, "wilcoxon": wilcoxon, "adjusted": adjusted, "ranks": ranks, "stopping": stopping,
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inference.json")
with open(path, "w") as f:
    lines = []
    for key, value in out.items():
        value = short(value)
        if isinstance(value, dict):
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
        else:
            rows = ",\n ".join(json.dumps(row) for row in value)
            lines.append(f"{json.dumps(key)}: [\n {rows}\n]")
    f.write("{\n" + ",\n".join(lines) + "\n}\n")
