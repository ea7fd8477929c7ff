"""Constraints of combinations, gaps, formulas and several rows: what a user relies on."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neotype as nt
from neotype import registry
from neotype.constraints.joined import cells, labels
from neotype.errors import (
    ColumnNotFoundError,
    DataError,
    FitError,
    ModelFileError,
    SchemaError,
)
from neotype.rng import Rng
from neotype.schema.constraint import Columns, Constraint, Rule
from neotype.schema.schema import Identifier
from rules import described, fitted, obeyed

N = 600


@pytest.fixture(scope="module")
def towns() -> pl.DataFrame:
    g = np.random.default_rng(0)
    town = g.integers(0, 12, N)
    return pl.DataFrame(
        {
            "town": [f"T{t}" for t in town],
            "land": [None if t == 11 else f"L{t // 4}" for t in town],
            "size": g.normal(town, 0.5).round(2),
        }
    )


COMBINED = {"type": "FixedCombinations", "columns": ["town", "land"]}

CELLS: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "int": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "unsigned": (pl.UInt64(), st.integers(0, 2**64 - 1)),
    "float": (pl.Float64(), st.floats(allow_nan=False)),
    "single": (pl.Float32(), st.floats(width=32, allow_nan=False)),
    "text": (pl.String(), st.text(st.characters(exclude_categories=["Cs"]))),
    "truth": (pl.Boolean(), st.booleans()),
    "date": (pl.Date(), st.dates()),
    "time": (pl.Time(), st.times()),
    "at": (pl.Datetime("us", "Europe/Vienna"), st.datetimes(dt.datetime(1900, 1, 1))),
    "took": (pl.Duration("ms"), st.integers(0, 10**12).map(lambda n: dt.timedelta(0, 0, 0, n))),
    "price": (pl.Decimal(12, 2), st.integers(-(10**8), 10**8).map(lambda n: Decimal(n) / 100)),
    "level": (pl.Enum(["low", "high"]), st.sampled_from(["low", "high"])),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cells_of_every_storage_come_back_from_their_label(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 6))
    drawn_cells = []
    for name, (dtype, values) in CELLS.items():
        drawn = data.draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        if isinstance(dtype, pl.Datetime):
            series = pl.Series(name, drawn, dtype=pl.Datetime("us")).dt.replace_time_zone("UTC")
            series = series.dt.convert_time_zone("Europe/Vienna")
        else:
            series = pl.Series(name, drawn, dtype=dtype)
        drawn_cells.append(series)
    frame = pl.DataFrame(drawn_cells)
    joined = labels(frame, frame.columns)
    assert joined.null_count() == 0
    assert cells(joined, dict(frame.schema)).equals(frame)


def test_only_combinations_of_the_data_are_made_and_a_missing_cell_is_one(
    towns: pl.DataFrame,
) -> None:
    made = fitted(towns, COMBINED).sample(3000)
    pairs = set(towns.select("town", "land").unique().rows())
    assert set(made.select("town", "land").unique().rows()) == pairs
    assert ("T11", None) in pairs
    share = (
        made["town"]
        .value_counts(normalize=True)
        .join(towns["town"].value_counts(normalize=True), on="town")
    )
    assert (share["proportion"] - share["proportion_right"]).abs().max() < 0.05


def test_a_combination_of_few_rows_is_neither_made_nor_in_the_file(
    towns: pl.DataFrame, tmp_path: Path
) -> None:
    rare = pl.DataFrame({"town": ["T1"] * 4, "land": ["Atlantis"] * 4, "size": [1.0] * 4})
    model = fitted(pl.concat([towns, rare]), COMBINED)
    assert "Atlantis" not in set(model.sample(3000)["land"])
    (rule,) = model.model.rewriting.rules
    assert not rule.holds(rare).any()
    assert b"Atlantis" not in model.save(tmp_path / "m.neotype").read_bytes()


def test_a_rare_town_becomes_another_of_its_land() -> None:
    g = np.random.default_rng(8)
    town = np.where(g.random(N) < 0.7, g.integers(0, 6, N), g.integers(6, 206, N))
    land = [f"L{t % 2}" for t in town]
    frame = pl.DataFrame({"land": land, "town": [f"T{t}" for t in town]}).with_columns(
        size=pl.Series(g.normal(town % 2 * 10, 1.0))
    )
    model = fitted(frame, COMBINED, synthesizer="trees", refine=0)
    made = model.sample(4000)
    assert set(made["town"]) == {f"T{t}" for t in range(6)}
    assert (made["land"] == "L" + (made["town"].str.slice(1).cast(int) % 2).cast(str)).all()
    assert ((made["size"] > 5) == (made["land"] == "L1")).mean() > 0.93
    (note,) = [one for one in model.protections if one.what == "rare combinations"]
    assert note.cells == (town >= 6).sum()


def test_nothing_but_rare_combinations_cannot_be_learnt(towns: pl.DataFrame) -> None:
    with pytest.raises(FitError, match="no combination of town, size is in 5 rows or more"):
        fitted(towns, {"type": "FixedCombinations", "columns": ["town", "size"]})


def test_what_is_allowed_may_be_listed(towns: pl.DataFrame) -> None:
    pairs = [list(row) for row in towns.select("town", "land").unique(maintain_order=True).rows()]
    model = fitted(towns, {**COMBINED, "allowed": [*pairs, ["Rome", "L9"]]})
    (rule,) = model.model.rewriting.rules
    assert rule.holds(pl.DataFrame({"town": ["Rome", "T1"], "land": ["L9", "L9"]})).to_list() == [
        True,
        False,
    ]
    with pytest.raises(DataError, match=r"does not hold in \d+ of 600 rows"):
        fitted(towns, {**COMBINED, "allowed": pairs[1:]})
    with pytest.raises(SchemaError, match="no combination of 2 cells"):
        fitted(towns, {**COMBINED, "allowed": [["T1"]]})


def test_conditions_on_one_column_find_the_combinations(towns: pl.DataFrame) -> None:
    model = fitted(towns, COMBINED)
    asked = pl.DataFrame({"land": ["L0", "L2"], "size": [1.0, 2.0]})
    made = model.sample(given=asked)
    assert made.select("land", "size").equals(asked)
    assert made["town"][0] in {"T0", "T1", "T2", "T3"}
    assert made["town"][1] in {"T8", "T9", "T10"}
    made = model.sample(200, where={"land": None})
    assert set(made["town"]) == {"T11"}
    with pytest.raises(DataError, match=r"no 'town' in \['T99'\] is in a row that obeys"):
        model.sample(given=pl.DataFrame({"town": ["T99"]}))
    with pytest.raises(DataError, match="contradicts constraints of the schema"):
        model.sample(given=pl.DataFrame({"town": ["T1"], "land": ["L2"]}))


def test_many_combinations_of_many_rows_are_quick() -> None:
    import time

    g = np.random.default_rng(1)
    which = g.integers(0, 20_000, 300_000)
    frame = pl.DataFrame({"a": which, "b": (which * 7) % 20_011})
    schema = described(frame, {"type": "FixedCombinations", "columns": ["a", "b"]})
    start = time.perf_counter()
    rule = schema.table.constraints[0].learn(schema.columns, frame, protect=5)
    back = rule.decode(rule.encode(frame), Rng(0).generator())
    held = rule.holds(frame)
    assert held.mean() > 0.99
    assert time.perf_counter() - start < 20
    assert back.select("a", "b").filter(held).equals(frame.filter(held))
    assert rule.holds(back).all()


@pytest.mark.parametrize("none", [False, True])
def test_one_flag_is_set(none: bool) -> None:
    g = np.random.default_rng(2)
    which = g.choice(4 if none else 3, N)
    frame = pl.DataFrame({f"f{k}": (which == k).astype(float) for k in range(3)})
    line = {"type": "OneHotEncoding", "columns": ["f0", "f1", "f2"], "none": none}
    model = fitted(frame, line)
    made = model.sample(1000)
    assert made.schema == frame.schema
    ones = made.sum_horizontal()
    assert set(ones) == ({0.0, 1.0} if none else {1.0})
    assert set(model.sample(50, where={"f1": 1})["f0"]) == {0.0}
    assert set(model.sample(50, where={"f1": 0})["f1"]) == {0.0}
    (rule,) = model.model.rewriting.rules
    broken = pl.DataFrame({"f0": [1.0, None, 0.5], "f1": [1.0, 1.0, 0.5], "f2": [0.0, 0.0, 0.0]})
    assert not rule.holds(broken).any()


def test_one_hot_is_about_flags(towns: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match="'town', which is categorical of String"):
        fitted(towns, {"type": "OneHotEncoding", "columns": ["town", "size"]})


def test_gaps_come_together_even_where_columns_are_independent() -> None:
    g = np.random.default_rng(3)
    gone = pl.Series(g.random(N) < 0.4)
    parts = {"at": g.normal(size=N), "by": g.choice(["x", "y"], N), "n": g.integers(0, 9, N)}
    frame = pl.DataFrame([pl.Series(k, v).set(gone, None) for k, v in parts.items()])
    free = fitted(frame, {"type": "Expression", "expression": "n >= 0"}).sample(1000)
    apart = free.select(pl.sum_horizontal(pl.all().is_null()).is_between(1, 2))
    assert apart.to_series().mean() > 0.3
    names = ["at", "by", "n"]
    model = fitted(frame, {"type": "FixedNullCombinations", "columns": names})
    made = model.sample(2000)
    gaps = made.select(pl.sum_horizontal(pl.all().is_null())).to_series()
    assert set(gaps) == {0, 3}
    assert abs((gaps == 3).mean() - gone.mean()) < 0.05
    assert model.sample(given=pl.DataFrame({"n": [3, 4]}))["at"].null_count() == 0
    nothing = pl.DataFrame({"n": pl.Series([None, None], dtype=pl.Int64)})
    assert model.sample(given=nothing)["by"].null_count() == 2


@pytest.fixture(scope="module")
def bills() -> pl.DataFrame:
    g = np.random.default_rng(4)
    frame = pl.DataFrame(
        {
            "net": g.integers(100, 5000, N) / 100,
            "pieces": g.integers(1, 6, N),
            "day": [dt.date(2024, 1, 1) + dt.timedelta(int(d)) for d in g.integers(0, 300, N)],
        }
    )
    return frame.with_columns(
        total=(pl.col("net") * pl.col("pieces") * 1.2).round(2), month=pl.col("day").dt.month()
    )


TOTAL = {"type": "ColumnFormula", "column": "total", "expression": "net * pieces * 1.2"}
MONTH = {"type": "ColumnFormula", "column": "month", "expression": "extract(month from day)"}


def test_a_formula_is_computed_in_storage_and_decimals(bills: pl.DataFrame, tmp_path: Path) -> None:
    model = fitted(bills, TOTAL, MONTH)
    made = model.sample(1000)
    assert made.schema == bills.schema
    assert (made["total"] == (made["net"] * made["pieces"] * 1.2).round(2)).all()
    assert (made["month"] == made["day"].dt.month()).all()
    assert not {"total", "month"} & set(model.model.rewriting.inner.columns)
    again = nt.load(model.save(tmp_path / "m.neotype"))
    assert again.sample(1000).equals(made)


def test_small_integers_have_room_in_a_formula() -> None:
    net = pl.Series("net", np.random.default_rng(0).integers(1, 99, N), dtype=pl.Int8)
    frame = pl.DataFrame([net, (net.cast(int) * 2).alias("twice")])
    line = {"type": "ColumnFormula", "column": "twice", "expression": "net * 2"}
    made = fitted(frame, line).sample(500)
    assert (made["twice"] == made["net"].cast(int) * 2).all()


def test_given_cells_of_a_formula_are_used_as_they_are(bills: pl.DataFrame) -> None:
    model = fitted(bills, TOTAL, MONTH)
    made = model.sample(given=bills.select("net", "pieces").head(30))
    assert made["total"].equals(bills["total"].head(30))
    made = model.sample(given=pl.DataFrame({"month": [3, 7, 7]}, schema={"month": pl.Int8}))
    assert made["day"].dt.month().to_list() == [3, 7, 7]


def test_formulas_may_follow_from_each_other(bills: pl.DataFrame) -> None:
    frame = bills.with_columns(half=(pl.col("total") / 2).round(3))
    half = {"type": "ColumnFormula", "column": "half", "expression": "total / 2"}
    for lines in ((TOTAL, half), (half, TOTAL)):
        model = fitted(frame, *lines)
        assert not {"total", "half"} & set(model.model.rewriting.inner.columns)
        made = model.sample(500)
        assert obeyed(model, made)
        assert (made["half"] - made["total"] / 2).abs().max() < 1e-3


def test_a_formula_may_follow_from_an_identifier(bills: pl.DataFrame) -> None:
    frame = bills.with_columns(ref=pl.Series([f"R-{k:05d}" for k in range(N)]))
    frame = frame.filter(pl.col("net") > 20).with_columns(mail=pl.col("ref") + "@x.org")
    line = {"type": "ColumnFormula", "column": "mail", "expression": "ref || '@x.org'"}
    over = {"type": "Expression", "expression": "net > 20"}
    model = fitted(frame, line, over, changed={"ref": Identifier(storage="String")})
    # Rows are rejected, so that identifiers are issued anew.
    made = model.sample(3000, where={"pieces": 2})
    assert (made["mail"] == made["ref"] + "@x.org").all()
    assert made["ref"].n_unique() == 3000


def test_gaps_of_a_formula_stay_as_frequent(bills: pl.DataFrame) -> None:
    gone = pl.Series(np.random.default_rng(0).random(N) < 0.3)
    frame = bills.with_columns(bills["total"].set(gone, None))
    made = fitted(frame, TOTAL).sample(2000)
    assert abs(made["total"].is_null().mean() - gone.mean()) < 0.05


def test_a_part_of_a_known_sum_is_solved_for() -> None:
    g = np.random.default_rng(0)
    adults = g.integers(0, 500, N)
    frame = pl.DataFrame({"adults": adults, "children": adults // 2 + g.integers(0, 50, N)})
    frame = frame.with_columns(guests=pl.col("adults") + pl.col("children"))
    line = {"type": "ColumnFormula", "column": "guests", "expression": "adults + children"}
    model = fitted(frame, line, synthesizer="trees", refine=0)
    for names in (["guests", "adults"], ["guests", "children"]):
        assert model.sample(given=frame.select(names)).equals(frame)
    made = model.sample(given=frame.select("guests"))
    assert obeyed(model, made)
    assert (made["adults"] - frame["adults"]).abs().mean() < 20


def test_a_table_with_holes_is_learnt_and_filled_under_a_formula(bills: pl.DataFrame) -> None:
    g = np.random.default_rng(0)
    holes = {name: pl.Series(g.random(N) < 0.2) for name in ("net", "pieces", "total")}
    frame = bills.with_columns(bills[name].set(gone, None) for name, gone in holes.items())
    model = fitted(frame, TOTAL, synthesizer="trees", refine=0)
    made = model.sample(2000)
    assert obeyed(model, made)
    beside = made.filter(pl.col("net").is_null())["total"]
    assert 0 < beside.null_count() < 0.5 * len(beside)
    assert abs(beside.mean() - frame["total"].mean()) < 0.2 * frame["total"].mean()
    filled = nt.impute(frame, schema=model.schema).frame
    assert not any(filled.null_count().row(0))
    assert obeyed(model, filled)
    wrong = frame.with_columns(total=pl.col("total") + 1)
    with pytest.raises(DataError, match="does not hold"):
        fitted(wrong, TOTAL)


def test_a_wrong_total_is_found_and_a_tolerance_may_be_given(bills: pl.DataFrame) -> None:
    frame = bills.with_columns(pl.col("total") + 0.02)
    with pytest.raises(DataError, match="does not hold in 600 of 600 rows"):
        fitted(frame, TOTAL)
    model = fitted(frame, {**TOTAL, "tolerance": 0.03})
    assert obeyed(model, model.sample(100))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({**TOTAL, "expression": "nett * 2"}, "did you mean 'net'"),
        ({**TOTAL, "expression": "net *"}, "cannot be computed"),
        ({**TOTAL, "expression": "total * 1"}, "from itself"),
        ({**TOTAL, "expression": "3"}, "not one value from columns"),
        ({**TOTAL, "expression": 'pl.col("net").mean()'}, "values for|depends on other rows"),
        ({**TOTAL, "expression": 'pl.col("net") - pl.col("net").mean()'}, "depends on other rows"),
        ({**TOTAL, "expression": 'pl.col("net").map_elements(print)'}, "is not taken"),
        ({"type": "Expression", "expression": "net + 1"}, "no condition on a row"),
        ({"type": "Expression", "expression": 'pl.col("net").is_unique()'}, "depends on other"),
    ],
)
def test_a_faulty_expression_is_explained(
    bills: pl.DataFrame, line: dict[str, Any], says: str
) -> None:
    with pytest.raises(SchemaError, match=says):
        fitted(bills, line)


@pytest.mark.parametrize(
    "text", ["net > 10 or pieces < 3", '(pl.col("net") > 10) | (pl.col("pieces") < 3)']
)
def test_a_condition_in_sql_or_polars_holds_in_every_row(bills: pl.DataFrame, text: str) -> None:
    frame = bills.filter((pl.col("net") > 10) | (pl.col("pieces") < 3))
    model = fitted(frame, {"type": "Expression", "expression": text})
    made = model.sample(2000)
    assert ((made["net"] > 10) | (made["pieces"] < 3)).all()
    gap = pl.DataFrame(
        {"net": [None, None], "pieces": [9, 2]}, schema=made.select("net", "pieces").schema
    )
    assert obeyed(model, gap)


def cheap(rows: pl.DataFrame) -> Any:
    return (rows["net"] < 40).to_numpy()


def test_a_python_function_is_called_only_where_its_module_was_imported(
    bills: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = bills.filter(pl.col("net") < 40)
    line = {"type": "Custom", "columns": ["net"], "function": f"{__name__}:cheap"}
    model = fitted(frame, line)
    assert model.sample(1000)["net"].max() < 40
    path = model.save(tmp_path / "m.neotype")
    assert nt.load(path).sample(10).equals(model.sample(10))
    monkeypatch.delitem(sys.modules, __name__)
    with pytest.raises(ModelFileError, match="has not been imported"):
        nt.load(path)
    with pytest.raises(SchemaError, match=f"import {__name__} first"):
        fitted(frame, line)


class Even(Constraint):
    """A third party's constraint: whole numbers are even, told by their half."""

    type: Literal["Even"] = "Even"
    column: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.column,)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        return self.restore({}, columns)

    def restore(self, facts: Any, columns: Columns) -> Rule:
        return _Half(self)


class _Half(Rule):
    def __init__(self, constraint: Even) -> None:
        self.constraint = constraint

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        return (frame[self.constraint.column] % 2 == 0).fill_null(True)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        return {**columns, self.constraint.column: columns[self.constraint.column].model_copy()}

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(self.constraint.column) // 2)

    def decode(self, frame: pl.DataFrame, rng: Any) -> pl.DataFrame:
        return frame.with_columns(pl.col(self.constraint.column) * 2)


def test_an_entry_point_makes_a_class_a_constraint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("Even", f"{__name__}:Even", "neotype.constraints")
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [entry] if group == entry.group else []
    )
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    frame = pl.DataFrame({"n": np.random.default_rng(0).integers(0, 500, N) * 2})
    model = fitted(frame, {"type": "Even", "column": "n"})
    made = model.sample(1000)
    assert (made["n"] % 2 == 0).all()
    assert made["n"].max() > 800
    assert nt.load(model.save(tmp_path / "m.neotype")).sample(1000).equals(made)


def test_a_column_that_is_not_there_is_named(bills: pl.DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match="did you mean 'pieces'"):
        fitted(bills, {"type": "Expression", "expression": "piece > 0"})
