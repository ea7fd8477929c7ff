"""Which family suits a table: tried, not guessed (successive halving, Jamieson and Talwalkar 2016).

Families learn a part of the rows, are scored on rows of their own that none learns, and the better
half goes on to more rows and more time. The holdout of an evaluation is not touched: what is
chosen on rows looks good on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.util import find_spec
from math import inf
from time import monotonic
from typing import Any

import numpy as np

from neotype.choice import Choice, Objective
from neotype.choose.recipes import called, warm
from neotype.choose.tuning import Tuner
from neotype.data import Dataset
from neotype.errors import DataError, NeotypeError, SchemaError
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.progress import Progress, silent
from neotype.registry import find, names
from neotype.rng import Rng
from neotype.synth.learn import learn

SCORED: Mapping[Objective, str] = {"fidelity": "c2st", "utility": "tstr"}
COPYING = "dcr_share"
MOST_COPIED = 0.52
"""A family whose share of rows nearer to what it learnt is surely above this is out."""
CONTROL = "independent"
"""No family to choose: its rows have no relationships."""
INNER = 0.2
FEWEST = 200
"""Fewer rows choose by chance."""
_RUNGS = (1 / 9, 1 / 3, 1.0)
"""The share of the rows that each rung learns."""
_FIRST, _TUNED, _TRIED = 0.3, 0.5, 0.85
"""Of the budget: when all have been tried once, other settings, and more rows; then one is left to
learn all rows."""
_LEAST_ROWS = 2_000
_OVER = 0.2
"""So much more of the budget may be spent, rather than to leave out a family."""
_LEAST_SECONDS = 5.0
"""No recipe is stopped earlier, however short the time."""
_TRIES = 6
"""Settings of one family that are tried on the first rung, if there is time."""


@dataclass(frozen=True)
class Trial:
    """One recipe on one rung: what it scored, what it cost, or why it failed."""

    family: str
    settings: Mapping[str, Any]
    rung: int
    rows: int
    seconds: float
    value: float | None = None
    interval: tuple[float, float] | None = None
    copied: float | None = None
    copies: bool = False
    failed: str = ""
    late: bool = False
    trained: float | None = None
    """The seconds that it was told to train, where its family takes that."""

    @property
    def name(self) -> str:
        """The family, with the settings that are not its own."""
        return called(self.family, self.settings)

    @property
    def stands(self) -> bool:
        """Whether it may be chosen."""
        return self.value is not None and not self.copies and not self.late

    @property
    def beside(self) -> float:
        """The seconds that it took beside training for as long as it was told."""
        return max(self.seconds - (self.trained or 0.0), 0.0)


@dataclass(frozen=True)
class Selection:
    """All trials, the best first, and why the first one won."""

    objective: Objective
    metric: str
    trials: tuple[Trial, ...]
    why: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)
    """What the winner is told beside its settings when it learns all rows."""

    @property
    def winner(self) -> Trial:
        """The one to learn all rows."""
        return self.trials[0]

    @property
    def recipe(self) -> Any:
        """Its recipe for all rows."""
        return find("synthesizer", self.winner.family)(**{**self.winner.settings, **self.last})

    def facts(self) -> dict[str, Any]:
        """As plain values, for a file or a page."""
        return {
            "objective": self.objective,
            "metric": self.metric,
            "why": self.why,
            "left_out": dict(self.left_out),
            "trials": [asdict(trial) for trial in self.trials],
        }


def select(
    data: Dataset, asked: Choice, *, target: str | None, rng: Rng, progress: Progress = silent
) -> Selection:
    """Try families, so that time is left in the budget to learn all rows by the one that wins.

    `fidelity` is how well a detector tells made rows from real ones, `utility` how well models of
    made rows predict `target`. SchemaError and DataError where there is nothing to choose from.
    """
    _check(data, asked.objective, target)
    families, left_out = _families(asked.families)
    ends = monotonic() + asked.seconds
    train, inner = data.split(INNER, rng.child("inner"))
    race = _Race(train, inner, target, asked, rng, progress)
    done = {trial.name: trial for trial in race.first(families)}
    for rung in range(1, len(_RUNGS)):
        done |= {trial.name: trial for trial in race.slow([*done.values()], data.rows)}
        # Two at least, so that the winner is ahead of somebody who learnt as much.
        standing = _ahead([*done.values()], asked.objective)[: max(2, len(families) // 2**rung)]
        done |= {trial.name: trial for trial in race.again(standing, rung)}
    trials = _ranked([*done.values()], asked.objective)
    if not trials or not trials[0].stands:
        raise DataError(
            "no family could be chosen.",
            [f"{trial.name}: {trial.failed or 'copies rows'}" for trial in trials],
            mend="name one: synthesizer='trees'",
        )
    last = _last(trials[0], data.rows, ends - monotonic()) | asked.settings
    why = _why(trials, asked.objective)
    metric = SCORED[asked.objective]
    return Selection(asked.objective, metric, tuple(trials), why, left_out, last)


def _last(winner: Trial, rows: int, left: float) -> dict[str, Any]:
    """How long the winner may learn all rows: what is left, less what else it will do in it."""
    if winner.trained is None:
        return {}
    beside = winner.beside * rows / winner.rows
    return {"seconds": round(max(left - beside, winner.trained), 1)}


class _LateError(NeotypeError):
    """A recipe took longer than the time that it was given."""


class _Race:
    """Who learns what, for how long, and what comes of it."""

    def __init__(
        self,
        train: Dataset,
        inner: Dataset,
        target: str | None,
        asked: Choice,
        rng: Rng,
        progress: Progress,
    ) -> None:
        self.train, self.inner, self.target, self.asked = train, inner, target, asked
        self.rng, self.progress = rng, progress
        self.begun = monotonic()
        self.scoring = 0.0
        order = rng.child("part").generator().permutation(train.rows)
        sizes = [max(round(share * train.rows), min(_LEAST_ROWS, train.rows)) for share in _RUNGS]
        self.parts = [train.take(np.sort(order[:size])) for size in sizes]

    def left(self, share: float) -> float:
        """Seconds till this share of the budget is spent."""
        return self.begun + share * self.asked.seconds - monotonic()

    def first(self, families: Sequence[str]) -> list[Trial]:
        """Every family with its own settings; then others of it, while there is time for that."""
        objective, trials, slow = self.asked.objective, list[Trial](), dict[str, float]()
        for place, name in enumerate(families):
            begun = monotonic()
            left = self.left(_FIRST)
            # Nobody is stopped before there is one that stands.
            most = left if any(trial.stands for trial in trials) else inf
            trials.append(self._tried(name, {}, 0, left / (len(families) - place), most))
            slow[name] = monotonic() - begun
        if find_spec("optuna") is None:
            return trials
        tuners = {name: Tuner(name, self.rng.child(name).number()) for name in families}
        for trial in trials:
            tuners[trial.family].tell(_cost(trial, objective))
        better = [trial.family for trial in _ranked(trials, objective) if trial.stands]
        for _ in range(_TRIES - 1):
            for name in better:
                left = self.left(_TUNED)
                if slow[name] > left or not tuners[name].space:
                    continue
                trial = self._tried(name, tuners[name].ask(), 0, slow[name], left)
                tuners[name].tell(_cost(trial, objective))
                trials.append(trial)
        return trials

    def slow(self, trials: Sequence[Trial], rows: int) -> list[Trial]:
        """Those that could not learn all rows in what is left, marked so; but not all of them."""
        standing = [trial for trial in trials if trial.stands]
        takes = {t.name: t.beside * rows / t.rows + (t.trained or 0.0) for t in standing}
        left = max(self.left(1.0), self.asked.seconds * (1 - _TRIED))
        most = max(left + self.asked.seconds * _OVER, min(takes.values(), default=0.0))
        late = [t for t in standing if takes[t.name] > most]
        return [
            replace(t, late=True, failed=f"all rows would take it {takes[t.name]:.0f} s.")
            for t in late
        ]

    def again(self, standing: Sequence[Trial], rung: int) -> list[Trial]:
        """Those that stand, on more rows; where the first cannot, nobody: none overtakes it so."""
        found = list(standing)
        until = _TUNED + (_TRIED - _TUNED) * rung / (len(_RUNGS) - 1)
        for place, trial in enumerate(standing):
            left = self.left(until)
            slot = left / (len(standing) - place)
            takes = trial.beside * self.parts[rung].rows / trial.rows
            if takes < min(2 * slot, left):
                more = self._tried(trial.family, trial.settings, rung, slot, left)
                found[place] = trial if more.late else more
            if not place and found[place] is trial:
                break
        return found

    def _tried(
        self, family: str, settings: Mapping[str, Any], rung: int, slot: float, left: float
    ) -> Trial:
        """A trial that is to take `slot` seconds; it is stopped at twice that, or after `left`."""
        rows, kind = self.parts[rung], find("synthesizer", family)
        slot = max(slot - self.scoring, 1.0)
        most = max(min(2 * slot, left - self.scoring), _LEAST_SECONDS) if left < inf else inf
        trained = slot / 2 if any(one.name == "seconds" for one in fields(kind)) else None
        timed = {} if trained is None else {"seconds": trained}
        name = called(family, settings)
        self.progress("choose", rung, len(_RUNGS), note=name)
        stream = self.rng.child(family)
        if not rung and not settings:
            warm(kind(), rows, stream)
        begun = monotonic()

        def hurry(stage: str, done: int, total: int, note: str = "") -> None:
            if monotonic() - begun > most:
                raise _LateError(f"took longer than {most:.0f} s.")
            said = f"{name}: {stage} {done}/{total} {note}".strip()
            self.progress("choose", rung, len(_RUNGS), note=said)

        trial = Trial(family, dict(settings), rung, rows.rows, 0.0, trained=trained)
        try:
            recipe = kind(**settings, **timed, **self.asked.settings)
            model = learn(recipe, rows, rng=stream.child("fit"), progress=hurry)
            made = model.sample(rows.rows, rng=stream.child("sample"))
        except NeotypeError as fault:
            late = isinstance(fault, _LateError)
            spent = monotonic() - begun
            return replace(trial, failed=fault.line, late=late, seconds=spent)
        return self._scored(replace(trial, seconds=monotonic() - begun), made, stream)

    def _scored(self, trial: Trial, made: Dataset, stream: Rng) -> Trial:
        begun = monotonic()
        try:
            quality, copying = evaluate(
                made,
                train=self.parts[trial.rung],
                holdout=self.inner,
                asked=Asked(target=self.target),
                metrics=[SCORED[self.asked.objective], COPYING],
                rng=stream.child("evaluate"),
            )
        except NeotypeError as fault:
            return replace(trial, failed=fault.line)
        self.scoring = monotonic() - begun
        return _judged(trial, quality, copying)


def _check(data: Dataset, objective: str, target: str | None) -> None:
    if len(data.schema.tables) > 1 or data.table.sequence is not None:
        raise SchemaError(
            "families are chosen for single tables, and this is a database or a sequence.",
            mend="name one: synthesizer='trees'",
        )
    if objective == "utility" and target is None:
        raise SchemaError("utility is of a target, and none is named.", mend="add target='column'")
    if data.rows < FEWEST:
        raise DataError(
            f"{data.rows} rows are too few to choose by: what wins wins by chance.",
            mend=f"give {FEWEST} or more, or name a family: synthesizer='trees'",
        )


def _families(asked: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The families to try, and why others are not."""
    left_out = {}
    chosen = []
    for name in asked or [one for one in names("synthesizer") if one != CONTROL]:
        kind = find("synthesizer", name)
        if hasattr(kind, "learner") and find_spec("torch") is None:
            left_out[name] = "torch is not installed: pip install 'neotype[deep]'"
            continue
        try:
            kind()
        except SchemaError as fault:
            left_out[name] = str(fault).splitlines()[0]
        else:
            chosen.append(name)
    if not chosen:
        found = "\n  ".join(f"{name}: {why}" for name, why in left_out.items())
        raise SchemaError("there is no family to try.", found=found)
    return chosen, left_out


def _judged(trial: Trial, quality: Score, copying: Score) -> Trial:
    if quality.value is None:
        return replace(trial, failed=quality.meaning)
    return replace(
        trial,
        value=quality.value,
        interval=quality.interval,
        copied=copying.value,
        copies=copying.interval is not None and copying.interval[0] > MOST_COPIED,
    )


def _cost(trial: Trial, objective: Objective) -> float:
    if not trial.stands or trial.value is None:
        return 2.0
    return trial.value if objective == "fidelity" else -trial.value


def _ranked(trials: Sequence[Trial], objective: Objective) -> list[Trial]:
    """Those on the highest rung first; on each the best."""
    return sorted(trials, key=lambda t: (not t.stands, -t.rung, _cost(t, objective), t.seconds))


def _ahead(trials: Sequence[Trial], objective: Objective) -> list[Trial]:
    """Those that stand: the best of each family before others of it."""
    ranked = _ranked([trial for trial in trials if trial.stands], objective)
    best = {trial.family: trial for trial in reversed(ranked)}
    return sorted(ranked, key=lambda trial: trial is not best[trial.family])


def _why(trials: Sequence[Trial], objective: Objective) -> str:
    """Why the first one won, and whom chance alone parts it from."""
    first, metric = trials[0], SCORED[objective]
    told = f"{first.name} won: {metric} {first.value:.3f}"
    if first.interval is not None:
        told += f" ({first.interval[0]:.3f} to {first.interval[1]:.3f})"
    told += f" on {first.rows:,} rows, copying {first.copied or 0.0:.3f}"
    others: dict[str, Trial] = {}
    for one in trials[1:]:
        if one.stands and (one.rung == first.rung or one.family != first.family):
            others.setdefault(one.family, one)
    met = [one for one in others.values() if one.rung == first.rung]
    for said, group in (
        ("within noise of", [one for one in met if _overlap(first, one)]),
        ("clearly ahead of", [one for one in met if not _overlap(first, one)]),
        ("judged on fewer rows:", [one for one in others.values() if one.rung != first.rung]),
    ):
        if group:
            told += f"; {said} {', '.join(one.name for one in group)}"
    return told


def _overlap(one: Trial, two: Trial) -> bool:
    if one.interval is None or two.interval is None:
        return True
    return one.interval[0] <= two.interval[1] and two.interval[0] <= one.interval[1]
