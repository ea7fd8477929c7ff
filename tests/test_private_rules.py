"""Constraints within a privacy budget: they hold, and no row is read for them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.data import Dataset
from neotype.dp.budget import Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.encode.codebook import Codebook
from neotype.errors import DataError, FitError, SchemaError
from neotype.registry import names
from neotype.schema.constraint import Columns, Constraint, Rule
from neotype.schema.schema import Categorical, Numeric, Schema, Table
from neotype.schema.storage import storage_dtype
from neotype.schema.typed import typed_schema
from neotype.synth.private.domain import draft, readable
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.rules import declared, fit_ruled, impossible
from rules import SAMPLES, Sample
from strategies import TABLES
from test_private_domain import KINDS

REFUSED = ("MixedScales", "FixedNullCombinations")


def read_from_rows(sample: Sample) -> bool:
    return sample.name in REFUSED or (
        sample.name == "FixedCombinations" and "allowed" not in sample.line
    )


def ruled(sample: Sample) -> Schema:
    return sample.bare.schema.constrained([sample.line])


def ids(sample: Sample) -> str:
    return sample.name


HELD = [sample for sample in SAMPLES if not read_from_rows(sample) and sample.name != "Custom"]


def test_every_constraint_is_looked_at() -> None:
    assert {sample.name for sample in SAMPLES} >= set(names("constraint"))


@pytest.mark.parametrize("sample", HELD, ids=ids)
def test_it_holds_in_made_rows_and_goes_with_the_file(sample: Sample, tmp_path: Path) -> None:
    frame = pl.concat([sample.frame] * 5)
    if sample.breaks is not None:  # one row that breaks it is no error, which would tell of it
        cells = [pl.Series(k, [v]).cast(frame[k].dtype) for k, v in sample.breaks.items()]
        frame = pl.concat([frame, frame[:1].with_columns(cells)])
    model = nt.fit(frame, epsilon=20.0, schema=ruled(sample))
    made = model.sample(300, seed=1)
    (rule,) = model.model.rewriting.rules
    assert rule.holds(made).all()
    assert [made[c].dtype for c in made.columns] == [frame[c].dtype for c in made.columns]
    again = nt.load(model.save(tmp_path / "model.neotype"))
    assert again.sample(300, seed=1).equals(made)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if read_from_rows(s)], ids=ids)
def test_what_would_be_read_from_rows_is_refused_by_the_schema_alone(sample: Sample) -> None:
    ledger = Ledger(Budget(1.0, 1e-6))
    told = []
    for frame in (sample.frame, sample.frame.clear()):
        data = Dataset.of(ruled(sample), frame)
        with pytest.raises(SchemaError, match="would be read from private rows for free") as fault:
            fit_ruled(Marginals(), data, ledger)
        told.append(str(fault.value))
    assert told[0] == told[1]
    assert not ledger.steps


class Seen(Constraint):
    """A constraint of somebody else's, that looks at rows and says nothing of budgets."""

    @property
    def about(self) -> tuple[str, ...]:
        return ("a",)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        raise AssertionError("rows were read")


def test_a_foreign_constraint_that_learns_is_refused() -> None:
    rule = Seen(type="Seen")
    frame = pl.DataFrame({"a": [1, 2] * 2_000})
    schema = typed_schema({"t": frame})
    table = schema.table.model_copy(update={"constraints": (rule,)})
    data = Dataset.of(schema.model_copy(update={"tables": {"t": table}}), frame)
    with pytest.raises(SchemaError, match="what rows show"):
        fit_ruled(Marginals(), data, Ledger(Budget(1.0, 1e-6)))


@pytest.mark.parametrize("sample", HELD, ids=ids)
def test_rows_are_rewritten_one_by_one(sample: Sample) -> None:
    """A row more or less is a row more or less of what is measured, and changes no other."""
    rewriting = declared(ruled(sample))
    frame = sample.bare.frame
    cells = rewriting.encode(frame)
    for part in (slice(0, 1), slice(1, None), slice(7, 30)):
        assert rewriting.encode(frame[part]).equals(cells[part])


def test_coding_a_row_looks_at_no_other() -> None:
    """Nor do symbols of private rows, whatever is in them."""
    draw = np.random.Generator(np.random.PCG64(1))
    columns, cells = {}, []
    for name, (column, wild) in KINDS.items():
        picks = draw.integers(0, len(wild) + 1, 60).tolist()
        made = pl.Series(name, [[*wild, None][pick] for pick in picks], strict=False)
        columns[name] = column
        cells.append(made.cast(storage_dtype(column.storage), strict=False))
    schema, frame = Schema(tables={"t": Table(columns=columns)}), pl.DataFrame(cells)
    data = Dataset.of(schema, frame)
    drafted = draft(data, Mechanism(Ledger(Budget(5.0, 1e-6))), rho=0.3, delta=1e-7, epsilon=5.0)
    codebook: Codebook = drafted.codebook()
    codes = codebook.encode(readable(data))
    for part in (slice(0, 1), slice(1, None), slice(5, 40)):
        some = codebook.encode(readable(Dataset.of(schema, frame[part])))
        assert np.array_equal(some, codes[:, part])


class TestStructuralZeros:
    """What a rule forbids of labels cannot be drawn."""

    columns: ClassVar[dict[str, Any]] = {
        "sex": Categorical(storage="String", values=("f", "m")),
        "state": Categorical(storage="String", values=("child", "mother", "father")),
        "weight": Numeric(storage="Int64", subtype="integer", decimals=0, minimum=0, maximum=99),
    }
    rule = "NOT (sex = 'm' AND state = 'mother') AND NOT (sex = 'f' AND state = 'father')"

    def frame(self, rows: int = 4_000) -> pl.DataFrame:
        draw = np.random.Generator(np.random.PCG64(2))
        sex = draw.integers(0, 2, rows)
        grown = draw.random(rows) < 0.6
        state = np.where(grown, np.array(["mother", "father"])[sex], "child")
        weight = np.clip(draw.normal(30 + 30 * grown, 8).round(), 0, 99).astype(int)
        return pl.DataFrame({"sex": np.array(["f", "m"])[sex], "state": state, "weight": weight})

    def schema(self, expression: str) -> Schema:
        schema = Schema(tables={"t": Table(columns=self.columns)})
        return schema.constrained([{"type": "Expression", "expression": expression}])

    @pytest.mark.parametrize("strategy", TABLES)
    def test_no_candidate_breaks_it(self, strategy: str) -> None:
        model = nt.fit(
            self.frame(), epsilon=2.0, schema=self.schema(self.rule), synthesizer=strategy
        )
        inner = model.model.inner
        (zeros,) = impossible(model.model.rewriting, inner.codebook)
        assert np.isneginf(zeros.values).sum() >= 2
        raw = inner.sample(3_000, rng=nt.rng.Rng(1)).frame
        good = raw.filter(pl.col("sex").is_not_null() & pl.col("state").is_not_null())
        assert not good.filter(sex="m", state="mother").height
        assert not good.filter(sex="f", state="father").height

    def test_conditions_are_met_beside_it(self) -> None:
        model = nt.fit(self.frame(), epsilon=2.0, schema=self.schema(self.rule))
        mothers = model.sample(200, where={"state": "mother", "weight": "40.."})
        assert (mothers["sex"].fill_null("f") == "f").all()
        given = model.sample(given=pl.DataFrame({"sex": ["m"] * 50, "weight": [60] * 50}))
        assert "mother" not in given["state"].to_list()
        with pytest.raises(DataError):
            model.sample(given=pl.DataFrame({"sex": ["m"], "state": ["mother"]}))

    def test_a_rule_that_leaves_nothing_is_said(self) -> None:
        with pytest.raises(FitError, match="no row can obey"):
            nt.fit(self.frame(), epsilon=2.0, schema=self.schema("sex = 'x' AND state = 'y'"))


def test_listed_combinations_need_no_rows(tmp_path: Path) -> None:
    """And a combination that nobody listed is taken for none, without a word."""
    draw = np.random.Generator(np.random.PCG64(3))
    pairs = np.array([["free", ""], ["paid", "EUR"], ["paid", "USD"]])[draw.integers(0, 3, 4_000)]
    frame = pl.DataFrame({"plan": pairs[:, 0], "currency": pairs[:, 1]})
    frame = frame.with_columns(
        currency=pl.when(pl.int_range(pl.len()) < 500).then(pl.lit("GBP")).otherwise("currency")
    )
    rule = nt.constraints.FixedCombinations(
        columns=("plan", "currency"), allowed=(("free", ""), ("paid", "EUR"), ("paid", "USD"))
    )
    model = nt.fit(frame, epsilon=3.0, constraints=[rule])
    made = model.sample(1_000)
    assert set(made.iter_rows()) == {("free", ""), ("paid", "EUR"), ("paid", "USD")}
    asked = model.sample(100, where={"currency": "USD"})
    assert set(asked["plan"]) == {"paid"}


def test_statistics_of_a_private_model_make_rows_without_it(tmp_path: Path) -> None:
    zeros = TestStructuralZeros()
    model = nt.fit(zeros.frame(), epsilon=3.0, schema=zeros.schema(zeros.rule))
    file, spec = model.save(tmp_path / "m.neotype"), tmp_path / "spec.yaml"
    told = CliRunner().invoke(app, ["inspect", str(file), "--stats", "-o", str(spec)])
    assert told.exit_code == 0, told.output
    made = nt.from_spec(spec).sample(2_000)
    mothers = made.filter(pl.col("state") == "mother")
    assert 0.2 < mothers.height / made.height < 0.4
    assert (mothers["sex"].fill_null("f") == "f").all()
    assert mothers["weight"].mean() > made.filter(pl.col("state") == "child")["weight"].mean() + 15


def test_bounds_that_a_rule_declares_are_not_paid_for() -> None:
    draw = np.random.Generator(np.random.PCG64(4))
    frame = pl.DataFrame({"hours": draw.integers(1, 99, 4_000)})
    rule = nt.constraints.ScalarRange(column="hours", low=1, high=99)
    paid = [
        step["purpose"]
        for step in nt.fit(frame, epsilon=1.0, constraints=[rule]).facts["privacy"]["steps"]
    ]
    assert not any("bounds" in purpose for purpose in paid)


def test_nor_are_those_of_a_gap_between_columns_of_declared_bounds() -> None:
    draw = np.random.Generator(np.random.PCG64(7))
    low = draw.integers(0, 50, 4_000)
    frame = pl.DataFrame({"low": low, "high": np.minimum(low + draw.poisson(5, 4_000), 60)})
    bounds = {"storage": "Int64", "subtype": "integer", "decimals": 0, "minimum": 0, "maximum": 60}
    schema = Schema(tables={"t": Table(columns={n: Numeric(**bounds) for n in frame.columns})})
    rule = nt.constraints.Inequality(low="low", high="high")
    model = nt.fit(frame, epsilon=1.0, schema=schema, constraints=[rule])
    paid = [step["purpose"] for step in model.facts["privacy"]["steps"]]
    assert not any("bounds" in purpose for purpose in paid)
    made = model.sample(2_000)
    assert made["high"].is_between(made["low"], 60).all()
    assert abs((made["high"] - made["low"]).mean() - 5) < 1


def test_a_function_sees_made_rows_only() -> None:
    seen = []

    def plausible(rows: pl.DataFrame) -> pl.Series:
        seen.append(rows["secret"].max())
        return rows["secret"] < 1_000

    module: Any = ModuleType("private_rules")
    module.plausible = plausible
    sys.modules["private_rules"] = module
    draw = np.random.Generator(np.random.PCG64(5))
    frame = pl.DataFrame({"secret": draw.integers(0, 500, 3_000)})
    frame = pl.concat([frame, pl.DataFrame({"secret": [987_654]})])
    rule = nt.constraints.Custom(columns=("secret",), function="private_rules:plausible")
    model = nt.fit(frame, epsilon=2.0, constraints=[rule])
    assert model.sample(500)["secret"].max() < 1_000
    assert 987_654 not in seen


def test_a_target_may_be_part_of_a_rule() -> None:
    draw = np.random.Generator(np.random.PCG64(6))
    low = draw.integers(0, 50, 4_000)
    frame = pl.DataFrame({"low": low, "high": low + draw.poisson(5, 4_000)})
    model = nt.fit(
        frame, "high", epsilon=3.0, constraints=[nt.constraints.Inequality(low="low", high="high")]
    )
    made = model.sample(500)
    assert (made["low"] <= made["high"]).all()
