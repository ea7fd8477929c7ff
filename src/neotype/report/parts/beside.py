"""Real beside synthetic: records that a measure's detail holds, drawn as lanes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neotype.evaluate.metric import Interval
from neotype.report.detail import mapped, numbered, spanned
from neotype.report.drawing import text
from neotype.report.lanes import Lane, Mark, dots, key_of
from neotype.report.words import number

KEY = key_of([Lane("", (Mark("real", "real", 0.0), Mark("synthetic", "synthetic", 0.0)))])
"""The key of panels that come without one."""

_KINDS = ("columns", "groups", "pairs", "values")

MOST = 12
"""More lanes than this are left to the JSON report."""


Path = tuple[str, ...]
"""The keys that lead to something in a detail."""


@dataclass(frozen=True)
class Record:
    """One thing with a number on the real and on the synthetic side."""

    label: str
    real: float | None
    synthetic: float | None
    real_interval: Interval | None = None
    synthetic_interval: Interval | None = None

    @property
    def gap(self) -> float:
        """How far apart the sides are; what is only on one side is as far as can be."""
        if self.real is None or self.synthetic is None:
            return math.inf
        return abs(self.synthetic - self.real)


def records(said: Any, path: Path = ()) -> Iterator[tuple[Path, list[Record]]]:
    """Every list or mapping of records in a detail, with the keys that lead to it.

    Records that hold several numbers on each side are told apart: one list for each number.
    """
    if isinstance(said, Mapping):
        entries = [(str(key), value) for key, value in said.items()]
    elif isinstance(said, list):
        entries = [(_label(value), value) for value in said]
    else:
        return
    found = [_record(label, value) for label, value in entries]
    alike = [record for record in found if record is not None]
    if alike and len(alike) == len(found):
        yield path, alike
    elif entries and all(_several(value) for _, value in entries):
        for name in _real(entries[0][1]):
            parts = [
                (label, {"real": _real(value).get(name), "synthetic": value["synthetic"].get(name)})
                for label, value in entries
            ]
            some = [_record(label, part) for label, part in parts]
            yield (*path, _NAMES.get(name, name)), [r for r in some if r is not None]
    elif isinstance(said, Mapping):
        for key, value in entries:
            yield from records(value, (*path, key))


_NAMES = {"tpr": "rightly called positive", "fpr": "wrongly called positive"}


def _real(said: Mapping[str, Any]) -> Any:
    """What a record says of the real side."""
    return said["real"] if "real" in said else said.get("train")


def _several(said: Any) -> bool:
    """Whether a record has several numbers on each side."""
    return (
        isinstance(said, Mapping)
        and isinstance(_real(said), Mapping)
        and isinstance(said.get("synthetic"), Mapping)
    )


def _record(label: str, said: Any) -> Record | None:
    if not isinstance(said, Mapping) or "synthetic" not in said:
        return None
    if "real" not in said and "train" not in said:
        return None
    sides = _real(said), said["synthetic"]
    real, made = map(numbered, sides)
    if (real, made) == (None, None) or any(s is not None and numbered(s) is None for s in sides):
        return None
    return Record(label, real, made, _span(said, "real"), _span(said, "synthetic"))


def _label(said: Any) -> str:
    """What a record is called: its words, in the order in which it says them."""
    if not isinstance(said, Mapping):
        return ""
    words = []
    for value in said.values():
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            words.append(" × ".join(value))
    return " · ".join(words[:2])


def _span(said: Mapping[str, Any], side: str) -> Interval | None:
    """The interval of a side, by the names that measures give it."""
    nested = mapped(said.get("intervals")).get(side)
    given = (said.get(f"{side}_interval"), said.get(f"interval_{side}"), nested)
    return next((span for span in map(spanned, given) if span is not None), None)


def named(path: Path) -> str:
    """The keys in words, without those that only say what kind of thing comes."""
    return " · ".join(key.replace("_", " ") for key in path if key not in _KINDS)


def panel_of(
    title: str,
    some: Sequence[Record],
    *,
    say: Callable[[float], str] = number,
    log: bool = False,
    line: float | None = None,
    within: Interval | None = None,
    note: str = "",
    key: bool = True,
    most: int = MOST,
) -> str:
    """Lanes for the first records, under a title."""
    lanes = [
        Lane(
            text(record.label),
            (
                Mark("real", "real", record.real, record.real_interval),
                Mark("synthetic", "synthetic", record.synthetic, record.synthetic_interval),
            ),
        )
        for record in some[:most]
    ]
    drawn = dots(lanes, say=say, log=log, line=line, within=within, key=key)
    if not drawn:
        return ""
    rest = len(some) - most
    said = [note] if note else []
    said += [f"{rest:,} more in the JSON report."] if rest > 0 else []
    under = f'<p class="soft small">{text(" ".join(said))}</p>' if said else ""
    return f'<figure class="panel"><h4>{text(title)}</h4>{drawn}{under}</figure>'
