"""Labels, numbers and whole tables as digits: exact cases beside the laws."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.data import Dataset, Known
from neotype.encode.codebook import Codebook
from neotype.encode.discrete import LabelEncoder
from neotype.encode.encoder import Encoder
from neotype.encode.identifier import IdentifierEncoder
from neotype.encode.numeric import NumericEncoder
from neotype.errors import DataError, FitError
from neotype.schema.infer import infer_schema
from neotype.schema.schema import (
    Categorical,
    Identifier,
    Numeric,
    Ordinal,
)
from neotype.schema.storage import storage_name
from zoo import zoo, zoo_data


def decode(encoder: Encoder, codes: Any, seed: int = 0, first_row: int = 0) -> pl.DataFrame:
    return pl.DataFrame(encoder.decode(codes, rng=np.random.default_rng(seed), first_row=first_row))


labels = st.lists(st.text("abcdef", min_size=1, max_size=2), min_size=1, max_size=300)


@settings(deadline=None, max_examples=100)
@given(labels, st.sampled_from([1, 2, 5]), st.sampled_from(["resample", "mask"]))
def test_rare_labels_are_counted_and_hidden(values: list[str], protect: int, rare: Any) -> None:
    frame = pl.DataFrame({"x": values})
    column = Categorical(storage="String", rare=rare)
    encoder = LabelEncoder.learn("x", column, frame, protect=protect)
    tally = frame["x"].value_counts()
    kept = set(tally.filter(pl.col("count") >= protect)["x"])
    assert set(encoder.labels) == kept
    hidden = frame["x"].is_in(list(kept)).not_()
    assert sum(note.cells for note in encoder.protections) == hidden.sum()
    made = decode(encoder, encoder.encode(frame))["x"]
    assert made.filter(~hidden).equals(frame["x"].filter(~hidden))
    masks = rare == "mask" or not kept
    assert set(made.filter(hidden)) <= ({"*"} if masks else kept)
    known = frame.filter(~hidden)
    assert encoder.unknown(known) == []
    asked = pl.DataFrame({"x": ["zz", *values]})
    found = " ".join(encoder.unknown(asked))
    assert all(repr(x) in found for x in {*asked["x"]} - kept)
    assert not any(f"has {x!r}" in found for x in kept)


def test_the_only_label_of_a_nearly_empty_column_is_hidden() -> None:
    frame = pl.DataFrame({"x": [None] * 99 + ["canary"]})
    encoder = LabelEncoder.learn("x", Categorical(storage="String"), frame, protect=5)
    assert encoder.labels == ()
    assert encoder.protections[0].cells == 1
    assert decode(encoder, encoder.encode(frame))["x"].to_list() == [None] * 99 + ["*"]


def test_rare_labels_become_frequent_ones_in_their_shares() -> None:
    values = ["a"] * 600 + ["b"] * 300 + [f"r{i}" for i in range(3000)]
    frame = pl.DataFrame({"x": values})
    encoder = LabelEncoder.learn("x", Categorical(storage="String"), frame, protect=5)
    made = decode(encoder, encoder.encode(frame))["x"][900:]
    assert (made == "a").mean() == pytest.approx(2 / 3, abs=0.04)
    assert set(made) == {"a", "b"}


def test_clipped_extremes_and_replaced_identifiers_are_counted() -> None:
    numbers = pl.DataFrame({"x": np.arange(0, 5000, 5)})
    column = Numeric(storage="Int64", subtype="integer")
    encoder = NumericEncoder.learn("x", column, numbers, protect=5)
    codes = encoder.encode(numbers).repeat(50, axis=1)
    made = decode(encoder, codes)["x"]
    outside = (numbers["x"] < made.min()) | (numbers["x"] > made.max())
    assert encoder.protections[0].cells == outside.sum() == 8
    public = NumericEncoder.learn(
        "x", column.model_copy(update={"public": True}), numbers, protect=5
    )
    assert sum(note.cells for note in public.protections) <= 2

    names = pl.DataFrame({"x": [None, *(f"u{i}" for i in range(99)), None]})
    ids = IdentifierEncoder.learn("x", Identifier(storage="String"), names, protect=5)
    assert ids.protections[0].cells == 99


def test_an_undeclared_rank_is_refused() -> None:
    column = Ordinal(storage="String", values=("a", "b"))
    with pytest.raises(FitError, match="listed: a, b"):
        LabelEncoder.learn("x", column, pl.DataFrame({"x": ["a", "c"]}), protect=1)


@pytest.mark.parametrize("size", [2, 63, 64, 65, 4032, 4096, 4097, 20_000, 300_000])
@pytest.mark.parametrize("missing", [False, True])
def test_any_number_of_public_labels_comes_back_exactly(size: int, missing: bool) -> None:
    texts = pl.Series("x", [f"label {i}" for i in range(size)])
    frame = pl.DataFrame({"x": [*texts, None] if missing else texts})
    column = Categorical(storage="String", public=True)
    encoder = LabelEncoder.learn("x", column, frame, protect=5)
    assert len(encoder.labels) == size
    assert encoder.protections == ()
    codes = encoder.encode(frame)
    sizes = [digit.size for digit in encoder.digits]
    assert all(2 <= width <= 64 for width in sizes)
    assert np.prod(sizes, dtype=float) >= size
    assert (codes.max(axis=1) < sizes).all()
    assert decode(encoder, codes).equals(frame)
    if size <= 64 - missing:
        assert len(sizes) == 1
    assert len(sizes) <= (2 if size <= 4000 else 3 if size <= 200_000 else 4)


def test_labels_in_another_order_still_come_back() -> None:
    values = pl.Series("x", np.random.default_rng(0).zipf(1.2, 5000).clip(1, 500)).cast(pl.String)
    frame = pl.DataFrame({"x": values})
    column = Categorical(storage="String", public=True)
    encoder = LabelEncoder.learn("x", column, frame, protect=5)
    order = np.random.default_rng(1).permutation(len(encoder.labels))
    other = encoder.arranged(order)
    assert decode(other, other.encode(frame)).equals(frame)
    assert dict(zip(other.labels, other.counts, strict=True)) == dict(
        zip(encoder.labels, encoder.counts, strict=True)
    )


def wide(labels: int) -> tuple[float, float]:
    """Seconds and peak bytes per label of learning and coding two rows a label."""
    g = np.random.default_rng(0)
    rows = 2 * labels
    frame = pl.DataFrame(
        {
            "label": [f"v{i % labels}" for i in range(rows)],
            "group": g.integers(0, 9, rows).astype(str),
            "amount": g.normal(size=rows),
        }
    )
    columns = {"label": Categorical(storage="String", public=True)}
    schema = infer_schema({"t": frame})
    table = schema.table.model_copy(update={"columns": {**schema.columns, **columns}})
    data = Dataset.of(schema.model_copy(update={"tables": {schema.name: table}}), frame)
    tracemalloc.start()
    begin = time.perf_counter()
    book = Codebook.learn(data)
    codes = book.encode(data)
    made = book.decode(codes, rng=np.random.default_rng(0))
    seconds = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made["label"].equals(frame["label"])
    return seconds, peak / labels


def test_a_hundred_thousand_labels_cost_seconds_and_linear_memory() -> None:
    _, few = wide(10_000)
    seconds, many = wide(100_000)
    assert seconds < 20
    assert many < 1.5 * few + 500
    assert many < 20_000


def test_a_codebook_is_its_encoders_one_after_the_other() -> None:
    data = zoo_data(300)
    book = Codebook.learn(data)
    codes = book.encode(data)
    sizes = [digit.size for digit in book.digits]
    assert codes.shape == (len(sizes), 300)
    assert (codes.max(axis=1) < sizes).all()
    made = book.decode(codes, rng=np.random.default_rng(0))
    assert made.schema == data.frame.schema
    again = Codebook.restore(book.state(), data.schema)
    assert again.decode(codes, rng=np.random.default_rng(0)).equals(made)
    np.testing.assert_array_equal(again.encode(data), codes)
    places = [book.places({name}) for name in ("grade", "pay", "latitude", "same")]
    assert [len(p) for p in places][3] == 0
    for name, where in zip(("grade", "pay"), places, strict=False):
        allowed = book.allowed(Known(data.frame.select(name)))
        assert (allowed[:, where] == np.uint64(1) << codes[where].T.astype(np.uint64)).all()
        assert (np.delete(allowed, where, axis=1) == 2**64 - 1).all()


def test_half_a_pair_and_every_unknown_value_are_named_at_once() -> None:
    book = Codebook.learn(zoo_data(300))
    frame = pl.DataFrame({"latitude": [48.0], "grade": ["G9"], "zip": ["no"]})
    with pytest.raises(DataError) as error:
        book.allowed(Known(frame))
    assert len(error.value.findings) == 3
    assert any("partner 'longitude'" in finding for finding in error.value.findings)


def test_alike_labels_get_neighbouring_codes() -> None:
    g = np.random.default_rng(0)
    names = np.array([f"{x:03d}" for x in g.permutation(200)])
    kind = g.integers(0, 200, 20_000)
    frame = pl.DataFrame({"label": names[kind], "side": (kind >= 100).astype(str)})
    schema = infer_schema({"t": frame})
    columns = {**schema.columns, "label": Categorical(storage="String")}
    table = schema.table.model_copy(update={"columns": columns})
    data = Dataset.of(schema.model_copy(update={"tables": {schema.name: table}}), frame)
    codes = Codebook.learn(data).encode(data)
    # The first of its two digits alone tells nearly all of the side.
    sides = frame["side"].to_numpy() == "True"
    share = np.array([sides[codes[0] == symbol].mean() for symbol in np.unique(codes[0])])
    assert (np.minimum(share, 1 - share) < 0.01).mean() > 0.95


@pytest.mark.parametrize(("precision", "scale"), [(12, 2), (38, 10), (38, 18), (38, 25)])
def test_decimals_keep_their_decimals(precision: int, scale: int) -> None:
    dtype = pl.Decimal(precision, scale)
    texts = [f"-1.{'7' * (scale - 1)}3", f"3.{'1' * scale}", "0", "8.5"] * 50
    frame = pl.DataFrame({"x": pl.Series(texts).cast(dtype)})
    column = Numeric(storage=storage_name(dtype), subtype="decimal", decimals=scale)
    encoder = NumericEncoder.learn("x", column, frame, protect=5)
    made = decode(encoder, encoder.encode(frame))
    assert made.schema == frame.schema
    if scale < 20:
        assert made.equals(frame)
    else:
        np.testing.assert_allclose(made["x"].cast(float), frame["x"].cast(float), rtol=1e-12)


def test_a_value_that_only_a_wide_decimal_holds_keeps_the_others_in_place() -> None:
    huge = pl.Series("x", ["99999999999999999999.00"] * 10 + [f"{i}.50" for i in range(500)])
    frame = pl.DataFrame({"x": huge.cast(pl.Decimal(38, 2))})
    column = Numeric(storage="Decimal[38,2]", subtype="decimal", decimals=2)
    encoder = NumericEncoder.learn("x", column, frame, protect=5)
    codes = encoder.encode(frame)
    np.testing.assert_array_equal(encoder.encode(frame[100:]), codes[:, 100:])


def test_an_unseen_number_beyond_a_lattice_goes_to_its_own_end() -> None:
    frame = pl.DataFrame({"x": np.arange(1000) * 3 + 1})
    column = Numeric(storage="Int64", subtype="integer")
    encoder = NumericEncoder.learn("x", column, frame, protect=5)
    ends = encoder.encode(pl.DataFrame({"x": [-(2**63), 1, 2998, 2**63 - 1]}))
    np.testing.assert_array_equal(ends[:, 0], ends[:, 1])
    np.testing.assert_array_equal(ends[:, 2], ends[:, 3])
    assert set(decode(encoder, encoder.encode(frame))["x"] % 3) == {1}


def test_zoo_of_another_day_is_coded_too() -> None:
    book = Codebook.learn(zoo_data(300, seed=0))
    other = Dataset.of(zoo_data(300, seed=0).schema, zoo(500, seed=77))
    codes = book.encode(other)
    assert (codes.max(axis=1) < [digit.size for digit in book.digits]).all()
    assert book.decode(codes, rng=np.random.default_rng(0)).height == 500
