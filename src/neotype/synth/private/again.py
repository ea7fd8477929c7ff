"""A strategy and its budget as a recipe: what was learnt once is learnt again, with fresh noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from neotype.data import Dataset
from neotype.dp.guarantee import Guarantee
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.synth.private.rules import fit_ruled
from neotype.synth.private.strategy import Strategy, ledger_of
from neotype.synth.reformed import Reformed
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel


@dataclass(frozen=True)
class Again:
    """What shadow models learn by: each has a ledger of its own, and spends the budget anew.

    They are made to attack rows that somebody may see anyway, and are not to be released: together
    they spend the budget as often as they are many. Their noise has no seed, so that two attacks
    never agree to the last digit.
    """

    strategy: Strategy
    guarantee: Guarantee
    target: str | None = None

    takes: ClassVar[Capabilities] = Capabilities(private=True)

    @classmethod
    def of(cls, strategy: Strategy, facts: Mapping[str, Any]) -> Again:
        """The recipe of a model with these facts."""
        return cls(strategy, Guarantee.restore(facts["privacy"]), facts.get("target"))

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Reformed:
        """A model of `data` within the same budget."""
        ledger = ledger_of(self.strategy, self.guarantee.budget)
        return fit_ruled(self.strategy, data, ledger, self.target, progress).model
