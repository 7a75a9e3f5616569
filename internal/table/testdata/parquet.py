"""Writes parquet-*.parquet and parquet-*.txt: what pyarrow (26.0.1) writes,
and what it says the rows are.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 numpy
    venv/bin/python parquet.py
"""

import datetime as dt
import decimal
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from dump import dump

here = os.path.dirname(os.path.abspath(__file__))
D = decimal.Decimal
utc = dt.timezone.utc
a = pa.array


def save(name, table, rows=None, **options):
    pq.write_table(table, os.path.join(here, name + ".parquet"), **options)
    expect(name, table)


def expect(name, table):
    with open(os.path.join(here, name + ".txt"), "w") as f:
        f.write(dump(table))


when = dt.datetime(2026, 3, 4, 5, 6, 7, 890123)
ms = when.replace(microsecond=890000)
l2 = pa.list_(pa.list_(pa.int32()))
deep = pa.list_(pa.struct([("k", pa.list_(pa.int16())), ("m", pa.map_(pa.string(), pa.list_(pa.float64())))]))
inner = pa.struct([("s", pa.struct([("t", pa.struct([("x", pa.int64())]))])), ("n", pa.int8())])
table = pa.table({
    "bool": a([True, None, False]),
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
    "text": a(["größe", None, ""]),
    "large": a(["a", None, "b" * 40], pa.large_utf8()),
    "view": a(["a", None, "b" * 40], pa.string_view()),
    "json": pa.ExtensionArray.from_storage(pa.json_(), a(['{"k":1}', None, "[]"])),
    "bytes": a([b"\xff\x01", None, b"ok"], pa.binary()),
    "fixed": a([b"abc", None, b"\xff\xfe\xfd"], pa.binary(3)),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), a([bytes(range(16)), None, b"\xff" * 16], pa.binary(16))),
    "date": a([dt.date(1969, 12, 31), None, dt.date(2026, 3, 4)], pa.date32()),
    "time_ms": a([dt.time(1, 2, 3, 4000), None, dt.time(0)], pa.time32("ms")),
    "time_us": a([dt.time(1, 2, 3, 4), None, dt.time(0)], pa.time64("us")),
    "time_ns": a([3_723_000_004_000, None, 0], pa.time64("ns")),
    "ts_ms": a([ms, None, dt.datetime(1960, 1, 1)], pa.timestamp("ms")),
    "ts_us": a([when, None, dt.datetime(1960, 1, 1)], pa.timestamp("us")),
    "ts_ns": a([when, None, dt.datetime(1960, 1, 1)], pa.timestamp("ns")),
    "ts_zone": a([when.replace(tzinfo=utc), None, dt.datetime(1960, 1, 1, tzinfo=utc)], pa.timestamp("us", "Europe/Paris")),
    "dec_i32": a([D("-1.25"), None, D("99999.99")], pa.decimal128(7, 2)),
    "dec_i64": a([D("-1.25"), None, D("0.01")], pa.decimal128(15, 2)),
    "dec_fixed": a([D("-12345678901234567890.123"), None, D("0.001")], pa.decimal128(38, 3)),
    "dec_wide": a([D("9" * 60 + ".5"), None, D("-0.5")], pa.decimal256(61, 1)),
    "dict": a(["p", None, "q"]).dictionary_encode(),
    "null": pa.nulls(3),
    "list": a([[1, None, 3], None, []], pa.list_(pa.int64())),
    "list2": a([[[1, None], None, []], None, [[2]]], l2),
    "large_list": a([["a", 'q"\n'], None, []], pa.large_list(pa.string())),
    "fixed_list": a([[1, 2], None, [None, 4]], pa.list_(pa.int8(), 2)),
    "struct": a([{"s": {"t": {"x": 1}}, "n": 1}, None, {"s": {"t": None}, "n": None}], inner),
    "struct2": a([{"s": None, "n": 1}, {"s": {"t": {"x": None}}, "n": 2}, None], inner),
    "map": a([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int64())),
    "map_int": a([[(7, "x")], None, []], pa.map_(pa.int32(), pa.string())),
    "deep": a([[{"k": [1, None], "m": [("a", [0.5, None]), ("b", None)]}, None, {"k": None, "m": []}], None, [{"k": [], "m": None}]], deep),
})
save("parquet-types", table, store_decimal_as_integer=True, version="2.6", compression="zstd")
save("parquet-types-v2", table, data_page_version="2.0", compression="none", use_dictionary=False, write_page_index=True)
save("parquet-types-rows", table, row_group_size=1, compression="brotli", write_page_checksum=True)

# INT96 and what older writers made of times.
old = table.select(["ts_ms", "ts_us", "i64"])
save("parquet-int96", old, use_deprecated_int96_timestamps=True)

# Every codec, over several pages and row groups, with values that repeat and
# values that do not.
many = pa.table({
    "n": a(range(2000), pa.int64()),
    "s": a([None if i % 7 == 0 else "value %d" % (i % 50) for i in range(2000)]),
    "u": a(["unique %d %d" % (i, i * 7919 % 10007) for i in range(2000)]),
    "f": a([i / 8 for i in range(2000)], pa.float32()),
    "l": a([None if i % 11 == 0 else [i] * (i % 4) for i in range(2000)], pa.list_(pa.int32())),
})
expect("parquet-many", many)
for codec in ["snappy", "gzip", "zstd", "brotli", "none"]:
    pq.write_table(many, os.path.join(here, "parquet-many-%s.parquet" % codec), compression=codec, row_group_size=900,
                   data_page_size=2048, dictionary_pagesize_limit=4096, bloom_filter_options={"u": True, "n": True})

# Encodings: the dictionary of s is given up amid the column in the files
# above; here there is none.
encodings = {"n": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "u": "DELTA_LENGTH_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT", "l.list.element": "DELTA_BINARY_PACKED"}
for version in ["1.0", "2.0"]:
    pq.write_table(many, os.path.join(here, "parquet-many-delta%s.parquet" % version[0]), use_dictionary=False, column_encoding=encodings,
                   data_page_version=version, compression="zstd", data_page_size=2048)

# Row groups without rows, before and after some, and none at all.
empty = many.slice(0, 0)
with pq.ParquetWriter(os.path.join(here, "parquet-empty-groups.parquet"), many.schema) as w:
    for t in [empty, many.slice(0, 3), empty, many.slice(3, 2), empty]:
        w.write_table(t)
expect("parquet-empty-groups", many.slice(0, 5))
save("parquet-none", empty)


class Keys(pe.KmsClient):
    def __init__(self, _):
        super().__init__()

    def wrap_key(self, key, _):
        return key.hex()

    def unwrap_key(self, key, _):
        return bytes.fromhex(key)


factory = pe.CryptoFactory(Keys)
small = pa.table({"a": [1, 2], "b": ["x", "y"]})
for name, plain in [("parquet-encrypted", False), ("parquet-encrypted-column", True)]:
    config = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["b"]}, plaintext_footer=plain)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    with pq.ParquetWriter(os.path.join(here, name + ".parquet"), small.schema, encryption_properties=properties) as w:
        w.write_table(small)
