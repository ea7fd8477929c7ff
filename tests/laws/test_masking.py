"""What every treatment owes: no real value stays, missing cells do, one key gives one result."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.masking.key import Key
from neotype.masking.letters import DIGITS, LOWER, UPPER, form_of, permuted
from neotype.masking.plan import TREATMENTS, treatment
from neotype.masking.treatment import Setting
from neotype.permutation import Numbers
from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.fake import make
from neotype.schema.infer import infer_schema

KEY, OTHER = Key(b"k" * 32), Key(b"o" * 32)
ROWS = 400


def people(rows: int = ROWS) -> pl.DataFrame:
    """A table of made-up people with a missing cell in every tenth row."""
    numbers: Numbers = pl.int_range(rows, eager=True).cast(pl.UInt64).to_numpy()
    days = pl.int_range(rows, eager=True)
    frame = pl.DataFrame(
        {
            "email": make("email", numbers, unique=True),
            "name": make("full_name", numbers, unique=True),
            "iban": make("iban", numbers, locale="de"),
            "card": make("card_number", numbers),
            "ref": pl.Series([f"CUST-{n:05d}" for n in range(20_000, 20_000 + rows)]),
            "number": days + 700_000,
            "zip": pl.Series([f"{n % 90 + 10}{n % 900 + 100}" for n in range(rows)]),
            "pay": (days * 37 % 9000).cast(pl.Float64) + 0.25,
            "age": days % 70 + 18,
            "seen": pl.Series([dt.date(2020, 1, 1) + dt.timedelta(days=n) for n in range(rows)]),
            "at": pl.Series(
                [dt.datetime(2020, 1, 1, 7) + dt.timedelta(hours=n) for n in range(rows)]
            ),
            "born": pl.Series([f"{1950 + n % 50}-03-{n % 28 + 1:02d}" for n in range(rows)]),
            "job": pl.Series([("nurse", "judge", "cook", "smith")[n * n % 4] for n in range(rows)]),
            "note": pl.Series(
                [f"write to x{n}.y@mail{n}.org or +44 113 496 {n:04d}" for n in range(rows)]
            ),
        }
    )
    holes = pl.int_range(rows, eager=True) % 10 == 3
    return frame.select(pl.when(~holes).then(pl.col(name)).alias(name) for name in frame.columns)


FRAME = people()
TABLE = infer_schema({"people": FRAME}).table

CASES: list[tuple[str, str, pl.DataType]] = [
    ("email", "fake:email", pl.String()),
    ("name", "fake:full_name", pl.String()),
    ("name", "fake:category=full_name,per=number", pl.String()),
    ("email", "pseudonym", pl.String()),
    ("ref", "pseudonym:8", pl.String()),
    ("ref", "pseudonym:format=true", pl.String()),
    ("number", "pseudonym", pl.String()),
    ("number", "pseudonym:format=true", pl.Int64()),
    ("number", "pattern", pl.Int64()),
    ("ref", "pattern", pl.String()),
    ("iban", "pattern:check=iban", pl.String()),
    ("card", "pattern:check=card", pl.String()),
    ("iban", "mask:4", pl.String()),
    ("email", "mask", pl.String()),
    ("email", r"mask:hide='(\w+)@'", pl.String()),
    ("note", "mask:spans=true", pl.String()),
    ("zip", "generalise:2", pl.String()),
    ("pay", "generalise:100", pl.String()),
    ("pay", "generalise:to=100,values=typical", pl.Float64()),
    ("age", "generalise:edges=[18,30,65]", pl.String()),
    ("seen", "generalise:quarter", pl.String()),
    ("seen", "generalise:to=month,values=typical", pl.Date()),
    ("born", "generalise:decade", pl.String()),
    ("job", "generalise:groups={office: [judge], hand: [cook, smith, nurse]}", pl.String()),
    ("seen", "shift:10", pl.Date()),
    ("at", "shift:days=10,per=number", pl.Datetime("us")),
    ("born", "shift:1000", pl.String()),
]
KEYED = [case for case in CASES if TREATMENTS[case[1].partition(":")[0]].keyed]


def treated(name: str, said: str, key: Key = KEY, frame: pl.DataFrame = FRAME) -> pl.Series:
    return treatment(said).apply(frame[name], Setting(TABLE.columns[name], key, frame))


@pytest.mark.parametrize(("name", "said", "dtype"), CASES)
class TestEveryTreatment:
    def test_missing_cells_stay_and_no_other_becomes_one(
        self, name: str, said: str, dtype: pl.DataType
    ) -> None:
        assert treated(name, said).is_null().equals(FRAME[name].is_null())

    def test_dtype_is_as_documented(self, name: str, said: str, dtype: pl.DataType) -> None:
        assert treated(name, said).dtype == dtype

    def test_no_real_value_stays_in_its_row(self, name: str, said: str, dtype: pl.DataType) -> None:
        same = (treated(name, said).cast(pl.String) == FRAME[name].cast(pl.String)).sum()
        if "typical" in said:
            return  # the first of a month may have been the day
        # A permutation may leave a value where it was, about once in as many as there are.
        assert same <= 1

    def test_the_same_value_becomes_the_same_wherever_it_stands(
        self, name: str, said: str, dtype: pl.DataType
    ) -> None:
        other = FRAME.with_row_index().sort("index", descending=True).drop("index")
        if "shift" in said and "per" not in said:
            assert treated(name, said).equals(treated(name, said))
            return
        assert treated(name, said, frame=other).reverse().equals(treated(name, said))

    def test_the_input_is_untouched(self, name: str, said: str, dtype: pl.DataType) -> None:
        before = FRAME.clone()
        treated(name, said)
        assert FRAME.equals(before)

    def test_it_is_a_line_of_yaml(self, name: str, said: str, dtype: pl.DataType) -> None:
        one = treatment(said)
        assert treatment(yaml.safe_load(yaml.safe_dump(one.model_dump(mode="json")))) == one

    def test_a_column_without_a_cell_stays_so(
        self, name: str, said: str, dtype: pl.DataType
    ) -> None:
        empty = FRAME.head(5).with_columns(pl.lit(None, FRAME[name].dtype).alias(name))
        if any(way in said for way in ("shift", "quarter", "month", "decade")) and name == "born":
            return  # what is a date in text cannot be seen in no text
        assert treated(name, said, frame=empty).null_count() == 5


@pytest.mark.parametrize(("name", "said", "dtype"), KEYED)
def test_another_key_gives_other_values(name: str, said: str, dtype: pl.DataType) -> None:
    one, two = treated(name, said).drop_nulls(), treated(name, said, key=OTHER).drop_nulls()
    assert (one == two).mean() < 0.1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "said"),
    [(name, said) for name, said, _ in CASES if said.startswith(("pseudonym", "pattern"))],
)
def test_different_values_stay_different(name: str, said: str) -> None:
    assert treated(name, said).drop_nulls().n_unique() == FRAME[name].drop_nulls().n_unique()


def test_check_digits_are_right() -> None:
    assert valid_iban(treated("iban", "pattern:check=iban").drop_nulls()).all()
    assert valid_card(treated("card", "pattern:check=card").drop_nulls()).all()


@given(
    st.integers(1, 3), st.sampled_from([DIGITS, UPPER, LOWER]), st.binary(min_size=16, max_size=32)
)
@settings(max_examples=15, deadline=None)
def test_a_permutation_of_all_texts_of_a_form(length: int, alphabet: str, key: bytes) -> None:
    if len(alphabet) > 10 and length > 2:
        length = 2
    every = [""]
    for _ in range(length):
        every = [text + letter for text in every for letter in alphabet]
    images = {permuted(text, form_of(text), key) for text in every}
    assert images == set(every)


@given(st.text(alphabet="aB3-é. ", max_size=12))
def test_what_is_no_letter_or_digit_of_ascii_keeps_its_place(text: str) -> None:
    changed = permuted(text, form_of(text), b"k" * 32)
    shape = [
        re.sub("[0-9]", "9", re.sub("[a-z]", "a", re.sub("[A-Z]", "A", t))) for t in (text, changed)
    ]
    assert shape[0] == shape[1]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("fak:email", "did you mean 'fake'"),
        ("mask:lst=4", "did you mean 'last'"),
        ("mask:first=-1", "greater than or equal to 0"),
        ("generalise:to=3,top=2", "two ways"),
        ("shift:days=0", "greater than or equal to 1"),
        ("mask:hide='('", "no regular expression"),
        ({"last": 4}, "is no treatment"),
        ("keep:3", "takes nothing"),
    ],
)
def test_what_cannot_be_is_said(said: Any, problem: str) -> None:
    with pytest.raises(Exception, match=re.escape(problem)):
        treatment(said)
