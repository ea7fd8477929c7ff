"""Noise on whole numbers, drawn exactly: no rounding of a float decides what comes out.

Few cells go through OpenDP. It computes each with numbers of any length, 11 to 20 µs a cell; a
table of the cumulative distribution costs 2 µs a symbol to make and .05 to .13 µs a cell to read,
and gives the very same distribution:

- a cell is decided by one real number U, uniform on [0, 1), of which the operating system gives as
  many bits as are asked for: 64 first;
- the table holds, for each size m of the noise, whole numbers below and above 2⁶⁴·P(size ≤ m). They
  come from sums and products rounded down all the way, and up all the way, so that they enclose it;
- where 64 bits of U leave no doubt between two sizes, the size is known. Where they do (once in
  10¹⁵ cells or so) 64 more bits are drawn and the table is made anew with as many bits more.

A size is thus exactly what comparing U with the true distribution gives (inversion). No bit of
noise is ever taken from a generator with a seed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.dp import entropy
from neotype.errors import BudgetError, NeotypeError

Ints = NDArray[np.int64]

WORD = 64
_GUARD = 96
"""Bits beyond those of a word, so that rounding all the way still encloses closely."""
CELL_THROUGH_OPENDP, SIGMA_OF_A_TABLE = 12.0, 21.0
"""Microseconds for a cell, and for a unit of sigma (a table has some 9.5 sigma symbols)."""


def gaussian(values: Ints, sigma: float) -> Ints:
    """The values plus independent noise N_ℤ(0, sigma²): P(x) ∝ exp(−x² / 2 sigma²)."""
    if values.size * CELL_THROUGH_OPENDP < sigma * SIGMA_OF_A_TABLE:
        return _through_opendp(values, "make_gaussian", "l2_distance", sigma)
    return values + drawn(values.size, sigma).reshape(values.shape)


def laplace(values: Ints, scale: float) -> Ints:
    """The values plus independent discrete Laplace noise: P(x) ∝ exp(−|x| / scale)."""
    return _through_opendp(values, "make_laplace", "l1_distance", scale)


def stability_threshold(sigma: float, delta: float, rows: int = 1) -> int:
    """The least count that reveals a key of one unit alone with probability δ at most.

    A unit may have its `rows` rows under one key of its own, or under several. P(noise ≥ bound − c)
    is convex in c where bound > c, so the most uneven way is the worst: all under one key, or all
    but one row for each further key. Their sum is below tail(bound − rows) + (rows − 1) ·
    tail(bound − 1).
    """
    if not 0 < delta < 0.5:
        raise BudgetError(f"the delta of a threshold is {delta!r}; it must lie between 0 and .5.")
    # 40 sigma hold all but e^-800 of the noise: far below any δ that a float can be.
    tails = _tails(sigma)
    bounds = rows + np.arange(len(tails))
    single = tails[np.minimum(np.arange(len(tails)) + rows - 1, len(tails) - 1)]
    chance = (tails + (rows - 1) * single) * (1 + 1e-9)
    return int(bounds[int(np.flatnonzero(chance <= delta)[0])])


def _tails(sigma: float) -> NDArray[np.float64]:
    """P(noise ≥ m) for m = 0, 1, …, summed from the small end."""
    sizes = np.arange(ceil(40 * sigma) + 3, dtype=np.float64)
    weights = np.exp(-((sizes / sigma) ** 2) / 2)
    above = np.cumsum(weights[::-1])[::-1]
    tails: NDArray[np.float64] = above / (2 * above[0] - weights[0])
    return tails


def noisy_max(scores: Ints, scale: float) -> int:
    """The place of the largest score after Gumbel noise of that scale: the exponential mechanism.

    P(i) ∝ exp(scores[i] / scale); OpenDP compares the noise bit by bit until one is the largest.
    """
    measurements, domains, metrics = _opendp()
    measures = import_module("opendp.measures")
    measurement = measurements.make_noisy_max(
        domains.vector_domain(domains.atom_domain(T="i64")),
        metrics.linf_distance(T="i64"),
        measures.zero_concentrated_divergence(),
        scale=scale,
    )
    return int(measurement(scores.tolist()))


def require(package: str) -> None:
    """Raise unless a package of the extra is there."""
    try:
        found = find_spec(package) is not None
    except ValueError:  # an import of it was forbidden
        found = False
    if not found:
        raise NeotypeError(
            "differential privacy needs packages that are not installed.",
            found=f"missing: {package.replace('_', '-')}",
            mend="pip install 'neotype[dp]'",
        )


@lru_cache(maxsize=1)
def _opendp() -> tuple[Any, Any, Any]:
    # Its prelude loads scikit-learn and pandas (1.8 CPU-seconds); these three load in .2.
    require("opendp")
    measurements, domains, metrics = (
        import_module(f"opendp.{part}") for part in ("measurements", "domains", "metrics")
    )
    import_module("opendp.mod").enable_features("contrib")
    return measurements, domains, metrics


def _through_opendp(values: Ints, maker: str, metric: str, scale: float) -> Ints:
    if not values.size:
        return values.copy()
    measurements, domains, metrics = _opendp()
    measurement = getattr(measurements, maker)(
        domains.vector_domain(domains.atom_domain(T="i64")),
        getattr(metrics, metric)(T="i64"),
        scale=scale,
    )
    return np.array(measurement(values.ravel().tolist()), dtype=np.int64).reshape(values.shape)


def drawn(cells: int, sigma: float, word: int = WORD) -> Ints:
    """Exact draws of N_ℤ(0, sigma²), by table. A shorter word only makes doubt more frequent."""
    table = _table(sigma, word, word)
    bits = np.frombuffer(entropy.drawn(8 * cells), dtype=np.uint64) >> np.uint64(WORD - word)
    sizes = np.searchsorted(table.below_array, bits, side="right")
    unsure = (sizes == len(table.below)) | (bits <= table.doubt_until[sizes])
    for cell in np.flatnonzero(unsure):
        sizes[cell] = _settled(int(bits[cell]), sigma, word)
    signs = np.frombuffer(entropy.drawn(cells), dtype=np.uint8) & 1
    return np.where(signs == 1, -sizes, sizes).astype(np.int64)


def _settled(bits: int, sigma: float, word: int) -> int:
    """The size of noise that U says, of which only the first bits are known so far."""
    known = word
    while True:
        bits = bits << word | int.from_bytes(entropy.drawn(8)) >> (WORD - word)
        known += word
        table = _table(sigma, known, word)
        size = bisect_right(table.below, bits)
        if size < len(table.below) and (size == 0 or bits >= table.above[size - 1]):
            return size


@dataclass(frozen=True)
class _Table:
    """Whole numbers that enclose 2^bits · P(size ≤ m), for m = 0, 1, …"""

    below: tuple[int, ...]
    above: tuple[int, ...]
    below_array: NDArray[np.uint64]
    doubt_until: NDArray[np.uint64]
    """Up to here bits may belong to the size before; none may for size 0 (and bits > 0 there)."""


@lru_cache(maxsize=8)
def _table(sigma: float, bits: int, word: int) -> _Table:
    low, high = [0], [0]
    for least, most in _weights(sigma, bits + _GUARD, 1 << (_GUARD - 2)):
        low.append(low[-1] + least)
        high.append(high[-1] + most)
    # The last pair encloses all sizes that have no line of their own: rare, and always in doubt.
    least_total, most_total = low[-1], high[-1]
    below = tuple((part << bits) // most_total for part in low[1:-1])
    above = tuple(min(-((-part << bits) // least_total), 1 << bits) for part in high[1:-1])
    first = bits == word
    return _Table(
        below,
        above,
        np.array(below if first else (), dtype=np.uint64),
        np.array([0, *(most - 1 for most in above)] if first else (), dtype=np.uint64),
    )


def _weights(sigma: float, places: int, small: int) -> Iterator[tuple[int, int]]:
    """Bounds of (1, 2q, 2q⁴, 2q⁹, …), q = exp(−1 / 2 sigma²), times 2^places; the last is a tail.

    Each weight is the one before times q^(2m − 1), and that is its predecessor times q²; the sum of
    what follows weight w is below w / (1 − its factor), as the factors fall.
    """
    unit = 1 << places
    least, most = _exponential(1 / (2 * Fraction(sigma) ** 2), places)
    yield unit, unit
    step_least, step_most = least * least >> places, -(-most * most >> places)
    factor_least, factor_most = least, most
    while most >= small:
        yield 2 * least, 2 * most
        factor_least = factor_least * step_least >> places
        factor_most = -(-factor_most * step_most >> places)
        least, most = least * factor_least >> places, -(-most * factor_most >> places)
    yield 0, -(-2 * most * unit // (unit - factor_most))


def _exponential(power: Fraction, places: int) -> tuple[int, int]:
    """Bounds of exp(−power) · 2^places: the series alternates, so the next term bounds the rest."""
    unit = 1 << places
    halvings = max(0, ceil(power).bit_length())
    part = power / (1 << halvings)
    least = most = term_least = term_most = unit
    order = 0
    while term_most > 1:
        order += 1
        term_least = term_least * part.numerator // (part.denominator * order)
        term_most = -(-term_most * part.numerator // (part.denominator * order))
        if order % 2:
            least, most = least - term_most, most - term_least
        else:
            least, most = least + term_least, most + term_most
    least, most = max(least - 1, 0), min(most + 1, unit)
    for _ in range(halvings):
        least, most = least * least >> places, -(-most * most >> places)
    return least, most
