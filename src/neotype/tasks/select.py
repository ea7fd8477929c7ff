"""Which family suits a table: tried, not guessed (successive halving, Jamieson and Talwalkar 2016).

Families learn a part of the rows, are scored on rows of their own that none learns, and the better
half goes on to more rows and more time. The holdout of an evaluation is not touched: what is
chosen on rows looks good on them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.util import find_spec
from time import monotonic
from typing import Any, Literal

import numpy as np

from neotype.data import Dataset
from neotype.errors import DataError, NeotypeError, SchemaError
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.progress import Progress, silent
from neotype.registry import find, names
from neotype.rng import Rng
from neotype.synth.learn import learn

log = logging.getLogger("neotype")

Objective = Literal["fidelity", "utility"]

SCORED = {"fidelity": "c2st", "utility": "tstr"}
COPYING = "dcr_share"
MOST_COPIED = 0.52
"""A family whose share of rows nearer to what it learnt is surely above this is out."""
CONTROL = "independent"
"""No family to choose: its rows have no relationships."""
INNER = 0.2
FEWEST = 200
"""Fewer rows choose by chance."""
_RUNGS = (0.25, 0.5, 1.0)
"""The share of the rows that each rung learns."""
_LEAST_ROWS = 2_000
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

    @property
    def name(self) -> str:
        """The family, with the settings that are not its own."""
        said = ", ".join(f"{key}={value:.3g}" for key, value in self.settings.items())
        return f"{self.family}({said})" if said else self.family

    @property
    def stands(self) -> bool:
        """Whether it may be chosen."""
        return self.value is not None and not self.copies


@dataclass(frozen=True)
class Selection:
    """All trials, the best first, and why the first one won."""

    objective: Objective
    metric: str
    trials: tuple[Trial, ...]
    why: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def winner(self) -> Trial:
        """The one to learn all rows."""
        return self.trials[0]

    def recipe(self, **settings: Any) -> Any:
        """Its recipe, with these settings besides."""
        return find("synthesizer", self.winner.family)(**{**self.winner.settings, **settings})

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
    data: Dataset,
    *,
    seconds: float,
    target: str | None = None,
    objective: Objective = "fidelity",
    families: Sequence[str] = (),
    rng: Rng,
    progress: Progress = silent,
) -> Selection:
    """Try `families` (all that are there, unless some are named) for about so many seconds.

    `fidelity` is how well a detector tells made rows from real ones, `utility` how well models of
    made rows predict `target`. SchemaError and DataError where there is nothing to choose from.
    """
    _check(data, objective, target, seconds)
    chosen, left_out = _families(families)
    train, inner = data.split(INNER, rng.child("inner"))
    race = _Race(train, inner, target, objective, seconds, rng, progress)
    standing = race.first(chosen)
    done = {trial.name: trial for trial in standing}
    for rung in range(1, len(_RUNGS)):
        standing = _ranked([t for t in standing if t.stands], objective)
        # Two at least, so that the winner is ahead of somebody who learnt as much.
        standing = race.again(standing[: max(2, -(-len(standing) // 2))], rung)
        done |= {trial.name: trial for trial in standing}
    trials = _ranked(list(done.values()), objective)
    if not trials or not trials[0].stands:
        raise DataError(
            "no family could be chosen.",
            [f"{trial.name}: {trial.failed or 'copies rows'}" for trial in trials],
            mend="name one: synthesizer='trees'",
        )
    return Selection(objective, SCORED[objective], tuple(trials), _why(trials, objective), left_out)


class _Race:
    """Who learns what, for how long, and what comes of it."""

    def __init__(
        self,
        train: Dataset,
        inner: Dataset,
        target: str | None,
        objective: Objective,
        seconds: float,
        rng: Rng,
        progress: Progress,
    ) -> None:
        self.train, self.inner, self.target, self.objective = train, inner, target, objective
        self.seconds, self.rng, self.progress = seconds, rng, progress
        self.begun = monotonic()
        order = rng.child("part").generator().permutation(train.rows)
        sizes = [max(round(share * train.rows), min(_LEAST_ROWS, train.rows)) for share in _RUNGS]
        self.parts = [train.take(np.sort(order[:size])) for size in sizes]

    def first(self, families: Sequence[str]) -> list[Trial]:
        """Every family with its own settings; then others of it, as long as a third of the time."""
        third, trials, slow = self.seconds / len(_RUNGS), [], {}
        for name in families:
            begun = monotonic()
            trials.append(self._tried(name, {}, 0, third / len(families)))
            slow[name] = monotonic() - begun
        if find_spec("optuna") is None:
            return trials
        tuners = {name: _Tuner(name, self.rng.child(name).number()) for name in families}
        for trial in trials:
            tuners[trial.family].tell(trial, self.objective)
        for _ in range(_TRIES - 1):
            for name in families:
                left = third - (monotonic() - self.begun)
                if slow[name] > left or not tuners[name].space:
                    continue
                trial = self._tried(name, tuners[name].ask(), 0, left)
                tuners[name].tell(trial, self.objective)
                trials.append(trial)
        return trials

    def again(self, standing: Sequence[Trial], rung: int) -> list[Trial]:
        """Those that stand, on more rows; the others as they were where time is out."""
        found = []
        for place, trial in enumerate(standing):
            left = self.seconds - (monotonic() - self.begun)
            part = left / (len(standing) - place) / (len(_RUNGS) - rung)
            if place and left <= 0:
                found.append(trial)
                continue
            found.append(self._tried(trial.family, trial.settings, rung, max(part, 1.0)))
        return found

    def _tried(self, family: str, settings: Mapping[str, Any], rung: int, seconds: float) -> Trial:
        rows = self.parts[rung]
        kind = find("synthesizer", family)
        timed = {"seconds": max(seconds / 2, 1.0)} if _field(kind, "seconds") else {}
        self.progress("choose", min(rung, len(_RUNGS) - 1), len(_RUNGS), note=family)
        stream, begun = self.rng.child(family), monotonic()
        trial = Trial(family, dict(settings), rung, rows.rows, 0.0)
        try:
            model = learn(kind(**settings, **timed), rows, rng=stream.child("fit"))
            made = model.sample(rows.rows, rng=stream.child("sample"))
            trial = replace(trial, seconds=monotonic() - begun)
            scores = evaluate(
                made,
                train=rows,
                holdout=self.inner,
                asked=Asked(target=self.target),
                metrics=[SCORED[self.objective], COPYING],
                rng=stream.child("evaluate"),
            )
        except NeotypeError as fault:
            return replace(trial, failed=str(fault), seconds=monotonic() - begun)
        return _judged(trial, *scores)


class _Tuner:
    """Settings to try, in the light of those that were (Optuna's tree-structured Parzen)."""

    def __init__(self, family: str, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = search_space(find("synthesizer", family))
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=3)
        self.study = optuna.create_study(sampler=sampler)
        self.asked: Any = None

    def ask(self) -> dict[str, Any]:
        """The next settings."""
        self.asked = self.study.ask(self.space)
        return dict(self.asked.params)

    def tell(self, trial: Trial, objective: Objective) -> None:
        """What came of them; the family's own settings are a trial like others."""
        import optuna

        cost = _cost(trial, objective)
        if self.asked is not None:
            self.study.tell(self.asked, cost)
        elif self.space:
            kind = find("synthesizer", trial.family)
            own = {one.name: one.default for one in fields(kind) if one.name in self.space}
            self.study.add_trial(
                optuna.trial.create_trial(params=own, distributions=self.space, value=cost)
            )


def search_space(kind: type) -> dict[str, Any]:
    """What of a recipe can be tuned: the fields that declare a `search`.

    That is (least, most), of whole numbers or others, or (least, most, "log"), or a list.
    """
    import optuna

    space: dict[str, Any] = {}
    for one in fields(kind):
        search = one.metadata.get("search")
        if search is None:
            continue
        if isinstance(search, list):
            space[one.name] = optuna.distributions.CategoricalDistribution(search)
            continue
        low, high, *log_scale = search
        whole = isinstance(low, int) and isinstance(high, int)
        made: Any = optuna.distributions.IntDistribution if whole else None
        made = made or optuna.distributions.FloatDistribution
        space[one.name] = made(low, high, log=bool(log_scale))
    return space


def _field(kind: type, name: str) -> bool:
    return any(one.name == name for one in fields(kind))


def _check(data: Dataset, objective: str, target: str | None, seconds: float) -> None:
    if len(data.schema.tables) > 1 or data.table.sequence is not None:
        raise SchemaError(
            "families are chosen for single tables, and this is a database or a sequence.",
            mend="name one: synthesizer='trees'",
        )
    if objective not in SCORED:
        raise SchemaError(f"objective '{objective}' is not known.", mend="use fidelity or utility")
    if objective == "utility" and target is None:
        raise SchemaError("utility is of a target, and none is named.", mend="add target='column'")
    if not seconds > 0:
        raise SchemaError(f"a time of {seconds:g} seconds is none.", mend="use 5m, 600 or 1h")
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
    near = [one.name for one in others.values() if _overlap(first, one)]
    behind = [one.name for one in others.values() if not _overlap(first, one)]
    if near:
        told += f"; within noise of {', '.join(near)}"
    if behind:
        told += f"; clearly ahead of {', '.join(behind)}"
    return told


def _overlap(one: Trial, two: Trial) -> bool:
    if one.interval is None or two.interval is None:
        return True
    return one.interval[0] <= two.interval[1] and two.interval[0] <= one.interval[1]


def seconds_of(text: str | float) -> float:
    """A time such as 90, '90s', '10m' or '1.5h' in seconds. SchemaError for anything else."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    said = str(text).strip().lower()
    number, unit = (said[:-1], units[said[-1]]) if said[-1:] in units else (said, 1.0)
    try:
        found = float(number) * unit
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise SchemaError(f"'{text}' is no time.", mend="write 90s, 10m or 1h")
    return found
