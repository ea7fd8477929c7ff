"""What is paid for: each kind of noise, by how large it is against what one unit can move."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, floor, inf, lgamma, log, log1p
from typing import ClassVar

from neotype.errors import BudgetError


@dataclass(frozen=True)
class _Normal:
    """Gaussian noise, `ratio` times as wide as neighbours lie apart in L2."""

    ratio: float

    def __post_init__(self) -> None:
        _positive(self.ratio, "the ratio of Gaussian noise to sensitivity")

    @property
    def rho(self) -> float:
        """Bun and Steinke 2016; on whole numbers Canonne, Kamath and Steinke 2020.

        Of sampled rows as if all were in it: sampling has no better price that holds of all orders.
        """
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
class Gaussian(_Normal):
    """Gaussian noise, `ratio` times as wide as neighbours lie apart in L2.

    `shape` says more, where more is known: neighbours differ in at most `cells` cells, by at most
    `step` in each. Accountants of privacy loss need it, as noise on whole numbers depends on it.
    """

    words: ClassVar[str] = "gaussian"

    shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class Laplace:
    """Laplace noise, its scale `ratio` times as wide as neighbours lie apart in L1."""

    words: ClassVar[str] = "laplace"

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

    words: ClassVar[str] = "exponential"

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

    words: ClassVar[str] = "threshold"

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


@dataclass(frozen=True)
class SampledGaussian(_Normal):
    """Gaussian noise on a sum of rows, each of which is in it with chance `rate` (Poisson).

    The noise is `ratio` times as wide as a row moves the sum in L2 where it is in it.
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rate <= 1:
            raise BudgetError(f"the rate of sampling is {self.rate!r}, and must be in (0, 1].")

    @property
    def words(self) -> str:
        """The noise multiplier and the sampling rate of DP-SGD."""
        return f"gaussian of {self.ratio:.4g} × the clip on {100 * self.rate:.3g} % of the rows"

    def renyi(self, order: float) -> float:
        """A bound of the Rényi divergence of this order, both ways, for a row more or less.

        Mironov, Talwar and Zhang 2019, of whole orders k: Σⱼ (k over j) qʲ(1 − q)ᵏ⁻ʲ exp((j² − j)
        / 2σ²). Their proof asks of the noise that orders j ≤ k of it alone are at most j / 2σ²,
        which holds of whole numbers too (Canonne, Kamath and Steinke 2020), and that some mirror
        swaps the two neighbours, x → a + b − x, which leads from whole numbers to whole numbers.
        Between whole orders the log of the moment is convex, so a chord lies above it.
        """
        low = floor(order)
        part = order - low
        moment = (1 - part) * self._log_moment(low)
        if part:
            moment += part * self._log_moment(low + 1)
        return min(moment / (order - 1), order * self.rho)

    def _log_moment(self, order: int) -> float:
        """(k − 1) times the divergence. What is below 1e-16 of the moment counts, too."""
        if self.rate == 1:
            return (order**2 - order) * self.rho
        logs = [
            lgamma(order + 1)
            - lgamma(j + 1)
            - lgamma(order - j + 1)
            + j * log(self.rate)
            + (order - j) * log1p(-self.rate)
            + _log_expm1((j * j - j) * self.rho)
            for j in range(2, order + 1)
        ]
        most = max(logs, default=-inf)
        if most == -inf:
            return 0.0
        above = most + log(sum(exp(one - most) for one in logs))
        return log1p(exp(above)) if above < 0 else above + log1p(exp(-above))


Event = Gaussian | Laplace | Exponential | Threshold | SampledGaussian


def _log_expm1(value: float) -> float:
    return value + log(-expm1(-value))


def _positive(value: float, what: str) -> None:
    if not 0 < value < inf:
        raise BudgetError(f"{what} is {value!r}, and must be a number above 0.")
