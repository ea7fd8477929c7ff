"""k-anonymity: no row can be told from k - 1 others by what an outsider may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from neotype.errors import ColumnNotFoundError, DataError, SchemaError
from neotype.masking.coding import scale_of
from neotype.masking.diversity import Diversity, Secret
from neotype.masking.lattice import cheapest, nodes_of
from neotype.masking.mondrian import mondrian
from neotype.masking.scale import Floats, Ints, Scale
from neotype.schema.schema import Datetime
from neotype.schema.value import Value


class Anonymity(Value):
    """What is asked of the released table, and how it may be reached."""

    k: int = Field(ge=2, description="the fewest rows that agree in all quasi-identifiers")
    quasi_identifiers: tuple[str, ...] = Field(
        default=(), description="what an outsider may know; the schema's if unsaid"
    )
    method: Literal["mondrian", "relaxed", "full-domain"] = Field(
        default="mondrian", description="cut the rows in two again and again, or level by level"
    )
    suppress: float = Field(
        default=0.0, ge=0, lt=1, description="full-domain: the share of rows that may be left out"
    )
    l_diversity: int = Field(default=1, ge=1, description="values of each secret in a class")
    t_closeness: float | None = Field(
        default=None, gt=0, le=1, description="how far a secret in a class may be from the whole"
    )
    sensitive: tuple[str, ...] = Field(
        default=(), description="the secrets; the schema's if unsaid"
    )
    hierarchies: dict[str, Any] = Field(
        default_factory=dict, description="column: groups of labels, a CSV of them, or widths"
    )
    values: Literal["labels", "typical"] = Field(
        default="labels", description="30–39, or the median of the class in the column's own dtype"
    )

    @field_validator("quasi_identifiers", "sensitive", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Anonymised:
    """The rows that are left, which they were, and what it cost."""

    frame: pl.DataFrame
    kept: Ints
    facts: Mapping[str, Any]


def anonymise(frame: pl.DataFrame, columns: Mapping[str, Any], asked: Anonymity) -> Anonymised:
    """The frame with its quasi-identifiers generalised until every row agrees with k - 1 others.

    DataError when there are fewer than k rows, or no class could be diverse enough.
    """
    scales, diversity = _read(frame, columns, asked)
    if frame.height < asked.k:
        raise DataError(
            f"{frame.height} rows cannot be {asked.k}-anonymous.", mend="lower k, or add rows"
        )
    if asked.method == "full-domain":
        classes, levels, costs, titles = _full_domain(scales, asked, diversity)
        kept = np.flatnonzero(classes >= 0)
    else:
        classes = _mondrian(scales, asked, diversity)
        kept, titles = np.arange(frame.height), {}
        count = int(classes.max()) + 1
        named = {scale.name: scale.named(classes, count) for scale in scales}
        levels = {
            name: pl.Series(labels, dtype=pl.String).gather(classes)
            for name, (labels, _) in named.items()
        }
        costs = {name: cost[classes] for name, (_, cost) in named.items()}
    if asked.values == "typical":
        levels = _typical(frame, columns, scales, classes, kept)
    else:
        levels = {name: cells[kept] for name, cells in levels.items()}
    result = frame[kept].with_columns(cells.alias(name) for name, cells in levels.items())
    return Anonymised(result, kept, _facts(frame, result, kept, scales, costs, titles, asked))


def _read(
    frame: pl.DataFrame, columns: Mapping[str, Any], asked: Anonymity
) -> tuple[list[Scale], Diversity | None]:
    names = tuple(dict.fromkeys(asked.quasi_identifiers))
    if not names:
        raise SchemaError(
            f"k={asked.k} needs to know what an outsider may know.", mend="--quasi age,zip,sex"
        )
    wanted = asked.l_diversity > 1 or asked.t_closeness is not None
    if wanted and not asked.sensitive:
        raise SchemaError(
            "l-diversity and t-closeness are about secrets, and none is named.",
            mend="--sensitive diagnosis",
        )
    for name in (*names, *asked.sensitive, *asked.hierarchies):
        if name not in frame.columns:
            raise ColumnNotFoundError(name, frame.columns, asked_by="anonymity")
    both = [name for name in asked.sensitive if name in names]
    if both and wanted:
        raise SchemaError(
            f"{', '.join(both)} cannot be both a quasi-identifier and a secret.",
            mend="leave it out of one of them",
        )
    unused = [name for name in asked.hierarchies if name not in names]
    if unused:
        raise SchemaError(
            f"hierarchies name {', '.join(unused)}, which is no quasi-identifier.",
            found=f"quasi-identifiers: {', '.join(names)}",
        )
    scales = [scale_of(frame[n], columns.get(n), asked.hierarchies.get(n)) for n in names]
    if not wanted:
        return scales, None
    secrets = tuple(_secret(frame[name], columns.get(name)) for name in asked.sensitive)
    return scales, Diversity(secrets, asked.l_diversity, asked.t_closeness)


def _secret(cells: pl.Series, column: Any) -> Secret:
    kind = getattr(column, "kind", None)
    ordered = kind in ("numeric", "datetime", "duration", "ordinal", "geo")
    if kind is None:
        ordered = cells.dtype.is_numeric() or cells.dtype.is_temporal()
    if kind == "ordinal":
        labels = [str(value) for value in column.values]
        cells = cells.cast(pl.String).replace_strict(
            labels, list(range(len(labels))), default=None, return_dtype=pl.Int64
        )
    elif not (cells.dtype.is_numeric() or cells.dtype.is_temporal()):
        cells = cells.cast(pl.String)
    return Secret.of(cells, ordered=ordered)


def _mondrian(scales: Sequence[Scale], asked: Anonymity, diversity: Diversity | None) -> Ints:
    whole = np.arange(len(scales[0].codes))
    fits = None if diversity is None else diversity.of_classes
    if fits is not None and not fits(whole, np.zeros(1, dtype=np.int64)).all():
        raise DataError(
            f"a secret has fewer than {asked.l_diversity} values in the whole table.",
            mend="lower l, or name another secret",
        )
    return mondrian(scales, asked.k, fits=fits, relaxed=asked.method == "relaxed")


def _full_domain(
    scales: Sequence[Scale], asked: Anonymity, diversity: Diversity | None
) -> tuple[Ints, dict[str, pl.Series], dict[str, Floats], dict[str, str]]:
    """The class of every row (-1: left out); of each column its cells, their cost, its level."""
    steps = [scale.steps() for scale in scales]
    rows = len(scales[0].codes)
    most = int(asked.suppress * rows)
    nodes, _ = nodes_of(scales, steps)

    def classes_at(node: Ints) -> Ints:
        groups = [s[at].groups[c.codes] for s, at, c in zip(steps, node, scales, strict=True)]
        return _left(_joint(groups), asked.k, diversity)

    def holds(node: Ints) -> bool:
        classes = classes_at(node)
        return int((classes < 0).sum()) <= most and _close(classes, diversity)

    best = cheapest(nodes, holds)
    if best is None:
        raise DataError(
            f"no generalisation of {', '.join(s.name for s in scales)} meets what is asked.",
            mend="lower k, l, or raise t or the share that may be left out",
        )
    chosen = {c.name: s[at] for s, at, c in zip(steps, best, scales, strict=True)}
    levels, costs = {}, {}
    for scale in scales:
        step = chosen[scale.name]
        groups = step.groups[scale.codes]
        levels[scale.name] = pl.Series(step.labels, dtype=pl.String).gather(groups)
        costs[scale.name] = step.cost[groups]
    return classes_at(best), levels, costs, {name: s.title for name, s in chosen.items()}


def _joint(groups: Sequence[Ints]) -> Ints:
    """Rows that agree in all of these have one number, from 0."""
    joint = np.zeros(len(groups[0]), dtype=np.int64)
    for codes in groups:
        joint = joint * (int(codes.max()) + 1) + codes
        if joint.max() > 2**40:
            joint = np.unique(joint, return_inverse=True)[1].reshape(-1)
    return np.asarray(np.unique(joint, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _left(classes: Ints, k: int, diversity: Diversity | None) -> Ints:
    """The classes, -1 for rows of those that are too small or not diverse enough."""
    small = np.bincount(classes) < k
    if diversity is not None:
        order, starts = _sorted(classes)
        small |= ~diversity.of_classes(order, starts)
    return np.where(small[classes], -1, classes)


def _close(classes: Ints, diversity: Diversity | None) -> bool:
    """Whether the classes that are left are close to what is left of the whole."""
    if diversity is None:
        return True
    kept = np.flatnonzero(classes >= 0)
    if not len(kept):
        return False
    secrets = tuple(Secret(s.name, s.codes[kept], s.size, s.ordered) for s in diversity.secrets)
    left = Diversity(secrets, diversity.least, diversity.most)
    return bool(left.of_classes(*_sorted(classes[kept])).all())


def _sorted(classes: Ints) -> tuple[Ints, Ints]:
    order = np.argsort(classes, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(classes[order]) != 0])


def _typical(
    frame: pl.DataFrame,
    columns: Mapping[str, Any],
    scales: Sequence[Scale],
    classes: Ints,
    kept: Ints,
) -> dict[str, pl.Series]:
    """The cells that are kept: one value for each class, in the column's own dtype."""
    names, inside = np.unique(classes[kept], return_inverse=True)
    inside = inside.reshape(-1)
    found = {}
    for scale in scales:
        values = replace(scale, codes=scale.codes[kept]).typical(inside, len(names))
        stored = _as_stored(values, frame[scale.name].dtype, columns.get(scale.name))
        found[scale.name] = stored.gather(inside)
    return found


def _as_stored(values: pl.Series, dtype: pl.DataType, column: Any) -> pl.Series:
    """Values of a scale in the dtype of the column."""
    if values.dtype == dtype:
        return values
    if dtype == pl.Boolean:
        return values == "true"
    if values.dtype.is_temporal() and isinstance(column, Datetime) and column.format is not None:
        return values.dt.strftime(column.format)
    return values.cast(dtype)


def _facts(
    frame: pl.DataFrame,
    result: pl.DataFrame,
    kept: Ints,
    scales: Sequence[Scale],
    costs: Mapping[str, Floats],
    titles: Mapping[str, str],
    asked: Anonymity,
) -> dict[str, Any]:
    """What was reached, counted on the rows that leave."""
    names = [scale.name for scale in scales]
    sizes = result.group_by(names).len("#rows")["#rows"] if result.height else pl.Series([0])
    lost = frame.height - result.height
    each = {
        name: round(float(cost[kept].mean()), 4) if len(kept) else 1.0
        for name, cost in costs.items()
    }
    share = result.height / frame.height
    return {
        "asked": asked.model_dump(mode="json", exclude_defaults=True),
        "method": asked.method,
        "k": int(sizes.min()),  # type: ignore[arg-type]
        "classes": len(sizes) if result.height else 0,
        "mean_class": round(result.height / max(len(sizes), 1), 1),
        "rows": frame.height,
        "suppressed": lost,
        "information_loss": round(float(np.mean(list(each.values()))) * share + (1 - share), 4),
        "loss_by_column": each,
        "levels": dict(titles),
        "discernibility": int((sizes.cast(pl.Int64) ** 2).sum()) + lost * frame.height,
    }
