"""Which strategy a budget gets, where nobody named one: told by noisy and public numbers alone.

Measured (docs/decisions.md): with δ, tables worth their noise do best wherever pairs can be told
from noise at all; without, scores of all pairs are dear, and choices cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.measurement import Measurement
from neotype.progress import Progress, silent
from neotype.synth.leading import Head
from neotype.synth.private.aim import AIM
from neotype.synth.private.digits import Codes
from neotype.synth.private.independent import Independent
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.privbayes import PrivBayes
from neotype.synth.private.strategy import Nothing, Strategy

_TOLD = 0.012
"""How many of the rows the noise in a cell of a pair may be, for pairs to be worth their part."""
_CLEAR = 0.0008
"""The same for rounds of choices, without δ."""
_MANY = 60
"""Digits from which rounds of fits take minutes."""


@dataclass(frozen=True)
class Pick:
    """A strategy, and why it was taken."""

    strategy: Strategy
    why: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """A line of it, where somebody had to choose."""
        return (f"strategy picked: {self.why}",) if self.why else ()


@dataclass(frozen=True)
class Auto:
    """Takes the strategy that the table and the budget call for, which costs nothing."""

    def pick(
        self,
        sizes: Sequence[int],
        total: int,
        mechanism: Mechanism,
        *,
        rho: float,
        target: int | None = None,
    ) -> Pick:
        """The strategy for digits of these sizes, about `total` rows and a price of `rho`."""
        told = sum(size > 1 for size in sizes)
        table = f"about {total:,} rows and {told} digit{'' if told == 1 else 's'}"
        if told < 2:
            return Pick(Independent(), f"independent, for there are no pairs: {table}")
        noise = mechanism.sigma(rho=rho / (told - 1)) / max(1, total)
        table += f", noise of ± {noise:.2%} of the rows in a cell of a pair"
        if target is None and noise > _TOLD:
            return Pick(Independent(), f"independent, for pairs drown in noise: {table}")
        if mechanism.pure and noise < _CLEAR and told <= _MANY:
            return Pick(AIM(), f"aim, for without a delta choices are cheaper than scores: {table}")
        if mechanism.pure:
            return Pick(PrivBayes(), f"privbayes, for without a delta few choices pay: {table}")
        whose = "pairs with the target come first" if target is not None else "pairs are worth it"
        return Pick(Marginals(), f"marginals, for {whose}: {table}")

    def fit(
        self,
        codes: Codes,
        sizes: Sequence[int],
        total: int,
        mechanism: Mechanism,
        *,
        rho: float,
        target: int | None = None,
        known: Sequence[Measurement] = (),
        fixed: Sequence[Factor] = (),
        progress: Progress = silent,
    ) -> Head:
        """The model of the strategy that is picked."""
        pick = self.pick(sizes, total, mechanism, rho=rho, target=target)
        return pick.strategy.fit(
            codes,
            sizes,
            total,
            mechanism,
            rho=rho,
            target=target,
            known=known,
            fixed=fixed,
            progress=progress,
        )


def picked(
    strategy: Strategy,
    sizes: Sequence[int],
    total: int,
    mechanism: Mechanism,
    *,
    rho: float,
    target: int | None = None,
) -> Pick:
    """The strategy that was named, or the one that is picked where none was."""
    if not sizes:
        return Pick(Nothing())
    if isinstance(strategy, Auto):
        return strategy.pick(sizes, total, mechanism, rho=rho, target=target)
    return Pick(strategy)
