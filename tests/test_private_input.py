"""Bad input within a budget, and input of which nothing may be told: errors, notices, dtypes."""

from __future__ import annotations

import logging
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.errors import (
    BudgetError,
    DataError,
    FitError,
    ModelFileError,
    NeotypeError,
    SchemaError,
)
from neotype.plan import make_plan
from neotype.source import read
from neotype.synth.private.marginals import Marginals

ROWS = 1_500


def people(rows: int = ROWS) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(3))
    born = pl.date_range(pl.date(1950, 1, 1), pl.date(1990, 1, 1), "1d", eager=True)
    return pl.DataFrame(
        {
            "who": np.arange(rows) // 3,
            "age": draw.integers(17, 91, rows),
            "weight": draw.normal(70, 9, rows).round(1),
            "school": draw.choice(["primary", "secondary", "university"], rows),
            "born": born.sample(rows, with_replacement=True, seed=1),
        }
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    people().write_parquet(path)
    return path


def refused(*words: object) -> str:
    """What the command says of why it does not do it."""
    made = CliRunner().invoke(app, [str(word) for word in words])
    assert made.exit_code in (1, 2), made.output
    return " ".join(made.output.split())


class TestBudget:
    @pytest.mark.parametrize("epsilon", ["0", "-1", "nan", "inf"])
    def test_an_epsilon_that_is_none(self, source: Path, tmp_path: Path, epsilon: str) -> None:
        told = refused("fit", source, "-o", tmp_path / "m", "--epsilon", epsilon)
        assert "must be a number above 0" in told
        assert "epsilon=1 is common" in told

    @pytest.mark.parametrize("epsilon", [1e-6, 1e-9, 1e-12])
    def test_a_budget_that_buys_nothing_is_told_at_once(self, epsilon: float) -> None:
        """Before a column is read: thresholds of such noise would take gigabytes."""
        with pytest.raises(NeotypeError, match="too small") as fault:
            nt.fit(people(300), epsilon=epsilon)
        assert "give epsilon=" in str(fault.value)

    def test_many_columns_of_few_rows(self) -> None:
        wide = pl.DataFrame({f"c{k}": np.arange(100) % 7 for k in range(800)})
        with pytest.raises(FitError, match="each of 800 columns"):
            nt.fit(wide, epsilon=1.0)

    @pytest.mark.parametrize("delta", [-1e-6, 1, 2, float("nan"), "a"])
    def test_a_delta_that_is_none(self, delta: Any) -> None:
        with pytest.raises(BudgetError, match="between 0 and 1"):
            nt.fit(people(30), epsilon=1.0, delta=delta)

    def test_a_delta_that_would_let_a_row_be_published(self, source: Path, tmp_path: Path) -> None:
        words = ("--epsilon", 5, "--delta", 0.01)
        told = refused("fit", source, "-o", tmp_path / "m", *words)
        assert re.search(r"not below 1 / \d+ rows", told)
        assert re.search(r"take delta=\d+e-\d+ or less", told)

    def test_what_belongs_to_a_budget_alone(self, source: Path, tmp_path: Path) -> None:
        for words in (("--delta", "1e-6"), ("--unit", "who"), ("--at-most", 3)):
            assert "no epsilon is" in refused("fit", source, "-o", tmp_path / "m", *words)
        told = refused("fit", source, "-o", tmp_path / "m", "--epsilon", 1, "--at-most", 3)
        assert "name the entity's column as unit" in told

    def test_a_unit_that_is_no_column(self, source: Path, tmp_path: Path) -> None:
        words = ("--epsilon", 1, "--unit", "whom", "--at-most", 3)
        assert "did you mean 'who'?" in refused("fit", source, "-o", tmp_path / "m", *words)

    @pytest.mark.parametrize("name", ["trees", nt.Trees(), nt.Independent()])
    def test_a_synthesizer_without_privacy(self, name: Any) -> None:
        with pytest.raises(BudgetError, match="no differential privacy"):
            nt.fit(people(30), epsilon=1.0, synthesizer=name)

    def test_a_strategy_may_be_made_beforehand(self) -> None:
        model = nt.fit(people(300), epsilon=9.0, synthesizer=Marginals(triples=False))
        assert model.facts["hyperparameters"]["triples"] is False

    def test_refinement_reads_rows(self, source: Path, tmp_path: Path) -> None:
        words = ("--epsilon", 1, "--set", "refine=2")
        told = refused("fit", source, "-o", tmp_path / "m", *words)
        assert "refine: not with a budget" in told

    def test_a_wrong_key_of_a_plan(self) -> None:
        told = {"source": "a.csv", "output": "out", "budget": {"epsilon": 1, "unti": "who"}}
        with pytest.raises(SchemaError, match="unti' is not a setting; did you mean 'unit'"):
            make_plan(told, "the plan")


class TestTables:
    @pytest.mark.parametrize(
        "frame",
        [
            people(1),
            people().select("age"),
            people().with_columns(
                a=pl.lit(None, dtype=pl.Int64), b=pl.lit(None, dtype=pl.String), c=np.nan
            ),
            people().with_columns(i=pl.Series([2**100 + k for k in range(ROWS)], dtype=pl.Int128)),
            people().with_columns(f=pl.Series([np.inf, -np.inf, np.nan] * (ROWS // 3))),
            pl.DataFrame({"code": [f"v{k}" for k in range(100_000)]}),
        ],
        ids=["one row", "one column", "all missing", "int128", "no finite number", "all labels"],
    )
    def test_odd_tables_are_learnt(self, frame: pl.DataFrame) -> None:
        made = nt.fit(frame, epsilon=2_000.0, delta=1e-9).sample(40)
        assert dict(made.schema) == dict(frame.schema)

    def test_a_table_without_rows_or_columns(self) -> None:
        with pytest.raises(DataError, match="has no rows"):
            nt.fit(people().clear(), epsilon=1.0)
        with pytest.raises(DataError, match="has no columns"):
            nt.fit(pl.DataFrame(), epsilon=1.0)

    def test_rows_of_nobody_are_left_out_and_others_clipped(self) -> None:
        """As docs/differential-privacy.md states; how many there are is not told."""
        nobody = pl.when(pl.int_range(pl.len()) < 900).then(None).otherwise("who")
        model = nt.fit(people().with_columns(who=nobody), epsilon=500.0, unit="who", at_most=2)
        assert abs(model.facts["rows"] - 400) < 40

    def test_cells_that_say_themselves_what_they_are(self, tmp_path: Path) -> None:
        people(300).drop("born").write_ndjson(tmp_path / "people.ndjson")
        with pytest.raises(SchemaError, match="read them for free"):
            nt.fit(tmp_path / "people.ndjson", epsilon=9.0)
        schema = nt.infer_schema(people(300).drop("born").clear().vstack(people(20).drop("born")))
        assert nt.fit(tmp_path / "people.ndjson", epsilon=9.0, schema=schema).facts["rows"]

    def test_a_model_that_was_tampered_with(self, tmp_path: Path) -> None:
        path = nt.fit(people(300), epsilon=9.0).save(tmp_path / "m.neotype")
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 25)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
            try:
                again = nt.load(path).save(tmp_path / "again.neotype", force=True)
            except ModelFileError:
                continue
            assert again.read_bytes() == whole


def _text(**cells: Any) -> str:
    told = {"who": 7, "age": 40, "weight": 70.5, "school": "primary", "born": "1970-02-03"}
    return ",".join(str(cell) for cell in {**told, **cells}.values())


ODD_LINES = {
    "text among numbers": _text(age="forty"),
    "a fraction": _text(age="40.5"),
    "another mark for missing": _text(weight="NA"),
    "nothing": _text(age="", weight="", school=""),
    "beyond all others": _text(age=10**15, weight=1e300),
    "beyond every number": _text(age="9" * 60, weight="1e999"),
    "not a number": _text(weight="nan"),
    "led by zeros": _text(age="007"),
    "no date": _text(born="sometime"),
    "a new label": _text(school="nowhere"),
    "no person": _text(who=""),
    "spaces": _text(age=" 40 "),
}


def of_a_file(folder: Path, line: str) -> Any:
    """What is told of a CSV file with this line at its end."""
    path = folder / "people.csv"
    people().write_csv(path)
    with path.open("a") as file:
        file.write(line + "\n")
    words = ["fit", path, "-o", folder / "m.neotype", "--epsilon", "20", "--unit", "who"]
    made = CliRunner().invoke(app, [str(word) for word in words])
    return made.exit_code, re.sub(r"[\d.,]+", "#", made.stderr), of_a_model(folder / "m.neotype")


def of_a_model(path: Path) -> Any:
    """What a model tells that is no draw of noise."""
    model = nt.load(path)
    kinds = [(n, c.kind, c.storage, c.reason) for n, c in model.schema.columns.items()]
    return kinds, model.kind.to_facts(), model.facts["origin"], set(model.facts)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return of_a_file(tmp_path_factory.mktemp("usual"), _text())


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a CSV file in which one row has values that no other has."""
    folder = tmp_path_factory.mktemp("canary")
    people().write_csv(folder / "people.csv")
    with (folder / "people.csv").open("a") as file:
        file.write(_text(who=987_001, age=987_002, weight="987003.5", school="CANARY") + "\n")
    return nt.fit(folder / "people.csv", epsilon=3.0).save(folder / "m.neotype")


class TestNeighbours:
    """Two tables that differ by one row say the same, whatever is odd about the row."""

    @pytest.mark.parametrize("line", ODD_LINES.values(), ids=ODD_LINES.keys())
    def test_of_a_file_of_text(self, usual: Any, line: str, tmp_path: Path) -> None:
        assert of_a_file(tmp_path, line) == usual
        kinds = {name: kind for name, kind, *_ in usual[2][0]}
        assert kinds["age"] == kinds["weight"] == "numeric"
        assert (kinds["born"], kinds["school"]) == ("datetime", "categorical")

    @pytest.mark.parametrize(
        "odd",
        [
            {"weight": float("nan")},
            {"weight": None, "age": None, "school": None},
            {"weight": float("inf")},
            {"age": 2**62},
            {"school": "nowhere"},
        ],
        ids=str,
    )
    def test_of_a_frame(
        self, odd: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        told = []
        for row in (people(1), people(1).with_columns(**{k: pl.lit(v) for k, v in odd.items()})):
            frame = people().vstack(row.cast(dict(people().schema)))
            for given in (frame, frame.to_pandas()):
                caplog.clear()
                with caplog.at_level(logging.INFO), warnings.catch_warnings(record=True) as warned:
                    path = nt.fit(given, epsilon=20.0).save(tmp_path / "m.neotype", force=True)
                said = [re.sub(r"[\d.,]+", "#", record.message) for record in caplog.records]
                told.append((said, [str(one.message) for one in warned], of_a_model(path)))
        assert told[0] == told[2]
        # Of pandas it is the frame itself that has another dtype where a cell is missing.
        if "age" not in odd:
            assert told[1] == told[3]

    def test_of_python_objects(self, tmp_path: Path) -> None:
        told = []
        for odd in ("primary", 7, 2.5, None, b"x"):
            frame = people().select("age", "school").to_pandas()
            frame["school"] = frame["school"].astype(object)
            frame.loc[3, "school"] = odd
            path = nt.fit(frame, epsilon=20.0).save(tmp_path / "m.neotype", force=True)
            told.append(of_a_model(path))
        assert all(one == told[0] for one in told)
        assert isinstance(nt.load(path).sample(5), pd.DataFrame)

    def test_how_many_rows_there_are_is_not_in_the_model(self, tmp_path: Path) -> None:
        path = nt.fit(people(1_237), epsilon=2.0).save(tmp_path / "m.neotype")
        assert b"1,237" not in path.read_bytes()
        assert "1,237" not in str(nt.load(path).facts)


class TestCanary:
    def test_it_is_not_in_the_file(self, watched: Path) -> None:
        parts = [watched.read_bytes()]
        if zipfile.is_zipfile(watched):
            with zipfile.ZipFile(watched) as packed:
                parts += [packed.read(name) for name in packed.namelist()]
        for part in parts:
            for secret in (b"CANARY", b"987001", b"987002", b"987003"):
                assert secret not in part

    def test_it_is_in_no_row(self, watched: Path) -> None:
        made = nt.load(watched).sample(20_000)
        assert "CANARY" not in made["school"].to_list()
        assert not made["age"].is_in([987_002]).any()
        assert not made["weight"].is_in([987_003.5]).any()


def test_text_is_read_as_text_where_nothing_may_be_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x, y\n1, 2\n 3,NA\n")
    plain = read(tmp_path / "a.csv", plain=True)
    assert plain.frames["a"].to_dict(as_series=False) == {"x": ["1", "3"], "y": ["2", "NA"]}
    assert plain.untyped
    assert not read(tmp_path / "a.csv").untyped


def test_every_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NeotypeError) as fault:
        nt.fit(tmp_path / "none.csv", epsilon=1.0)
    assert fault.value.problem
