"""Prints the limits that TestOutlierLimits expects; NumPy 2.4.6.

iqr: numpy.quantile (linear). zscore: mean and standard deviation with ddof=1.
mad: |0.6745 (x - median) / MAD| <= 3.5, NIST/SEMATECH e-Handbook of
Statistical Methods, section 1.3.5.17, after Iglewicz and Hoaglin (1993).
"""
import numpy as np

for name, x in {
    # NIST/SEMATECH e-Handbook, section 1.3.5.17.1: mass spectrometer measurements of uranium isotopes.
    "isotopes": [199.31, 199.53, 200.19, 200.82, 201.92, 201.95, 202.18, 245.57],
    "steps": [float(i) for i in range(20)] + [100.0, -60.5],
}.items():
    x = np.array(x)
    q1, q3 = np.quantile(x, [0.25, 0.75])
    print(name, "iqr", f"{q1 - 1.5 * (q3 - q1):.9g} {q3 + 1.5 * (q3 - q1):.9g}")
    m, s = x.mean(), x.std(ddof=1)
    for f in (2, 3):
        print(name, "zscore", f, f"{m - f * s:.9g} {m + f * s:.9g}")
    med = np.median(x)
    mad = np.median(np.abs(x - med))
    print(name, "mad", f"{med - 3.5 * mad / 0.6745:.9g} {med + 3.5 * mad / 0.6745:.9g}")
