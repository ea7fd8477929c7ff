"""What several synthetic copies say together: an estimate, its variance, degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.features import Floats


@dataclass(frozen=True)
class Combined:
    """Estimates of m copies combined, each array (terms,).

    `reiter` is the variance by Raghunathan, Reiter and Rubin (2003), adjusted where it is negative
    (Reiter 2002); it supposes that every copy comes from a newly drawn model. `raab` is the
    variance of Raab, Nowok and Dibben (2016), for copies of one fitted model. `degrees` are
    Student's of the first.
    """

    estimates: Floats
    within: Floats
    between: Floats
    reiter: Floats
    raab: Floats
    degrees: Floats

    @property
    def adjusted(self) -> NDArray[np.bool_]:
        """Where the first rule's variance was negative."""
        return np.isinf(self.degrees)

    @property
    def total(self) -> Floats:
        """The wider variance: nobody says whether a model was drawn anew for each copy.

        Copies of one fitted model do not vary with the rows it was fitted to, so that the first
        rule would claim a certainty that grows with the number of copies alone.
        """
        return np.maximum(self.reiter, self.raab)

    @property
    def half(self) -> Floats:
        """Half the width of the 95 % interval: Student's where the first rule is the wider."""
        from scipy.stats import norm, t

        student = t.ppf(0.975, self.degrees)
        wide = np.where(self.reiter > self.raab, student, norm.ppf(0.975))
        return np.asarray(wide * np.sqrt(self.total))


def combine(estimates: Floats, variances: Floats, share: float) -> Combined:
    """Combine estimates and their variances of m ≥ 2 fully synthetic copies, both (m, terms).

    `share` is the rows of a copy over the rows that its model learnt from. With q̄ the mean
    estimate, b the variance between copies and v̄ the mean variance: T = (1 + 1/m) b − v̄, or
    share · v̄ where that is negative, with (m − 1) (1 − v̄ / ((1 + 1/m) b))² degrees of freedom; and
    T = v̄ (share + 1/m).
    """
    copies = len(estimates)
    between, within = estimates.var(axis=0, ddof=1), variances.mean(axis=0)
    spread = (1 + 1 / copies) * between
    raw = spread - within
    ratio = np.divide(within, spread, out=np.full_like(within, np.inf), where=spread > 0)
    return Combined(
        estimates=estimates.mean(axis=0),
        within=within,
        between=between,
        reiter=np.where(raw > 0, raw, share * within),
        raab=within * (share + 1 / copies),
        degrees=np.where(raw > 0, (copies - 1) * (1 - np.minimum(ratio, 1)) ** 2, np.inf),
    )
