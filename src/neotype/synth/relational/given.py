"""Rows of owners that are there before others are drawn after them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes
from neotype.synth.relational.clock import Ticks
from neotype.synth.relational.history import History
from neotype.synth.relational.tuples import Tuples

if TYPE_CHECKING:
    from neotype.synth.relational.brood import Brood

Positions = NDArray[np.int64]


def between(brood: Brood | None, first: int, last: int) -> Brood | None:
    """The rows of the owners from `first` to before `last`."""
    if brood is None:
        return None
    low, high = np.searchsorted(brood.owner, [first, last])
    return replace(
        brood,
        owner=brood.owner[low:high] - first,
        codes=brood.codes[:, low:high],
        ticks=brood.ticks[low:high],
        values=None if brood.values is None else brood.values[:, low:high],
        numbers=None if brood.numbers is None else brood.numbers[:, low:high],
    )


def laid(
    given: Brood | None,
    begin: Positions,
    codes: Codes,
    when: Ticks,
    values: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> Positions:
    """Put each owner's given rows at its beginning; how many each has."""
    if given is None:
        return np.zeros_like(begin)
    at = begin[given.owner] + np.arange(len(given.owner))
    at -= np.searchsorted(given.owner, given.owner)
    codes[:, at], when[at] = given.codes, given.ticks
    if given.values is not None:
        values[:, at] = given.values
    if given.numbers is not None:
        numbers[:, at] = given.numbers
    return np.bincount(given.owner, minlength=len(begin))


def told(
    history: History,
    latest: NDArray[Any],
    tuples: Tuples,
    owners: Positions,
    at: Positions,
    codes: Codes,
    when: Ticks,
) -> None:
    """The next row of each of these owners is there already, at `at`."""
    if not len(owners):
        return
    combination = tuples.encode(codes[:, at])
    for line in range(latest.shape[1]):
        latest[combination, line, owners] = at
    history.add(owners, codes[:, at], combination, when[at] if history.memory.beat else None)
