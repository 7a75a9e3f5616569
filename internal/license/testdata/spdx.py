#!/usr/bin/env python3
"""Writes spdx.txt, the SPDX licence list as package license reads it.

    python3 spdx.py licenses.json exceptions.json > ../spdx.txt

The two files are json/licenses.json and json/exceptions.json of
https://github.com/spdx/license-list-data at a release (CC0-1.0).
"""
import json
import sys

licenses = json.load(open(sys.argv[1]))
exceptions = json.load(open(sys.argv[2]))
assert licenses["licenseListVersion"] == exceptions["licenseListVersion"]
print("version", licenses["licenseListVersion"])
for kind, items, key in (
    ("license", licenses["licenses"], "licenseId"),
    ("exception", exceptions["exceptions"], "licenseExceptionId"),
):
    for item in sorted(items, key=lambda i: i[key].lower()):
        print(kind, item[key], *(["deprecated"] if item["isDeprecatedLicenseId"] else []))
