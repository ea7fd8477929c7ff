"""An entity with its events, learnt within one budget.

First the table of entities, with how many events each has; then each table of events. Every table
has an even share of the budget. An entity moves its own table by one row, and a table of events by
as many as it has turns there, whatever it really has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.dp.guarantee import Guarantee
from neotype.dp.ledger import Ledger
from neotype.encode.encoder import Codes, Protection, State
from neotype.errors import FitError, SamplingError
from neotype.links import parent_rows
from neotype.marginal.measurement import Clique, Measurement
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Numeric, Schema
from neotype.synth.model_file import PRIVATE, PRIVATE_DATABASE
from neotype.synth.private.domain import check_kinds, readable
from neotype.synth.private.events import TURNS, EventModel, Owners, Rows, fit_events
from neotype.synth.private.owned import Owned
from neotype.synth.private.private import PrivateTable, fit_private
from neotype.synth.private.strategy import Strategy
from neotype.synth.private.trained import restored
from neotype.synth.sizes import check_named
from neotype.synth.table import TableModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SEEN = 20_000
"""Drawn entities from which is told how those with events are."""
_BLOCK = 8_192
"""Entities whose events are drawn together."""


@dataclass(frozen=True)
class PrivateDatabase:
    """A learnt entity, whose table counts its events, and the tables of those."""

    schema: Schema
    owned: Owned
    entities: TableModel
    events: Mapping[str, EventModel]
    learnt: Mapping[str, int]
    """About how many rows each table had."""
    words: tuple[str, ...] = ()

    family: ClassVar[str] = PRIVATE_DATABASE

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        parts = {self.owned.entity: self.entities.codebook}
        parts |= {name: model.codebook for name, model in self.events.items()}
        return tuple(
            replace(note, column=f"{name}.{note.column}")
            for name, codebook in parts.items()
            for note in codebook.protections
        )

    def sample(
        self,
        rows: int | Mapping[str, int] | None = None,
        *,
        rng: Rng,
        known: Known | None = None,
        scale: float = 1.0,
    ) -> Dataset:
        """`scale` times as many entities as were learnt, or as many as asked, with their events."""
        asked = check_named(rows, self.schema)
        strange = [name for name in asked if name != self.owned.entity]
        if strange:
            raise SamplingError(
                f"rows of {', '.join(strange)} are asked for, and how many there are follows "
                f"from '{self.owned.entity}'.",
                mend=f"ask for rows of '{self.owned.entity}', or for a scale",
            )
        number = asked.get(self.owned.entity)
        number = max(1, round(scale * self.learnt[self.owned.entity])) if number is None else number
        made = self.entities.sample(number, rng=rng.child(self.owned.entity)).frame
        context = _context(self.entities, made)
        frames = {self.owned.entity: made.drop(_counting(name) for name in self.events)}
        for name, model in self.events.items():
            counts = made[_counting(name)].to_numpy().astype(np.int64)
            frames[name] = self._events(name, model, context, counts, made, rng.child(name))
        return Dataset(self.schema, {name: frames[name] for name in self.schema.tables})

    def _events(
        self,
        name: str,
        model: EventModel,
        context: Codes,
        counts: Ints,
        entities: pl.DataFrame,
        rng: Rng,
    ) -> pl.DataFrame:
        tie, parts, done = self.owned.ties[name], [], 0
        start_of = model.begun(entities, self.entities.schema.table)
        for start in range(0, len(counts), _BLOCK):
            block = slice(start, start + _BLOCK)
            stream = rng.child(f"block {start // _BLOCK}")
            owner, frame = model.draw(
                context[:, block], counts[block], start_of[block], stream, done
            )
            done += len(owner)
            keys = [
                entities[theirs].gather(start + owner).cast(frame[mine].dtype).alias(mine)
                for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True)
            ]
            parts.append(frame.with_columns(keys))
        return pl.concat(parts).select(list(self.schema.tables[name].columns))

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        told = [f"'{self.owned.entity}', with how many rows of each table belong to one of it"]
        told += [
            f"'{name}', given its '{self.owned.entity}'"
            + (" and the row before" if model.before else "")
            + f": {len(model.graph.tree.cliques)} noisy tables"
            for name, model in self.events.items()
        ]
        return [*self.words, *told]

    def log_density(self, data: Dataset) -> None:
        """None: a database has no density that is known."""

    def state(self) -> State:
        """At rest."""
        facts = {
            "entity": self.owned.entity,
            "schema": self.entities.schema.model_dump(mode="json"),
            "learnt": dict(self.learnt),
            "words": list(self.words),
            "found": {
                name: model.schema.model_dump(mode="json") for name, model in self.events.items()
            },
        }
        parts = {f"events {name}": model.state() for name, model in self.events.items()}
        return State.nest(facts, {"entities": self.entities.state(), **parts})

    @classmethod
    def restore(cls, state: State, schema: Schema) -> Self:
        """The inverse of `state`."""
        owned = Owned.of(schema, state.fact("entity"))
        counted = Schema.model_validate(state.fact("schema"))
        entities = TableModel.restore(
            PRIVATE,
            state.within("entities"),
            counted,
            lambda density: restored(density.arrays),
        )
        events = {
            name: EventModel.restore(state.within(f"events {name}"), Schema.model_validate(found))
            for name, found in state.fact("found").items()
        }
        words = tuple(state.fact("words"))
        return cls(schema, owned, entities, events, state.fact("learnt"), words)


@dataclass(frozen=True)
class PrivateTables:
    """A fitted `PrivateDatabase`, about how many rows its tables had, and what is promised."""

    model: Any
    rows: Mapping[str, int]
    guarantee: Guarantee


Learnt = PrivateTable[Any] | PrivateTables


def fit_database(
    strategy: Strategy,
    data: Dataset,
    ledger: Ledger,
    target: tuple[str, str] | None = None,
    progress: Progress = silent,
) -> PrivateTables:
    """Learn an entity and its events within what is left of the ledger.

    `target` is a table and its column. The strategy is that of the entities; events are learnt by
    `marginals`.
    """
    owned = Owned.of(data.schema, ledger.budget.unit)
    schema, bounds = owned.keyed(data.schema), dict(ledger.budget.tables)
    _check_all(schema, ledger)
    # A row that lacks a key is nobody's, and of rows that share one the first is the entity.
    entities = data.frames[owned.entity].drop_nulls(owned.key)
    entities = entities.unique(owned.key, keep="first", maintain_order=True)
    owner = {
        name: parent_rows(tie, {owned.entity: entities, name: data.frames[name]})
        for name, tie in owned.ties.items()
    }
    counted = _counted(schema, owned.entity, entities, owner, bounds)
    tables = 1 + len(owned.ties)
    portion = ledger.portion(1 / tables, rows=1, table=owned.entity)
    aims = dict([target]) if target is not None else {}
    with _told_of(owned.entity):
        top = fit_private(strategy, counted, portion, aims.get(owned.entity), progress)
    model, events = replace(top.model, words=()), {}
    learnt = {owned.entity: top.rows}
    seen = model.sample(_SEEN, rng=Rng(0).child("owners")).frame
    for place, name in enumerate(owned.ties, start=1):
        each = min(bounds[name], TURNS)
        portion = ledger.portion(1 / (tables - place), rows=each, table=name)
        rows = Rows.of(Dataset.of(schema.only(name), data.frames[name]), owner[name])
        owners = _owners(model, counted, owned, seen.filter(pl.col(_counting(name)) > 0))
        with _told_of(name):
            events[name] = fit_events(rows, owners, portion, aims.get(name), progress)
        mean = float(seen[_counting(name)].mean() or 0.0)  # type: ignore[arg-type]
        learnt[name] = round(mean * top.rows)
    guarantee = ledger.guarantee()
    found = {owned.entity: model.schema, **{name: one.schema for name, one in events.items()}}
    made = PrivateDatabase(
        _found(data.schema, found),
        owned,
        model,
        events,
        {name: learnt[name] for name in data.schema.tables},
        (guarantee.sentence(),),
    )
    return PrivateTables(made, made.learnt, guarantee)


def _check_all(schema: Schema, ledger: Ledger) -> None:
    """FitError where a table has what cannot be learnt, before any is paid for."""
    for name, table in schema.tables.items():
        with _told_of(name):
            check_kinds(table, pure=ledger.accountant.coin == "ε")


@contextmanager
def _told_of(table: str) -> Iterator[None]:
    """What cannot be learnt is said of its table."""
    try:
        yield
    except FitError as fault:
        problem = f"table '{table}': {fault.problem}"
        raise FitError(problem, found=fault.found, mend=fault.mend) from fault


def _counting(table: str) -> str:
    """The column of an entity that says how many rows of a table belong to it."""
    return f"#{table}"


def _counted(
    schema: Schema,
    entity: str,
    entities: pl.DataFrame,
    owner: Mapping[str, Ints],
    bounds: Mapping[str, int],
) -> Dataset:
    """The entities with how many rows of each table belong to them, up to what counts."""
    table = schema.tables[entity]
    columns: dict[str, Any] = dict(table.columns)
    cells = []
    for name, rows in owner.items():
        number = np.bincount(rows[rows >= 0], minlength=entities.height)
        cells.append(pl.Series(_counting(name), np.minimum(number, bounds[name]), dtype=pl.Int64))
        columns[_counting(name)] = Numeric(
            storage="Int64", subtype="integer", decimals=0, minimum=0, maximum=bounds[name]
        )
    told = {"columns": columns, "entity": None, "sequence": None}
    counted = schema.only(entity).model_copy(
        update={"tables": {entity: table.model_copy(update=told)}}
    )
    return Dataset.of(counted, entities.with_columns(cells))


def _context(model: TableModel, frame: pl.DataFrame) -> Codes:
    """The leading digits of entities."""
    data = readable(Dataset.of(model.schema, frame))
    codes = model.codebook.encode(data)[model.codebook.leading]
    last = np.array(_sizes(model))[:, None] - 1
    return np.ascontiguousarray(np.minimum(codes, last).astype(np.uint8))


def _sizes(model: TableModel) -> tuple[int, ...]:
    return tuple(model.codebook.digits[place].size for place in model.codebook.leading)


def _owners(model: TableModel, counted: Dataset, owned: Owned, seen: pl.DataFrame) -> Owners:
    """The entities as events know them; `seen` are drawn ones that have events."""
    codes, sizes = _context(model, counted.frame), _sizes(model)
    known = _tables(_context(model, seen), sizes) if seen.height else ()
    return Owners(codes, sizes, owned.key, counted.frame, counted.table, tuple(known))


def _tables(codes: Codes, sizes: tuple[int, ...]) -> list[Measurement]:
    """Each digit by itself, and the pairs of a tree of those that tell most of each other.

    Of what owners' columns have to do with each other events need this much, lest two columns that
    say the same count twice.
    """
    told = [k for k, size in enumerate(sizes) if size > 1]
    single = {k: np.bincount(codes[k], minlength=sizes[k]) / codes.shape[1] for k in told}
    pairs: dict[Clique, Floats] = {}
    for place, i in enumerate(told):
        for j in told[place + 1 :]:
            index = codes[i].astype(np.int64) * sizes[j] + codes[j]
            table = np.bincount(index, minlength=sizes[i] * sizes[j]) / codes.shape[1]
            pairs[i, j] = table.reshape(sizes[i], sizes[j])
    weight = {
        (i, j): float(np.abs(table - np.outer(single[i], single[j])).sum())
        for (i, j), table in pairs.items()
    }
    part = {k: k for k in told}
    tree = []
    for i, j in sorted(weight, key=weight.__getitem__, reverse=True):
        old, new = part[i], part[j]
        if old != new:
            tree.append((i, j))
            part = {k: new if own == old else own for k, own in part.items()}
    return [
        *(Measurement((k,), one) for k, one in single.items()),
        *(Measurement(pair, pairs[pair]) for pair in tree),
    ]


def _found(schema: Schema, parts: Mapping[str, Schema]) -> Schema:
    """The schema with what was found of columns, as the models have it."""
    tables = {}
    for name, table in schema.tables.items():
        found = parts[name].tables[name].columns
        columns = {column: found[column] for column in table.columns}
        tables[name] = table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": tables})
