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
from neotype.choice import Choice, seconds_of
from neotype.choose.select import Selection, Trial, _why, select
from neotype.choose.tuning import Tuner, search_space
from neotype.data import Dataset
from neotype.errors import DataError, FitError, SchemaError
from neotype.rng import Rng
from neotype.synth.bayes_net import BayesNet
from neotype.synth.copula import Copula
from neotype.synth.synthesizer import Capabilities

ADULT = Path(__file__).parents[1] / "examples" / "adult.parquet"


@pytest.fixture(scope="module")
def adult() -> pl.DataFrame:
    columns = ("age", "education", "marital-status", "sex", "hours-per-week", "income")
    return pl.read_parquet(ADULT, columns=columns).head(2_000)


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


def chosen(
    frame: pl.DataFrame, *families: str, target: str | None = None, **asked: Any
) -> Selection:
    choice = Choice(**{"budget": 60.0, "families": families, **asked})
    return select(data_of(frame), choice, target=target, rng=Rng(0))


def test_the_better_family_wins_and_it_is_said_how_surely(adult: pl.DataFrame) -> None:
    found = chosen(adult, "bayes_net", "independent")
    assert found.winner.family == "bayes_net"
    assert found.winner.rows == 1_600
    assert found.winner.interval is not None
    assert "clearly ahead of independent" in found.why
    assert isinstance(found.recipe, BayesNet)


def test_only_who_learnt_as_many_rows_is_said_to_be_beaten() -> None:
    def trial(family: str, rung: int, value: float) -> Trial:
        interval = (value - 0.02, value + 0.02)
        return Trial(family, {}, rung, 100 * 3**rung, 1.0, value, interval, 0.5)

    raced = [trial("trees", 2, 0.55), trial("vine", 2, 0.57), trial("copula", 2, 0.9)]
    out = [trial("bayes_net", 1, 0.6), trial("independent", 0, 0.99)]
    said = _why([*raced, *out], "fidelity")
    assert "on 900 rows" in said
    assert said.endswith(
        "; within noise of vine; clearly ahead of copula; "
        "judged on fewer rows: bayes_net, independent"
    )


def test_a_copier_never_wins_and_what_fails_says_why(adult: pl.DataFrame, foreign: None) -> None:
    found = chosen(adult, "copier", "bayes_net", "broken")
    assert found.winner.family == "bayes_net"
    by_name = {one.family: one for one in found.trials}
    assert by_name["copier"].copies
    assert (by_name["copier"].value or 1.0) < (by_name["bayes_net"].value or 0.0)
    assert by_name["broken"].failed == "this family is broken."
    with pytest.raises(DataError, match="no family could be chosen") as told:
        chosen(adult, "copier", "broken")
    assert "copier: copies rows" in str(told.value)


def test_settings_are_tuned_while_there_is_time(adult: pl.DataFrame) -> None:
    found = chosen(adult.head(600), "copula", budget=30.0)
    tried = {one.name for one in found.trials}
    assert "copula" in tried
    assert len(tried) > 2
    for one in found.trials:
        assert set(one.settings) <= set(search_space(Copula))


def test_utility_is_of_the_target(adult: pl.DataFrame) -> None:
    found = chosen(adult, "bayes_net", "independent", target="income", objective="utility")
    assert found.metric == "tstr"
    assert found.winner.family == "bayes_net"


def test_fit_takes_the_winner_and_keeps_the_board(adult: pl.DataFrame, tmp_path: Path) -> None:
    model = nt.fit(adult, synthesizer="auto", budget="1m", families=["bayes_net", "independent"])
    assert model.facts["synthesizer"] == "BayesNet"
    assert model.facts["rows"] == adult.height
    model.save(tmp_path / "m.neotype")
    board = nt.load(tmp_path / "m.neotype").facts["chosen"]
    assert board["trials"][0]["family"] == "bayes_net"
    assert board["why"].startswith("bayes_net")


def test_a_plan_leaves_the_choice_open_and_its_report_shows_the_board(
    adult: pl.DataFrame, tmp_path: Path
) -> None:
    adult.head(900).write_csv(tmp_path / "data.csv")
    result = nt.run(
        {
            "source": tmp_path / "data.csv",
            "output": tmp_path / "out",
            "synthesizer": {
                "name": "auto",
                "budget": "1m",
                "families": ["copula", "language", "independent"],
            },
            "metrics": ["c2st", "dcr_share"],
        }
    )
    facts = result.report.facts
    assert facts.synthesizer == "copula"
    assert facts.chosen["why"].startswith("copula")
    assert "no model folder" in facts.chosen["left_out"]["language"]
    assert "Why this family" in result.paths["report"].read_text()
    assert "## Why this family" in result.paths["card"].read_text()
    model = nt.load(result.paths["model"])
    assert model.facts["chosen"] == facts.chosen
    assert model.sample(7).height == 7
    with pytest.raises(SchemaError, match="'soon' is no time"):
        nt.run(
            {"source": "a.csv", "output": "b", "synthesizer": {"name": "auto", "budget": "soon"}}
        )


@pytest.mark.parametrize("family", registry.SYNTHESIZERS)
def test_what_is_proposed_can_be_made(family: str) -> None:
    kind = registry.find("synthesizer", family)
    tuner, seen = Tuner(family, 0), set()
    if not tuner.space:
        assert family in ("independent", "language")
        return
    assert 2 <= len(tuner.space) <= 4
    tuner.tell(0.9)
    for turn in range(8):
        asked = tuner.ask()
        kind(**asked)
        seen.add(str(asked))
        tuner.tell(0.9 - 0.05 * turn)
    assert len(seen) > 3


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
