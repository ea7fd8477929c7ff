"""Every digit by itself: the least that can be told, and all that a tiny budget pays for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.measurement import Measurement
from neotype.progress import Progress, silent
from neotype.synth.private.digits import Codes, Digits


@dataclass(frozen=True)
class Independent:
    """One noisy table a digit; nothing of how they hang together."""

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
    ) -> Graphical:
        """All of `rho` for the tables of single digits, also of those known already."""
        digits = Digits(codes, sizes, mechanism)
        told = [(k,) for k, size in enumerate(digits.sizes) if size > 1]
        found = digits.measure_all(told, rho, "each column by itself")
        progress("measure", 1, 1)
        return fit(digits.sizes, [*known, *found], total, fixed=fixed)
