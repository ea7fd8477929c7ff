"""What holds between tables that are tied: found in the data, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from neotype.constraints.axis import axes_of
from neotype.constraints.between.hierarchy import depths
from neotype.constraints.discovery.chance import above, almost, telling
from neotype.constraints.discovery.found import Found
from neotype.constraints.discovery.proposal import LEAST_ROWS, Proposal
from neotype.data import Dataset
from neotype.errors import FitError, SchemaError
from neotype.links import Links
from neotype.progress import Progress, silent
from neotype.registry import find
from neotype.schema.between import TableConstraint
from neotype.schema.names import words
from neotype.schema.schema import (
    Categorical,
    Constant,
    Datetime,
    Identifier,
    Numeric,
    Relationship,
    Schema,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LOOK = 500
"""Rows on which a rule is tried before it is held against all."""
_OVERLAP, _NEAR = 0.02, 0.25
"""As for orders within a table: shuffled rows that break it, and the smallest gaps."""
_SEVERAL = 0.1
"""Rows that need more than one below them for a sum to be told from a copy."""
_FEW_KINDS = 20
_CENT = 1e-6


def propose_between(data: Dataset, *, progress: Progress = silent) -> tuple[Proposal, ...]:
    """What holds between tables in all rows and is no accident; then what almost holds.

    It looks along foreign keys: at keys and columns that agree, orders, sums, hierarchies, and
    which rows are referred to at all.
    """
    links = Links.of(data.schema, data.frames)
    ties = data.schema.relationships
    found: list[tuple[str, Found]] = []
    for done, tie in enumerate(ties):
        progress("constraints between tables", done, len(ties))
        seen = _Tie(data, links, tie)
        for detect in (_same_keys, _carried, _ordered, _summed, _trees, _allowed):
            found += detect(seen)
    found += _bridges(data, links)
    progress("constraints between tables", len(ties), len(ties))
    made = [_made(one, data, table) for table, one in found]
    return tuple(sorted((one for one in made if one is not None), key=lambda p: not p.holds))


def _made(found: Found, data: Dataset, table: str) -> Proposal | None:
    try:
        one: TableConstraint = find("table_constraint", found.type).model_validate(
            dict(found.fields)
        )
        settled = one.settled(data.schema)
        one.check(settled)
        if not found.exceptions:
            rule = one.learn(settled, data.frames, protect=5)
            if any(mask.any() for mask in rule.broken(data.frames).values()):
                return None
    except (FitError, SchemaError, ValidationError):
        return None
    said = found.evidence(data.frames[table].height)
    return Proposal(one, said, found.support, found.exceptions, found.expected)


class _Tie:
    """A foreign key, with the rows of both sides."""

    def __init__(self, data: Dataset, links: Links, tie: Relationship) -> None:
        self.schema: Schema = data.schema
        self.links, self.tie = links, tie
        self.child, self.parent = data.frames[tie.child], data.frames[tie.parent]
        rows = links.positions[tie.title]
        self.mine = np.flatnonzero(rows >= 0)
        self.theirs: Ints = rows[self.mine]
        self.same: dict[tuple[str, str], int] = {}
        """Columns that were found to agree, and in how many rows they do not."""
        several = sum(one.parent == tie.parent for one in data.schema.above(tie.child)) > 1
        self.via = {"via": tie.child_key} if several else {}
        keys = {n for one in data.schema.above(tie.child) for n in one.child_key}
        own = {*keys, *data.schema.tables[tie.child].primary_key}
        self.columns = [n for n in data.schema.tables[tie.child].columns if n not in own]
        over = {n for one in data.schema.above(tie.parent) for n in one.child_key}
        over |= set(data.schema.tables[tie.parent].primary_key)
        self.over = [n for n in data.schema.tables[tie.parent].columns if n not in over]

    def column(self, name: str) -> object:
        """A column of the child."""
        return self.schema.tables[self.tie.child].columns[name]

    def above(self, name: str) -> object:
        """A column of the parent."""
        return self.schema.tables[self.tie.parent].columns[name]

    def here(self, name: str) -> str:
        """A column of the child, as constraints name it."""
        return f"{self.tie.child}.{name}"

    def there(self, name: str) -> str:
        """A column of the parent."""
        return f"{self.tie.parent}.{name}"

    def agree(self, mine: str, theirs: str) -> tuple[int, float] | None:
        """How many rows differ, and how many would by chance; None where many do."""
        one, other = self.child[mine], self.parent[theirs]
        if one.dtype != other.dtype:
            return None
        look = slice(0, _LOOK)
        head = one.gather(self.mine[look]).ne_missing(other.gather(self.theirs[look]))
        if int(head.sum()) > 0.1 * len(head):
            return None
        left, right = one.gather(self.mine), other.gather(self.theirs)
        exceptions = int(left.ne_missing(right).sum())
        counts = right.value_counts(name="#rows")["#rows"].to_numpy() / max(len(right), 1)
        return exceptions, float(len(right) * (1 - (counts**2).sum()))


def _fits(exceptions: int, expected: float, tried: int) -> bool:
    if exceptions:
        return almost(exceptions, expected, tried)
    return telling(expected, tried)


def _same_keys(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """Keys of both sides that refer to the same table, and to the same row."""
    tie, schema = seen.tie, seen.schema
    if tie.child == tie.parent:
        return
    for mine in schema.above(tie.child):
        for theirs in schema.above(tie.parent):
            same = (mine.parent, mine.parent_key) == (theirs.parent, theirs.parent_key)
            if not same or mine == tie or len(mine.child_key) > 1 or mine.when or theirs.when:
                continue
            (one,), (other,) = mine.child_key, theirs.child_key
            told = seen.agree(one, other)
            if told is None or not _fits(*told, 1):
                continue
            exceptions, expected = told
            columns = [seen.here(one), seen.there(other)]
            yield (
                tie.child,
                Found(
                    "ForeignToForeignKey",
                    {"columns": columns, "via": tie.child_key},
                    f"'{columns[0]}' is '{columns[1]}' of the row that {_key(tie)} refers to",
                    len(seen.mine),
                    expected,
                    exceptions,
                ),
            )


def _carried(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """Columns that repeat one of the row that is referred to."""
    if len(seen.mine) < LEAST_ROWS:
        return
    tried = len(seen.columns) * len(seen.over)
    for mine in seen.columns:
        if isinstance(seen.column(mine), Identifier):
            continue
        best: tuple[tuple[int, bool], str, int, float] | None = None
        for theirs in seen.over:
            told = seen.agree(mine, theirs)
            if told is None or not _fits(*told, tried):
                continue
            rank = (told[0], mine != theirs)
            if best is None or rank < best[0]:
                best = (rank, theirs, *told)
        if best is None:
            continue
        _, theirs, exceptions, expected = best
        seen.same[mine, theirs] = exceptions
        child, parent = seen.here(mine), seen.there(theirs)
        yield (
            seen.tie.child,
            Found(
                "CarryDown",
                {"child": child, "parent": parent, **seen.via},
                f"'{child}' is '{parent}' of the row that {_key(seen.tie)} refers to",
                len(seen.mine),
                expected,
                exceptions,
            ),
        )


def _ordered(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """Moments, or quantities with a word in common, that are never above one another."""
    pairs = [
        (mine, theirs)
        for mine in seen.columns
        for theirs in seen.over
        if _comparable(mine, seen.column(mine), theirs, seen.above(theirs))
        and seen.same.get((mine, theirs)) != 0
    ]
    if len(seen.mine) < LEAST_ROWS or seen.tie.child == seen.tie.parent:
        return
    for mine, theirs in pairs:
        try:
            one, other = axes_of(
                [(mine, seen.column(mine)), (f"{theirs}'", seen.above(theirs))],
                None,
                asked_by="discovery",
            )
        except SchemaError:
            continue
        below = one.read(seen.child[mine]).cast(pl.Float64).to_numpy()[seen.mine]
        over = other.read(seen.parent[theirs]).cast(pl.Float64).to_numpy()[seen.theirs]
        known = np.isfinite(below) & np.isfinite(over)
        below, over = below[known], over[known]
        for low, high, up in ((over, below, True), (below, over, False)):
            gaps = high - low
            wrong = int((gaps < 0).sum())
            expected = above(low, high) * len(gaps)
            if not gaps.any() or expected < _OVERLAP * len(gaps):
                continue
            if not _fits(wrong, expected, 2 * len(pairs)) or (
                wrong and (mine, theirs) in seen.same
            ):
                continue
            # A row comes after what it refers to; the other way round asks for more.
            if not (up and not wrong) and not _near(gaps[gaps >= 0]):
                continue
            names = (
                (seen.there(theirs), seen.here(mine))
                if up
                else (
                    seen.here(mine),
                    seen.there(theirs),
                )
            )
            yield (
                seen.tie.child,
                Found(
                    "InequalityBetween",
                    {"low": names[0], "high": names[1], **seen.via},
                    f"'{names[0]}' is never above '{names[1]}'",
                    len(gaps),
                    expected,
                    wrong,
                ),
            )


def _comparable(mine: str, one: object, theirs: str, other: object) -> bool:
    if isinstance(one, Datetime) and isinstance(other, Datetime):
        return one.part != "time" and other.part != "time"
    both = isinstance(one, Numeric) and isinstance(other, Numeric)
    return both and bool(set(words(mine)) & set(words(theirs)))


def _near(gaps: Floats) -> bool:
    """Whether gaps come near to nothing."""
    return bool(np.quantile(gaps, 0.01) <= _NEAR * np.median(gaps))


def _summed(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """Columns that count or sum up the rows below."""
    tie = seen.tie
    counts = np.bincount(seen.theirs, minlength=seen.parent.height)
    with_some = np.flatnonzero(counts)
    totals = [n for n in seen.over if isinstance(seen.above(n), Numeric)]
    if len(with_some) < LEAST_ROWS or not totals:
        return
    if (counts > 1).sum() < _SEVERAL * len(with_some):
        return
    candidates = list(_summands(seen, counts))
    # What rows repeat is least, most and mean of them as well: that they repeat it says more.
    repeated = {
        above for one, above in product(seen.columns, totals) if seen.agree(one, above) is not None
    }
    for name in totals:
        cells = seen.parent[name].cast(pl.Float64).to_numpy()
        for function, text, made in candidates:
            if function in ("min", "max", "mean") and name in repeated:
                continue
            here = with_some[np.isfinite(cells[with_some]) & np.isfinite(made[with_some])]
            column = seen.above(name)
            decimals = getattr(column, "decimals", None) or 0
            near = 0.5001 * 10.0**-decimals + _CENT * np.abs(cells[here])
            wrong = int((np.abs(cells[here] - made[here]) > near).sum())
            _, sizes = np.unique(made[here], return_counts=True)
            expected = float(len(here) * (1 - ((sizes / max(len(here), 1)) ** 2).sum()))
            if not _fits(wrong, expected, len(candidates) * len(totals)):
                continue
            fields = {"column": seen.there(name), "of": tie.child, "function": function, **seen.via}
            said = "the number" if function == "count" else f"the {function} of {text}"
            yield (
                tie.parent,
                Found(
                    "Aggregate",
                    fields | ({"expression": text} if text else {}),
                    f"'{seen.there(name)}' is {said} of its rows of '{tie.child}'",
                    len(here),
                    expected,
                    wrong,
                ),
            )
            break


def _summands(seen: _Tie, counts: Ints) -> Iterator[tuple[str, str, Floats]]:
    """Function, expression and values of what may be found above."""
    height = seen.parent.height
    yield "count", "", counts.astype(np.float64)
    numbers = {
        name: seen.child[name].cast(pl.Float64).to_numpy()[seen.mine]
        for name in seen.columns
        if isinstance(seen.column(name), Numeric)
    }
    fixed = {
        name: np.full(len(seen.mine), float(column.value))
        for name in seen.columns
        if isinstance(column := seen.column(name), Constant)
        and isinstance(column.value, int | float)
    }
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for one, other in product(numbers, fixed):
            # that all pieces are one says nothing against price times pieces
            made = np.nan_to_num(numbers[one] * fixed[other])
            yield "sum", f"{_quoted(one)} * {_quoted(other)}", _totals(seen, made)
        for name, cells in numbers.items():
            known = np.nan_to_num(cells)
            total = _totals(seen, known)
            yield "sum", _quoted(name), total
            yield "mean", _quoted(name), total / counts
            for function, ufunc, start in (
                ("max", np.maximum, -np.inf),
                ("min", np.minimum, np.inf),
            ):
                most = np.full(height, start)
                ufunc.at(most, seen.theirs, np.where(np.isfinite(cells), cells, start))
                yield function, _quoted(name), most
        for one, other in combinations(numbers, 2):
            made = np.nan_to_num(numbers[one] * numbers[other])
            yield "sum", f"{_quoted(one)} * {_quoted(other)}", _totals(seen, made)


def _totals(seen: _Tie, cells: Floats) -> Floats:
    """The sum of cells below each row of the parent."""
    made = np.bincount(seen.theirs, weights=cells, minlength=seen.parent.height)
    return np.asarray(made, dtype=np.float64)


def _trees(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """References within a table that never come back."""
    tie = seen.tie
    if tie.child != tie.parent or tie.when or len(seen.mine) < 3:
        return
    rows = seen.links.positions[tie.title]
    depth = depths(np.where(rows == np.arange(len(rows)), -1, rows))
    if (depth < 0).any():
        return
    yield (
        tie.child,
        Found(
            "SelfReferentialHierarchy",
            {"table": tie.child, "key": tie.child_key},
            f"{_key(tie)} never leads back, and to the top in {_steps(int(depth.max()))}",
            len(seen.mine),
            _circles(len(seen.mine)),
        ),
    )


def _steps(most: int) -> str:
    return "1 step" if most == 1 else f"{most} steps or fewer"


def _circles(rows: int) -> float:
    """About how many rows of a random mapping lie on circles."""
    return float(np.sqrt(np.pi * rows / 2))


def _allowed(seen: _Tie) -> Iterator[tuple[str, Found]]:
    """Labels of the rows that are referred to, where there are others."""
    tie = seen.tie
    used = np.unique(seen.theirs)
    labels = [n for n in seen.over if isinstance(seen.above(n), Categorical)]
    for name in labels:
        cells = seen.parent[name]
        counted = cells.drop_nulls().value_counts(sort=True, name="#rows")
        if not 2 <= counted.height <= _FEW_KINDS:
            continue
        there = cells.gather(used)
        kinds = there.drop_nulls().value_counts(name="#rows")
        common = kinds.filter(pl.col("#rows") >= 5)[name]
        if there.null_count() or common.len() != kinds.height or common.len() == counted.height:
            continue
        share = float(cells.is_in(common.implode()).fill_null(False).mean())  # type: ignore[arg-type]
        expected = (1 - share) * len(used)
        if not telling(expected, len(labels)):
            continue
        yield (
            tie.child,
            Found(
                "ForeignToPrimaryKeySubset",
                {
                    "child": tie.child,
                    "column": seen.there(name),
                    "values": sorted(common.to_list(), key=str),
                    **seen.via,
                },
                f"{_key(tie)} refers to rows with {common.len()} of {counted.height} values of "
                f"'{seen.there(name)}'",
                len(seen.mine),
                expected * len(seen.mine) / len(used),
            ),
        )


def _bridges(data: Dataset, links: Links) -> Iterator[tuple[str, Found]]:
    """Tables whose foreign keys are unique together, and not said to be."""
    for name, table in data.schema.tables.items():
        ties = data.schema.above(name)
        columns = tuple(dict.fromkeys(c for tie in ties for c in tie.child_key))
        if len(ties) < 2 or len(columns) > 3 or table.primary_key:
            continue
        frame = data.frames[name].select(columns).drop_nulls()
        if frame.height < LEAST_ROWS or frame.is_duplicated().any():
            continue
        alike = 1.0
        for tie in ties:
            share = links.fan_out(tie) / max(frame.height, 1)
            alike *= float((share**2).sum())
        expected = alike * frame.height**2 / 2
        if not telling(expected, 1):
            continue
        yield (
            name,
            Found(
                "UniqueBridgeTable",
                {"table": name, "columns": columns},
                f"no two rows of '{name}' tie the same rows",
                frame.height,
                expected,
            ),
        )


def _key(tie: Relationship) -> str:
    return ", ".join(f"'{tie.child}.{name}'" for name in tie.child_key)


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'
