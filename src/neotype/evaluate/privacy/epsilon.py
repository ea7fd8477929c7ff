"""How large epsilon must at least be, if guesses about who was in train were this often right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neotype.evaluate.features import Floats
from neotype.evaluate.interval import clopper_pearson

ALPHA = 0.05
"""A bound is wrong in at most this share of audits."""

LARGEST = 40.0
"""No audit of fewer than 10^17 rows could show more."""


@dataclass(frozen=True)
class Audit:
    """What the second half of the guesses shows, by the rule that the first half chose.

    `score` and `threshold` are that rule: guess where the margin is at least so large, of `rows`
    coins that could be guessed. `replaced` says that a wrong guess takes one row for another, so
    that a guarantee for adding or removing a row is used twice.
    """

    score: str
    threshold: float
    rows: int
    guesses: int
    right: int
    delta: float
    replaced: bool

    @property
    def bound(self) -> float:
        """The lower bound on epsilon for neighbours that differ by adding or removing one row."""
        return lower_bound(self.rows, self.guesses, self.right, self.delta, replaced=self.replaced)

    def p_value(self, epsilon: float) -> float:
        """How likely so many right guesses are if the guarantee holds."""
        held = twice(epsilon, self.delta) if self.replaced else (epsilon, self.delta)
        return p_value(self.rows, self.guesses, self.right, *held)


def p_value(rows: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """The chance of `right` or more right guesses under (epsilon, delta)-differential privacy.

    Of `rows` fair coins that decide who is in train, `guesses` are guessed and the others are
    passed over. Steinke, Nasr and Jagielski 2023 (theorem 5.2): with W ~ Binomial(guesses, e^eps /
    (1 + e^eps)), at most P[W ≥ v] + 2 rows delta max over i of P[v > W ≥ v − i] / i.
    """
    from scipy.special import betainc

    if right <= 0:
        return 1.0
    share = 1 / (1 + np.exp(-epsilon))
    beta = float(betainc(right, guesses - right + 1, share))
    if delta == 0 or beta >= 1:
        return beta
    back = np.arange(1, right + 1)
    least = right - back
    tails = np.where(least > 0, betainc(np.maximum(least, 1), guesses - least + 1, share), 1.0)
    steepest = float(((tails - beta) / back).max())
    return min(1.0, beta + 2 * rows * delta * steepest)


def lower_bound(
    rows: int, guesses: int, right: int, delta: float = 0.0, *, replaced: bool = False
) -> float:
    """The largest epsilon that so many right guesses refute at 95 % confidence; 0 if none."""

    def refuted(epsilon: float) -> bool:
        held = twice(epsilon, delta) if replaced else (epsilon, delta)
        return p_value(rows, guesses, right, *held) <= ALPHA

    low, high = 0.0, LARGEST
    if not refuted(low):
        return low
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def twice(epsilon: float, delta: float) -> tuple[float, float]:
    """What a guarantee for adding or removing one row gives for replacing it: both in turn."""
    return 2 * epsilon, min(1.0, (1 + float(np.exp(min(epsilon, LARGEST)))) * delta)


def audit(
    choosing: Mapping[str, Floats],
    testing: Mapping[str, Floats],
    delta: float,
    *,
    replaced: bool,
) -> Audit:
    """Choose the score and how many guesses to risk on one half of the rows; count on the other.

    Margins by score: the larger, the surer the guess, positive where it is right; at 0 none is
    made.
    """
    best = (-1.0, 0.0, next(iter(choosing)), np.inf)
    for name, margins in choosing.items():
        sure = margins[np.argsort(-np.abs(margins), kind="stable")]
        sure = sure[sure != 0]
        right = np.cumsum(sure > 0)
        for guesses in _counts(len(sure)):
            hits = int(right[guesses - 1])
            bound = lower_bound(len(margins), guesses, hits, replaced=replaced)
            tried = (bound, hits - guesses / 2, name, float(np.abs(sure[guesses - 1])))
            best = max(best, tried)
    _, _, name, threshold = best
    margins = testing[name]
    guessed = margins[np.abs(margins) >= threshold]
    return Audit(
        score=name,
        threshold=threshold,
        rows=len(margins),
        guesses=len(guessed),
        right=int((guessed > 0).sum()),
        delta=delta,
        replaced=replaced,
    )


def _counts(most: int) -> list[int]:
    """Numbers of guesses worth a try: 5, then half as many again each time."""
    counts, count = [], 5.0
    while count < most:
        counts.append(int(count))
        count *= 1.5
    return [*counts, most] if most else []


def threshold_bound(
    choosing: tuple[Floats, Floats], testing: tuple[Floats, Floats], delta: float
) -> float:
    """The lower bound on epsilon from hits and false alarms at one threshold.

    Scores of members and of non-members; the threshold is chosen on the first two and counted on
    the others. Each rate has a one-sided 97.5 % Clopper-Pearson end, so that both hold in 95 %
    (Jagielski, Ullman and Oprea 2020, section 3). It takes rows for independent runs.
    """
    members, others = choosing
    edges = np.quantile(np.concatenate([members, others]), np.linspace(0, 1, 201), method="lower")
    edges = np.unique(edges[np.isfinite(edges)])
    if not len(edges):
        return 0.0
    chosen = max(edges, key=lambda edge: (rates_bound(members, others, edge, delta), edge))
    return rates_bound(*testing, float(chosen), delta)


def rates_bound(members: Floats, others: Floats, edge: float, delta: float) -> float:
    """What hits and false alarms above `edge`, and their complements, show of epsilon."""
    hits, alarms = int((members > edge).sum()), int((others > edge).sum())
    found, false = clopper_pearson(hits, len(members)), clopper_pearson(alarms, len(others))
    odds = max((found[0] - delta) / false[1], (1 - false[1] - delta) / (1 - found[0]))
    return float(np.log(max(1.0, odds)))
