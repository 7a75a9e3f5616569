"""How the tests of this package write rows as text: a line a row, values
separated by "|", null as ∅. The values are those of pyarrow's to_pylist."""

import datetime as dt
import decimal
import json
import uuid

import numpy as np
import pyarrow as pa


def text(v, t):
    if pa.types.is_dictionary(t):
        t = t.value_type
    if isinstance(t, pa.BaseExtensionType) and not isinstance(t, pa.UuidType):
        t = t.storage_type
    if pa.types.is_list(t) or pa.types.is_struct(t) or pa.types.is_map(t) or "list" in str(t):
        return nested(v, t)
    if pa.types.is_boolean(t):
        return "true" if v else "false"
    if pa.types.is_floating(t):
        if v != v:
            return "NaN"
        return number(np.float32(v) if pa.types.is_float32(t) else v)
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, bytes):
        try:
            return v.decode()
        except UnicodeDecodeError:
            return "\\x" + v.hex()
    if isinstance(v, dt.datetime):
        zone = "" if v.tzinfo is None else "Z"
        if v.tzinfo is not None:
            v = v.astimezone(dt.timezone.utc).replace(tzinfo=None)
        return fraction(v.isoformat()) + zone
    if isinstance(v, dt.time):
        return fraction(v.isoformat())
    if isinstance(v, dt.timedelta):
        return str(round(v / dt.timedelta(milliseconds=1)))
    return str(v)


def number(v):
    s = repr(v) if isinstance(v, float) else str(v)
    return s[:-2] if s.endswith(".0") else s


def fraction(s):
    return s.rstrip("0").rstrip(".") if "." in s else s


def nested(v, t):
    if v is None:
        return "null"
    if pa.types.is_dictionary(t):
        t = t.value_type
    if pa.types.is_map(t):
        pairs = (quoted(text(k, t.key_type)) + ":" + nested(x, t.item_type) for k, x in v)
        return "{" + ",".join(pairs) + "}"
    if pa.types.is_struct(t):
        return "{" + ",".join(quoted(f.name) + ":" + nested(v[f.name], f.type) for f in t) + "}"
    if hasattr(t, "value_type"):
        return "[" + ",".join(nested(x, t.value_type) for x in v) + "]"
    bare = pa.types.is_integer(t) or pa.types.is_boolean(t) or pa.types.is_decimal(t) or pa.types.is_floating(t) and v == v
    return text(v, t) if bare else quoted(text(v, t))


def quoted(s):
    return json.dumps(s, ensure_ascii=False)


def dump(table):
    columns = [[("∅" if v is None else text(v, c.type)) for v in c.to_pylist()] for c in table.columns]
    return "".join("|".join(row) + "\n" for row in zip(*columns))
