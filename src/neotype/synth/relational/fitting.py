"""How a database is learnt: rows in the order of their owners, then table after table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.encoder import Codes, Digit
from neotype.links import Links
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.schema.schema import Column, Numeric, Relationship, Schema
from neotype.synth.learn import learn
from neotype.synth.relational.bond import Bond, clock_of, order_of
from neotype.synth.relational.brood import Brood, Columns, Owners
from neotype.synth.relational.children import Children
from neotype.synth.relational.fitted import Fitted, distinct_of
from neotype.synth.relational.kin import weighed
from neotype.synth.relational.layout import Layout
from neotype.synth.relational.overlap import shared_cells
from neotype.synth.relational.part import Part, with_digits
from neotype.synth.relational.paths import Way, both, order_of_keys, ways
from neotype.synth.relational.polymorphic import asked
from neotype.synth.relational.public import between_public, kept_rows
from neotype.synth.relational.reference import Reference
from neotype.synth.relational.roundness import Roundness
from neotype.synth.relational.running import Running
from neotype.synth.synthesizer import Model
from neotype.trees.density import Growth

Positions = NDArray[np.int64]


Seen = Mapping[str, tuple[Codes, Positions | None]]
"""Tables as digits, what they say of others among them, and whose rows they are."""


def fit_tables(recipe: Any, data: Dataset, rng: Rng, progress: Progress) -> tuple[Fitted, Seen]:
    """Learn every table and every key; beside it the data as it was seen."""
    schema, protect = data.schema, getattr(recipe, "protect", 5)
    layout = Layout.of(schema, Links.of(schema, data.frames))
    frames, running = arranged(layout, data)
    links = Links.of(schema, frames)
    bonds = {
        table: Bond.learn(
            tie, schema, frames, links.positions[tie.title], protect, _apart(running.get(table))
        )
        for table, tie in layout.contexts.items()
    }
    full, parts, codes, roundness = _parts(layout, links, frames, bonds, protect)
    keys = order_of_keys(layout)
    references: dict[str, Reference | None] = {}
    routes: dict[str, tuple[Way, ...]] = {}
    said: dict[str, list[Codes]] = {table: [] for table in schema.tables}
    for place, tie in enumerate(keys):
        routes[tie.title] = ways(layout, keys[:place], tie)
        reference, mine = _reference(
            tie,
            layout,
            links,
            frames,
            codes,
            parts,
            routes[tie.title],
            (*layout.contexts.values(), *keys[:place]),
            protect,
            rng,
        )
        references[tie.title] = reference
        said[tie.child].append(mine)
    told = {
        name: np.vstack([np.zeros((0, links.heights[name]), np.uint8), *lines])
        for name, lines in said.items()
    }
    kept = {
        name: kept_rows(
            name,
            schema,
            full[name],
            parts[name].content.columns,
            [bonds[tie.child] for tie in layout.children(name)],
            protect,
        )
        for name, table in schema.tables.items()
        if table.public
    }
    fitted = Fitted(
        layout, keys, parts, bonds, references, routes, {}, {}, kept, roundness, running
    )
    seen = {
        table: (
            np.vstack([codes[table], told[table]]),
            links.positions[bonds[table].tie.title] if table in bonds else None,
        )
        for table in schema.tables
    }
    return _models(recipe, fitted, links, full, codes, told, rng, progress), seen


def arranged(layout: Layout, data: Dataset) -> tuple[dict[str, pl.DataFrame], dict[str, Running]]:
    """The frames with children in the order of their owners and of time, and running totals."""
    links = Links.of(layout.schema, data.frames)
    frames = dict(data.frames)
    number: dict[str, Positions] = {}
    running: dict[str, Running] = {}
    for table in layout.order:
        frame, tie = frames[table], layout.contexts.get(table)
        order = np.arange(frame.height)
        if tie is not None:
            owner = links.positions[tie.title]
            if tie.parent in number:
                owner = number[tie.parent][owner]
            clock = clock_of(layout.schema.tables[table], frame)
            order = order_of(owner, frame, clock)
            if clock is not None:
                ticks = clock.ticks(frame[clock.name])
                own = _content(layout.schema, table)
                total = Running.learn(frame[order], own, owner[order], ticks[order])
                if total is not None:
                    running[table] = total
                    order = order[total.ordered(frame[order], owner[order], ticks[order])]
            frames[table] = frame[order]
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        number[table] = inverse
    return frames, running


def _content(schema: Schema, table: str) -> dict[str, Column]:
    """The columns that are no keys and of which no constraint speaks."""
    told = {name for tie in schema.above(table) for name in tie.child_key}
    told |= {name for rule in schema.tables[table].constraints for name in rule.about}
    return {n: c for n, c in schema.tables[table].columns.items() if n not in told}


def _apart(running: Running | None) -> tuple[str, ...]:
    return () if running is None else (running.total, running.amount)


def _parts(
    layout: Layout,
    links: Links,
    frames: Mapping[str, pl.DataFrame],
    bonds: Mapping[str, Bond],
    protect: int,
) -> tuple[dict[str, pl.DataFrame], dict[str, Part], dict[str, Codes], dict[str, Roundness]]:
    """Every table with what it says of others, and as digits."""
    schema = layout.schema
    full: dict[str, pl.DataFrame] = {}
    parts: dict[str, Part] = {}
    codes: dict[str, Codes] = {}
    roundness: dict[str, Roundness] = {}
    for table in layout.order:
        frame = frames[table]
        extra: dict[str, Column] = {}
        for tie in layout.children(table):
            bond, owner = bonds[tie.child], links.positions[tie.title]
            frame = frame.with_columns(
                bond.sketches(owner, frames[tie.child], frame, protect).values()
            )
            extra |= bond.columns(frame)
        for tie in schema.below(table):
            if layout.contexts.get(tie.child) is not tie:
                name = f"#{tie.title}"
                frame = frame.with_columns(pl.Series(name, links.fan_out(tie)))
                extra[name] = Numeric(subtype="integer", decimals=0, storage="Int64")
        own = bonds.get(table)
        if own is not None:
            frame = own.encode(
                links.positions[own.tie.title], frame, full[own.tie.parent], schema.tables[table]
            )
        plain = {
            name: column
            for name, column in _content(schema, table).items()
            if own is None or not (name in own.dense or _is_clock(own, name))
        }
        round_ = Roundness({}) if schema.tables[table].public else Roundness.learn(frame, plain)
        frame, extra, roundness[table] = round_.encode(frame), extra | round_.columns, round_
        full[table] = frame
        parts[table], codes[table] = Part.learn(table, schema, frame, extra, own, protect)
    return full, parts, codes, roundness


def _is_clock(bond: Bond, name: str) -> bool:
    """Whether a column says when rows come: those are where the owner's time puts them."""
    return bond.clock is not None and bond.clock.name == name


def _reference(
    tie: Relationship,
    layout: Layout,
    links: Links,
    frames: Mapping[str, pl.DataFrame],
    codes: Mapping[str, Codes],
    parts: Mapping[str, Part],
    routes: tuple[Way, ...],
    settled: tuple[Relationship, ...],
    protect: int,
    rng: Rng,
) -> tuple[Reference | None, Codes]:
    """How a key is matched, and the digits that its rows have of it."""
    rows, heights = links.positions[tie.title], links.heights
    if between_public(layout.schema, tie) or not (rows >= 0).any():
        return None, np.zeros((0, len(rows)), dtype=np.uint8)
    known = both(routes, links.positions, heights[tie.child], heights[tie.parent])
    known |= shared_cells(tie, settled, frames, links.positions)
    capacity = links.fan_out(tie)
    child, digits, owner = codes[tie.child], parts[tie.child].digits, None
    context = layout.contexts.get(tie.child)
    if context is not None:
        owner = links.positions[context.title]
        child = np.vstack([child, codes[context.parent][:, owner]])
        digits = (*digits, *parts[context.parent].digits)
    reference = Reference.learn(
        tie,
        rows=rows,
        child=child,
        child_sizes=digits,
        referenced=codes[tie.parent],
        referenced_sizes=parts[tie.parent].digits,
        capacity=capacity,
        paths=known,
        distinct=distinct_of(layout, tie, links.positions),
        protect=protect,
        rng=rng.child(tie.title),
        siblings=owner,
        asked=asked(tie, frames[tie.child]),
        public=layout.schema.tables[tie.parent].public,
    )
    return reference, reference.encode(rows, codes[tie.parent], capacity, known)


def _models(
    recipe: Any,
    fitted: Fitted,
    links: Links,
    full: Mapping[str, pl.DataFrame],
    codes: Mapping[str, Codes],
    told: Mapping[str, Codes],
    rng: Rng,
    progress: Progress,
) -> Fitted:
    """The tables at the top by the recipe, all others below their owners."""
    models: dict[str, Model] = {}
    children: dict[str, Children | None] = {}
    context: dict[str, Codes] = {}
    seen: dict[str, tuple[Digit, ...]] = {}
    for table in fitted.layout.order:
        part, digits = fitted.parts[table], fitted.reference_digits(table)
        context[table] = np.vstack([codes[table], told[table]])
        seen[table] = (*part.digits, *digits)
        own = rng.child(f"fit {table}")
        bond = fitted.bonds.get(table)
        if bond is None:
            content = fitted.drawn_content(table)
            if full[table].height and (digits or content.columns):
                data = with_digits(content, full[table], digits, told[table])
                mine = _of(recipe, table)
                if weighed(fitted.layout, table, data.rows) and hasattr(mine, "refine"):
                    # Families are weighed as wholes, their owners among them.
                    mine = replace(mine, refine=0)
                models[table] = learn(mine, data, rng=own, progress=progress)
            continue
        owner, above = links.positions[bond.tie.title], bond.tie.parent
        children[table] = _children(
            recipe,
            fitted,
            table,
            owner,
            full,
            codes[table],
            told[table],
            context[above],
            seen[above],
            own,
            progress,
        )
        context[table] = np.vstack([context[table], context[above][:, owner]])
        seen[table] = (*seen[table], *seen[above])
    return replace(fitted, models=models, children=children)


def _children(
    recipe: Any,
    fitted: Fitted,
    table: str,
    owner: Positions,
    full: Mapping[str, pl.DataFrame],
    codes: Codes,
    told: Codes,
    context: Codes,
    seen: tuple[Digit, ...],
    rng: Rng,
    progress: Progress,
) -> Children | None:
    """The rows of a table below their owners."""
    part, bond = fitted.parts[table], fitted.bonds[table]
    if not len(owner):
        return None
    untimed = fitted.untimed(table)
    place = {old: new for new, old in enumerate(untimed)}
    references = fitted.reference_digits(table)
    digits = (*(part.digits[p] for p in untimed), *references)
    more = range(len(untimed), len(digits))
    told_of_owners = bond.told(full[bond.tie.parent])
    ticks = np.zeros(len(owner), dtype=np.int64)
    if bond.clock is not None:
        ticks = bond.clock.ticks(full[table][bond.clock.name])
    running = fitted.running.get(table)
    columns = Columns(
        digits,
        frozenset(_alone(part, place) | set(more)),
        tuple([place[p] for p in part.firsts if p in place] + list(more)),
        _exact(part, full[table], place),
        _computed(fitted, table, place),
        part.numbers(full[table], place, {*bond.dense, *bond.counters, *_apart(running)}),
    )
    brood = Brood(owner, np.vstack([codes[untimed], told]), ticks)
    quota = bond.quota(full[bond.tie.parent], told_of_owners[0])
    owners = Owners(context, *told_of_owners, quota)
    children, sheets = Children.learn(
        brood,
        owners,
        columns,
        seen,
        bond.clock,
        growth_of(recipe),
        getattr(recipe, "protect", 5),
        bond.mix.kind_of(full[table]) if bond.mix is not None else None,
        progress,
    )
    if not getattr(recipe, "refine", 0):
        return children
    tally = fitted.tally(table)
    return children.weighed(sheets, brood, owners, rng, progress, tally, part.encoders)


def _alone(part: Part, place: Mapping[int, int]) -> set[int]:
    """Digits that are all of their column; how round a number is belongs to the number."""
    beside = {p for name in part.content.columns if name[:1] == "~" for p in part.places(name)}
    return {place[p] for p in part.alone - beside if p in place}


def _exact(
    part: Part, frame: pl.DataFrame, place: Mapping[int, int]
) -> dict[tuple[int, ...], Positions]:
    """Which cells of columns of several digits are equal, by the digits that rows draw."""
    found = {}
    for encoder in part.codebook.encoders if part.codebook is not None else ():
        name = encoder.columns[0]
        own = part.places(name)
        if len(own) > 1 and len(encoder.columns) == 1 and name in frame.columns and own[0] in place:
            ids = frame[name].rank("dense").fill_null(0).to_numpy().astype(np.int64)
            found[tuple(place[p] for p in own)] = ids
    return found


def _computed(fitted: Fitted, table: str, place: Mapping[int, int]) -> tuple[int, ...]:
    """The digits of a running total."""
    running = fitted.running.get(table)
    if running is None:
        return ()
    return tuple(place[p] for p in fitted.parts[table].places(running.total))


def growth_of(recipe: Any) -> Growth:
    """How trees of children grow, as the recipe says it of its own."""
    plain = Growth()
    return Growth(
        getattr(recipe, "base", plain.base),
        getattr(recipe, "leaf", plain.least),
        getattr(recipe, "sharpness", plain.split_odds),
        max(getattr(recipe, "width", plain.width), 64),
    )


def _of(recipe: Any, table: str) -> Any:
    """The recipe for one table: of `first`, what names its columns as table.column."""
    first = getattr(recipe, "first", ())
    if not first:
        return recipe
    own = (name.removeprefix(f"{table}.") for name in first if name.startswith(f"{table}."))
    return replace(recipe, first=tuple(own))
