"""What may come after rows that are there: a history is walked over, and more is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import DataError, SamplingError
from neotype.rng import Rng
from neotype.synth.relational.bond import Bond
from neotype.synth.relational.brood import Brood
from neotype.synth.relational.matching import Drawn
from neotype.synth.relational.pace import expected
from neotype.synth.relational.panel import BLOCK, EVENT, OWNER
from neotype.synth.relational.panel_model import PanelModel

Positions = NDArray[np.int64]
_BEYOND = 2
"""Rows that are drawn after those that are asked for."""
_TURNS = 8


@dataclass(frozen=True)
class _Past:
    """A history taken apart, with what owners say of their rows; `owner` by the table below."""

    frames: dict[str, pl.DataFrame]
    owner: dict[str, Positions]

    def copies(self, paths: int) -> _Past:
        """As many of everything, one after the other."""
        frames = {name: pl.concat([frame] * paths) for name, frame in self.frames.items()}
        above = {BLOCK: OWNER, EVENT: BLOCK if BLOCK in self.frames else OWNER}
        owner = {}
        for name, rows in self.owner.items():
            step = self.frames[above[name]].height
            owner[name] = np.concatenate([rows + step * path for path in range(paths)])
        return _Past(frames, owner)


def extend(
    model: PanelModel, history: pl.DataFrame, *, steps: int, paths: int, rng: Rng
) -> pl.DataFrame:
    """The next `steps` rows of each owner; of several `paths` a column numbers them, from 1."""
    if not history.height:
        raise DataError("the history has no rows.", mend="give at least one row of each owner")
    past = _past(model, history)
    owners = past.frames[OWNER].height
    past = past.copies(paths)
    drawn = _blocks(model, past, steps, rng) if model.panel.blocks else None
    made = _events(model, past, steps, rng) if drawn is None else drawn
    if paths == 1:
        return made
    name = "path"
    while name in made.columns:
        name += "_"
    number = np.repeat(np.arange(paths) + 1, owners * steps)
    return made.with_columns(pl.Series(name, number))


def _past(model: PanelModel, history: pl.DataFrame) -> _Past:
    """The history in the parts of the model."""
    _refuse_change(model, history)
    frames = model.panel.apart(history).frames
    owner: dict[str, Positions] = {}
    for table in reversed(model.database.layout.order):
        tie = model.database.layout.contexts.get(table)
        if tie is None:
            continue
        parent = frames[tie.parent]
        key = parent[tie.parent_key[0]].to_numpy()
        owner[table] = np.searchsorted(key, frames[table][tie.child_key[0]].to_numpy())
        bond = _single(model.database.fitted.bonds[table])
        lines = bond.sketches(owner[table], frames[table], parent, 1)
        parent = parent.with_columns(lines.values())
        if model.database.fitted.bonds[table].grouped is not None:
            group = model.database.fitted.bonds[table].group
            parent = parent.with_columns(pl.lit(0, dtype=pl.Int64).alias(group))
        frames[tie.parent] = parent
    return _Past(frames, owner)


def _refuse_change(model: PanelModel, history: pl.DataFrame) -> None:
    """DataError where what never changed within an owner does."""
    entity, above = model.panel.entity, list(model.panel.above)
    if entity is None or not above:
        return
    counts = history.group_by(entity).agg(pl.col(above).n_unique())
    findings = [
        f"column '{name}' changes within {int((counts[name] > 1).sum()):,} owners"
        for name in above
        if (counts[name] > 1).any()
    ]
    if findings:
        raise DataError(
            "the history is unlike the rows that were learnt, where these never change.",
            findings,
            mend=f"give one value for each '{entity}'",
        )


def _single(bond: Bond) -> Bond:
    return replace(bond, grouped=None)


def _further(
    bond: Bond, frame: pl.DataFrame, more: Positions, rate: NDArray[np.float64] | float = 1.0
) -> pl.DataFrame:
    """Owners who are to have so many more rows, at their usual pace."""
    done = frame[bond.rows].to_numpy().astype(np.float64)
    total = done + more
    lines = [pl.Series(bond.rows, total.astype(np.int64))]
    if bond.clock is not None:
        _, start, end, _ = bond.told(frame)
        span, lasting = (end - start).astype(np.float64), frame[bond.span].fill_null(0).to_numpy()
        usual = span.sum() / max((done - 1).clip(0).sum(), 1)
        longer = np.rint(expected(span, done - 1, usual) * rate * more).astype(np.int64)
        if bond.ends(frame) is not None:
            # It is the time from the last row to an end, of which less is left.
            longer = -np.minimum(longer, lasting)
        lines.append(pl.Series(bond.span, lasting + longer))
    if bond.mix is not None:
        for k in range(len(bond.mix.kinds)):
            name = bond.mix.column(bond.tie.title, k)
            kinds = frame[name].to_numpy() * total / np.maximum(done, 1)
            lines.append(pl.Series(name, np.rint(kinds).astype(np.int64)))
    return frame.with_columns(lines)


def _given(
    model: PanelModel, table: str, frame: pl.DataFrame, owner: Positions, parent: pl.DataFrame
) -> Brood:
    """Rows that are there, as digits."""
    fitted = model.database.fitted
    bond, part = fitted.bonds[table], fitted.parts[table]
    inner = fitted.roundness[table].encode(
        bond.encode(owner, frame, parent, fitted.parts[table].outer)
    )
    codes = part.codes(inner)[fitted.untimed(table)]
    ticks = np.zeros(len(owner), dtype=np.int64)
    if bond.clock is not None:
        ticks = bond.clock.ticks(frame[bond.clock.name])
    running, values = fitted.running.get(table), None
    if running is not None:
        names = (running.amount, running.total)
        values = np.stack([frame[n].cast(pl.Float64).fill_null(0).to_numpy() for n in names])
    children = fitted.children[table]
    numbers = None
    if children is not None and children.expected is not None:
        plain = part.inner(inner)
        own = (plain[name].cast(pl.Float64) for name in children.expected.names)
        numbers = np.stack([cells.fill_null(np.nan).to_numpy() for cells in own])
    return Brood(owner, codes, ticks, values=values, numbers=numbers)


def _top(model: PanelModel, frame: pl.DataFrame) -> Drawn:
    return model.top(model.database.fitted.roundness[OWNER].encode(frame))


def _events(model: PanelModel, past: _Past, steps: int, rng: Rng) -> pl.DataFrame:
    """More rows straight below owners."""
    bond = model.database.fitted.bonds[EVENT]
    top, owner = past.frames[OWNER], past.owner[EVENT]
    done = np.bincount(owner, minlength=top.height)
    rate = rng.child("pace").generator().choice(np.array(model.paces), top.height)
    # The last row is drawn to where the owner's time is expected to end, a guess: it is cut off.
    drawn = steps + _BEYOND
    above = _top(model, _further(bond, top, np.full(top.height, drawn), rate))
    given = _given(model, EVENT, past.frames[EVENT], owner, above.frame)
    made = model.database.below(EVENT, {OWNER: above}, rng.child(EVENT), counted=True, given=given)
    whole = model.whole({OWNER: above, EVENT: made})
    rows, before = done + drawn, np.repeat(done, done + drawn)
    place = np.arange(whole.height) - np.repeat(np.cumsum(rows) - rows, rows)
    return whole.filter(pl.Series((place >= before) & (place < before + steps)))


def _blocks(model: PanelModel, past: _Past, steps: int, rng: Rng) -> pl.DataFrame:
    """More rows in blocks: the last one of the history is gone on with, then others come."""
    learnt = model.database.learnt
    each = learnt[EVENT] / max(learnt[BLOCK], 1)
    more = int(np.ceil(steps / each)) + 2
    for turn in range(_TURNS):
        made = _line(model, past, more, steps, rng.child("turn").block(turn))
        if made is not None:
            return made
        more *= 2
    raise SamplingError(f"{steps:,} more rows do not come about.", mend="ask for fewer steps")


def _line(model: PanelModel, past: _Past, more: int, steps: int, rng: Rng) -> pl.DataFrame | None:
    fitted, blocks = model.database.fitted, model.panel.blocks
    assert blocks is not None
    top, block, event = (past.frames[name] for name in (OWNER, BLOCK, EVENT))
    owner, inside = past.owner[BLOCK], past.owner[EVENT]
    last = np.append(owner[1:] != owner[:-1], True)
    rows = np.bincount(inside, minlength=block.height)
    offset = event[model.panel.sequence].to_numpy()
    final = offset[np.cumsum(rows) - 1]
    _, high = blocks.room(blocks.begin(block["@at"]))
    full = (
        rows >= blocks.rows
        if blocks.unit == "rows"
        else final >= (high if high is not None else np.inf)
    )
    kept = ~last | full
    # What is there of a block that goes on says little of the whole: it is drawn anew.
    going = last & ~full
    bond = fitted.bonds[BLOCK]
    above = _top(model, _further(bond, top, np.full(top.height, more) - _per(owner, going, top)))
    given = _given(model, BLOCK, block.filter(pl.Series(kept)), owner[kept], above.frame)
    made = model.database.below(BLOCK, {OWNER: above}, rng.child(BLOCK), counted=True, given=given)
    assert made.owner is not None
    count = np.bincount(owner[kept], minlength=top.height)
    place = np.arange(len(made.owner)) - np.searchsorted(made.owner, made.owner)
    new = place >= count[made.owner]
    begun = new & (place == count[made.owner]) & (_per(owner, going, top) > 0)[made.owner]
    frame, mine = made.frame.filter(pl.Series(new)), made.owner[new]
    at = frame["@at"].scatter(np.flatnonzero(begun[new]), block["@at"].filter(pl.Series(going)))
    there = np.zeros(frame.height, dtype=np.int64)
    there[begun[new]] = rows[going]
    title = fitted.bonds[EVENT].rows
    wanted = np.maximum(frame[title].fill_null(0).to_numpy(), there)
    frame = frame.with_columns(at, pl.Series(title, wanted.astype(np.int64)))
    above_rows = Drawn(
        frame, made.codes[:, new], made.context[:, new], made.references[:, new], mine
    )
    part = event.filter(pl.Series(going[inside]))
    whose = np.repeat(np.flatnonzero(begun[new]), rows[going])
    old = _given(model, EVENT, part, whose, frame)
    above_rows = model.settled(above_rows)
    drawn = model.database.below(
        EVENT, {BLOCK: above_rows}, rng.child(EVENT), counted=True, given=old
    )
    whole = model.whole({OWNER: above, BLOCK: above_rows, EVENT: drawn})
    return _cut(whole, mine[drawn.owner], np.bincount(mine, weights=there).astype(np.int64), steps)


def _per(owner: Positions, chosen: NDArray[np.bool_], top: pl.DataFrame) -> Positions:
    return np.bincount(owner[chosen], minlength=top.height)


def _cut(whole: pl.DataFrame, owner: Positions, done: Positions, steps: int) -> pl.DataFrame | None:
    """Of each owner the `steps` rows after those that are there; None where they are too few."""
    owner = np.sort(owner)
    place = np.arange(len(owner)) - np.searchsorted(owner, owner) - done[owner]
    kept = (place >= 0) & (place < steps)
    return whole.filter(pl.Series(kept)) if kept.sum() == steps * len(done) else None
