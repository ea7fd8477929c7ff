"""What is paid for: each kind of noise, by how large it is against what one unit can move."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from neotype.errors import BudgetError


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noise, `ratio` times as wide as neighbours lie apart in L2.

    `shape` says more, where more is known: neighbours differ in at most `cells` cells, by at most
    `step` in each. Accountants of privacy loss need it, as noise on whole numbers depends on it.
    """

    ratio: float
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _positive(self.ratio, "the ratio of Gaussian noise to sensitivity")

    @property
    def rho(self) -> float:
        """Bun and Steinke 2016; on whole numbers Canonne, Kamath and Steinke 2020."""
        return 1 / (2 * self.ratio**2)

    @property
    def epsilon(self) -> float:
        """No ε without δ."""
        return inf

    @property
    def delta(self) -> float:
        """None of its own: δ comes from the conversion."""
        return 0.0


@dataclass(frozen=True)
class Laplace:
    """Laplace noise, its scale `ratio` times as wide as neighbours lie apart in L1."""

    ratio: float

    def __post_init__(self) -> None:
        _positive(self.ratio, "the ratio of Laplace noise to sensitivity")

    @property
    def rho(self) -> float:
        """What is ε-private is ε²/2-concentrated (Bun and Steinke 2016)."""
        return self.epsilon**2 / 2

    @property
    def epsilon(self) -> float:
        """Exactly what one unit moves, in scales."""
        return 1 / self.ratio

    @property
    def delta(self) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True)
class Exponential:
    """One choice among scored candidates by the exponential mechanism."""

    epsilon: float

    def __post_init__(self) -> None:
        _positive(self.epsilon, "the epsilon of a choice")

    @property
    def rho(self) -> float:
        """Its losses lie in a band of width ε, hence ε²/8 (Cesar and Rogers 2021)."""
        return self.epsilon**2 / 8

    @property
    def delta(self) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True)
class Threshold:
    """What one unit alone has stays unseen, except with probability δ."""

    delta: float

    def __post_init__(self) -> None:
        _positive(self.delta, "the delta of a threshold")

    @property
    def rho(self) -> float:
        """None: the noise is paid for by itself."""
        return 0.0

    @property
    def epsilon(self) -> float:
        """None: the noise is paid for by itself."""
        return 0.0


Event = Gaussian | Laplace | Exponential | Threshold


def _positive(value: float, what: str) -> None:
    if not 0 < value < inf:
        raise BudgetError(f"{what} is {value!r}, and must be a number above 0.")
