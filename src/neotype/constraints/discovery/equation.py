"""A formula: what it says, how near numbers have to be to it, and whether it is no accident."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neotype.constraints.discovery.cells import Cells, Floats, Mask, some
from neotype.constraints.discovery.chance import ALMOST, almost, telling
from neotype.rng import Rng

SHARE = 0.05
"""Least share of shuffled rows in which a formula has to be wrong."""


@dataclass(frozen=True)
class Formula:
    """`target` is `text` in every row that has all its columns, but for the exceptions."""

    target: str
    columns: tuple[str, ...]
    text: str
    support: int
    expected: float
    exceptions: int = 0


def near(cells: Floats, made: Floats, decimals: int | None) -> Mask:
    """Equal to half a unit of the last decimal place."""
    slack = 0.5 * 10.0**-decimals if decimals is not None else 0.0
    return np.asarray(np.abs(cells - made) <= slack * (1 + 1e-6) + 1e-9 * np.abs(cells))


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = frozenset(
    re.findall(
        r"\w+",
        """
        all and any as asc between by case cast count date datetime day desc distinct else end
        except exists extract false first from full group having hour if in inner interval into is
        join last left length like limit lower max min minute mod month natural not null offset on
        or order outer position quarter rank replace right round row rows second select set some
        start sum table then time timestamp to true union upper user using value values week when
        where window with year
        """,
    )
)
"""Names that SQL takes for something else, unless they are quoted."""


def col(name: str) -> str:
    """A column in the text of an SQL expression."""
    if _PLAIN.fullmatch(name) and name.lower() not in _TAKEN:
        return name
    return '"' + name.replace('"', '""') + '"'


def judged(
    target: Cells, parts: tuple[Cells, ...], make: Callable[..., Floats], tried: int
) -> tuple[int, float, int] | None:
    """Rows that tell, rows that chance would break, and rows that do; None where it is no rule."""
    there = ~np.any([c.missing for c in (target, *parts)], axis=0)
    values = [c.numbers[there] for c in parts]
    cells = target.numbers[there]
    made = make(*values)
    exceptions = int((~near(cells, made, target.decimals)).sum())
    if len(cells) < 2 or exceptions > ALMOST * len(cells):
        return None
    rows = some(len(cells), 2_000)
    order = Rng(0).child("deal").generator().permutation(len(rows))
    share = 1.0
    for k in range(len(parts)):
        dealt = [v[rows] for v in values]
        dealt[k] = dealt[k][order]
        share = min(share, float(1 - near(cells[rows], make(*dealt), target.decimals).mean()))
    expected = share * len(cells)
    if share < SHARE or not telling(expected, tried):
        return None
    if exceptions and not almost(exceptions, expected, tried):
        return None
    return len(cells), expected, exceptions
