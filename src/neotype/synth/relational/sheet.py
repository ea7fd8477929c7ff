"""A child row while it is drawn: digits that are given, section by section, and that come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit
from neotype.trees.density import DensityTrees, Growth

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """Named sections of digits, side by side."""

    sections: tuple[tuple[str, tuple[Digit, ...]], ...]

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """Of all sections."""
        return tuple(digit for _, digits in self.sections for digit in digits)

    @cached_property
    def _starts(self) -> dict[str, range]:
        starts, at = {}, 0
        for name, digits in self.sections:
            starts[name] = range(at, at + len(digits))
            at += len(digits)
        return starts

    def places(self, *names: str) -> list[int]:
        """The columns of these sections."""
        return [place for name in names for place in self._starts[name]]

    def at(self, name: str) -> slice:
        """The columns of one section."""
        found = self._starts[name]
        return slice(found.start, found.stop)

    def blank(self, rows: int) -> Rows:
        """An empty sheet, with the scratch column that drawing needs."""
        return np.zeros((rows, len(self.digits) + 1), dtype=np.uint8)

    def grow(
        self, rows: Rows, targets: list[int], given: list[int], growth: Growth
    ) -> DensityTrees:
        """The distribution of the target columns, given others, in these rows."""
        codes: Codes = np.ascontiguousarray(rows[:, :-1].T)
        sizes = [digit.size for digit in self.digits]
        ordered = [digit.ordered for digit in self.digits]
        used = [place for place in given if len(rows) and (codes[place] != codes[place, 0]).any()]
        return DensityTrees.grow(codes, sizes, ordered, targets, growth, given=used)
