"""What may be spent: ε and δ, who counts as a neighbour, and how much of the data is one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal, Self

from neotype.errors import BudgetError

Neighbors = Literal["add-remove", "replace"]

ROW = "row"


@dataclass(frozen=True)
class Budget:
    """How well two neighbouring tables must stay indistinguishable.

    Neighbours differ by one `unit`: a row, or all rows of one entity (then `unit` names the column
    of the entity, and no entity has more than `at_most` rows). It is in one of the two and not in
    the other (add-remove), or is another one in the other (replace: their size is public).
    Of a database, `unit` names the table of the entity, and `tables` those whose rows belong to it,
    each with how many of them count.
    Without δ the budget is pure: no event of whatever small probability is exempt.
    """

    epsilon: float
    delta: float | None = None
    neighbors: Neighbors = "add-remove"
    unit: str = ROW
    at_most: int = 1
    tables: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if not _number(self.epsilon) or self.epsilon <= 0:
            raise BudgetError(
                f"epsilon is {self.epsilon!r}, and must be a number above 0.",
                mend="epsilon=1 is common; below .1 little can be learnt, above 10 little is kept",
            )
        if self.delta is not None and not (_number(self.delta) and 0 < self.delta < 1):
            raise BudgetError(
                f"delta is {self.delta!r}, and must lie between 0 and 1.",
                mend="take one far below 1 / rows, such as 1e-6, or none at all for pure privacy",
            )
        if self.neighbors not in ("add-remove", "replace"):
            raise BudgetError(
                f"neighbors is {self.neighbors!r}.", mend="take 'add-remove' or 'replace'"
            )
        whole = isinstance(self.at_most, int) and not isinstance(self.at_most, bool)
        if not whole or self.at_most < 1:
            raise BudgetError(
                f"at_most is {self.at_most!r}, and must be a whole number of 1 or more.",
                mend="say how many rows of one entity may count; more are left out",
            )
        for table, most in self.tables:
            if not isinstance(most, int) or not 1 <= most <= self.at_most:
                raise BudgetError(
                    f"up to {most!r} rows of '{table}' are to count, and at_most is "
                    f"{self.at_most}.",
                    mend="say a whole number of 1 or more for each table",
                )
        if not self.unit:
            raise BudgetError("unit is empty.", mend="take 'row', or the column of the entity")
        if self.unit == ROW and self.at_most > 1:
            raise BudgetError(
                f"a unit is one row, and at_most is {self.at_most}.",
                mend="name the entity's column as unit, or leave at_most at 1",
            )

    @classmethod
    def of(
        cls,
        epsilon: float,
        delta: float | None,
        neighbors: Neighbors,
        unit: str,
        at_most: int | Mapping[str, int],
    ) -> Self:
        """The same, where `at_most` may be said of each of several tables."""
        if not isinstance(at_most, Mapping):
            return cls(epsilon, delta, neighbors, unit, at_most)
        if not at_most or not all(_number(most) for most in at_most.values()):
            raise BudgetError(
                f"at_most is {dict(at_most)!r}.", mend='say a number for each table: {"order": 10}'
            )
        return cls(epsilon, delta, neighbors, unit, max(at_most.values()), tuple(at_most.items()))

    def check_rows(self, rows: int) -> None:
        """Raise where δ is no smaller than 1 / rows; `rows` is public, or was counted with noise.

        With such a δ, publishing one row at random whole would be within the budget.
        """
        if self.delta is not None and self.delta * rows >= 1:
            raise BudgetError(
                f"delta is {self.delta:g}, which is not below 1 / {rows} rows: "
                "publishing a row picked at random would be allowed.",
                mend=f"take delta={1 / (10 * rows):.0e} or less",
            )

    @property
    def swaps(self) -> int:
        """How many units differ between neighbours."""
        return 2 if self.neighbors == "replace" else 1

    def reach_l2(self, rows: int | None = None) -> float:
        """How far neighbours' counts lie apart at most (L2), where one row adds 1 in this norm.

        A unit with a rows adds a vector of length a at most: all rows may fall in one cell. Both
        vectors of a swap have no entry below 0, so their difference is √2 as long at most.
        """
        return self.rows(rows) * sqrt(self.swaps)

    def reach(self, rows: int | None = None) -> int:
        """The same for any norm, and for what a row may lower as well as raise: both units add."""
        return self.rows(rows) * self.swaps

    def rows(self, rows: int | None = None) -> int:
        """How many rows one unit has at most in a table: as said of it, or as declared of all."""
        if rows is not None and not 1 <= rows <= self.at_most:
            raise BudgetError(
                f"one {self.unit} is said to have up to {rows} rows, and at_most is "
                f"{self.at_most}.",
                mend="bound the rows of a unit first, and give that bound as at_most",
            )
        return self.at_most if rows is None else rows

    @property
    def words(self) -> str:
        """The neighbours in words: adding or removing one row."""
        verb = "replacing" if self.neighbors == "replace" else "adding or removing"
        if self.tables:
            listed = " and ".join(f"{name} (at most {most} count)" for name, most in self.tables)
            return f"{verb} one row of {self.unit} with all its rows of {listed}"
        rows = "row" if self.at_most == 1 else "rows"
        bound = "" if self.unit == ROW else f" with at most {self.at_most} {rows}"
        return f"{verb} one {self.unit}{bound}"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
