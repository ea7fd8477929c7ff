"""What kinds of rows an owner has, and how many of each: drawn with the owner, then used up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import Boolean, Categorical, Column, Numeric, Ordinal

_LABELS, _KINDS, _TOLD = 16, 24, 8
_OWNERS, _ROWS = 200, 4.0
"""Owners, and rows of each on average, from which on kinds are counted."""
_UNEVEN = 2.0
"""Variance between owners, as a multiple of that of chance, from which on."""


@dataclass(frozen=True)
class Mix:
    """`columns` whose labels together are a row's kind, and the commonest `kinds`."""

    columns: tuple[str, ...]
    kinds: tuple[tuple[Any, ...], ...]

    @classmethod
    def learn(
        cls, frame: pl.DataFrame, columns: Mapping[str, Column], owner: NDArray[np.int64]
    ) -> Self | None:
        """Kinds in which owners differ more than by chance; None where there are none."""
        owners = len(np.unique(owner))
        if owners < _OWNERS or len(owner) < _ROWS * owners:
            return None
        labelled = {
            name: frame[name].n_unique()
            for name, column in columns.items()
            if isinstance(column, Categorical | Boolean | Ordinal)
        }
        chosen: list[str] = []
        for name, size in sorted(labelled.items(), key=lambda pair: pair[1]):
            if 1 < size <= _LABELS and frame.select([*chosen, name]).n_unique() <= _KINDS:
                chosen.append(name)
        if not chosen:
            return None
        counted = (
            frame.select(chosen)
            .group_by(chosen)
            .len("#rows")
            .sort("#rows", *chosen, descending=True)
        )
        whole = cls(tuple(chosen), tuple(row[:-1] for row in counted.head(_TOLD).rows()))
        counts, rows = whole.counts(frame, owner, int(owner.max()) + 1), np.bincount(owner)
        share = counts.sum(axis=1) / max(len(owner), 1)
        has = rows > 0
        chance = (share * (1 - share))[:, None] * rows[has]
        uneven = ((counts[:, has] - share[:, None] * rows[has]) ** 2).sum(axis=1)
        told = np.flatnonzero(uneven > _UNEVEN * np.maximum(chance.sum(axis=1), 1e-9))
        return cls(whole.columns, tuple(whole.kinds[k] for k in told)) if len(told) else None

    def kind_of(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """The number of each row's kind; −1 of all others."""
        known = pl.DataFrame(
            {
                **{
                    name: pl.Series(
                        [kind[k] for kind in self.kinds], dtype=frame[name].dtype, strict=False
                    )
                    for k, name in enumerate(self.columns)
                },
                "#kind": np.arange(len(self.kinds)),
            }
        )
        names = list(self.columns)
        found = frame.select(names).join(
            known, on=names, how="left", nulls_equal=True, maintain_order="left"
        )
        return found["#kind"].fill_null(-1).to_numpy().astype(np.int64)

    def counts(
        self, frame: pl.DataFrame, owner: NDArray[np.int64], owners: int
    ) -> NDArray[np.int64]:
        """Kinds × owners: how many rows of it each has."""
        kind = self.kind_of(frame)
        here = kind >= 0
        flat = np.bincount(kind[here] * owners + owner[here], minlength=len(self.kinds) * owners)
        return flat.reshape(len(self.kinds), owners).astype(np.int64)

    def column(self, title: str, number: int) -> str:
        """The owner's column with the rows of a kind."""
        return f"#{title} kind {number}"

    def learnt_as(self, title: str) -> dict[str, Column]:
        """How these columns are learnt."""
        whole = Numeric(subtype="integer", decimals=0, storage="Int64")
        return {self.column(title, k): whole for k in range(len(self.kinds))}
