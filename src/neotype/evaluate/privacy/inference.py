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
from neotype.evaluate.features import Sides, View
from neotype.evaluate.metric import Finding, NotMeasurableError
from neotype.evaluate.neighbors import Points, place
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
from neotype.rng import Rng

Whole = NDArray[np.int32]

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

    `chosen` names the secret of every target.
    """

    answers: Answers
    chosen: Ints

    def guess(self, about: Side, *, blind: bool) -> Mask:
        """Whose secret was told."""
        right: Mask = self.answers.blind if blind else getattr(self.answers, about)
        return np.asarray(right[self.chosen, np.arange(len(self.chosen))])


@dataclass(frozen=True)
class AttributeInference(AttackMeasure):
    """Can a secret be told from the rest of a row, better for train than for anybody?

    Each of the `sensitive` columns, or else every column, is the secret in turn. The attacker knows
    the `quasi_identifiers`, or else all other columns, and answers as the nearest synthetic row
    does. The value is the risk of the secret that is worst off: chosen by one half of the targets
    and measured on the other, so that choosing among many does not inflate it.
    """

    sensitive: tuple[str, ...] = ()
    quasi_identifiers: tuple[str, ...] = ()
    guesses: int = 5_000
    synthetic_rows: int = 100_000
    most_secrets: int = 40
    tolerated: float = 0.05

    name: ClassVar[str] = "attribute_inference"
    title: ClassVar[str] = "Inferring a secret from what is known"
    how: ClassVar[str] = (
        "An attacker knows the other columns of a row and answers the secret one as the nearest "
        "synthetic row does. Risk is how much more often that is right for rows the model learnt "
        "from than for rows it never saw: (main - control) / (1 - control). The number is that "
        "of the column with the surest risk, chosen on half of the rows and measured on the rest."
    )
    reference: ClassVar[str] = (
        "Giomi et al. 2022, A unified framework for quantifying privacy risk in synthetic data; "
        "Article 29 Working Party, opinion 05/2014"
    )
    least_rows: ClassVar[int] = 200

    def look(self, tables: Comparison) -> Finding:
        """Answer all secrets of train rows and of as many holdout rows; judge the worst."""
        rng = tables.rng.child(self.name)
        secrets, known, left_out = self.roles(tables, rng)
        drawn = aim(tables, self.guesses, self.synthetic_rows, rng.child("rows"))
        enough(len(drawn.train) // 2, "half of the rows choose a secret and half are attacked")
        points = take(place(tables.views), drawn)
        answers = self.answer(points, secrets, known, rng)
        half = len(drawn.train) // 2
        parts = slice(0, half), slice(half, len(drawn.train))
        first, second = (worst(answers, part) for part in parts)
        chosen = np.r_[np.full(half, second), np.full(len(drawn.train) - half, first)]
        trials = attempt(Inferring(answers, chosen))
        columns = [tables.views[c].name for c in secrets]
        worst_off = sorted({columns[first], columns[second]})
        rates, risk = trials.rates, trials.risk[0]
        return self.conclude(
            trials,
            f"Who knows the rest of a row and looks up the nearest synthetic one tells "
            f"{' or '.join(repr(name) for name in worst_off)} of {rates['main']:.1%} of the rows "
            f"that the model learnt from and of {rates['control']:.1%} of rows that it never saw: "
            f"an inference risk of {risk:.1%} for the people in train, where it is largest.",
            {
                "secret": worst_off,
                "mean_risk": mean_risk(answers),
                "secrets": by_secret(answers, columns),
                "known": [tables.views[c].name for c in np.flatnonzero(known)],
                "tolerated": self.tolerated,
                "left_out": {**tables.left_out, **left_out},
                "rows": Sides(*(len(side) for side in drawn))._asdict(),
                "notes": noted(tables, drawn),
            },
        )

    def roles(self, tables: Comparison, rng: Rng) -> tuple[Ints, Mask, dict[str, str]]:
        """Positions of the secrets, which columns are known, and why others are no secrets."""
        views = tables.views
        if len(views) < 2:
            raise NotMeasurableError("nothing is known beside the secret: two columns are needed.")
        columns = np.array([item.name for item in views], dtype=object)
        known = np.isin(columns, self.quasi_identifiers)
        known = known if known.any() else np.ones(len(views), dtype=bool)
        wanted = np.isin(columns, self.sensitive)
        if not wanted.any():
            wanted = known if known.all() else ~known
        reasons = {int(c): untold(views[c], known.sum() - known[c]) for c in np.flatnonzero(wanted)}
        left_out = {columns[c]: reason for c, reason in reasons.items() if reason}
        secrets = np.array([c for c, reason in reasons.items() if not reason], np.int64)
        if not len(secrets):
            listed = "; ".join(f"'{name}': {reason}" for name, reason in left_out.items())
            raise NotMeasurableError(f"there is no secret to tell ({listed}).")
        if len(secrets) > self.most_secrets:
            order = rng.child("secrets").generator().permutation(len(secrets))
            rest = secrets[order[self.most_secrets :]]
            left_out |= dict.fromkeys(columns[rest], f"{self.most_secrets} were drawn at random")
            secrets = np.sort(secrets[order[: self.most_secrets]])
        return secrets, known, left_out

    def answer(self, points: Sides[Points], secrets: Ints, known: Mask, rng: Rng) -> Answers:
        """Answers of the nearest synthetic rows, and of random ones."""

        def right(real: Points, rows: Ints) -> Mask:
            told = points.synthetic[secrets[:, None], rows]
            return np.asarray(np.abs(told - real[secrets]) <= self.tolerated)

        train, holdout = (
            right(real, nearest_without(real, points.synthetic, secrets, known))
            for real in (points.train, points.holdout)
        )
        generator = rng.child("blind guesses").generator()
        random = generator.integers(0, points.synthetic.shape[1], train.shape)
        return Answers(train, holdout, right(points.train, random))


def untold(item: View, known: int) -> str | None:
    """Why a column is no secret that could be told, if it is none."""
    if item.kind in ("text", "json"):
        return f"{item.kind} is not guessed"
    if len(np.unique(item.sides.train)) < 2:
        return "all train rows have the same"
    return None if known else "nothing is known beside it"


def worst(answers: Answers, part: slice) -> int:
    """The secret whose risk is most surely large, among those that the attack can tell."""
    best, found = (False, -np.inf), 0
    for secret in range(len(answers.train)):
        trials = answers.trials(secret, part)
        low = excess(trials.main, trials.control, trials.guesses)[1][0]
        rank = (trials.trusted and trials.control < trials.guesses, low)
        if rank > best:
            best, found = rank, secret
    return found


def by_secret(answers: Answers, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every secret's rates and risk; the intervals hold for all secrets together (Bonferroni)."""
    width = NormalDist().inv_cdf(1 - 0.025 / len(columns))
    found: dict[str, dict[str, Any]] = {}
    for secret, name in enumerate(columns):
        trials = answers.trials(secret, slice(None))
        found[name] = {**trials.rates, "trusted": trials.trusted}
        if trials.control < trials.guesses:
            value, ends = excess(trials.main, trials.control, trials.guesses, width)
            found[name] |= {"risk": max(0.0, value), "interval": [max(0.0, end) for end in ends]}
    return found


def mean_risk(answers: Answers) -> float | None:
    """The mean of the risks, unclipped, of the secrets that the attack can tell."""
    every = [answers.trials(secret, slice(None)) for secret in range(len(answers.train))]
    risks = [
        excess(one.main, one.control, one.guesses)[0]
        for one in every
        if one.trusted and one.control < one.guesses
    ]
    return float(np.mean(risks)) if risks else None


def nearest_without(left: Points, right: Points, secrets: Ints, known: Mask) -> Ints:
    """For every secret and row of the first set the nearest row of the second, (secrets, rows).

    Of the `known` columns all but the secret itself count. Of equally near rows the first is taken.
    """
    known_columns = np.flatnonzero(known)
    place_of = np.full(len(known), -1)
    place_of[known_columns] = np.arange(len(known_columns))
    which = np.zeros((len(secrets), left.shape[1]), dtype=np.int64)
    _nearest_without(
        np.ascontiguousarray(left[known_columns]),
        np.ascontiguousarray(right[known_columns]),
        place_of[secrets],
        which,
    )
    return which


@numba.njit(cache=True, nogil=True)
def _nearest_without(left: Points, right: Points, secrets: Ints, which: Ints) -> None:
    columns, rows = left.shape
    block = 1024
    parts = np.zeros((columns + 1, block), np.int32)  # the last: of a secret that is not known
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
def _least(whole: Whole, part: Whole) -> int:
    """The shortest distance of a block, without one column's part."""
    least = np.int32(2**31 - 1)
    for j in range(len(whole)):
        least = min(least, whole[j] - part[j])
    return least
