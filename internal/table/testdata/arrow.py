"""Writes arrow-*.arrow, arrow-*.arrows and arrow-*.txt: what pyarrow (26.0.1)
writes, and what it says the rows are.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 numpy
    venv/bin/python arrow.py
"""

import datetime as dt
import decimal
import os

import pyarrow as pa
import pyarrow.feather as feather
from pyarrow import ipc

from dump import dump

here = os.path.dirname(os.path.abspath(__file__))
D = decimal.Decimal
utc = dt.timezone.utc


def types():
    """Every type that is read, with a null in the middle."""
    a = pa.array
    s = pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))])
    deep = pa.list_(pa.struct([("k", pa.list_(pa.int16())), ("m", pa.map_(pa.string(), pa.float64()))]))
    when = dt.datetime(2026, 3, 4, 5, 6, 7, 890123)
    columns = {
        "i8": a([-128, None, 127], pa.int8()),
        "i16": a([-32768, None, 32767], pa.int16()),
        "i32": a([-(2**31), None, 2**31 - 1], pa.int32()),
        "i64": a([-(2**63), None, 2**63 - 1], pa.int64()),
        "u8": a([0, None, 255], pa.uint8()),
        "u16": a([0, None, 65535], pa.uint16()),
        "u32": a([0, None, 2**32 - 1], pa.uint32()),
        "u64": a([0, None, 2**64 - 1], pa.uint64()),
        "f16": a([1.5, None, -0.25], pa.float16()),
        "f32": a([0.5, None, -3.25], pa.float32()),
        "f64": a([0.1, None, 1e300], pa.float64()),
        "bool": a([True, None, False]),
        "utf8": a(["größe", None, ""]),
        "large_utf8": a(["a", None, "b" * 40], pa.large_utf8()),
        "utf8_view": a(["twelve bytes", None, "more than twelve bytes"], pa.string_view()),
        "binary": a([b"\xff\x01", None, b"ok"], pa.binary()),
        "large_binary": a([b"\xff", None, b""], pa.large_binary()),
        "binary_view": a([b"\xfe", None, b"thirteen byte"], pa.binary_view()),
        "fixed": a([b"abc", None, b"\xff\xfe\xfd"], pa.binary(3)),
        "date32": a([dt.date(1969, 12, 31), None, dt.date(2026, 3, 4)], pa.date32()),
        "date64": a([dt.date(1969, 12, 31), None, dt.date(2026, 3, 4)], pa.date64()),
        "time_s": a([dt.time(1, 2, 3), None, dt.time(0)], pa.time32("s")),
        "time_ms": a([dt.time(1, 2, 3, 4000), None, dt.time(0)], pa.time32("ms")),
        "time_us": a([dt.time(1, 2, 3, 4), None, dt.time(0)], pa.time64("us")),
        "time_ns": a([3_723_000_004_000, None, 0], pa.time64("ns")),
        "ts_s": a([when.replace(microsecond=0), None, dt.datetime(1960, 1, 1)], pa.timestamp("s")),
        "ts_ms": a([when.replace(microsecond=890000), None, dt.datetime(1960, 1, 1)], pa.timestamp("ms")),
        "ts_us": a([when, None, dt.datetime(1960, 1, 1)], pa.timestamp("us")),
        "ts_zone": a([when.replace(tzinfo=utc), None, dt.datetime(1960, 1, 1, tzinfo=utc)], pa.timestamp("us", "Europe/Paris")),
        "duration": a([-5, None, 7], pa.duration("ms")),
        "dec32": a([D("-1.25"), None, D("99999.99")], pa.decimal32(7, 2)),
        "dec64": a([D("-1.25"), None, D("0.01")], pa.decimal64(15, 2)),
        "dec128": a([D("-12345678901234567890.123"), None, D("0.001")], pa.decimal128(38, 3)),
        "dec256": a([D("-9" * 1 + "9" * 59 + ".5"), None, D("0.5")], pa.decimal256(61, 1)),
        "dec_zeros": a([D("-1200"), None, D("0")], pa.decimal128(5, -2)),
        "dict": pa.DictionaryArray.from_arrays(a([1, None, 0], pa.int8()), a(["zero", "one"])),
        "dict_null": pa.DictionaryArray.from_arrays(a([0, 1, 2], pa.uint16()), a(["zero", None, "two"])),
        "dict_int": pa.DictionaryArray.from_arrays(a([1, None, 1], pa.int32()), a([7, 8], pa.int64())),
        "list": a([[1, None, 3], None, []], pa.list_(pa.int64())),
        "large_list": a([["a", 'q"\n'], None, []], pa.large_list(pa.string())),
        "list_view": a([[1, 2], None, [3]], pa.list_view(pa.int32())),
        "large_list_view": a([[], None, [3, None]], pa.large_list_view(pa.int32())),
        "fixed_list": a([[1, 2], None, [None, 4]], pa.list_(pa.int8(), 2)),
        "struct": a([{"x": 1, "y": ["p", None]}, None, {"x": None, "y": None}], s),
        "map": a([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int64())),
        "deep": a([[{"k": [1, None], "m": [("a", 0.5)]}, None, {"k": None, "m": []}], None, [{"k": [], "m": None}]], deep),
        "list_dict": a([["a", "b"], None, ["a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        "null": pa.nulls(3),
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), a([bytes(range(16)), None, b"\xff" * 16], pa.binary(16))),
    }
    return pa.table(columns)


def write(name, table, options=None, stream=False, rows=None):
    new = ipc.new_stream if stream else ipc.new_file
    path = os.path.join(here, name + (".arrows" if stream else ".arrow"))
    with new(path, table.schema, options=options) as w:
        w.write_table(table, max_chunksize=rows)
    return path


def dictionaries(name, stream, delta):
    """Three batches, each with more of a dictionary or another one."""
    field = pa.field("d", pa.dictionary(pa.int8(), pa.string()))
    options = ipc.IpcWriteOptions(emit_dictionary_deltas=delta)
    schema = pa.schema([field, pa.field("l", pa.list_(field.type))])
    new = ipc.new_stream if stream else ipc.new_file
    words = [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]] if delta else [["a", "b"], ["c", "b"], ["x"]]
    path = os.path.join(here, name + (".arrows" if stream else ".arrow"))
    rows = []
    with new(path, schema, options=options) as w:
        for ws in words:
            d = pa.DictionaryArray.from_arrays(pa.array([len(ws) - 1, None, 0], pa.int8()), pa.array(ws))
            l = pa.ListArray.from_arrays(pa.array([0, 1, 1, 3], pa.int32()), d)
            batch = pa.record_batch([d, l], schema=schema)
            rows.append(pa.Table.from_batches([batch]))
            w.write_batch(batch)
    with open(os.path.join(here, name + ".txt"), "w") as f:
        f.write("".join(dump(t) for t in rows))


table = types()
with open(os.path.join(here, "arrow-types.txt"), "w") as f:
    f.write(dump(table))
write("arrow-types", table)
write("arrow-types", table, stream=True)
write("arrow-types-sliced", table, rows=1)
write("arrow-types-lz4", table, ipc.IpcWriteOptions(compression="lz4"))
write("arrow-types-zstd", table, ipc.IpcWriteOptions(compression="zstd"), stream=True)
dictionaries("arrow-delta", True, True)
dictionaries("arrow-delta-file", False, True)
dictionaries("arrow-replaced", True, False)
write("arrow-none", pa.table({"n": pa.array([], pa.int64()), "s": pa.array([], pa.string())}))

# Rows that repeat compress; these have several record batches.
many = pa.table({
    "n": pa.array(range(1000), pa.int32()),
    "s": pa.array([None if i % 7 == 0 else "value %d" % (i % 50) for i in range(1000)]),
    "v": pa.array(["a value of some length, %d" % (i % 9) for i in range(1000)], pa.string_view()),
    "l": pa.array([[i] * (i % 4) for i in range(1000)], pa.list_(pa.int64())),
    "b": pa.array([i % 3 == 0 for i in range(1000)]),
})
with open(os.path.join(here, "arrow-many.txt"), "w") as f:
    f.write(dump(many))
feather.write_feather(many, os.path.join(here, "arrow-many.feather"), compression="zstd", chunksize=300)
write("arrow-many", many, ipc.IpcWriteOptions(compression="lz4"), rows=400)

# Every row of v shows the same 40 KiB, and the one list of l the same numbers
# 3,000 times 3,000 times over.
one = pa.py_buffer(b"v" * 40960)
view = (40960).to_bytes(4, "little") + b"vvvv" + bytes(8)
v = pa.Array.from_buffers(pa.string_view(), 3000, [None, pa.py_buffer(view * 3000), one])


def same(values):
    """A list view of 3,000 rows that all are all values."""
    n = len(values)
    return pa.ListViewArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array([n] * 3000, pa.int32()), values)


views = pa.table({"v": v, "l": same(same(pa.array(range(3000), pa.int16())))})
write("arrow-views", views, ipc.IpcWriteOptions(compression="zstd"))
