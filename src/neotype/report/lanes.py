"""Dots with intervals, a lane for each thing compared: SVG that fits any width without a script.

Places along the lane are percentages, so that nothing is stretched; each kind of mark has a shape
of its own, so that colour is never the only sign.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neotype.evaluate.metric import Interval
from neotype.report.drawing import text
from neotype.report.words import number

_PITCH, _MARGIN = 13, 3.0
_SHAPES = {
    "synthetic": '<circle class="m-synthetic" r="4.5"/>',
    "real": '<path class="m-real" d="M0-6l6 6-6 6-6-6z"/>',
    "main": '<circle class="m-main" r="4.5"/>',
    "control": '<path class="m-real" d="M0-6l6 6-6 6-6-6z"/>',
    "baseline": '<rect class="m-base" x="-4" y="-4" width="8" height="8"/>',
    "winner": '<path class="m-win" '
    'd="M0-8l2.4 5 5.6.7-4.1 3.9 1 5.6L0 4.5-4.9 7.2l1-5.6L-8-2.3l5.6-.7z"/>',
}


@dataclass(frozen=True)
class Mark:
    """One number on a lane; `kind` chooses its shape, `name` says in words what it is."""

    kind: str
    name: str
    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True)
class Lane:
    """One thing, with the numbers that are to be compared on it; `label` and `side` are HTML."""

    label: str
    marks: tuple[Mark, ...]
    side: str = ""


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers, even or logarithmic, and where to write them."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(
        cls, lanes: Sequence[Lane], *, log: bool = False, within: Interval | None = None
    ) -> Scale | None:
        """The scale on which every mark has a place; None where there is none."""
        ends = [e for lane in lanes for m in lane.marks for e in (m.value, *(m.interval or ()))]
        known = [e for e in ends if e is not None and math.isfinite(e)]
        values = [
            m.value
            for lane in lanes
            for m in lane.marks
            if m.value is not None and math.isfinite(m.value)
        ]
        if not values:
            return None
        if log:
            above = [e for e in known if e > 0]
            if not above:
                return None
            # An interval that reaches to nothing must not take the scale along.
            least = min([v for v in values if v > 0], default=min(above)) / 4
            low, high = max(min(above), least), max(above)
            return cls(low / 1.3, high * 1.3, True)
        # Nor must one that is many times wider than all the values lie apart.
        reach = 4 * max(max(values) - min(values), 0.02 * max(map(abs, values)), 1e-9)
        low = max(min(known), min(values) - reach)
        high = min(max(known), max(values) + reach)
        if within:
            low, high = max(low, within[0]), min(high, within[1])
        pad = 0.04 * (high - low) or 0.05 * max(abs(low), 1e-9)
        low, high = low - pad, high + pad
        return cls(max(low, within[0]) if within else low, min(high, within[1]) if within else high)

    def at(self, value: float) -> float:
        """The place in percent, kept inside the margins."""
        low, high = self.low, self.high
        if self.log:
            low, high = math.log10(low), math.log10(high)
            value = math.log10(value) if value > 0 else low
        share = (value - low) / (high - low) if high > low else 0.5
        return _MARGIN + (100 - 2 * _MARGIN) * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        """A few round numbers."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = (1, 2, 5) if last - first < 3 else (1,)
            every = max(1, math.ceil((last - first) / 6))
            ticks = [m * 10.0**p for p in range(first, last + 1, every) for m in steps]
            return [tick for tick in ticks if self.low <= tick <= self.high]
        raw = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def dots(
    lanes: Sequence[Lane],
    *,
    say: Callable[[float], str] = number,
    log: bool = False,
    within: Interval | None = None,
    line: float | None = None,
    key: bool = True,
) -> str:
    """All lanes on one scale, with a key of the shapes; `line` is a value to compare with."""
    ruled = [] if line is None else [Lane("", (Mark("rule", "", line),))]
    scale = Scale.around([*lanes, *ruled] if lanes else [], log=log, within=within)
    if scale is None:
        return ""
    ticks = scale.ticks()
    grid = "".join(
        f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="100%"/>'
        for x in (f"{scale.at(tick):.2f}%" for tick in ticks)
    )
    if line is not None and scale.low <= line <= scale.high:
        x = f"{scale.at(line):.2f}%"
        grid += f'<line class="rule" x1="{x}" x2="{x}" y1="0" y2="100%"/>'
    rows = "".join(
        f'<li><span class="label">{lane.label}</span>{_lane(lane, scale, grid, say)}'
        f'<span class="side">{lane.side}</span></li>'
        for lane in lanes
    )
    axis = "".join(
        f'<text x="{scale.at(tick):.2f}%" y="11">{text(said)}</text>'
        for tick, said in zip(ticks, _told(ticks, say), strict=True)
    )
    return (
        f'<ul class="lanes">{rows}<li class="axis" aria-hidden="true"><span></span>'
        f'<svg height="15">{axis}</svg><span></span></li></ul>{key_of(lanes) if key else ""}'
    )


def _told(ticks: Sequence[float], say: Callable[[float], str]) -> list[str]:
    """Ticks as short as they can be told apart."""
    said = [say(tick).replace(".0%", "%") for tick in ticks]
    plain = [re.sub(r"(\.\d*?)0+$", r"\1", s).removesuffix(".") for s in said]
    return plain if len(set(plain)) == len(plain) else [f"{tick:.6g}" for tick in ticks]


def _lane(lane: Lane, scale: Scale, grid: str, say: Callable[[float], str]) -> str:
    parts, said = [], []
    known = [m for m in lane.marks if m.value is not None and math.isfinite(m.value)]
    for row, mark in enumerate(known):
        value, y = mark.value or 0.0, _PITCH * row + 10
        words = f"{mark.name} {say(value)}"
        if mark.interval is not None:
            low, high = mark.interval
            words += f" ({say(low)} to {say(high)})"
            parts.append(
                f'<line class="spread" x1="{scale.at(low):.2f}%" x2="{scale.at(high):.2f}%" '
                f'y1="{y}" y2="{y}"/>'
            )
        at, shape = f"{scale.at(value):.2f}%", _SHAPES[mark.kind]
        if scale.log and value <= 0:  # a logarithmic scale has no place for nothing
            at, shape = "6", f'{shape}<text class="none" x="9" y="4">none</text>'
        parts.append(
            f'<svg class="mark" x="{at}" y="{y}" overflow="visible">'
            f"<title>{text(words)}</title>{shape}</svg>"
        )
        said.append(words)
    height = _PITCH * max(1, len(known)) + 7
    label = text("; ".join(said)) or "no value"
    return f'<svg height="{height}" role="img" aria-label="{label}">{grid}{"".join(parts)}</svg>'


def key_of(lanes: Sequence[Lane]) -> str:
    """The shapes that occur, in words."""
    kinds: Mapping[str, str] = {
        mark.kind: mark.name for lane in reversed(lanes) for mark in reversed(lane.marks)
    }
    order = [kind for kind in _SHAPES if kind in kinds]
    if len(order) < 2:
        return ""
    shapes = "".join(
        f'<li><svg viewBox="-8 -8 16 16" aria-hidden="true">{_SHAPES[kind]}</svg>'
        f"{text(kinds[kind])}</li>"
        for kind in order
    )
    return f'<ul class="key">{shapes}</ul>'
