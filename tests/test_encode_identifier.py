"""Identifiers come back new, unique, in the column's own form, and addressable by row."""

from __future__ import annotations

import json
import re
import uuid

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neotype.encode.encoder import State
from neotype.encode.identifier import IdentifierEncoder
from neotype.encode.pattern import Template, parse
from neotype.errors import FitError, SamplingError, SchemaError
from neotype.permutation import Permutation
from neotype.schema.schema import Identifier
from neotype.schema.storage import storage_name


def learn(series: pl.Series, **options) -> IdentifierEncoder:
    column = Identifier(storage=storage_name(series.dtype), **options)
    return IdentifierEncoder.learn("id", column, series.alias("id").to_frame(), protect=5)


def draw(encoder: IdentifierEncoder, rows: int, first_row: int = 0) -> pl.Series:
    codes = np.zeros((len(encoder.digits), rows), dtype=np.uint8)
    rng = np.random.default_rng(0)
    (series,) = encoder.decode(codes, rng=rng, first_row=first_row)
    return series


def reloaded(encoder: IdentifierEncoder) -> IdentifierEncoder:
    state = encoder.state()
    facts = json.loads(json.dumps(state.facts))
    return IdentifierEncoder.restore(State(facts, state.arrays), encoder.column)


RNG = np.random.default_rng(7)
HEX = np.array(list("0123456789abcdef"))
BASE36 = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
COLUMNS = {
    "counter": pl.Series(range(1, 2001)),
    "counter from zero": pl.Series(range(2000), dtype=pl.Int16),
    "counter from 1001": pl.Series(range(1001, 3001), dtype=pl.Int32),
    "sparse": pl.Series(RNG.choice(10**9, 2000, replace=False)),
    "negative": pl.Series(-RNG.choice(10**9, 2000, replace=False)),
    "huge": pl.Series([2**64 - 1 - int(n) for n in RNG.choice(10**12, 2000)], dtype=pl.UInt64),
    "float": pl.Series(RNG.choice(10**9, 2000, replace=False)).cast(pl.Float64),
    "int128": pl.Series([10**30 + int(n) for n in RNG.choice(10**9, 2000)], dtype=pl.Int128),
    "decimal": pl.Series(range(2000)).cast(pl.Decimal(20, 0)),
    "text counter": pl.Series([str(n) for n in range(1, 2001)]),
    "orders": pl.Series([f"ORD-{n:06d}" for n in range(1, 2001)]),
    "unpadded": pl.Series([f"C{n}" for n in range(1, 2001)]),
    "two prefixes": pl.Series(
        [f"{'AB' if n % 2 else 'XY'}{n:08d}" for n in range(0, 10**8, 49999)]
    ),
    "uuid": pl.Series([str(uuid.UUID(int=int(n))) for n in RNG.choice(2**62, 2000)]),
    "hex": pl.Series(["".join(RNG.choice(HEX, 12)) for _ in range(2000)]),
    "base36": pl.Series(["".join(RNG.choice(BASE36, 9)) for _ in range(2000)]),
    "mixed lengths": pl.Series(
        ["".join(RNG.choice(BASE36, RNG.integers(6, 12))) for _ in range(2000)]
    ),
    "plates": pl.Series(
        [f"{a}{b}-{n % 1000:03d}" for n, (a, b) in enumerate(RNG.choice(BASE36[10:], (2000, 2)))]
    ).unique(),
    "emails": pl.Series([f"user{n}@mail{n % 7}.de" for n in range(2000)]),
    "unicode": pl.Series([f"Größe-{n * 7919 % 100000:05d}" for n in range(2000)]),
    "categorical": pl.Series([f"K{n:05d}" for n in range(0, 90000, 45)], dtype=pl.Categorical),
    "binary": pl.Series([RNG.bytes(8) for _ in range(2000)], dtype=pl.Binary),
    "few": pl.Series(["a-1", "b-2"]),
    "one": pl.Series([4711]),
    "nothing": pl.Series([None, None], dtype=pl.String),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_unique_in_its_storage_and_the_same_from_any_row(name: str) -> None:
    real = COLUMNS[name]
    encoder = learn(real, nullable=bool(real.null_count()))
    drawn = draw(encoder, 5000)
    assert drawn.dtype == real.dtype
    assert drawn.null_count() == 0
    assert drawn.n_unique() == 5000
    again = reloaded(encoder)
    assert pl.concat([draw(again, 1234), draw(again, 3766, 1234)]).equals(drawn)
    far = draw(encoder, 100, 3000)
    assert far.equals(drawn[3000:3100])


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("counter", r"[1-9]\d*"),
        ("sparse", r"\d{1,9}"),
        ("negative", r"-\d{1,9}"),
        ("huge", r"\d{20}"),
        ("orders", r"ORD-\d{6}"),
        ("unpadded", r"C[1-9]\d*"),
        ("two prefixes", r"(AB|XY)\d{8}"),
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("hex", "[0-9a-f]{12}"),
        ("base36", "[0-9A-Z]{9}"),
        ("mixed lengths", "[0-9A-Z]{6,11}"),
        ("plates", r"[A-Z]{2}-\d{3}"),
        ("emails", r"[a-z]+@example\.com"),
        ("unicode", r"Größe-\d{5}"),
        ("categorical", r"K\d{5}"),
    ],
)
def test_the_form_is_the_columns_own(name: str, form: str) -> None:
    drawn = draw(learn(COLUMNS[name]), 5000).cast(pl.String)
    assert [text for text in drawn if not re.fullmatch(form, text)] == []


@pytest.mark.parametrize(
    "name",
    ["sparse", "negative", "huge", "two prefixes", "uuid", "hex", "base36", "emails", "binary"],
)
def test_no_sparse_training_identifier_is_drawn_again(name: str) -> None:
    real = COLUMNS[name]
    assert not set(draw(learn(real), 20_000)) & set(real)


def test_lengths_keep_their_shares() -> None:
    real = COLUMNS["mixed lengths"]
    drawn = draw(learn(real), 10_000)
    shares = [
        s.str.len_chars().value_counts(normalize=True, name="n").sort("n") for s in (real, drawn)
    ]
    wanted, got = (dict(frame.iter_rows()) for frame in shares)
    assert all(abs(wanted[k] - got.get(k, 0)) < 0.03 for k in wanted)


def test_no_more_are_made_than_exist() -> None:
    codes = pl.Series([f"{n:03d}" for n in range(0, 1000, 5)])
    encoder = learn(codes)
    assert draw(encoder, 1000).n_unique() == 1000
    with pytest.raises(SamplingError, match="only 1,000 identifiers"):
        draw(encoder, 1001)
    with pytest.raises(SamplingError, match="pattern"):
        draw(encoder, 1, 10**12)


def test_a_narrow_integer_runs_out_loudly() -> None:
    encoder = learn(pl.Series(range(1, 101), dtype=pl.Int8))
    assert draw(encoder, 127).to_list() == list(range(1, 128))
    with pytest.raises(SamplingError, match="only 127"):
        draw(encoder, 128)


def test_missing_identifiers_stay_missing() -> None:
    real = pl.Series([None if n % 4 == 0 else n for n in range(400)])
    encoder = learn(real, nullable=True)
    codes = encoder.encode(real.alias("id").to_frame())
    (drawn,) = encoder.decode(codes, rng=np.random.default_rng(0), first_row=0)
    assert drawn.is_null().equals(real.is_null())
    assert drawn.drop_nulls().n_unique() == 300


def test_rows_per_identifier_are_as_in_the_data() -> None:
    sizes = np.random.default_rng(1).geometric(0.4, 3000)
    real = pl.Series(np.repeat(np.random.default_rng(2).choice(10**8, 3000, replace=False), sizes))
    encoder = reloaded(learn(real, unique=False))
    drawn = draw(encoder, len(real))
    assert abs(drawn.n_unique() / real.n_unique() - 1) < 0.03
    got = drawn.value_counts(name="n")["n"]
    assert abs((got == 1).mean() - (sizes == 1).mean()) < 0.03
    assert got.max() <= sizes.max()
    assert draw(encoder, 500, 2500).equals(drawn[2500:3000])


def test_a_pattern_of_the_schema_is_obeyed() -> None:
    pattern = r"[A-C]{2}-\d{4}|Z[0-9]{3,4}"
    encoder = learn(pl.Series(["AB-0001", "Z123"] * 10), pattern=pattern)
    drawn = draw(encoder, 5000)
    assert drawn.n_unique() == 5000
    assert drawn.str.contains(rf"^({pattern.replace('|', '$|^')})$").all()


@pytest.mark.parametrize("pattern", ["(ab)+", "a*", "[^a]", "[a", "a{1000}", "a?"])
def test_an_unreadable_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(SchemaError, match="cannot be used"):
        parse(pattern)


def test_what_cannot_hold_new_values_is_refused_when_learning() -> None:
    with pytest.raises(FitError, match="categorical"):
        learn(pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])))


def test_nothing_of_a_training_identifier_is_stored() -> None:
    real = pl.Series(
        [f"{n}-canary{n * 7919}" for n in range(3)] + [f"X{n:07d}" for n in range(300)]
    )
    stored = json.dumps(learn(real).state().facts)
    assert "canary" not in stored
    assert not any(text in stored for text in real)


@given(st.integers(1, 3000), st.text(max_size=3))
def test_a_permutation_is_one(size: int, key: str) -> None:
    permutation = Permutation(size, key)
    numbers = np.arange(size, dtype=np.uint64)
    scattered = permutation.apply(numbers)
    assert np.array_equal(np.sort(scattered), numbers)
    assert np.array_equal(permutation.invert(scattered), numbers)


@given(
    st.lists(
        st.text(
            "abXY019é-",
            min_size=1,
            max_size=9,
        ),
        min_size=1,
        max_size=9,
    ),
    st.data(),
)
def test_a_template_numbers_its_members(alphabets: list[str], data: st.DataObject) -> None:
    template = Template(tuple("".join(dict.fromkeys(a)) for a in alphabets))
    last = template.capacity - 1
    numbers = np.array(data.draw(st.lists(st.integers(0, last), max_size=20)), dtype=np.uint64)
    assert np.array_equal(template.locate(template.render(numbers)), numbers)


def test_the_size_of_a_single_group_is_not_kept() -> None:
    owners = [f"u{i:04d}" for i in range(300) for _ in range(3)]
    frame = pl.DataFrame({"owner": [*owners, "u0300", *["u0301"] * 77]})
    column = Identifier(storage="String", unique=False)
    runs = IdentifierEncoder.learn("owner", column, frame, protect=5).runs
    assert set(runs.tolist()) <= {2, 3, 4}
