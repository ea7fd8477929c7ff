"""The frame that comes out is of the kind that came in, with the same dtypes."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import neotype as nt
from neotype.errors import DataError, SourceError
from neotype.source import FrameKind, read, restore

DAYS = pd.date_range("2020-01-01", periods=6)
ODD = [Decimal("1.50"), None, Decimal("2.25")] * 2

COLUMNS = {
    "int64": pd.Series(range(6)),
    "int8": pd.Series(range(6), dtype="int8"),
    "uint64": pd.Series([2**64 - 1 - i for i in range(6)], dtype="uint64"),
    "float32": pd.Series([0.1, None, 3, 4, 5, 6], dtype="float32"),
    "float64": pd.Series([0.1, np.nan, np.inf, 4, 5, 6]),
    "bool": pd.Series([True, False] * 3),
    "Int64": pd.Series([1, None, 3, 4, 5, 2**62 + 1], dtype="Int64"),
    "UInt8": pd.Series([1, None, 255, 4, 5, 6], dtype="UInt8"),
    "Float64": pd.Series([1, None, 3, 4, 5, 7.5], dtype="Float64"),
    "boolean": pd.Series([True, None, False] * 2, dtype="boolean"),
    "object_str": pd.Series(["a", None, "c"] * 2, dtype=object),
    "object_nan": pd.Series(["a", np.nan, "c"] * 2, dtype=object),
    "str": pd.Series(["a", None, "c"] * 2, dtype="str"),
    "string": pd.Series(["a", None, "c"] * 2, dtype="string"),
    "string_python": pd.Series(["a", None, "c"] * 2, dtype=pd.StringDtype("python")),
    "category": pd.Series(["b", "a", None, "z", "a", "b"], dtype="category"),
    "category_unused": pd.Series(pd.Categorical(["y"] * 6, categories=["z", "y", "x"])),
    "category_ordered": pd.Series(
        pd.Categorical(["lo", "hi", None] * 2, categories=["lo", "mid", "hi"], ordered=True)
    ),
    "category_int": pd.Series([3, 1, 3, 1, 3, 3]).astype("category"),
    "category_cut": pd.cut(pd.Series(range(6)), 3),
    "datetime_ns": pd.Series(DAYS).astype("datetime64[ns]"),
    "datetime_us": pd.Series(DAYS).astype("datetime64[us]"),
    "datetime_s": pd.Series([pd.NaT, *DAYS[:5]]).astype("datetime64[s]"),
    "zone": pd.Series(pd.date_range("2020-03-28", periods=6, freq="7h", tz="Europe/Berlin")),
    "zone_fixed": pd.Series(DAYS.tz_localize(dt.timezone(dt.timedelta(hours=5, minutes=30)))),
    "timedelta": pd.Series(pd.to_timedelta([1, 2, None, 4, 5, 6], unit="s")),
    "decimal": pd.Series(ODD, dtype=object),
    "date": pd.Series([dt.date(2020, 1, 1), None, dt.date(9999, 12, 31)] * 2, dtype=object),
    "time": pd.Series([dt.time(1, 2, 3)] * 6, dtype=object),
    "object_bool": pd.Series([True, None, False] * 2, dtype=object),
    "object_int": pd.Series([1, None, 2**70] * 2, dtype=object),
    "mixed": pd.Series([1, "a", 2.5, True, None, "1b"], dtype=object),
    "lists": pd.Series([[1, 2], [], None] * 2, dtype=object),
    "dicts": pd.Series([{"a": 1}] * 6, dtype=object),
    "nothing": pd.Series([None] * 6, dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1, 0, 0, 2])),
    "period": pd.Series(pd.period_range("2020-01", periods=6, freq="M")),
    "arrow_int": pd.Series([1, None, 2] * 2, dtype="int64[pyarrow]"),
    "arrow_text": pd.Series(["a", None, "b"] * 2, dtype="string[pyarrow]"),
    "arrow_decimal": pd.Series(ODD, dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
}


def there_and_back(data):
    source = read(data)
    kind = FrameKind.from_facts(json.loads(json.dumps(source.kind.to_facts())))
    return restore(source.frames, kind, source.single)


@pytest.mark.parametrize("name", COLUMNS)
def test_pandas_columns_keep_their_dtype(name):
    frame = pd.DataFrame({name: COLUMNS[name]})
    before = frame.copy(deep=True)
    back = there_and_back(frame)
    pd.testing.assert_frame_equal(back, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert [type(cell) for cell in back[name]] == [type(cell) for cell in frame[name]]


def test_a_whole_pandas_frame_and_a_dict_of_two():
    frame = pd.DataFrame(COLUMNS)
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    both = there_and_back({"a": frame, "b": pl.DataFrame({"x": [1]})})
    pd.testing.assert_frame_equal(both["a"], frame)
    assert_frame_equal(both["b"], pl.DataFrame({"x": [1]}))


NO_ARROW = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from neotype.source import read, restore
days = pd.date_range("2020", periods=2, tz="UTC")
frame = pd.DataFrame({"i": [1, 2], "s": ["a", None], "d": days,
                      "n": pd.array([1, None], dtype="Int64"), "c": pd.Categorical(["x", "y"])})
source = read(frame)
assert "String" in str(source.frames["table"].schema)
pd.testing.assert_frame_equal(restore(source.frames, source.kind, True), frame)
"""


def test_pandas_without_pyarrow():
    done = subprocess.run(
        [sys.executable, "-c", NO_ARROW], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_new_rows_of_other_values_and_missing_cells_still_fit():
    frame = pd.DataFrame({"i": [1, 2], "c": pd.Categorical(["b", "a"]), "s": ["x", "y"]})
    source = read(frame)
    new = pl.DataFrame({"i": [7, None, 9], "c": ["a", "new", None], "s": [None, "z", "z"]})
    back = restore({"table": new}, source.kind, single=True)
    assert back["i"].dtype == "Int64"
    assert back["i"].tolist() == [7, pd.NA, 9]
    assert back["c"].cat.categories.tolist() == ["a", "new"]
    assert back["s"].dtype == frame["s"].dtype


def test_rare_labels_of_a_category_are_not_kept_in_the_facts():
    labels = ["common"] * 10 + ["also"] * 5 + ["Jane Doe"]
    frame = pd.DataFrame({"who": pd.Categorical(labels, categories=[*sorted(set(labels)), "zz"])})
    source = read(frame)
    assert "Jane Doe" not in json.dumps(source.kind.to_facts())
    back = restore({"table": source.frames["table"].head(15)}, source.kind, single=True)
    assert back["who"].cat.categories.tolist() == ["also", "common", "zz"]
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


def test_a_period_is_learnt_as_a_time():
    months = pd.Series(pd.period_range("2000-01", periods=400, freq="M"), name="month")
    source = read(months.to_frame())
    assert source.frames["table"]["month"].dtype.is_temporal()
    later = source.frames["table"].with_columns(pl.col("month").dt.offset_by("10d"))
    back = restore({"table": later}, source.kind, single=True)
    pd.testing.assert_series_equal(back["month"], months)


def test_a_protected_label_of_a_category_that_is_no_text_is_missing():
    for labels in (range(20), pd.date_range("2020", periods=20), pd.interval_range(0, 20)):
        frame = pd.DataFrame({"c": pd.Categorical(labels)})
        source = read(frame)
        masked = pl.DataFrame({"c": pl.Series(["*"] * 3, dtype=pl.Categorical())})
        back = restore({"table": masked}, source.kind, single=True)
        assert back["c"].isna().all()
        assert back["c"].cat.categories.dtype == frame["c"].cat.categories.dtype


def test_a_named_index_is_kept_and_a_nameless_one_is_said_to_be_left_out():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    assert read(frame).frames["table"].columns == ["key", "a"]
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    assert not read(pd.DataFrame({"a": [1, 2]})).notes
    cut = pd.DataFrame({"a": [1, 2, 3]}).iloc[1:]
    assert "reset_index() keeps it" in read(cut).notes[0]


def test_column_names_that_are_numbers_come_back():
    frame = pd.DataFrame([[1, "a"], [2, "b"]])
    assert read(frame).frames["table"].columns == ["0", "1"]
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


def test_mixed_types_are_counted_with_an_example():
    frame = pd.DataFrame({"v": pd.Series([1] * 97 + ["abc"] * 2 + [2.5], dtype=object)})
    (note,) = read(frame).notes
    assert "97 whole numbers" in note
    assert "2 texts" in note
    assert "for example '2.5'" in note


def test_what_cannot_be_taken_is_listed_whole():
    frame = pd.DataFrame({"z": [1j, 2j], "o": pd.Series([object(), object()]), "a": [1, 2]})
    with pytest.raises(DataError) as caught:
        read(frame)
    assert [finding.split(" ")[1] for finding in caught.value.findings] == ["'z'", "'o'"]
    with pytest.raises(SourceError, match="columns of the same name: a"):
        read(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(SourceError, match="several levels"):
        read(pd.DataFrame({("a", "b"): [1]}))


def test_pyarrow_types_come_back():
    instants = pa.array([0, None, 86_400], pa.timestamp("s", tz="Europe/Berlin"))
    table = pa.table(
        {
            "dictionary": pa.array(["a", "b", None]).dictionary_encode(),
            "large": pa.array(["x", None, "y"], pa.large_string()),
            "string": pa.array(["x", None, "y"]),
            "decimal": pa.array([Decimal("1.50"), None, Decimal("2.25")], pa.decimal128(10, 2)),
            "instant": instants,
            "date32": pa.array([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)]),
            "date64": pa.array([dt.date(2020, 1, 1)] * 3, pa.date64()),
            "duration": pa.array([1, None, 3], pa.duration("s")),
            "time32": pa.array([1, None, 3], pa.time32("s")),
            "float": pa.array([1.5, None, float("inf")], pa.float32()),
            "lists": pa.array([[1], [], None]),
            "structs": pa.array([{"x": 1}, None, {"x": 3}]),
            "null": pa.nulls(3),
            "small": pa.array([1, None, 3], pa.int8()),
        }
    )
    back = there_and_back(table)
    assert back.schema == table.schema
    assert back.equals(table)


def test_polars_keeps_every_dtype_and_lazy_frames_stay_lazy():
    frame = pl.DataFrame(
        {
            "enum": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])),
            "category": pl.Series(["a", None], dtype=pl.Categorical()),
            "decimal": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(10, 2)),
            "zone": pl.Series([dt.datetime(2020, 1, 1)] * 2, dtype=pl.Datetime("ns", "Asia/Tokyo")),
            "huge": pl.Series([2**100, 1], dtype=pl.Int128),
            "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int8, 2)),
            "nan": [1.0, float("nan")],
        }
    )
    assert_frame_equal(there_and_back(frame), frame)
    lazy = there_and_back(frame.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert read(frame).frames["table"]["nan"].null_count() == 1


def test_frames_that_only_stream_arrow_are_read_and_said_to_come_out_as_polars():
    class Streamed:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"a": [1, 2]}).__arrow_c_stream__(requested_schema)

    source = read(Streamed())
    assert source.frames["table"]["a"].to_list() == [1, 2]
    assert "a polars frame goes out" in source.notes[0]


def test_an_origin_for_messages_and_the_name_of_the_table():
    source = read(pd.DataFrame({"a": [1, 2]}), name="stay")
    assert source.origin == "a pandas frame"
    assert list(source.frames) == ["stay"]


def test_a_column_without_a_name_keeps_it() -> None:
    frame = pl.DataFrame({"": [1, 2, 3] * 40, "b": ["u", "v", "w"] * 40})
    model = nt.fit(frame, synthesizer="independent")
    assert model.sample(10).columns == ["", "b"]
    assert model.sample(given=frame.head(3).select("")).columns == ["", "b"]
