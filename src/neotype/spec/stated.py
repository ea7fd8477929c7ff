"""A data set as a schema with statistics, which samples without the data.

Columns are tied in a tree (Chow and Liu, IEEE Transactions on Information Theory 14, 1968): each
depends on the one that tells most of it, by a table of cases. Numbers are tied to each other by
rank correlations, within the cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neotype.data import Dataset
from neotype.schema.distribution import Distribution
from neotype.schema.quantity import written
from neotype.schema.schema import Schema, Table
from neotype.spec.tally import COUNTED, LABELLED, OTHER, Shape, Tally

_SURE = 0.999
_TELLING = 0.002
"""Nats that a parent must tell of a child."""
_GROUP = 4
"""A case has at least so many times `protect` rows."""
_CORRELATED = 0.03
_LABELS = 1000


def stated(data: Dataset, *, protect: int = 5) -> Schema:
    """The schema of this data with what is known of its columns, so that it can be sampled.

    It holds no number, label or count of fewer than `protect` rows, and no constraint that the
    schema does not declare.
    """
    tables = {}
    for name, table in data.schema.tables.items():
        alone = Dataset(Schema(tables={name: table}), {name: data.frames[name]})
        tables[name] = _table(alone, protect)
    schema = data.schema.model_copy(update={"tables": tables})
    return Schema.model_validate(schema.model_dump(mode="json"))


def _table(data: Dataset, protect: int) -> Table:
    """The table of a data set that has but one."""
    tally = Tally(data, protect)
    parents = tree(tally)
    columns = {
        name: _Portrait(tally, name, column, parents.get(name)).drawn()
        for name, column in data.schema.columns.items()
    }
    correlations = _correlations(tally, parents, columns)
    update = {"columns": columns, "rows": data.rows, "correlations": correlations}
    return data.table.model_copy(update=update)


def tree(tally: Tally) -> dict[str, str]:
    """Of each column the one that it is to depend on, where one tells enough of it."""
    kinds = {name: c.kind for name, c in tally.data.schema.columns.items()}
    names = [
        name
        for name, kind in kinds.items()
        if kind in (*COUNTED, *LABELLED) and len(tally.coding(name).keys) > 1
    ]
    bonds = []
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            if not (kinds[one] in COUNTED and kinds[other] in COUNTED):
                told = _told(tally.together(one, other))
                if told > _TELLING:
                    bonds.append((told, one, other))
    near = _spanning(bonds)
    weight = dict.fromkeys(names, 0.0)
    for told, one, other in bonds:
        if other in near.get(one, ()):
            weight[one] += told
            weight[other] += told
    parents: dict[str, str] = {}
    seen: set[str] = set()
    for root in sorted(names, key=lambda name: -weight[name]):
        todo = [root] if root not in seen else []
        while todo:
            here = todo.pop(0)
            seen.add(here)
            fresh = [name for name in near.get(here, ()) if name not in seen]
            parents |= dict.fromkeys(fresh, here)
            todo += fresh
    return parents


def _spanning(bonds: list[tuple[float, str, str]]) -> dict[str, list[str]]:
    """The neighbours of each column in the heaviest forest (Kruskal)."""
    near: dict[str, list[str]] = {}
    island: dict[str, str] = {}

    def home(name: str) -> str:
        while island.get(name, name) != name:
            name = island[name]
        return name

    for _, one, other in sorted(bonds, reverse=True):
        if home(one) != home(other):
            island[home(one)] = home(other)
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    return near


def _told(table: NDArray[np.int64]) -> float:
    """Mutual information in nats, less what chance gives; 0 where it may be chance."""
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    rows = table.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if not rows or not freedom:
        return 0.0
    share = table / rows
    alone = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    some = share > 0
    told = float((share[some] * np.log(share[some] / alone[some])).sum())
    sure = stats.chi2.ppf(_SURE, freedom) / (2 * rows)
    return told - freedom / (2 * rows) if told > sure else 0.0


@dataclass(frozen=True)
class _Portrait:
    """One column, and what it depends on."""

    tally: Tally
    name: str
    column: Any
    parent: str | None

    def drawn(self) -> Any:
        """The column with its distribution."""
        share = self.tally.missing(self.name)
        whole = self._law(None)
        update: dict[str, Any] = {"reason": "", "missing": round(share, 4)}
        if self.column.kind in {"identifier", "personal"}:
            pass
        elif whole is None:
            if self.column.kind != "constant" or self.column.value is None:
                update["missing"] = 1.0
        else:
            update |= self._cases(whole)
        if self.column.kind == "numeric":
            update |= {"minimum": None, "maximum": None}
        return self.column.model_copy(update=update)

    def _cases(self, whole: Distribution) -> dict[str, Any]:
        if self.parent is None:
            return {"distribution": whole}
        coding = self.tally.coding(self.parent)
        counts = np.bincount(coding.codes[coding.codes >= 0], minlength=len(coding.keys))
        cases = {}
        for k, key in enumerate(coding.keys):
            if counts[k] >= _GROUP * self.tally.protect:
                law = self._law(np.flatnonzero(coding.codes == k))
                if law is not None:
                    cases[key] = law
        if not cases:
            return {"distribution": whole}
        cases[OTHER] = whole
        return {"depends_on": (self.parent,), "distribution": Distribution(cases=cases)}

    def _law(self, rows: NDArray[np.int64] | None) -> Distribution | None:
        """How the cells of these rows fall; None where too few of them can be told."""
        kind = self.column.kind
        if kind in (*COUNTED, "geo"):
            shape = self.tally.shape(self.name, rows)
            return None if shape is None else self._numbers(shape, rows)
        if kind in LABELLED:
            counts = self.tally.labels(self.name, rows)
            counts = dict(sorted(counts.items(), key=lambda item: -item[1])[:_LABELS])
            return Distribution(weights=_percent(counts)) if counts else None
        if kind == "text":
            return Distribution(words=self.tally.words(self.name))
        return None

    def _numbers(self, shape: Shape, rows: NDArray[np.int64] | None) -> Distribution:
        kind, extra = self.column.kind, {}
        if kind == "datetime" and rows is None:
            extra = self._calendar()
        values = tuple(self._spelt(knot) for knot in shape.knots)
        even = Distribution(quantiles=values, **extra) if values else None
        heavy = {str(self._spelt(value)): n for value, n in shape.atoms.items()}
        if even is None:
            return Distribution(weights=_percent(heavy))
        if not heavy:
            return even
        total = shape.rest + sum(heavy.values())
        fixed = Distribution(
            weights=_percent(heavy), weight=round(100 * (1 - shape.rest / total), 2)
        )
        rest = even.model_copy(update={"weight": round(100 * shape.rest / total, 2)})
        return Distribution(mixture=(fixed, rest))

    def _spelt(self, number: float) -> Any:
        text = written(self.column.kind, number)
        return f"{text}s" if self.column.kind == "duration" else text

    def _calendar(self) -> dict[str, Any]:
        """Weights of weekdays and hours, where these differ."""
        found: dict[str, Any] = {}
        if self.column.part != "time":
            days = self.tally.weekdays(self.name)
            if max(days) > 1.3 * min(days):
                found["weekdays"] = tuple(_percent(dict(enumerate(days))).values())
        if self.column.part == "datetime" and self.column.resolution != "day":
            hours = self.tally.hours(self.name) or []
            if hours and max(hours) > 1.3 * min(hours):
                found["hours"] = tuple(_percent(dict(enumerate(hours))).values())
        return found


def _percent(counts: dict[Any, int]) -> dict[Any, float]:
    """Shares of a hundred, to three figures."""
    total = max(1, sum(counts.values()))
    return {key: float(f"{100 * count / total:.3g}") for key, count in counts.items()}


def _correlations(
    tally: Tally, parents: dict[str, str], columns: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """Rank correlations of numbers, within the cases of what each depends on."""
    ranks = {}
    for name, column in columns.items():
        if column.kind in COUNTED and column.distribution is not None:
            parent = parents.get(name) if column.depends_on else None
            ranks[name] = tally.ranks(name, None if parent is None else tally.coding(parent).codes)
    found: dict[str, dict[str, float]] = {}
    names = list(ranks)
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            both = np.isfinite(ranks[one]) & np.isfinite(ranks[other])
            if both.sum() < 20 * tally.protect:
                continue
            x, y = ranks[one][both], ranks[other][both]
            if x.std() > 0 and y.std() > 0:
                rho = round(float(np.corrcoef(x, y)[0, 1]), 2)
                if abs(rho) >= _CORRELATED:
                    found.setdefault(one, {})[other] = rho
    return found
