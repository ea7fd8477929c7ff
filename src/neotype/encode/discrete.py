"""Labels: categorical, ordinal, boolean and constant columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import (
    FINE,
    SYMBOLS,
    Codes,
    Digit,
    Lead,
    Masks,
    Protection,
    State,
    among,
    never_missing,
    only,
)
from neotype.encode.partition import partition
from neotype.errors import FitError, did_you_mean
from neotype.schema.condition import Condition
from neotype.schema.schema import Boolean, Categorical, Constant, Ordinal
from neotype.schema.storage import storage_dtype

MASK = "*"
_PROFILE_CELLS = 1 << 17


@dataclass(frozen=True)
class LabelEncoder:
    """A label as one digit, or as two or three where there are more than 64.

    Loss: a label of fewer than `protect` rows comes back as a frequent label, or as '*' (missing
    where the storage is no text) where the schema says `rare: mask` or no label is frequent. A
    missing cell is a symbol of the first digit.
    """

    name: str
    column: Categorical | Ordinal | Boolean | Constant
    labels: tuple[Any, ...]
    """In the order of their codes; JSON-ready."""
    counts: NDArray[np.int64]
    rare: int
    """How many training rows had a label too rare to keep."""
    missing: bool
    starts: tuple[NDArray[np.int64], ...]
    """For each digit but the last: the first label of each of its groups, and the end."""

    @classmethod
    def learn(
        cls,
        name: str,
        column: Categorical | Ordinal | Boolean | Constant,
        frame: pl.DataFrame,
        *,
        protect: int,
        lead: Lead = FINE,
    ) -> Self:
        """Learn the labels that at least `protect` rows share."""
        series = _plain(frame[name])
        found = series.drop_nulls().value_counts(sort=True, name="#rows")
        found = found.sort(["#rows", name], descending=[True, False])
        labels, counts = found[name].to_list(), found["#rows"].to_numpy().astype(np.int64)
        least = 1 if column.public else protect
        declared = _declared(column)
        if declared is not None:
            tally = dict(zip(labels, counts.tolist(), strict=True))
            extra = [label for label in labels if label not in set(declared)]
            unlisted = [label for label in extra if tally[label] >= protect]
            if unlisted and isinstance(column, Ordinal | Boolean):
                raise FitError(
                    f"column '{name}' has {len(unlisted)} labels that its schema does not list.",
                    found=f"listed: {', '.join(map(str, declared[:20]))}",
                    mend="add them to the schema's values, or make the column categorical",
                )
            labels = [*declared, *extra]
            counts = np.array([tally.get(label, 0) for label in labels], dtype=np.int64)
            kept = (counts >= least) | np.isin(np.arange(len(labels)), np.arange(len(declared)))
        else:
            kept = counts >= least
        rare = int(counts[~kept].sum())
        missing = column.nullable or series.null_count() > 0
        names = tuple(label for label, keep in zip(labels, kept, strict=True) if keep)
        encoder = cls(name, column, names, counts[kept], rare, missing, ())
        by_rows = lead != FINE and isinstance(column, Categorical)
        order = np.argsort(-encoder.counts, kind="stable") if by_rows else None
        return encoder.arranged(order, lead)

    def arranged(self, order: NDArray[np.int64] | None, lead: Lead = FINE) -> Self:
        """The same labels in another order of codes, cut into digits anew."""
        labels, counts = self.labels, self.counts
        if order is not None:
            labels = tuple(labels[i] for i in order)
            counts = counts[order]
        room = max(lead.symbols - self._extra, 1)
        starts = _levels(np.maximum(counts, 1), room, lead.least)
        return replace(self, labels=labels, counts=counts, starts=starts)

    @property
    def _extra(self) -> int:
        return int(self.rare > 0) + int(self.missing)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The label's group (with the symbols for rare and missing), and the label within it."""
        ordered = not isinstance(self.column, Categorical)
        if not self.starts:
            size = len(self.labels) + self._extra
            return (Digit(self.name, size, ordered),) if size > 1 else ()
        first = Digit(self.name, len(self.starts[0]) - 1 + self._extra, ordered)
        widths = [int(np.diff(start).max()) for start in self.starts]
        names = [f"{self.name}.{level + 2}" for level in range(len(widths))]
        return (
            first,
            *(Digit(n, max(w, 2), ordered) for n, w in zip(names, widths, strict=True)),
        )

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Rare labels that are not kept."""
        if not self.rare:
            return ()
        hidden = "became missing" if self.labels else "nothing of them is kept"
        hidden = hidden if self._masked() is None else f"became '{MASK}'"
        note = hidden if self._masks else "became a frequent label"
        return (Protection(self.name, "rare labels", self.rare, note),)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        if not self.digits:
            return np.zeros((0, frame.height), dtype=np.uint8)
        position = self.positions(frame)
        codes = self._codes(np.maximum(position, 0))
        groups = self._groups
        unknown = position < 0
        codes[:, unknown] = 0
        codes[0, unknown] = groups if self.rare else 0
        if self.missing:
            codes[0, frame[self.name].is_null().to_numpy()] = groups + (self.rare > 0)
        return codes

    @property
    def _groups(self) -> int:
        """How many symbols of the first digit stand for labels."""
        return len(self.starts[0]) - 1 if self.starts else len(self.labels)

    def _codes(self, label: NDArray[np.int64]) -> Codes:
        """Digits × labels, of labels by their position."""
        codes = np.zeros((len(self.digits), len(label)), dtype=np.uint8)
        for level in range(len(self.starts), 0, -1):
            group = np.searchsorted(self.starts[level - 1], label, side="right") - 1
            codes[level] = label - self.starts[level - 1][group]
            label = group
        codes[0] = label
        return codes

    def allowed(self, condition: Condition) -> Masks:
        """The symbols of labels that meet it; a rare label is none of them."""
        dtype = _plain_dtype(storage_dtype(self.column.storage))
        digits = len(self.digits)
        if not digits:
            return np.zeros(0, dtype=np.uint64)
        table = pl.Series(self.name, list(self.labels), dtype=dtype, strict=False)
        chosen = condition.holds(table).arg_true().to_numpy().astype(np.int64)
        masks = among(self._codes(chosen))
        extra = [self._masked()] * (self._masks and self.rare > 0) + [None] * self.missing
        beyond = condition.holds(pl.Series(extra, dtype=dtype)).arg_true()
        offset = self._extra - len(extra)
        for place in beyond:
            masks[0] |= only(np.array(self._groups + offset + place))
            masks[1:] |= np.uint64(1)
        return masks

    def positions(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """The place of each row's label among `labels`; −1 where it is none of them."""
        series = _plain(frame[self.name])
        table = pl.Series(list(self.labels), dtype=series.dtype, strict=False)
        places = pl.Series(np.arange(len(self.labels)), dtype=pl.Int64)
        index = series.replace_strict(table, places, default=None, return_dtype=pl.Int64)
        return index.fill_null(-1).to_numpy()

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The labels again, in their storage dtype."""
        rows = codes.shape[1]
        position = codes[0].astype(np.int64) if len(codes) else np.zeros(rows, dtype=np.int64)
        groups = self._groups
        first = position.copy()
        if self.starts:
            position = np.minimum(position, groups - 1)
        for level, start in enumerate(self.starts):
            position = np.minimum(start[position] + codes[level + 1], start[position + 1] - 1)
        table = list(self.labels)
        is_rare = (first == groups) & (self.rare > 0)
        if is_rare.any():
            if self._masks:
                position[is_rare] = len(table)
                table.append(self._masked())
            else:
                share = self.counts / self.counts.sum()
                position[is_rare] = rng.choice(len(share), size=int(is_rare.sum()), p=share)
        is_missing = (first >= groups + (self.rare > 0)) & self.missing
        position[is_missing] = len(table)
        table.append(None)
        return [self._in_storage(table, position)]

    @property
    def _masks(self) -> bool:
        """Whether rare labels are hidden: on wish, and where no label is frequent."""
        wish = isinstance(self.column, Categorical) and self.column.rare == "mask"
        return wish or not len(self.labels)

    def _masked(self) -> Any:
        """What stands for a rare label: missing where the storage can hold no '*'."""
        dtype = storage_dtype(self.column.storage)
        if isinstance(dtype, pl.Enum):
            return MASK if MASK in dtype.categories else None
        return MASK if isinstance(dtype, pl.String | pl.Categorical) else None

    def _in_storage(self, table: list[Any], position: NDArray[np.int64]) -> pl.Series:
        dtype = storage_dtype(self.column.storage)
        values = pl.Series(self.name, table, dtype=_plain_dtype(dtype), strict=False)
        return values.gather(position).cast(dtype).alias(self.name)

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Labels that training did not keep."""
        series = _plain(frame[self.name])
        findings = never_missing(series, self.missing)
        table = pl.Series(list(self.labels), dtype=series.dtype, strict=False)
        strange = series.drop_nulls().unique().sort()
        strange = strange.filter(~strange.is_in(table.implode()))
        known = ", ".join(map(str, self.labels[:12])) + (", …" if len(self.labels) > 12 else "")
        findings += [
            f"'{self.name}' has {label!r}, which is not a label it learnt (known: {known})"
            + (f"; {near}" if (near := did_you_mean(str(label), map(str, self.labels))) else "")
            for label in strange.to_list()
        ]
        return findings

    def describe(self) -> str:
        """How many labels it holds."""
        return f"'{self.name}': {len(self.labels)} labels with their counts"

    def state(self) -> State:
        """At rest."""
        facts = {
            "name": self.name,
            "labels": _at_rest(self.labels, self.column),
            "rare": self.rare,
            "missing": self.missing,
            "levels": len(self.starts),
        }
        arrays = {f"starts{level}": start for level, start in enumerate(self.starts)}
        return State(facts, {"counts": self.counts, **arrays})

    @classmethod
    def restore(cls, state: State, column: Any) -> Self:
        """The inverse of `state`."""
        starts = tuple(state.array(f"starts{level}") for level in range(state.fact("levels")))
        return cls(
            state.fact("name"),
            column,
            _from_rest(state.fact("labels"), column),
            state.array("counts"),
            state.fact("rare"),
            state.fact("missing"),
            starts,
        )


def _at_rest(labels: tuple[Any, ...], column: Any) -> list[Any]:
    """Labels in JSON's types: times as whole numbers, decimals as text."""
    dtype = storage_dtype(column.storage)
    if dtype.is_temporal():
        return pl.Series(labels, dtype=dtype).to_physical().to_list()
    if dtype.is_decimal():
        return [str(label) for label in labels]
    return list(labels)


def _from_rest(labels: list[Any], column: Any) -> tuple[Any, ...]:
    dtype = storage_dtype(column.storage)
    if dtype.is_temporal() or dtype.is_decimal():
        return tuple(pl.Series(labels, dtype=None if labels else pl.Int64).cast(dtype).to_list())
    return tuple(labels)


def leading_order(index: NDArray[np.int64], labels: int, context: Codes) -> NDArray[np.int64]:
    """Labels ordered by what they co-occur with: the first axis of correspondence analysis.

    `index` gives each row's label, `context` (digits × rows) the other columns. Labels that
    predict the same things become neighbours, so that a group of neighbours means something.
    Greenacre, Theory and Applications of Correspondence Analysis (1984).
    """
    columns = []
    # Memory stays linear in the labels: the more of them, the fewer digits describe them.
    for digit in context[: max(4, _PROFILE_CELLS // labels)]:
        width = int(digit.max(initial=0)) + 1
        table = np.bincount(index * width + digit, minlength=labels * width)
        columns.append(table.reshape(labels, width).astype(np.float32))
    counts = np.concatenate(columns, axis=1)
    counts = counts[:, counts.sum(axis=0) > 0]
    mass, marginal = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(mass, marginal / marginal.sum())
    # Rare labels have noisy profiles: five pseudo-rows of the average profile calm them.
    calm = np.sqrt(np.maximum(marginal, 1)) * (mass + 5 * len(context))[:, None]
    residual = (counts - expected) * np.sqrt(mass)[:, None] / calm
    if labels < residual.shape[1]:
        _, axes = np.linalg.eigh(residual @ residual.T)
        axis = residual.T @ axes[:, -1]
    else:
        _, axes = np.linalg.eigh(residual.T @ residual)
        axis = axes[:, -1]
    return np.argsort((counts - expected) / calm @ axis, kind="stable")


def _levels(mass: NDArray[np.int64], first: int, least: int) -> tuple[NDArray[np.int64], ...]:
    """Cuts of labels into groups, and of groups into groups, until at most `first` are left.

    Groups have `least` rows or more, where labels of fewer may be in one with others.
    """
    items = len(mass)
    if items <= first and (items < 2 or mass.min() >= least):
        return ()
    room = first if items <= first * SYMBOLS else first * SYMBOLS
    starts = partition(mass, room, least=least)
    ends = [*starts[1:], items]
    cut = np.concatenate([np.arange(a, b, SYMBOLS) for a, b in zip(starts, ends, strict=True)])
    if len(cut) > room:
        cut = np.arange(0, items, min(-(-items // room), SYMBOLS))
    above = _levels(np.add.reduceat(mass, cut), first, 1)
    return (*above, np.append(cut, items).astype(np.int64))


def _declared(column: Any) -> list[Any] | None:
    match column:
        case Categorical(values=values) | Ordinal(values=values) if values is not None:
            return list(values)
        case Boolean(labels=labels) if labels is not None:
            return list(labels)
        case Boolean():
            return [False, True]
    return None


def _plain_dtype(dtype: pl.DataType) -> pl.DataType:
    return pl.String() if isinstance(dtype, pl.Categorical | pl.Enum | pl.Null) else dtype


def _plain(series: pl.Series) -> pl.Series:
    return series.cast(_plain_dtype(series.dtype))
