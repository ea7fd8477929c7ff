"""Where rows come from that replace others of a drawn database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.rng import Rng
from neotype.schema.schema import NUMBERED
from neotype.synth.relational.matching import Drawn, of_rows
from neotype.synth.relational.overlap import cells_of
from neotype.synth.relational.ruled import Ruled, keys_of
from neotype.synth.relational.settle import Again, settled

Positions = NDArray[np.int64]
_AT = "\0at"
_MOST = 1 << 17
"""Rows that are drawn at once where others are replaced."""
_LONG = 256
"""Rows of an owner, from which on it is slow to draw them again."""


@dataclass
class Redraw:
    """Makes keys and rules hold in tables as they are drawn, and again once keys are settled."""

    model: Any
    """A DatabaseModel."""
    ruled: Ruled
    rng: Rng

    def drawn(self, table: str, drawn: Mapping[str, Drawn]) -> Drawn:
        """The table with all keys different that are of content, and of the owner's key."""
        mine, keys = drawn[table], self._early(table, drawn)
        if not keys:
            return mine
        frame = self._with_keys(table, drawn).with_columns(pl.int_range(pl.len()).alias(_AT))
        pool = [mine]

        def draw(rows: Positions, rng: Rng) -> pl.DataFrame:
            made = self.candidates(table, drawn, rows, rng)
            start = sum(one.frame.height for one in pool)
            pool.append(made)
            return made.frame.with_columns(start + pl.int_range(pl.len()).alias(_AT))

        frame = self._rising(table, frame, keys, mine.owner)
        outer = self.model.layout.schema.tables[table]
        own = self.rng.child(f"settle {table}")
        again = Again(draw, own, self._stays(table), lambda f: f, slow=_slow(mine))
        made = settled(table, outer, frame, keys, (), again)
        at = made[_AT].to_numpy()
        lines = zip(*((one.codes, one.context, one.references) for one in pool), strict=True)
        codes, context, references = (np.concatenate(line, axis=1)[:, at] for line in lines)
        return Drawn(of_rows(made, mine.frame.columns), codes, context, references, mine.owner)

    def issued(
        self, table: str, frame: pl.DataFrame, drawn: Mapping[str, Drawn], frozen: frozenset[str]
    ) -> pl.DataFrame:
        """The table with its keys, none of them twice and no rule broken; `frozen` columns stay."""
        outer = self.model.layout.schema.tables[table]
        if outer.public:
            return frame
        ties = self.model.layout.schema.above(table)
        refers = {name for tie in ties for name in tie.child_key}
        stays = self._stays(table) | refers | frozen
        stays |= {name for name in frame.columns if name.startswith(("#", "@"))}

        def draw(rows: Positions, rng: Rng) -> pl.DataFrame:
            return self.candidates(table, drawn, rows, rng).frame

        rewriting = self.model.fitted.parts[table].rewriting

        def following(made: pl.DataFrame) -> pl.DataFrame:
            return made if rewriting is None else rewriting.renew(made)

        own, slow = self.rng.child(f"rules {table}"), _slow(drawn[table])
        again = Again(draw, own, frozenset(stays), following, slow=slow)
        rules = self.ruled.rules.get(table, ())
        return settled(table, outer, frame, keys_of(outer), rules, again)

    def candidates(
        self, table: str, drawn: Mapping[str, Drawn], rows: Positions, rng: Rng
    ) -> Drawn:
        """A new row for each of these positions: of a fresh family of the same owner, its n-th."""
        mine, tie = drawn[table], self.model.layout.contexts.get(table)
        if tie is None or mine.owner is None:
            made: Drawn = self.model.at_the_top(table, len(rows), rng)
            return made
        above = drawn[tie.parent]
        counts = np.bincount(mine.owner, minlength=above.frame.height)
        begin = np.cumsum(counts) - counts
        order = np.argsort(rows, kind="stable")
        nth = np.empty(len(rows), dtype=np.int64)
        nth[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order])
        weight = int(counts[np.unique(mine.owner[rows])].sum())
        nth %= max(1, _MOST // max(weight, 1))
        pairs = np.stack([mine.owner[rows], nth])
        families, which = np.unique(pairs, axis=1, return_inverse=True)
        picks = families[0]
        some = above.take(picks)
        bond = self.model.fitted.bonds[table]
        told = some.frame.with_columns(pl.Series(bond.rows, counts[picks]))
        owners = Drawn(told, some.codes, some.context, some.references, some.owner)
        first = np.cumsum(counts[picks]) - counts[picks]
        place = first[which.ravel()] + rows - begin[mine.owner[rows]]
        told_by = {tie.parent: owners}
        fresh: Drawn = self.model.below(table, told_by, rng, counted=True, only=place)
        return fresh

    def _stays(self, table: str) -> frozenset[str]:
        """Columns that rows keep: identifiers, their time, their number, and running totals."""
        fitted = self.model.fitted
        columns = self.model.layout.schema.tables[table].columns
        found = {name for name, one in columns.items() if isinstance(one, NUMBERED)}
        bond = fitted.bonds.get(table)
        if bond is not None:
            found |= set(bond.counters)
            keys = {name for key in keys_of(self.model.layout.schema.tables[table]) for name in key}
            found |= {bond.clock.name} - keys if bond.clock is not None else set()
        running = fitted.running.get(table)
        if running is not None:
            found |= {running.amount, running.total}
        return frozenset(found)

    def _rising(
        self,
        table: str,
        frame: pl.DataFrame,
        keys: Sequence[tuple[str, ...]],
        owner: Positions | None,
    ) -> pl.DataFrame:
        """Rows of an owner later one by one, where the owner and a time are a key."""
        bond = self.model.fitted.bonds.get(table)
        if bond is None or bond.clock is None or owner is None:
            return frame
        clock = bond.clock
        if not any({clock.name} == set(key) - set(bond.tie.child_key) for key in keys):
            return frame
        begin = np.searchsorted(owner, owner)
        place = np.arange(len(owner)) - begin
        ticks = clock.ticks(frame[clock.name]) - place
        # The largest so far, of each owner alone: owners are lifted far apart.
        far = (int(ticks.max()) - int(ticks.min()) + 1) * owner
        later = np.maximum.accumulate(ticks + far) - far + place
        moved = clock.cells(later).cast(frame[clock.name].dtype).alias(clock.name)
        return frame.with_columns(moved)

    def _early(self, table: str, drawn: Mapping[str, Drawn]) -> list[tuple[str, ...]]:
        """The keys of which all columns are there before other keys are matched."""
        outer = self.model.layout.schema.tables[table]
        if outer.public or drawn[table].frame.height < 2:
            return []
        there = set(self._with_keys(table, drawn).columns)
        fresh = {
            name
            for name, one in outer.columns.items()
            if isinstance(one, NUMBERED) and one.unique and name in drawn[table].frame.columns
        }
        return [key for key in keys_of(outer) if set(key) <= there and not set(key) & fresh]

    def _with_keys(self, table: str, drawn: Mapping[str, Drawn]) -> pl.DataFrame:
        """The frame with the cells of its owner's key."""
        layout = self.model.layout
        ties = list(layout.contexts.values())
        frames = {name: one.frame for name, one in drawn.items()}
        owners = {tie.title: drawn[n].owner for n, tie in layout.contexts.items() if n in drawn}
        positions = {title: owner for title, owner in owners.items() if owner is not None}
        known = [tie for tie in ties if tie.title in positions]
        own = layout.contexts.get(table)
        names = () if own is None else own.child_key
        cells = [cells_of(table, name, known, frames, positions) for name in names]
        return frames[table].with_columns(one for one in cells if one is not None)


def _slow(drawn: Drawn) -> bool:
    """Whether an owner has so many rows that another history of it takes long."""
    return drawn.owner is not None and int(np.bincount(drawn.owner).max(initial=0)) > _LONG
