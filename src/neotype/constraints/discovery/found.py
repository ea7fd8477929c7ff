"""What a detector hands over: which constraint, how well it is supported, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neotype.constraints.discovery.chance import about

_NAMES = ("column", "columns", "low", "middle", "high", "key")


@dataclass(frozen=True)
class Found:
    """A constraint by its registered name and fields, before it is made and verified.

    `support` counts rows that could have broken it, `expected` those that would have, were the
    columns unrelated. `columns` are those that the fields do not name; `saying` is what holds, as
    the beginning of a sentence.
    """

    type: str
    fields: Mapping[str, Any]
    saying: str
    support: int
    expected: float
    exceptions: int = 0
    columns: tuple[str, ...] = ()
    why: str = field(default="were the columns unrelated")

    @property
    def about(self) -> frozenset[str]:
        """The columns that it speaks of."""
        named: set[str] = set(self.columns)
        for key, value in self.fields.items():
            if key in _NAMES:
                named.update((value,) if isinstance(value, str) else value)
        return frozenset(named)

    def evidence(self, rows: int) -> str:
        """The sentence for people: counts, and never a cell."""
        where = f"all {rows:,} rows" if self.support == rows else f"{self.support:,} rows"
        if self.support < rows:
            where = f"all {self.support:,} rows that tell (of {rows:,})"
        if self.exceptions:
            kept = f"in all but {self.exceptions:,} of {self.support:,} rows"
        else:
            kept = f"in {where}"
        return f"{self.saying}, {kept}; {self.why}, {about(self.expected)} would break it"


def listed(names: tuple[str, ...] | list[str], most: int = 4) -> str:
    """'a', 'b' and 'c'; of many the first and how many more."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) > most + 1:
        return f"{', '.join(quoted[:most])} and {len(quoted) - most} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]
