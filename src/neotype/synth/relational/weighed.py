"""Drawing and weighing whole families, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.encoder import Codes
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.synth.relational.fitted import Fitted
from neotype.synth.relational.kin import Kin, Told, below, boost, tops, weighed
from neotype.synth.relational.matching import Drawn
from neotype.synth.weighing import one_of_each
from neotype.trees.ratio import Ratio

Positions = NDArray[np.int64]
_FEWEST, _MOST = 1_000, 6_000
"""Families that are drawn at a time to learn a ratio from."""
_ROWS = 300_000
"""Rows of all tables that a block of families has at most, about."""


def learn_kin(
    model: Any,
    seen: Mapping[str, tuple[Codes, Positions | None]],
    rounds: int,
    rng: Rng,
    progress: Progress,
) -> dict[str, Kin]:
    """For each table with families enough the ratio of real ones to drawn ones.

    `seen` are the real rows as digits, and whose they are.
    """
    fitted: Fitted = model.fitted
    found: dict[str, Kin] = {}
    for root in fitted.layout.order:
        families = seen[root][0].shape[1]
        tables = below(fitted.layout, root)
        if not weighed(fitted.layout, root, families) or not rounds:
            continue
        owners = {t: owner for t in tables if (owner := seen[t][1]) is not None}
        real = _told(fitted, root, {t: seen[t][0] for t in tables}, owners)
        digits = (*fitted.parts[root].digits, *fitted.reference_digits(root))
        kin = Kin.begun(root, digits, real, families)
        own = rng.child(root)
        many = int(np.clip(2 * families, _FEWEST, _MOST))

        def candidates(turn: int, root: str = root, kin: Kin = kin, many: int = many) -> Codes:
            pool = _pool(model, root, many, rng.child(root).block(turn))
            return kin.codes(*_family(fitted, root, pool))

        ratio = Ratio.learn(
            kin.codes(seen[root][0], real),
            candidates,
            kin.digit_sizes,
            np.array([*(digit.ordered for digit in digits), *([True] * len(kin.edges))]),
            boost(rounds),
            own.child("boost").generator(),
            tick=lambda done: progress("refine families", done, rounds),
        )
        found[root] = replace(kin, ratio=ratio)
    return found


def families(model: Any, root: str, rows: int, rng: Rng) -> dict[str, Drawn]:
    """So many rows of a table with all that is below them, the likest of several."""
    fitted: Fitted = model.fitted
    kin = fitted.kin[root]
    share = sum(model.learnt[t] for t in (root, *below(fitted.layout, root)))
    each = share / max(model.learnt[root], 1) * kin.each
    size = int(np.clip(_ROWS / max(each, 1), 64, max(rows, 64)))
    blocks = []
    for number, start in enumerate(range(0, rows, size)):
        count, own = min(size, rows - start), rng.block(number)
        pool = _pool(model, root, count * kin.each, own)
        blocks.append(_subset(fitted, root, pool, _picked(fitted, kin, pool, own.child("choose"))))
    if not blocks:
        blocks = [_subset(fitted, root, _pool(model, root, 1, rng), np.zeros(0, dtype=np.int64))]
    whole = _joined(fitted, blocks) if len(blocks) != 1 else blocks[0]
    return {t: renumbered(fitted, t, one, rng.child(t)) for t, one in whole.items()}


def _picked(fitted: Fitted, kin: Kin, pool: Mapping[str, Drawn], rng: Rng) -> Positions:
    """Which families are taken: the likest of each few that are alike in size.

    A pool has as many rows as it should have, and so has what is taken.
    """
    own, tables = _family(fitted, kin.root, pool)
    size = sum(np.bincount(told.top, minlength=own.shape[1]) for told in tables)
    order = np.argsort(size, kind="stable").reshape(-1, kin.each)
    best = one_of_each(kin.log_weight(own, tables)[order], rng.generator())
    return np.sort(order[np.arange(len(order)), best])


def _pool(model: Any, root: str, rows: int, rng: Rng) -> dict[str, Drawn]:
    drawn = {root: model.at_the_top(root, rows, rng.child(root))}
    for table in below(model.fitted.layout, root):
        drawn[table] = model.below(table, drawn, rng.child(table))
    return drawn


def _told(
    fitted: Fitted, root: str, codes: Mapping[str, Codes], owners: Mapping[str, Positions]
) -> list[Told]:
    """The tables below as families are told by them: the leading digits of their rows."""
    top = tops(fitted.layout, root, owners)
    found = []
    for table, rows in top.items():
        part = fitted.parts[table]
        digits = (*part.digits, *fitted.reference_digits(table))
        places = [*part.firsts, *range(len(part.digits), len(digits))]
        found.append(Told(tuple(digits[p] for p in places), codes[table][places], rows))
    return found


def _family(fitted: Fitted, root: str, pool: Mapping[str, Drawn]) -> tuple[Codes, list[Told]]:
    """Drawn families as their ratio sees them."""
    codes = {t: np.vstack([one.codes, one.references]) for t, one in pool.items()}
    owners = {t: one.owner for t, one in pool.items() if one.owner is not None}
    return codes[root], _told(fitted, root, codes, owners)


def _subset(
    fitted: Fitted, root: str, pool: Mapping[str, Drawn], picks: Positions
) -> dict[str, Drawn]:
    """The families at these positions (rising)."""
    kept = {root: picks}
    taken = {root: pool[root].take(picks)}
    for table in below(fitted.layout, root):
        above = fitted.layout.contexts[table].parent
        place = np.full(pool[above].frame.height, -1)
        place[kept[above]] = np.arange(len(kept[above]))
        owner = pool[table].owner
        assert owner is not None
        kept[table] = np.flatnonzero(place[owner] >= 0)
        taken[table] = pool[table].take(kept[table], place[owner[kept[table]]])
    return taken


def _joined(fitted: Fitted, blocks: list[dict[str, Drawn]]) -> dict[str, Drawn]:
    """The families of several blocks."""
    found: dict[str, Drawn] = {}
    for table in blocks[0]:
        parts = [block[table] for block in blocks]
        tie, owner = fitted.layout.contexts.get(table), None
        if tie is not None:
            heights = [block[tie.parent].frame.height for block in blocks]
            begun = np.cumsum([0, *heights[:-1]])
            owners = zip(parts, begun, strict=True)
            owner = np.concatenate([p.owner + start for p, start in owners if p.owner is not None])
        lines = zip(*((p.codes, p.context, p.references) for p in parts), strict=True)
        codes, context, references = (np.concatenate(line, axis=1) for line in lines)
        frame = pl.concat([part.frame for part in parts])
        found[table] = Drawn(frame, codes, context, references, owner)
    return found


def renumbered(fitted: Fitted, table: str, drawn: Drawn, rng: Rng) -> Drawn:
    """The rows with what belongs to their number (identifiers, persons) made anew."""
    part = fitted.parts[table]
    if part.codebook is None:
        return drawn
    frame = part.codebook.issue(drawn.frame, rng=rng.child("issue").generator(), first_row=0)
    if part.rewriting is not None:
        frame = part.rewriting.renew(frame)
    return replace(drawn, frame=frame)
