"""What an attacker gains by the synthetic table: guesses about real rows, counted in one place.

An attack guesses about rows of train (main), about equally many real rows that the model never saw
(control), and without having seen the synthetic table (baseline). What also comes true of the
control was learnt about people in general; only the rest was learnt about the people in train
(Giomi et al. 2022, after the three risks of the Article 29 Working Party, opinion 05/2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Sides
from neotype.evaluate.interval import Z, wilson
from neotype.evaluate.metric import Axis, Better, Finding, Interval, Measure, NotMeasurableError
from neotype.rng import Rng

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
Side = Literal["train", "holdout"]

TARGET = 0.05
"""The risk that is good; with the tolerance .04, poor begins at .09, the threshold for the risk of
re-identification in published health data (EMA policy 0070; Health Canada 2019).
"""

WIDEST = 0.2
"""A rate whose 95 % interval can be wider than this is not worth a risk."""


class Attack(Protocol):
    """An attack only guesses; `attempt` counts."""

    def guess(self, about: Side, *, blind: bool) -> Mask:
        """Which guesses about real rows came true, (guesses,): as many for either side.

        A blind guess is made without the synthetic table.
        """


@dataclass(frozen=True)
class Trials:
    """How many of equally many guesses came true, and the risk that this shows.

    `reach` is the share of train about which the main guesses could come true at all.
    """

    main: int
    control: int
    baseline: int
    guesses: int
    reach: float = 1.0

    @property
    def rates(self) -> dict[str, float]:
        """The success rates of the three runs."""
        counts = {"main": self.main, "control": self.control, "baseline": self.baseline}
        return {name: hits / max(1, self.guesses) for name, hits in counts.items()}

    @property
    def trusted(self) -> bool:
        """Whether the attack does better than guessing, beyond chance."""
        return excess(self.main, self.baseline, self.guesses)[1][0] > 0

    @property
    def risk(self) -> tuple[float, Interval]:
        """(main − control) / (1 − control) within train's reach, not below 0, and its interval."""
        value, ends = excess(self.main, self.control, self.guesses)
        low, high = (min(1.0, max(0.0, end / self.reach)) for end in ends)
        return min(1.0, max(0.0, value / self.reach)), (low, high)

    @property
    def detail(self) -> dict[str, Any]:
        """The three rates with their Wilson intervals, and what they show."""
        hits = {"main": self.main, "control": self.control, "baseline": self.baseline}
        value = excess(self.main, self.control, self.guesses)[0] / self.reach
        return {
            **self.rates,
            "intervals": {name: wilson(count, self.guesses) for name, count in hits.items()},
            "guesses": self.guesses,
            "trusted": self.trusted,
            "unclipped_risk": value,
            "reach": self.reach,
        }


def attempt(attack: Attack, reach: float = 1.0) -> Trials:
    """Guess about train, about the holdout, and blindly; count what comes true."""
    main, control = (attack.guess(side, blind=False) for side in ("train", "holdout"))
    blind = attack.guess("train", blind=True)
    hits, others, lucky = (int(np.count_nonzero(run)) for run in (main, control, blind))
    return Trials(hits, others, lucky, len(main), reach)


@dataclass(frozen=True)
class AttackMeasure(Measure):
    """What the attacks share: a risk between 0 and 1, 0 being its floor."""

    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.04
    least_rows: ClassVar[int] = 100

    def conclude(self, trials: Trials, meaning: str, detail: Mapping[str, Any]) -> Finding:
        """The risk, or the reason why the attack shows none."""
        detail = {**trials.detail, **detail}
        rates = trials.rates
        if not trials.trusted:
            raise NotMeasurableError(
                f"the attack does no better than guessing ({rates['main']:.1%} of its guesses come "
                f"true, {rates['baseline']:.1%} of random ones), so its failure shows nothing.",
                detail,
            )
        if trials.control == trials.guesses:
            raise NotMeasurableError(
                "the attack comes true of every real row, whether the model saw it or not.", detail
            )
        risk, interval = trials.risk
        return Finding(risk, interval, 0.0, TARGET, meaning, detail)


def enough(guesses: int, what: str) -> None:
    """NotMeasurableError where so few guesses leave a rate unknown."""
    least = next(n for n in range(1, 1000) if _width(n) <= WIDEST)
    if guesses < least:
        raise NotMeasurableError(
            f"{what}: with fewer than {least} guesses a success rate is not known to ±10 %."
        )


def _width(guesses: int) -> float:
    low, high = wilson(guesses / 2, guesses)
    return high - low


def aim(tables: Comparison, guesses: int, synthetic: int, rng: Rng) -> Sides[Ints]:
    """Synthetic rows to guess from, and equally many rows of train and holdout to guess about.

    All in random order; one row of every entity, so that the guesses are independent.
    """
    train, holdout = (
        _targets(data, rng.child(f"targets of {side}").generator())
        for side, data in (("train", tables.train), ("holdout", tables.holdout))
    )
    equal = min(len(train), len(holdout), guesses)
    enough(equal, f"train and holdout have {equal:,} rows to guess about, of different entities")
    rows = rng.child("synthetic rows").generator().permutation(tables.synthetic.rows)
    return Sides(rows[:synthetic], train[:equal], holdout[:equal])


def _targets(data: Dataset, generator: Generator) -> Ints:
    order = generator.permutation(data.rows)
    owners = data.owners
    if owners is None:
        return order
    return order[np.sort(np.unique(owners[order], return_index=True)[1])]


def take(points: Sides[NDArray[np.float32]], drawn: Sides[Ints]) -> Sides[NDArray[np.float32]]:
    """The points, (columns, rows), of these rows."""
    return Sides(
        *(np.ascontiguousarray(side[:, rows]) for side, rows in zip(points, drawn, strict=True))
    )


def noted(tables: Comparison, drawn: Sides[Ints]) -> list[str]:
    """What a reader must know of the rows that the attack saw and guessed about."""
    notes = []
    if len(drawn.synthetic) < tables.synthetic.rows:
        notes.append(
            f"the attacker sees {len(drawn.synthetic):,} of {tables.synthetic.rows:,} synthetic "
            f"rows, drawn at random"
        )
    return [*notes, f"{len(drawn.train):,} rows of train and of the holdout were guessed about"]


def excess(hits: int, others: int, guesses: int, width: float = Z) -> tuple[float, Interval]:
    """(rate − other) / (1 − other) of two counts out of `guesses` each, and its interval.

    The interval is `width` standard errors wide to either side, by default of 95 %.

    It is 1 − the ratio of two shares of failures, whose score interval (Koopman 1984) is to a
    ratio what Wilson's is to a share: it holds for few failures, too, where propagated errors
    (Giomi et al. 2022) do not. NaN where the other never fails.
    """
    failed, spared = guesses - hits, guesses - others
    if not spared:
        return float("nan"), (float("-inf"), 1.0)
    ratio = failed / spared

    def beyond(logarithm: float) -> bool:
        return _score(float(np.exp(logarithm)), failed, spared, guesses) > width

    middle = float(np.log(max(ratio, 1e-12)))
    low = float(np.exp(_edge(beyond, middle, middle - 20))) if failed else 0.0
    high = float(np.exp(_edge(beyond, middle, middle + 40)))
    return 1 - ratio, (1 - high, 1 - low)


def _edge(beyond: Any, inside: float, outside: float) -> float:
    """Where the statistic passes its bound between two places, by halving."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if beyond(middle):
            outside = middle
        else:
            inside = middle
    return (inside + outside) / 2


def _score(ratio: float, failed: int, spared: int, trials: int) -> float:
    """Koopman's statistic: how far two shares are from this ratio, in standard errors."""
    # The likeliest shares of this ratio solve a square equation.
    half = (ratio * (trials + spared) + failed + trials) / 2
    root = np.sqrt(max(0.0, half * half - 2 * trials * ratio * (failed + spared)))
    below = (half - root) / (2 * trials * ratio)
    above = ratio * below
    variance = (above * (1 - above) + ratio**2 * below * (1 - below)) / trials
    return float(abs(failed - ratio * spared) / trials / np.sqrt(max(variance, 1e-300)))
