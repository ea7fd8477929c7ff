"""`synthesizer="auto"`: families are tried on rows of their own, and a copier never wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype import registry
from neotype.data import Dataset
from neotype.errors import DataError, FitError, SchemaError
from neotype.rng import Rng
from neotype.synth.synthesizer import Capabilities
from neotype.synth.trees import Trees
from neotype.tasks.select import Selection, search_space, seconds_of, select

ADULT = Path(__file__).parents[1] / "examples" / "adult.parquet"


@pytest.fixture(scope="module")
def adult() -> pl.DataFrame:
    return pl.read_parquet(ADULT).head(2_500)


def data_of(frame: pl.DataFrame) -> Dataset:
    return Dataset.of(nt.infer_schema(frame), frame)


@dataclass(frozen=True)
class Copier:
    """Returns the rows that it learnt: undetectable, and of no use to anybody."""

    takes: ClassVar[Capabilities] = Capabilities()

    def fit(self, data: Dataset, *, rng: Rng, progress: Any = None) -> Any:
        return _Copies(data)


@dataclass(frozen=True)
class _Copies:
    data: Dataset

    def sample(self, rows: int, *, rng: Rng) -> Dataset:
        return self.data.take(np.resize(rng.generator().permutation(self.data.rows), rows))


@dataclass(frozen=True)
class Broken:
    """Cannot learn anything."""

    takes: ClassVar[Capabilities] = Capabilities()
    depth: int = field(default=3, metadata={"search": (1, 5)})

    def fit(self, data: Dataset, *, rng: Rng, progress: Any = None) -> Any:
        raise FitError("this family is broken.")


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        **registry.SYNTHESIZERS,
        "copier": f"{__name__}:Copier",
        "broken": f"{__name__}:Broken",
    }
    monkeypatch.setitem(registry._GROUPS, "synthesizer", ("neotype.synthesizers", known))


def chosen(frame: pl.DataFrame, *families: str, **asked: Any) -> Selection:
    asked = {"seconds": 6.0, "rng": Rng(0), **asked}
    return select(data_of(frame), families=families, **asked)


def test_the_better_family_wins_and_it_is_said_how_surely(adult: pl.DataFrame) -> None:
    found = chosen(adult, "trees", "independent")
    assert found.winner.family == "trees"
    assert found.winner.rows == 2_000
    assert found.winner.interval is not None
    assert "clearly ahead of independent" in found.why
    assert isinstance(found.recipe(), Trees)


def test_a_copier_never_wins_and_what_fails_says_why(adult: pl.DataFrame, foreign: None) -> None:
    found = chosen(adult, "copier", "trees", "broken")
    assert found.winner.family == "trees"
    by_name = {one.family: one for one in found.trials}
    assert by_name["copier"].copies
    assert (by_name["copier"].value or 1.0) < (by_name["trees"].value or 0.0)
    assert by_name["broken"].failed == "this family is broken."
    with pytest.raises(DataError, match="no family could be chosen") as told:
        chosen(adult, "copier", "broken")
    assert "copier: copies rows" in str(told.value)


def test_settings_are_tuned_while_there_is_time(adult: pl.DataFrame) -> None:
    found = chosen(adult.head(600), "trees", seconds=20.0)
    tried = {one.name for one in found.trials}
    assert "trees" in tried
    assert len(tried) > 2
    for one in found.trials:
        assert set(one.settings) <= set(search_space(Trees))


def test_utility_is_of_the_target(adult: pl.DataFrame) -> None:
    found = chosen(adult, "trees", "independent", target="income", objective="utility")
    assert found.metric == "tstr"
    assert found.winner.family == "trees"


def test_fit_takes_the_winner_and_keeps_the_board(adult: pl.DataFrame, tmp_path: Path) -> None:
    model = nt.fit(adult, synthesizer="auto", budget="6s", families=["trees", "independent"])
    assert model.facts["synthesizer"] == "Trees"
    assert model.facts["rows"] == adult.height
    model.save(tmp_path / "m.neotype")
    board = nt.load(tmp_path / "m.neotype").facts["chosen"]
    assert board["trials"][0]["family"] == "trees"
    assert board["why"].startswith("trees")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"budget": "soon"}, "'soon' is no time"),
        ({"objective": "beauty"}, "objective 'beauty' is not known"),
        ({"objective": "utility"}, "none is named"),
        ({"families": ["tree"]}, "did you mean 'trees'"),
    ],
)
def test_what_cannot_be_asked(adult: pl.DataFrame, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(nt.NeotypeError) as told:
        nt.fit(adult, synthesizer="auto", **asked)
    assert says in str(told.value)


def test_a_choice_is_said_of_a_choice(adult: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match="none is asked for"):
        nt.fit(adult, budget="5m")
    with pytest.raises(SchemaError, match="none is asked for"):
        nt.fit(adult, epsilon=1.0, budget="5m")
    with pytest.raises(DataError, match="150 rows are too few"):
        nt.fit(adult.head(150), synthesizer="auto")


@pytest.mark.parametrize(("said", "seconds"), [("90", 90), ("10m", 600), ("1.5h", 5400), (3, 3)])
def test_times(said: str | float, seconds: float) -> None:
    assert seconds_of(said) == seconds
