"""Makes answer.parquet: the rows of test/query/parquet-answer.test.ts as pyarrow writes them. Run by hand: python3 make.py

Written with pyarrow 26.0.1.
"""
import os
import pyarrow as pa
import pyarrow.parquet as pq

columns = [
    ("2", pa.int64(), [2**53 + 1, -2**63, 2**63 - 1, None, 0]),
    ("1", pa.float64(), [float("nan"), -0.0, float("-inf"), 5e-324, None]),
    ("whole", pa.float64(), [1.0, 2.0, None, 3.0, 4.0]),
    ("flag", pa.bool_(), [True, False, None, True, False]),
    ("text", pa.string(), ["ü🧠\n\"'", "", None, "\u0000x", "a" * 70000]),
    ("list", pa.string(), ['[1,"NaN",null]', '{"a":[1]}', None, "[]", '{"k":"9007199254740993"}']),
    ("mixed", pa.string(), ["1", "true", None, "text", "0.5"]),
    ("wide", pa.string(), ["9223372036854775808", "1", None, "-9223372036854775809", "0"]),
    ("time", pa.string(), ["2026-01-02T03:04:05.678Z", None, None, None, None]),
    ("nothing", pa.string(), [None] * 5),
]
table = pa.table({name: pa.array(values, type) for name, type, values in columns})
pq.write_table(table, os.path.join(os.path.dirname(os.path.abspath(__file__)), "answer.parquet"))
