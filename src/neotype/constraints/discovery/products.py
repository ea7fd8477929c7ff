"""Products of two or three factors, of which one may be what a discount or a tax leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neotype.constraints.discovery.cells import Cells, Floats, some
from neotype.constraints.discovery.equation import Formula, col, judged

MOST = 30
"""Columns among which three factors are looked for."""

FIRST = 24
"""Rows on which all of them are tried."""


@dataclass(frozen=True)
class Factor:
    """A column as it is, or 1 less or more than it."""

    cells: Cells
    text: str
    make: Callable[[Floats], Floats]


def products(cells: list[Cells], known: set[str]) -> list[Formula]:
    """price * quantity * (1 - discount), and its like; none of a column that has a formula."""
    cells = [c for c in cells if not c.gaps]
    if not 3 <= len(cells) <= MOST:
        return []
    few = some(len(cells[0].numbers), FIRST)
    matrix = np.stack([c.numbers[few] for c in cells])
    slack = np.array([_slack(c) for c in cells])[:, None] * (1 + 1e-6)
    factors = [f for c in cells for f in _factors(c)]
    rows = [f.make(f.cells.numbers[few]) for f in factors]
    plain = [f.text == col(f.cells.name) for f in factors]
    tried = len(factors) ** 3 * len(cells)
    found: dict[str, Formula] = {}
    for width in (2, 3):
        for group in combinations(range(len(factors)), width):
            names = {factors[k].cells.name for k in group}
            rates = sum(not plain[k] for k in group)
            if len(names) < width or rates > 1 or (width == 2 and rates == 0):
                continue
            made = np.prod([rows[k] for k in group], axis=0)
            fits = (np.abs(matrix - made) <= slack + 1e-9 * np.abs(made)).all(axis=1)
            for k in np.flatnonzero(fits):
                target = cells[k]
                if target.name in names | known | found.keys():
                    continue
                formula = _judged(target, [factors[k] for k in group], tried)
                if formula is not None:
                    found[target.name] = formula
    return list(found.values())


def _slack(one: Cells) -> float:
    return 0.5 * 10.0**-one.decimals if one.decimals is not None else 0.0


def _factors(one: Cells) -> list[Factor]:
    """The column; where it is a share or a percentage, what it leaves and what it adds up to."""
    name, low, high = col(one.name), float(one.numbers.min()), float(one.numbers.max())
    made = [Factor(one, name, lambda x: x)]
    if low >= 0 and high <= 1 and not one.whole:
        made += [Factor(one, f"(1 - {name})", lambda x: 1 - x)]
        made += [Factor(one, f"(1 + {name})", lambda x: 1 + x)]
    elif low >= 0 and 1 < high <= 100:
        made += [Factor(one, f"(1 - {name} / 100.0)", lambda x: 1 - x / 100)]
        made += [Factor(one, f"(1 + {name} / 100.0)", lambda x: 1 + x / 100)]
    return made


def _judged(target: Cells, factors: list[Factor], tried: int) -> Formula | None:
    def make(*values: Floats) -> Floats:
        made = [f.make(v) for f, v in zip(factors, values, strict=True)]
        return np.asarray(np.prod(made, axis=0))

    facts = judged(target, tuple(f.cells for f in factors), make, tried)
    if facts is None:
        return None
    text = " * ".join(f.text for f in factors)
    return Formula(target.name, tuple(f.cells.name for f in factors), text, *facts)
