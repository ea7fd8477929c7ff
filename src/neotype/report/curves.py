"""Small curves as SVG: correlograms, quantile bands, changes of state; no script, no real row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neotype.report.drawing import text
from neotype.report.words import number

WIDTH, HEIGHT = 300.0, 110.0

Line = Sequence[tuple[float, float]]


def correlogram(
    name: str,
    lags: Sequence[float],
    real: Sequence[float],
    made: Sequence[float],
    held: Sequence[float],
) -> str:
    """How a quantity goes with itself some rows before: real, synthetic, and the holdout dotted."""
    if not lags or not len(lags) == len(real) == len(made):
        return ""
    low = min(0.0, *real, *made, *held)
    high = max(0.05, *real, *made, *held)
    # Lags of a season lie far out: the places are even, and the ends are named.
    xs = [WIDTH * (k + 0.5) / len(lags) for k in range(len(lags))]

    def at(value: float) -> float:
        return HEIGHT * (high - value) / (high - low)

    stems = "".join(
        f'<path class="stem" d="M{x:.1f} {at(0):.1f}V{at(value):.1f}"/>'
        for x, value in zip(xs, real, strict=True)
    )
    lines = [("held", held)] if len(held) == len(lags) else []
    lines += [("s", made)]
    drawn = "".join(
        f'<path class="{kind}" d="{_line([(x, at(v)) for x, v in zip(xs, side, strict=True)])}"/>'
        for kind, side in lines
    )
    hits = "".join(
        f'<rect class="hit" x="{x - WIDTH / len(lags) / 2:.1f}" width="{WIDTH / len(lags):.1f}" '
        f'height="{HEIGHT:.0f}"><title>{lag:g} rows before: real {number(r)}, synthetic '
        f"{number(m)}</title></rect>"
        for x, lag, r, m in zip(xs, lags, real, made, strict=True)
    )
    return (
        f'{_svg(name)}<path class="axis" d="M0 {at(0):.1f}H{WIDTH:.0f}"/>{stems}{drawn}{hits}</svg>'
        f'<div class="base"><span>{lags[0]:g} row before</span>'
        f"<span>{number(low)} to {number(high)}</span><span>{lags[-1]:g} before</span></div>"
    )


def bands(
    name: str,
    real: Sequence[Sequence[float]],
    made: Sequence[Sequence[float]],
    ends: tuple[str, str],
) -> str:
    """Quantiles at each step: real as two shades and a line, synthetic as lines."""
    known = [q for band in (*real, *made) for q in band if math.isfinite(q)]
    if not known:
        return ""
    low, high = min(known), max(known)
    tall = (high - low) or 1.0
    wide = WIDTH / max(1, len(real) - 1)

    def line(side: Sequence[Sequence[float]], place: int) -> list[Line]:
        """The runs of steps that have a value, as points."""
        runs: list[list[tuple[float, float]]] = [[]]
        for step, band in enumerate(side):
            if len(band) > place:
                runs[-1].append((wide * step, HEIGHT * (high - band[place]) / tall))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    areas = "".join(
        f'<path class="{shade}" d="{_line(up)}L{_line(list(reversed(list(down))))[1:]}z"/>'
        for shade, (a, b) in (("outer", (0, 4)), ("inner", (1, 3)))
        for up, down in zip(line(real, b), line(real, a), strict=True)
    )
    middle = "".join(f'<path class="m" d="{_line(run)}"/>' for run in line(real, 2))
    lines = "".join(
        f'<path class="s{kind}" d="{_line(run)}"/>'
        for place, kind in ((0, " thin"), (1, " dash"), (2, ""), (3, " dash"), (4, " thin"))
        for run in line(made, place)
    )
    return (
        f'{_svg(name)}{areas}{middle}{lines}</svg><div class="base"><span>{text(ends[0])}</span>'
        f"<span>{number(low)} to {number(high)}</span><span>{text(ends[1])}</span></div>"
    )


def changes(
    states: Sequence[str], real: Sequence[Sequence[float]], made: Sequence[Sequence[float]]
) -> str:
    """Which state follows which: the difference as colour, both shares on hover."""
    size = len(states)
    rows = []
    for i in range(size):
        cells = "".join(_cell(states[i], states[j], real[i][j], made[i][j]) for j in range(size))
        rows.append(f'<tr><th scope="row">{text(states[i])}</th>{cells}</tr>')
    head = "".join(f'<th scope="col"><span>{text(state)}</span></th>' for state in states)
    return (
        f'<div class="scroll" tabindex="0"><table class="changes"><thead><tr><td></td>{head}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(before: str, after: str, real: float, made: float) -> str:
    off = made - real
    strength = min(1.0, abs(off) / 0.2)
    side = "more" if off > 0 else "less"
    tint = f"color-mix(in srgb, var(--{_SIDE[side]}) {100 * strength:.0f}%, transparent)"
    said = f"{before} → {after}: real {real:.1%}, synthetic {made:.1%}"
    return (
        f'<td title="{text(said)}" style="background:{tint}">{100 * real:.0f}'
        f"<span> {100 * made:.0f}</span></td>"
    )


_SIDE = {"more": "synthetic-soft", "less": "real-soft"}


def _svg(name: str) -> str:
    return (
        f'<svg class="hist curve" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none"'
        f' role="img" aria-label="{text(name)}, real beside synthetic">'
    )


def _line(points: Line) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
