"""Prints the part of ../allowed.txt that lists scikit-learn 1.9.1: classes of
estimators and of what they are made of, and the functions that they take as
parameters. What fitted estimators of all kinds import when they are pickled
was compared with it.

The file must not be called sklearn.py, or it is what is imported.
"""
import collections, importlib, inspect, pkgutil, re, warnings

warnings.filterwarnings("ignore")
import sklearn
from sklearn.base import BaseEstimator

skip = re.compile(r"tests|externals|datasets|conftest|experimental|_test|_build|_repr_html|utils\.(?!_bunch|_metadata_requests)")
parts = re.compile(r"Kernel|Loss|Link|CV|Split|KFold|Out|Optimizer|Calibration|CFNode|CFSub|Bisecting|BinMapper|TreePredictor|Bunch|Request|Scorer|Constant|Labels|Interval|Logit|Criterion|Tree|Distance")
HEAP_TYPE = 1 << 9  # classes of Cython have it not
names = collections.defaultdict(set)
for info in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
    if skip.search(info.name):
        continue
    try:
        module = importlib.import_module(info.name)
    except Exception:
        continue
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            if issubclass(value, (Exception, Warning)):
                continue
            if issubclass(value, BaseEstimator) or not value.__flags__ & HEAP_TYPE or parts.search(name) or "kernels" in info.name:
                names[info.name].add(name)
        elif inspect.isroutine(value) or type(value).__name__ == "cython_function_or_method":
            public = not name.startswith(("_", "check_", "get_"))
            if (name == "newObj" or name.removeprefix("__pyx_unpickle_") in names[info.name] or info.name.startswith("sklearn.metrics") and public
                    or info.name == "sklearn.feature_selection._univariate_selection"
                    or info.name == "sklearn.feature_selection._mutual_info" and name.startswith("mutual")
                    or name in ("_kmeans_single_lloyd", "_kmeans_single_elkan")):
                names[info.name].add(name)
for module in sorted(names):
    print(module + ": " + " ".join(sorted(names[module])))
