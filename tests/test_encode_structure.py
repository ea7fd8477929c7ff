"""Nested values come back in their own form, with their parts tied to each other."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.encode.encoder import State
from neotype.encode.structure import StructureEncoder
from neotype.errors import FitError
from neotype.schema.schema import Json
from neotype.schema.storage import storage_name


def learn(series: pl.Series) -> StructureEncoder:
    column = Json(storage=storage_name(series.dtype), nullable=series.null_count() > 0)
    return StructureEncoder.learn("j", column, series.alias("j").to_frame(), protect=5)


def back(encoder: StructureEncoder, series: pl.Series) -> pl.Series:
    state = encoder.state()
    facts = json.loads(json.dumps(state.facts))
    assert all(not array.dtype.hasobject for array in state.arrays.values())
    again = StructureEncoder.restore(State(facts, state.arrays), encoder.column)
    codes = again.encode(series.alias("j").to_frame())
    assert codes.shape == (len(encoder.digits), len(series))
    for digit, row in zip(encoder.digits, codes, strict=True):
        assert row.max(initial=0) < digit.size <= 64
    (decoded,) = again.decode(codes, rng=np.random.default_rng(0), first_row=0)
    assert decoded.dtype == series.dtype
    assert decoded.is_null().equals(series.is_null())
    return decoded


def orders(rows: int = 1000) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {
            "status": str(rng.choice(["open", "paid"])),
            "total": round(float(rng.gamma(2, 50)), 2),
            "customer": {"vip": bool(rng.random() < 0.2), "age": int(rng.integers(18, 90))},
            "tags": [str(t) for t in rng.choice(["new", "gift", "rush"], rng.integers(0, 4))],
        }
        | ({"note": "fragile"} if rng.random() < 0.3 else {})
        for _ in range(rows)
    ]


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_json_text_keeps_keys_types_and_spacing(separators: tuple[str, str]) -> None:
    values = orders()
    texts = pl.Series([json.dumps(v, separators=separators) for v in values])
    decoded = back(learn(texts), texts)
    read = [json.loads(text) for text in decoded]
    for old, new in zip(values, read, strict=True):
        assert list(new) == list(old)
        assert new["status"] == old["status"]
        assert new["customer"]["vip"] is old["customer"]["vip"]
        assert isinstance(new["customer"]["age"], int)
        assert len(new["tags"]) == len(old["tags"])
        assert set(new["tags"]) <= {"new", "gift", "rush"}
        assert abs(new["total"] - old["total"]) < 200
    assert decoded[0] == json.dumps(read[0], separators=separators)


def test_structs_and_lists_keep_their_dtype() -> None:
    values = orders()
    for value in values[::7]:
        value["customer"] = None
    structs = pl.Series([*values, None])
    assert isinstance(structs.dtype, pl.Struct)
    decoded = back(learn(structs), structs)
    assert decoded.struct.field("status").equals(structs.struct.field("status"))
    gone = structs.struct.field("customer").is_null()
    assert decoded.struct.field("customer").is_null().equals(gone)
    lists = structs.struct.field("tags")
    assert back(learn(lists), lists).list.len().equals(lists.list.len())


def test_arrays_dates_and_nested_lists() -> None:
    rng = np.random.default_rng(0)
    array = pl.Series(rng.integers(0, 9, (200, 3)).tolist(), dtype=pl.Array(pl.Int16, 3))
    assert back(learn(array), array).null_count() == 0
    start = datetime(2020, 1, 1)
    times = pl.Series([[start + timedelta(hours=int(h)) for h in rng.integers(0, 99, 2)]] * 50)
    assert back(learn(times), times).explode().is_between(start, start + timedelta(9)).all()
    deep = pl.Series([[[1, 2], [3]], [], [[4]] * 3] * 40)
    assert back(learn(deep), deep).list.len().equals(deep.list.len().alias("j"))


def test_rare_keys_are_left_out_and_told() -> None:
    values: list[dict] = [*({"a": n % 3} for n in range(100)), {"a": 1, "canary_key": "canary"}]
    texts = pl.Series([json.dumps(v) for v in values])
    encoder = learn(texts)
    assert "canary" not in json.dumps(encoder.state().facts)
    assert ("rare keys", 1) in [(p.what, p.cells) for p in encoder.protections]
    assert all(json.loads(text).keys() == {"a"} for text in back(encoder, texts))


def test_text_that_is_no_json_is_refused_when_learning() -> None:
    with pytest.raises(FitError, match="no JSON"):
        learn(pl.Series(["{", "nope"]))


@pytest.mark.parametrize(
    "series",
    [
        pl.Series(["{}", "[]", "1", '"x"', "null", None, "true"] * 10),
        pl.Series(["{}"] * 10),
        pl.Series([None, None], dtype=pl.List(pl.Int64)),
        pl.Series([[]] * 10, dtype=pl.List(pl.String)),
        pl.Series([{"a": None}] * 10, dtype=pl.Struct({"a": pl.Int8})),
        pl.Series(['{"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}'] * 10),
        pl.Series([[1, 2, None]] * 10),
    ],
)
def test_odd_structures_do_not_break(series: pl.Series) -> None:
    values = None
    if series.dtype == pl.String:
        values = [None if text == "null" else text for text in series]
    back(learn(series), pl.Series(values, dtype=pl.String) if values else series)


plain = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=5))
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), nested), min_size=1, max_size=30))
def test_any_json_survives(values: list[dict]) -> None:
    texts = pl.Series([json.dumps(value) for value in values])
    for text in back(learn(texts), texts):
        assert isinstance(json.loads(text), dict)
