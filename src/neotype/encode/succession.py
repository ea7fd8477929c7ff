"""What follows what, as far as several texts have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import State

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Succession:
    """How often which token follows each context.

    Contexts (ascending `keys`) have the successors `next[offset[i]:offset[i+1]]` with cumulative
    counts `mass`; `total` counts the context's successors including those not kept.
    """

    keys: Ids
    offset: Ids
    next: NDArray[np.int32]
    mass: Ids
    total: Ids

    @classmethod
    def of(cls, key: Ids, token: Ids, text: Ids, protect: int) -> Self:
        """Count successors in at least `protect` different texts; arrays run over positions."""
        frame = pl.DataFrame({"key": key, "token": token, "text": text})
        pairs = (
            frame.group_by("key", "token")
            .agg(pl.len().alias("n"), pl.col("text").n_unique().alias("texts"))
            .filter(pl.col("texts") >= protect)
            .sort("key", "token")
        )
        totals = frame.group_by("key").agg(pl.len().alias("n"))
        keys, first = np.unique(pairs["key"].to_numpy(), return_index=True)
        total = totals.filter(pl.col("key").is_in(pl.Series(keys).implode())).sort("key")
        return cls(
            keys.astype(np.int64),
            np.append(first, len(pairs)).astype(np.int64),
            pairs["token"].to_numpy().astype(np.int32),
            np.cumsum(pairs["n"].to_numpy()).astype(np.int64),
            total["n"].to_numpy().astype(np.int64),
        )

    def draw(self, key: Ids, rng: Generator) -> Ids:
        """A successor of each context; −1 where the context, or this turn, backs off."""
        drawn = np.full(len(key), -1, dtype=np.int64)
        spin = rng.random(len(key))
        if not len(self.keys):
            return drawn
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        known = self.keys[place] == key
        start = self.offset[place]
        before = np.where(start > 0, self.mass[np.maximum(start - 1, 0)], 0)
        position = before + np.floor(spin * self.total[place]).astype(np.int64)
        found = np.searchsorted(self.mass, position, side="right")
        kept = known & (found < self.offset[place + 1])
        drawn[kept] = self.next[found[kept]]
        return drawn

    def state(self) -> State:
        """At rest."""
        names = ("keys", "offset", "next", "mass", "total")
        return State({}, {name: getattr(self, name) for name in names})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        names = ("keys", "offset", "next", "mass", "total")
        return cls(*(state.array(name) for name in names))
