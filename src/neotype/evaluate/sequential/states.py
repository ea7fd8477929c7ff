"""Does one label follow another as in the real data, and how long does it last?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Labels, Sides, codes_of_common, shares_of
from neotype.evaluate.fidelity.seasons import few
from neotype.evaluate.interval import around, redraw, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.apart import FEW, weights
from neotype.evaluate.sequential.strands import (
    SequenceMeasure,
    Sequences,
    Strands,
    sequences,
    states,
)
from neotype.evaluate.tables import Spread, mean, overlap

STATES = 12
"""The commonest labels of train, told apart; the others are one."""

SPANS = np.array([1, 2, 3, 4, 6, 10, 18, 34, 66])
"""Where the bins of lengths of stay begin."""


class Change(NamedTuple):
    """One column: how alike changes and stays are, and the shares of changes, (states, states)."""

    names: tuple[str, ...]
    steps: Spread
    stays: Spread
    matrices: Sides[Floats]


@dataclass(frozen=True)
class Transitions(SequenceMeasure):
    """How alike labels follow each other and last: 1 is the same.

    For each column 1 − total variation of the pairs (label, next label) and of (label, how many
    rows it lasts); the mean of both over the columns that change within owners. `detail.columns`:
    [{column, value, floor, steps: {value, floor}, stays: {value, floor}, states: [label],
    synthetic, train, holdout: [[share of the rows of a label that the next label follows]]}], those
    most off first; matrices of at most five columns.
    """

    most_columns: int = 30

    name: ClassVar[str] = "transitions"
    title: ClassVar[str] = "Transitions"
    how: ClassVar[str] = (
        "For each column of labels 1 minus the total variation between real and synthetic shares "
        "of each pair of a label and the one that follows it, and of each label and how many rows "
        "it lasts; the mean of both over columns."
    )
    reference: ClassVar[str] = "after Billingsley 1961, Statistical methods in Markov chains"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Compare pairs and stays."""
        found = sequences(tables)
        rng = tables.rng.child(self.name)
        if not all(len(one.pairs(1)) for one in found.sample):
            raise NotMeasurableError("no row follows another one.")
        chosen, notes = few(states(tables, found), self.most_columns, "columns", rng)
        drawn = weights(rng)
        columns = {item.name: _column(item, found, drawn) for item in chosen if moves(item, found)}
        if not columns:
            raise NotMeasurableError("no column of labels changes within its owner.")
        return _finding(columns, found, notes)


def _finding(columns: dict[str, Change], found: Sequences, notes: list[str]) -> Finding:
    off = {name: mean([one.steps, one.stays]) for name, one in columns.items()}
    whole = mean(list(off.values()))
    ranked = sorted(off, key=lambda name: off[name].value - off[name].floor)
    worst = ranked[0]
    return Finding(
        value=whole.value,
        interval=around(whole.value, spread(whole.drawn)),
        floor=whole.floor,
        target=whole.floor - 0.03,
        meaning=(
            f"Labels follow each other and last {whole.value:.1%} as in the real data (real "
            f"unseen rows: {whole.floor:.1%}); furthest off is '{worst}' with "
            f"{off[worst].value:.1%}."
        ),
        detail={
            "columns": [
                _told(name, off[name], columns[name], place < 5)
                for place, name in enumerate(ranked)
            ],
            **found.detail,
            "notes": [*found.notes, *notes],
        },
    )


def _told(name: str, off: Spread, one: Change, drawn: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "column": name,
        "value": off.value,
        "floor": off.floor,
        "steps": {"value": one.steps.value, "floor": one.steps.floor},
        "stays": {"value": one.stays.value, "floor": one.stays.floor},
    }
    if drawn:
        told |= {"states": one.names, **one.matrices._asdict()}
    return told


def _column(item: Labels, found: Sequences, drawn: Sides[Floats]) -> Change:
    shares = shares_of(item.sides.train, item.size)
    code = codes_of_common(shares, STATES)
    kept = [int(old) for old in np.argsort(-shares[1:], kind="stable")[:STATES] + 1]
    size = STATES + 2
    pairs, stays = [], []
    for cells, strands, groups in zip(item.sides, found.sample, found.groups, strict=True):
        state = code[cells[strands.rows]]
        here = strands.pairs(1)
        pairs.append(tally(state[here] * size + state[here + 1], size * size, groups[here]))
        first, length = runs(state, strands)
        span = np.searchsorted(SPANS, length, side="right") - 1
        stays.append(tally(state[first] * len(SPANS) + span, size * len(SPANS), groups[first]))
    # A label that few real rows have is not named, nor is what follows it.
    known = [k for k, old in enumerate(kept) if shares[old] * len(item.sides.train) >= FEW]
    other = [STATES + 1] if item.size > STATES + 1 else []
    there = [0, *(k + 1 for k in known), *other]
    names = ("missing", *(item.words[kept[k] - 1] for k in known), *("other" for _ in other))
    matrices = Sides(*(_followed(side, size)[np.ix_(there, there)] for side in pairs))
    return Change(names, alike(Sides(*pairs), drawn), alike(Sides(*stays), drawn), matrices)


def moves(item: Labels, found: Sequences) -> bool:
    """Whether labels change from row to row on any side: else they say nothing of an order."""
    for cells, strands in zip(item.sides, found.sample, strict=True):
        ordered, here = cells[strands.rows], strands.pairs(1)
        if np.any(ordered[here] != ordered[here + 1]):
            return True
    return False


def _followed(counts: Floats, size: int) -> Floats:
    table = counts.sum(axis=0).reshape(size, size)
    return np.asarray(table / np.maximum(table.sum(axis=1, keepdims=True), 1))


def runs(state: Ints, strands: Strands) -> tuple[Ints, Ints]:
    """Where each stay in a state begins, and how many rows of its owner it lasts."""
    new = np.ones(len(state), np.bool_)
    new[1:] = state[1:] != state[:-1]
    new[strands.starts[:-1]] = True
    first = np.flatnonzero(new)
    return first, np.diff(np.r_[first, len(state)])


def alike(counts: Sides[Floats], drawn: Sides[Floats]) -> Spread:
    """1 − total variation of tables of counts by group, bootstrapped."""
    plain = Sides(*(side.sum(axis=0) for side in counts))
    return Spread(
        value=float(overlap(plain.synthetic, plain.train)),
        drawn=overlap(redraw(drawn.synthetic, counts.synthetic), redraw(drawn.train, counts.train)),
        floor=float(overlap(plain.holdout, plain.train)),
    )
