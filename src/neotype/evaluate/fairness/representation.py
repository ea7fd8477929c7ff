"""Is every group there, as often as in the real data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import Partition, pairs, partitions, small_notes, surest
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.interval import redraw, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter

SHOWN = 40
"""Groups of a column that the detail lists, the worst first."""


@dataclass(frozen=True)
class GroupRepresentation(Measure):
    """How well the most misrepresented group keeps its share of rows (1 = as in the real data).

    The value is the smaller share over the larger one, of synthetic and train rows, for the group,
    or the intersection of two, that most surely deviates.
    """

    sensitive: tuple[str, ...] = ()

    name: ClassVar[str] = "group_representation"
    title: ClassVar[str] = "Every group as frequent as in the real data"
    how: ClassVar[str] = (
        "The share of each group of the sensitive columns, and of each intersection of two, among "
        "synthetic and real rows; the ratio of both for the group that most surely deviates."
    )
    reference: ClassVar[str] = (
        "after Bhanot et al. 2021, The problem of fairness in synthetic healthcare data; the "
        "four-fifths rule of the EEOC 1978 sets the tolerance"
    )
    axis: ClassVar[Axis] = "fairness"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Compare shares; the floor is that of equally many holdout rows."""
        found, notes = partitions(tables, self.sensitive)
        found = (*found, *pairs(found))
        counter = Counter.of(tables, self.name)
        shares = [_Shares.of(part, counter, tables.sample) for part in found]
        total = sum(len(part.labels) for part in found)
        if not total:
            raise NotMeasurableError("no group of the sensitive columns has 30 train rows.")
        made, held = (_Worst.of(shares, side) for side in ("synthetic", "holdout"))
        part, share = found[made.part], shares[made.part]
        real, synthetic = share.plain.train[made.group], share.plain.synthetic[made.group]
        return Finding(
            value=made.ratio,
            interval=made.interval,
            floor=held.ratio,
            target=0.90,
            meaning=(
                f"The group that is most surely misrepresented is {part.name} = "
                f"'{part.labels[made.group]}': {real:.2%} of real rows and {synthetic:.2%} of "
                f"synthetic ones, of {total} groups compared."
            ),
            detail={
                "columns": {p.name: _detail(p, s) for p, s in zip(found, shares, strict=True)},
                "groups": total,
                "rows": {side: len(rows) for side, rows in tables.sample._asdict().items()},
                "notes": [*notes, *small_notes(found)],
            },
        )


@dataclass(frozen=True)
class _Shares:
    """Shares of the groups of one partition, (groups,), and how far log ratios to train vary."""

    plain: Sides[Floats]
    logs: Sides[Floats]
    errors: Sides[Floats]

    @classmethod
    def of(cls, part: Partition, counter: Counter, rows: Sides[Ints]) -> _Shares:
        plain, logs, drawn, least = [], [], [], []
        for side, groups in enumerate(counter.groups):
            counts = tally(part.codes[side][rows[side]], part.size, groups)
            bootstrapped = redraw(counter.weights[side], counts)
            # Half a row more keeps a group that is not there comparable.
            logs.append(_log(counts.sum(axis=0)[None, :])[0])
            drawn.append(_log(bootstrapped).var(axis=0, ddof=1))
            plain.append(counts.sum(axis=0)[:-1] / len(groups))
            least.append(1 / (counts.sum(axis=0)[:-1] + 0.5) - 1 / len(groups))
        variance = [np.maximum(*both) for both in zip(drawn, least, strict=True)]
        ratios = [each - logs[1] for each in logs]
        errors = [np.sqrt(np.maximum(each + variance[1], 0)) for each in variance]
        return cls(Sides(*plain), Sides(*ratios), Sides(*errors))


def _log(counts: Floats) -> Floats:
    return np.asarray(np.log((counts[:, :-1] + 0.5) / (counts.sum(axis=1, keepdims=True) + 1)))


@dataclass(frozen=True)
class _Worst:
    """The group that most surely deviates: of which partition, and by how much."""

    part: int
    group: int
    ratio: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, shares: Sequence[_Shares], side: str) -> _Worst:
        places = [(p, g) for p, each in enumerate(shares) for g in range(len(each.plain.train))]
        far = np.abs(np.concatenate([getattr(each.logs, side) for each in shares]))
        place, half = surest(far, np.concatenate([getattr(each.errors, side) for each in shares]))
        ends = np.exp(-far[place] - half), np.exp(-max(0.0, far[place] - half))
        return cls(*places[place], float(np.exp(-far[place])), (float(ends[0]), float(ends[1])))


def _detail(part: Partition, shares: _Shares) -> dict[str, Any]:
    """Shares by group, the least alike first, and 1 − total variation over all groups."""
    plain = Sides(*(np.r_[side, max(0.0, 1 - side.sum())] for side in shares.plain))
    order = np.argsort(-np.abs(shares.logs.synthetic), kind="stable")[:SHOWN]
    return {
        "tv_complement": float(1 - np.abs(plain.synthetic - plain.train).sum() / 2),
        "floor": float(1 - np.abs(plain.holdout - plain.train).sum() / 2),
        "too_small": part.small,
        "groups": [
            {
                "group": part.labels[k],
                "real": plain.train[k],
                "synthetic": plain.synthetic[k],
                "holdout": plain.holdout[k],
                "ratio": plain.synthetic[k] / plain.train[k] if plain.train[k] else None,
            }
            for k in order
        ],
    }
