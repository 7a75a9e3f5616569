"""Writes datasketch.json: how many pairs of sets datasketch's MinHashLSH finds.

    pip install datasketch==2.0.0 && python recall.py > datasketch.json   # the file says which version
"""
import json
import random
from importlib.metadata import version

from datasketch import MinHash, MinHashLSH

PAIRS = 1000
random.seed(1)


def minhash(elements, perms):
    m = MinHash(num_perm=perms)
    m.update_batch([e.to_bytes(8, "little") for e in elements])
    return m


cases = []
for bands, rows, common, total in [(21, 6, 8, 10), (21, 6, 5, 10), (21, 6, 18, 30), (42, 3, 5, 10), (12, 10, 9, 10), (20, 5, 12, 30)]:
    found = 0
    for _ in range(PAIRS):
        values = [random.getrandbits(64) for _ in range(total)]
        a = [x for i, x in enumerate(values) if i < common or i % 2 == 0]
        b = [x for i, x in enumerate(values) if i < common or i % 2 == 1]
        lsh = MinHashLSH(num_perm=bands * rows, params=(bands, rows))
        lsh.insert("a", minhash(a, bands * rows))
        found += bool(lsh.query(minhash(b, bands * rows)))
    cases.append({"bands": bands, "rows": rows, "common": common, "all": total, "found": found / PAIRS})
print(json.dumps({"datasketch": version("datasketch"), "pairs": PAIRS, "cases": cases}, indent=1))
