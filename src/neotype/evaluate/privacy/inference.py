"""Attribute inference: does the synthetic table tell what a person of whom much is known hides?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Labels, Sides, View
from neotype.evaluate.interval import Z
from neotype.evaluate.learner import Boosted
from neotype.evaluate.metric import Finding, NotMeasurableError
from neotype.evaluate.neighbors import MISSING, Points, place, scale
from neotype.evaluate.privacy.attack import (
    AttackMeasure,
    Ints,
    Mask,
    Side,
    Trials,
    aim,
    attempt,
    enough,
    excess,
    noted,
    take,
)
from neotype.evaluate.task import Task, decide, without
from neotype.rng import Rng

Whole = NDArray[np.int32]

LABELS = 62
"""Labels that a trained attacker tells apart; any others are one."""

LEARNER = Boosted(rows=8_000, trees=40, class_trees=250, leaves=15, rate=0.15)

UNIT = 65_536
"""Distances are whole numbers of 1/65,536 of a difference, so that a column's part can be taken out
exactly: a rounding error would tell the secret.
"""


@dataclass(frozen=True)
class Answers:
    """Which secrets of which targets were answered right, (secrets, targets), of every run."""

    train: Mask
    holdout: Mask
    blind: Mask

    def trials(self, secret: int, part: slice) -> Trials:
        """One secret of a part of the targets."""
        runs = (self.train, self.holdout, self.blind)
        main, control, baseline = (int(run[secret, part].sum()) for run in runs)
        return Trials(main, control, baseline, self.train[secret, part].size)


@dataclass(frozen=True)
class Inferring:
    """The attack: a secret is answered as the nearest synthetic row has it.

    One secret of a part of the targets is attacked.
    """

    answers: Answers
    secret: int
    part: slice

    def guess(self, about: Side, *, blind: bool) -> Mask:
        """Whose secret was told."""
        right: Mask = self.answers.blind if blind else getattr(self.answers, about)
        return right[self.secret, self.part]


@dataclass(frozen=True)
class AttributeInference(AttackMeasure):
    """Can a secret be told from the rest of a row, better for train than for anybody?

    Each of the `sensitive` columns, or else every column, is the secret in turn. The attacker knows
    all other columns, whatever outsiders are said to know, and answers as the nearest synthetic row
    does. The value is the risk of the secret that is worst off: chosen by a third of the targets
    and measured on the others, so that choosing among many does not inflate it.
    """

    sensitive: tuple[str, ...] = ()
    guesses: int = 5_000
    synthetic_rows: int = 100_000
    most_secrets: int = 40
    tolerated: float = 0.05

    name: ClassVar[str] = "attribute_inference"
    title: ClassVar[str] = "Inferring a secret from what is known"
    how: ClassVar[str] = (
        "An attacker knows the other columns of a row and answers the secret one as the nearest "
        "synthetic row does. Risk is how much more often that is right for rows the model learnt "
        "from than for rows it never saw: (main - control) / (1 - control). The number is "
        "that of the surest column, chosen on a third of the rows and measured on the rest."
    )
    reference: ClassVar[str] = (
        "Giomi et al. 2022, A unified framework for quantifying privacy risk in synthetic data; "
        "Article 29 Working Party, opinion 05/2014"
    )
    least_rows: ClassVar[int] = 200

    def look(self, tables: Comparison) -> Finding:
        """Answer all secrets of train rows and of as many holdout rows; judge the worst."""
        rng = tables.rng.child(self.name)
        secrets, left_out = self.secrets(tables, rng)
        drawn = aim(tables, self.guesses, self.synthetic_rows, rng.child("rows"))
        points = take(place(tables.views), drawn)
        answers = self.answer(points, secrets, rng)
        # What was chosen among many is measured on other rows, or chance would look like risk.
        cut = len(drawn.train) // 3 if len(secrets) > 1 else 0
        enough(len(drawn.train) - cut, f"{cut:,} rows choose a secret and the others are attacked")
        chosen = worst(answers, slice(0, cut))
        part = slice(cut, None)
        trials = attempt(Inferring(answers, chosen, part))
        columns = [tables.views[c].name for c in secrets]
        secret = columns[chosen]
        rates, risk = trials.rates, trials.risk[0]
        return self.conclude(
            trials,
            f"Who knows the rest of a row and looks up the nearest synthetic one tells '{secret}' "
            f"right for {rates['main']:.1%} of the rows that the model learnt from and for "
            f"{rates['control']:.1%} of rows that it never saw: an inference risk of {risk:.1%} "
            f"for the people in train, where it is surest.",
            {
                "secret": secret,
                "generalised": self.trained(tables, drawn, int(secrets[chosen]), rng),
                "mean_risk": mean_risk(answers),
                "secrets": by_secret(answers, columns),
                "tolerated": self.tolerated,
                "left_out": {**tables.left_out, **left_out},
                "rows": Sides(*(len(side) for side in drawn))._asdict(),
                "notes": noted(tables, drawn),
            },
        )

    def trained(
        self, tables: Comparison, drawn: Sides[Ints], secret: int, rng: Rng
    ) -> dict[str, Any]:
        """The same secret, told by a model that learnt it from the synthetic rows."""
        try:
            train, holdout = generalised(tables, drawn, secret, self.tolerated, rng)
        except NotMeasurableError as reason:
            return {"reason": reason.problem}
        trials = Trials(int(train.sum()), int(holdout.sum()), 0, len(train))
        return {"main": trials.rates["main"], "control": trials.rates["control"], **summary(trials)}

    def secrets(self, tables: Comparison, rng: Rng) -> tuple[Ints, dict[str, str]]:
        """Positions of the secrets, and why other columns are none."""
        views = tables.views
        if len(views) < 2:
            raise NotMeasurableError("nothing is known beside the secret: two columns are needed.")
        columns = np.array([item.name for item in views], dtype=object)
        wanted = np.isin(columns, self.sensitive or columns)
        reasons = {int(c): untold(views[c]) for c in np.flatnonzero(wanted)}
        left_out = {c: why for c, why in tables.left_out.items() if c in self.sensitive}
        left_out |= {columns[c]: reason for c, reason in reasons.items() if reason}
        secrets = np.array([c for c, reason in reasons.items() if not reason], np.int64)
        if not len(secrets):
            listed = "; ".join(f"'{name}': {reason}" for name, reason in left_out.items())
            raise NotMeasurableError(f"there is no secret to tell ({listed}).")
        if len(secrets) > self.most_secrets:
            order = rng.child("secrets").generator().permutation(len(secrets))
            rest = secrets[order[self.most_secrets :]]
            left_out |= dict.fromkeys(columns[rest], f"{self.most_secrets} were drawn at random")
            secrets = np.sort(secrets[order[: self.most_secrets]])
        return secrets, left_out

    def answer(self, points: Sides[Points], secrets: Ints, rng: Rng) -> Answers:
        """Answers of the nearest synthetic rows, and of random ones."""

        def right(real: Points, rows: Ints) -> Mask:
            told = points.synthetic[secrets[:, None], rows]
            return np.asarray(np.abs(told - real[secrets]) <= self.tolerated)

        train, holdout = (
            right(real, nearest_without(real, points.synthetic, secrets))
            for real in (points.train, points.holdout)
        )
        generator = rng.child("blind guesses").generator()
        random = generator.integers(0, points.synthetic.shape[1], train.shape)
        return Answers(train, holdout, right(points.train, random))


def untold(item: View) -> str | None:
    """Why a column is no secret that could be told, if it is none."""
    if item.kind in ("text", "json"):
        return f"{item.kind} is not guessed"
    if len(np.unique(item.sides.train)) < 2:
        return "all train rows have the same"
    return None


def worst(answers: Answers, part: slice) -> int:
    """The secret whose risk is surely the largest; where none surely is, the best measured one.

    Secrets that are not told better than by guessing come last.
    """
    width = simultaneous(len(answers.train))

    def rank(secret: int) -> tuple[bool, float, float]:
        trials = answers.trials(secret, part)
        low, high = excess(trials.main, trials.control, trials.guesses, width)[1]
        better = excess(trials.main, trials.baseline, trials.guesses, width)[1][0] > 0
        return better and trials.control < trials.guesses, max(0.0, low), low - high

    return max(range(len(answers.train)), key=rank)


def simultaneous(many: int) -> float:
    """Half the width of 95 % intervals that hold for this many together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.025 / many)


def by_secret(answers: Answers, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every secret's rates and risk; the intervals hold for all secrets together (Bonferroni)."""
    width = simultaneous(len(columns))
    every = [answers.trials(secret, slice(None)) for secret in range(len(columns))]
    return {
        name: {**one.rates, "trusted": one.trusted, **summary(one, width)}
        for name, one in zip(columns, every, strict=True)
    }


def summary(trials: Trials, width: float = Z) -> dict[str, Any]:
    """The risk and its interval; nothing where the control is always right."""
    if trials.control == trials.guesses:
        return {}
    value, ends = excess(trials.main, trials.control, trials.guesses, width)
    return {"risk": max(0.0, value), "interval": [max(0.0, end) for end in ends]}


def generalised(
    tables: Comparison, drawn: Sides[Ints], secret: int, tolerated: float, rng: Rng
) -> tuple[Mask, Mask]:
    """Which secrets of train and of holdout a model tells that learnt from the synthetic rows.

    It generalises, as nearest rows do not: boosted trees answer with the likeliest label, or the
    mean. Both (targets,).
    """
    item, shown = tables.views[secret], tables.features
    if isinstance(item, Labels):
        task = Task.of(item, LABELS)
    else:
        placed = (np.where(side == MISSING, np.nan, side) for side in scale(item))
        task = Task(item.name, "regression", 1, Sides(*placed))
    rows = drawn.synthetic[~np.isnan(task.truth.synthetic[drawn.synthetic])][: LEARNER.rows]
    if not len(rows):
        raise NotMeasurableError(f"'{item.name}' is empty in the synthetic table.")
    kept, categorical = without(shown, item.name)
    lesson = shown.sides.synthetic[rows][:, kept], task.truth.synthetic[rows]
    model = LEARNER.learn(task, *lesson, categorical, rng.child("trees").number())
    near = 0.5 if task.kind == "binary" else tolerated

    def right(side: int) -> Mask:
        told = decide(task, model(shown.sides[side][drawn[side]][:, kept]))
        return np.asarray(np.abs(told - task.truth[side][drawn[side]]) <= near)

    return right(1), right(2)


def mean_risk(answers: Answers) -> float | None:
    """The mean of the risks, unclipped, of the secrets that the attack can tell."""
    every = [answers.trials(secret, slice(None)) for secret in range(len(answers.train))]
    risks = [
        excess(one.main, one.control, one.guesses)[0]
        for one in every
        if one.trusted and one.control < one.guesses
    ]
    return float(np.mean(risks)) if risks else None


def nearest_without(left: Points, right: Points, secrets: Ints) -> Ints:
    """For every secret and row of the first set the nearest row of the second, (secrets, rows).

    All columns but the secret itself count. Of equally near rows the first is taken.
    """
    which = np.zeros((len(secrets), left.shape[1]), dtype=np.int64)
    _nearest_without(np.ascontiguousarray(left), np.ascontiguousarray(right), secrets, which)
    return which


@numba.njit(cache=True, nogil=True)
def _nearest_without(left: Points, right: Points, secrets: Ints, which: Ints) -> None:
    columns, rows = left.shape
    block = 1024
    parts = np.zeros((columns, block), np.int32)
    room = np.empty(block, np.int32)
    best = np.full(which.shape, np.iinfo(np.int32).max, np.int32)
    for start in range(0, right.shape[1], block):
        whole = room[: min(block, right.shape[1] - start)]
        for i in range(rows):
            _steps(left, i, right, start, parts, whole)
            for s in range(len(secrets)):
                part = parts[secrets[s]]
                least = _least(whole, part)
                if least < best[s, i]:
                    best[s, i] = least
                    which[s, i] = start
                    while whole[which[s, i] - start] - part[which[s, i] - start] > least:
                        which[s, i] += 1


@numba.njit(cache=True, nogil=True)
def _steps(left: Points, i: int, right: Points, start: int, parts: Whole, whole: Whole) -> None:
    """Distances of one row to a block of others, by column and over all columns."""
    one, unit = np.float32(1), np.float32(UNIT)
    whole[:] = 0
    for c in range(left.shape[0]):
        here, part = left[c, i], parts[c]
        cells = right[c, start : start + len(whole)]
        for j in range(len(whole)):
            step = np.int32(min(abs(cells[j] - here), one) * unit)
            part[j] = step
            whole[j] += step


@numba.njit(cache=True, nogil=True)
def _least(whole: Whole, part: Whole) -> np.int32:
    """The shortest distance of a block, without one column's part."""
    least = np.int32(2**31 - 1)
    for j in range(len(whole)):
        least = min(least, whole[j] - part[j])
    return least
