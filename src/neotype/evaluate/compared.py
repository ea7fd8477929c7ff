"""Three sides that are compared, be they tables or databases, and what is kept of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.evaluate.features import Sides
from neotype.rng import Rng

T = TypeVar("T")


@dataclass(frozen=True)
class Compared(ABC):
    """What is synthetic, what it was learnt from, and what is real and its model never saw."""

    synthetic: Dataset
    train: Dataset
    holdout: Dataset
    rng: Rng

    one: ClassVar[str]
    """What each side is: a table, a database."""
    parts: ClassVar[str]
    """What two of them are compared by, to see whether they are the same."""
    mend: ClassVar[str]

    def __post_init__(self) -> None:
        self.refuse(self.unlike())

    @abstractmethod
    def unlike(self) -> list[str]:
        """What the sides do not have in common, and must."""

    @abstractmethod
    def same(self, one: Dataset, two: Dataset) -> bool:
        """Whether two sides are one and the same."""

    def identical(self) -> list[str]:
        """Sides that are one and the same."""
        pairs = (("holdout", "train"), ("synthetic", "train"), ("synthetic", "holdout"))
        sides = self.datasets._asdict()
        return [
            f"the {side}{f' {self.one}' if side == 'synthetic' else ''} is the {other} {self.one} "
            f"itself, {self.parts} by {self.parts}"
            for side, other in pairs
            if self.same(sides[side], sides[other])
        ]

    def refuse(self, findings: list[str]) -> None:
        """DataError where anything was found."""
        if findings:
            raise DataError(f"these {self.one}s cannot be compared.", findings, mend=self.mend)

    @property
    def datasets(self) -> Sides[Dataset]:
        """The three sides."""
        return Sides(self.synthetic, self.train, self.holdout)

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives: made for the first measure that asks with this key, kept for all."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    @cached_property
    def _kept(self) -> dict[Hashable, Any]:
        return {}


def unlike_columns(where: str, have: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Columns that are missing, and those that are too many."""
    have, wanted = list(have), list(wanted)
    missing = [f"{where} has no column '{name}'" for name in wanted if name not in have]
    more = [name for name in have if name not in wanted]
    return missing + [f"{where} has a column '{name}' that train has not" for name in more]
