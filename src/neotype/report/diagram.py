"""The tables of a database and how they are tied, drawn as one SVG that needs no script.

Parents lie left of the tables that refer to them. A tie ends in a bar at the one row that is
referred to (with a ring where a row may refer to none) and in a crow's foot at the many that refer;
one that closes a circle is dashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neotype.report.database import Database, TableFacts, Tie
from neotype.report.drawing import text
from neotype.report.layers import Edge, arranged
from neotype.schema.schema import Schema

_LINE, _HEAD, _ALLEY, _PAD = 15.0, 25.0, 58.0, 10.0
_KEYS = 5
"""Keys that a box names; of more it says how many."""
_WIDEST, _NARROWEST, _LETTER, _SMALL = 200.0, 112.0, 7.3, 6.2
_LEAST = 0.72
"""To how much of its size the drawing may shrink before it is scrolled instead."""
_SHELF = 4
"""Tables without ties in a row beneath the others."""

_STYLE = (
    ".er{display:block;margin:0 auto;max-width:100%;height:auto}"
    ".er{font-family:var(--sans,system-ui,sans-serif);font-size:11.5px;color:var(--ink,#1c1f23)}"
    ".er text{fill:var(--ink,#1c1f23)}.er .t{font-weight:600;font-size:12.5px}"
    ".er .n,.er .k{fill:var(--soft,#565d66)}.er .n{text-anchor:end;font-size:11px}"
    ".er .b{fill:var(--card,#fff);stroke:var(--faint,#767d86)}.er .h{fill:var(--low,#f3f1ec)}"
    ".er .e{fill:none;stroke:var(--real,#0a62a8);stroke-width:1.4}.er .back{stroke-dasharray:5 3}"
    ".er .o{fill:var(--card,#fff);stroke:var(--real,#0a62a8);stroke-width:1.4}"
    ".er .p{fill:var(--fair,#8a5a00)}.er .f{fill:none;stroke:var(--real,#0a62a8);"
    "stroke-width:1.3}.er .good{stroke:var(--good,#0b6e4f)}.er .fair{stroke:var(--fair,#8a5a00)}"
    ".er .poor{stroke:var(--poor,#b3261e)}.er .v{stroke-width:4;fill:none}"
)


@dataclass(frozen=True)
class Box:
    """One table as drawn: where it lies, and the lines that it holds."""

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[str, str], ...]
    """A mark (primary, foreign, both, or none) and a name each."""

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    def line(self, key: Sequence[str]) -> float:
        """The height of the line that names the first of these columns; else of the heading."""
        for place, (_, name) in enumerate(self.lines):
            if name == key[0]:
                return self.y + _HEAD + _LINE * place + _LINE / 2 + 1
        return self.y + _HEAD / 2


def er_svg(schema: Schema, sizes: Mapping[str, int], tones: Mapping[str, str] | None = None) -> str:
    """The tables with their rows and keys, and their ties; `tones` colours tables by verdict."""
    return draw(Database.of(schema, {name: {"train": n} for name, n in sizes.items()}), tones)


def draw(database: Database, tones: Mapping[str, str] | None = None) -> str:
    """The same from what a report knows."""
    laid = plan(database)
    if not laid.boxes:
        return ""
    wide = max(box.right for box in laid.boxes.values()) + _PAD + 30
    tall = laid.bottom + _PAD
    edges = "".join(
        _itself(tie, laid.boxes[tie.child]) if tie.parent == tie.child else _edge(tie, laid)
        for tie in database.ties
    )
    drawn = "".join(
        _box(laid.boxes[table.name], table, (tones or {}).get(table.name, ""))
        for table in database.tables
    )
    said = f"{len(database.tables)} tables and {len(database.ties)} foreign keys"
    return (
        f'<svg class="er" viewBox="0 0 {wide:.0f} {tall:.0f}" width="{wide:.0f}" '
        f'style="min-width:{_LEAST * wide:.0f}px" role="img" aria-label="{said}">'
        f"<style>{_STYLE}</style>"
        f"{edges}{drawn}</svg>"
    )


@dataclass(frozen=True)
class Plan:
    """Where everything lies: boxes by table, and the lanes in which ties pass other layers.

    A lane is (left, right, height) in the drawing; `turned` are the ties that close a circle.
    """

    boxes: Mapping[str, Box]
    lanes: Mapping[Edge, list[tuple[float, float, float]]]
    turned: frozenset[Edge]

    @property
    def bottom(self) -> float:
        """Where the lowest box or lane ends."""
        ends = [box.y + box.height for box in self.boxes.values()]
        return max(ends + [y + _PAD for path in self.lanes.values() for _, _, y in path])


def plan(database: Database) -> Plan:
    """Layers of boxes from left to right; tables without any tie on shelves beneath."""
    lines = {table.name: _lines(database, table) for table in database.tables}
    widths = {table.name: _width(table, lines[table.name]) for table in database.tables}
    heights = {name: _HEAD + _LINE * len(own) + (5 if own else 0) for name, own in lines.items()}
    tied = {end for tie in database.ties for end in (tie.parent, tie.child)}
    spots, lanes, turned = arranged(
        {name: heights[name] for name in database.names if name in tied},
        [(tie.parent, tie.child) for tie in database.ties],
    )
    x, columns = _PAD, []
    for layer in range(max((spot.layer for spot in spots.values()), default=-1) + 1):
        wide = max(widths[name] for name, spot in spots.items() if spot.layer == layer)
        columns.append((x, x + wide))
        x += wide + _ALLEY
    boxes = {}
    for name, spot in spots.items():
        left, right = columns[spot.layer]
        boxes[name] = Box(name, left, spot.y + _PAD, right - left, spot.height, lines[name])
    paths = {
        edge: [(*columns[spot.layer], spot.y + spot.height / 2 + _PAD) for spot in own]
        for edge, own in lanes.items()
    }
    tiers = Plan(boxes, paths, turned)
    y = tiers.bottom + 26 if boxes else _PAD
    alone = [name for name in database.names if name not in tied]
    for first in range(0, len(alone), _SHELF):
        row = alone[first : first + _SHELF]
        for place, name in enumerate(row):
            left = _PAD + place * (_WIDEST + 20)
            boxes[name] = Box(name, left, y, widths[name], heights[name], lines[name])
        y += max(heights[name] for name in row) + 18
    return tiers


def _lines(database: Database, table: TableFacts) -> tuple[tuple[str, str], ...]:
    foreign = dict.fromkeys(name for tie in database.above(table.name) for name in tie.child_key)
    marks = dict.fromkeys(table.primary_key, "p")
    for name in foreign:
        marks[name] = "pf" if name in marks else "f"
    named = list(marks.items())
    shown = named if len(named) <= _KEYS else named[: _KEYS - 1]
    lines = [(mark, name) for name, mark in shown]
    if len(shown) < len(named):
        lines.append(("", f"{len(named) - len(shown)} more keys"))
    return tuple(lines)


def _width(table: TableFacts, lines: Sequence[tuple[str, str]]) -> float:
    heading = _LETTER * len(table.name) + _SMALL * len(_rows(table)) + 38
    keys = max((_SMALL * len(name) + 34 for _, name in lines), default=0.0)
    return max(_NARROWEST, min(_WIDEST, max(heading, keys)))


def _rows(table: TableFacts) -> str:
    return f"{table.rows['train']:,}" if "train" in table.rows else ""


def _box(box: Box, table: TableFacts, tone: str) -> str:
    x, y, width = box.x, box.y, box.width
    rows = _rows(table)
    name = _cut(table.name, width - 26 - _SMALL * len(rows), _LETTER)
    parts = [
        f"<g><title>{text(_said(table))}</title>"
        f'<rect class="b" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{box.height:.1f}" '
        f'rx="5"/><path class="h" d="M{x + 0.5:.1f} {y + _HEAD:.1f}v{5 - _HEAD}q0-4.5 4.5-4.5'
        f'h{width - 10:.1f}q4.5 0 4.5 4.5v{_HEAD - 5}z"/>'
        f'<text class="t" x="{x + 10:.1f}" y="{y + 17:.1f}">{text(name)}</text>'
        f'<text class="n" x="{box.right - 9:.1f}" y="{y + 17:.1f}">{text(rows)}</text>'
    ]
    if tone in ("good", "fair", "poor"):
        parts.append(f'<path class="v {tone}" d="M{x + 2:.1f} {y + 4:.1f}v{box.height - 8:.1f}"/>')
    for place, (mark, column) in enumerate(box.lines):
        middle = y + _HEAD + _LINE * place + _LINE / 2 + 1
        parts.append(_mark(mark, x + 13, middle))
        shown = _cut(column, width - 32, _SMALL)
        parts.append(f'<text class="k" x="{x + 24:.1f}" y="{middle + 4:.1f}">{text(shown)}</text>')
    return "".join([*parts, "</g>"])


def _mark(mark: str, x: float, y: float) -> str:
    """A full diamond for a part of the primary key, an empty one for a foreign key."""
    parts = ""
    if "p" in mark:
        parts += f'<path class="p" d="M{x:.1f} {y - 4:.1f}l4 4-4 4-4-4z"/>'
    if "f" in mark:
        size = 5.5 if "p" in mark else 4
        ring = f"l{size} {size} -{size} {size} -{size} -{size}z"
        parts += f'<path class="f" d="M{x:.1f} {y - size:.1f}{ring}"/>'
    return parts


def _said(table: TableFacts) -> str:
    rows = f": {_rows(table)} rows" if _rows(table) else ""
    key = f", key {', '.join(table.primary_key)}" if table.primary_key else ", no primary key"
    return f"{table.name}{rows}, {table.columns} columns{key}" + (
        ", kept as it is" if table.public else ""
    )


def _cut(name: str, room: float, letter: float) -> str:
    most = max(4, int(room / letter))
    return name if len(name) <= most else name[: most - 1] + "…"


def _edge(tie: Tie, laid: Plan) -> str:
    """From the parent's heading to the line of the child's key, through the lanes between."""
    parent, child = laid.boxes[tie.parent], laid.boxes[tie.child]
    start, end = parent.y + _HEAD / 2, child.line(tie.child_key)
    back = (tie.parent, tie.child) in laid.turned
    left, right = (child, parent) if back else (parent, child)
    y, last = (end, start) if back else (start, end)
    path, x = [f"M{left.right:.1f} {y:.1f}h12"], left.right + 12
    for begins, ends, height in laid.lanes[tie.parent, tie.child]:
        path.append(f"{_curve(x, y, begins - 4, height)}H{ends + 4:.1f}")
        x, y = ends + 4, height
    path.append(f"{_curve(x, y, right.x - 12, last)}h12")
    dashed = " back" if back else ""
    ends_at = ((parent.x, -1), (child.right, 1)) if back else ((parent.right, 1), (child.x, -1))
    (at_one, out), (at_many, into) = ends_at
    ring = _ring(at_one, start, out) if tie.optional else ""
    return (
        f'<g><title>{text(tie.title)}</title><path class="e{dashed}" d="{"".join(path)}"/>'
        f"{_bar(at_one, start, out)}{_foot(at_many, end, into, tie.single)}{ring}</g>"
    )


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (to_x - x) / 2
    return f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"


def _bar(x: float, y: float, way: int) -> str:
    return f'<path class="e" d="M{x + 6 * way:.1f} {y - 5:.1f}v10"/>'


def _ring(x: float, y: float, way: int) -> str:
    return f'<circle class="o" cx="{x + 12 * way:.1f}" cy="{y:.1f}" r="3.4"/>'


def _foot(x: float, y: float, way: int, single: bool) -> str:
    if single:
        return _bar(x, y, way)
    return (
        f'<path class="e" d="M{x:.1f} {y - 5:.1f}L{x + 10 * way:.1f} {y:.1f}L{x:.1f} {y + 5:.1f}"/>'
    )


def _itself(tie: Tie, box: Box) -> str:
    """A loop on the right of a table that refers to itself."""
    start, end = box.y + _HEAD / 2, box.line(tie.child_key)
    if abs(end - start) < 8:
        end = start + 8
    x, out = box.right, box.right + 26
    return (
        f'<g><title>{text(tie.title)}</title><path class="e" d="M{x:.1f} {start:.1f}H{out - 6:.1f}'
        f"Q{out:.1f} {start:.1f} {out:.1f} {(start + end) / 2:.1f}Q{out:.1f} {end:.1f} "
        f'{out - 6:.1f} {end:.1f}H{x:.1f}"/>{_bar(x, start, 1)}{_foot(x, end, 1, tie.single)}'
        f"{_ring(x, start, 1) if tie.optional else ''}</g>"
    )
