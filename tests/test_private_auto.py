"""Which strategy a budget gets, and what is said where it cannot serve so many columns."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.data import Dataset
from neotype.dp.budget import Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import BudgetExceededError, DataError, FitError
from neotype.schema.schema import Boolean, Datetime, Numeric, Schema, Table
from neotype.schema.typed import typed_schema
from neotype.synth.private.aim import AIM
from neotype.synth.private.auto import Auto
from neotype.synth.private.independent import Independent
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.private import fit_private
from neotype.synth.private.privbayes import PrivBayes


def table(rows: int, columns: int = 4, labels: int = 3) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(rows))
    first = draw.integers(0, labels, rows)
    return pl.DataFrame(
        {f"c{k}": (first + (draw.random(rows) < 0.3) * k) % labels for k in range(columns)}
    )


class TestPick:
    """The choice costs nothing, follows from noisy and public numbers, and is told."""

    @pytest.mark.parametrize(
        ("rows", "digits", "epsilon", "delta", "target", "picked"),
        [
            (32_000, 15, 1.0, 1e-6, None, Marginals),
            (32_000, 15, 1.0, 1e-6, 3, Marginals),
            (1_000, 15, 1.0, 1e-6, None, Independent),
            (1_000, 15, 1.0, 1e-6, 3, Marginals),
            (1_000, 15, 10.0, 1e-6, None, Marginals),
            (10_000, 1, 1.0, 1e-6, None, Independent),
            (32_000, 15, 10.0, None, None, AIM),
            (32_000, 15, 0.3, None, None, PrivBayes),
            (500, 15, 0.3, None, None, Independent),
        ],
    )
    def test_by_rows_digits_budget_and_target(
        self,
        rows: int,
        digits: int,
        epsilon: float,
        delta: float | None,
        target: int | None,
        picked: type,
    ) -> None:
        ledger = Ledger(Budget(epsilon, delta))
        pick = Auto().pick(
            [8] * digits, rows, Mechanism(ledger), rho=0.8 * ledger.left, target=target
        )
        assert isinstance(pick.strategy, picked)
        assert f"{rows:,} rows" in pick.why
        assert not ledger.steps

    def test_it_is_the_default_and_is_told(self, tmp_path: Path) -> None:
        model = nt.fit(table(8_000), epsilon=1.0)
        assert model.facts["synthesizer"] == "Marginals"
        assert model.facts["hyperparameters"]["star"] == Marginals().star
        assert model.facts["picked"].startswith("marginals, for ")
        again = nt.load(model.save(tmp_path / "model.neotype"))
        assert f"strategy picked: {model.facts['picked']}" in again.describe()
        named = nt.fit(table(8_000), epsilon=1.0, synthesizer="mst")
        assert "picked" not in named.facts
        assert named.facts["synthesizer"] == "MST"


class TestTooMuchAsked:
    def test_columns_that_a_budget_cannot_serve_are_refused(self) -> None:
        with pytest.raises(FitError, match="too small for so many columns") as told:
            nt.fit(table(100, 100), epsilon=1.0)
        assert "each of 100 columns gets ε = " in str(told.value)
        assert "fewer columns" in str(told.value)

    def test_what_is_left_for_a_column_is_said_where_it_is_little(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="neotype"):
            nt.fit(table(1_500, 20), epsilon=1.0)
        assert "each of 20 columns gets ε = " in caplog.text
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="neotype"):
            nt.fit(table(20_000, 4), epsilon=5.0)
        assert "gets ε" not in caplog.text

    def test_a_spent_budget_stops_before_the_first_draw(self) -> None:
        frame = table(2_000)
        ledger = Ledger(Budget(1.0, 1e-6))
        data = Dataset.of(typed_schema({"t": frame}), frame)
        fit_private(Marginals(), data, ledger)
        steps = ledger.steps
        with pytest.raises(BudgetExceededError, match="spent"):
            fit_private(Marginals(), data, ledger)
        assert ledger.steps == steps

    def test_a_cap_names_columns(self) -> None:
        frame = table(20_000, 4, labels=30).cast(pl.String)
        with pytest.raises(FitError, match=r"'c1', 'c0'|'c0', 'c1'") as told:
            nt.fit(frame, "c0", epsilon=10.0, synthesizer="marginals", cells=100)
        assert "cap is 100" in str(told.value)


class TestNothingIsToldOfCells:
    """What a cell holds is in no error, no warning and no setting of a column."""

    def test_cells_that_do_not_fit_a_declared_storage(self) -> None:
        columns = {
            "a": Numeric(storage="Int64"),
            "b": Datetime(storage="Datetime[us,UTC]"),
            "c": Boolean(storage="String", labels=("no", "yes")),
        }
        wild = pl.DataFrame({"a": ["1", "soon"], "b": ["x", "2020-01-01T00:00Z"], "c": ["no", "?"]})
        made = nt.fit(
            pl.concat([wild] * 3_000),
            epsilon=1.0,
            schema=Schema(tables={"t": Table(columns=columns)}),
        ).sample(100)
        assert made["a"].dtype == pl.Int64
        assert set(made["a"].drop_nulls()) <= {1}

    def test_texts_are_no_times_by_their_dtype_alone(self) -> None:
        schema = Schema(tables={"t": Table(columns={"b": Datetime(storage="Date", part="date")})})
        said = []
        for cell in ("2024-01-31", "never"):
            with pytest.raises(DataError) as told:
                nt.fit(pl.DataFrame({"b": [cell] * 2_000}), epsilon=1.0, schema=schema)
            said.append(str(told.value))
        assert said[0] == said[1]

    def test_metadata_of_sdv_is_filled_in_by_dtypes_alone(self, tmp_path: Path) -> None:
        kinds = {"a": {"sdtype": "numerical"}, "b": {"sdtype": "categorical"}}
        file = tmp_path / "meta.json"
        file.write_text(json.dumps({"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": kinds}))
        frame = pl.DataFrame({"a": [0.25, 1.5] * 2_000, "b": ["x", "y"] * 2_000})
        one = frame.with_columns(a=pl.when(pl.int_range(pl.len()) == 3).then(1 / 3).otherwise("a"))
        for each in (frame, one):
            assert nt.fit(each, epsilon=5.0, schema=file).schema.columns["a"].decimals == 2
