"""Where the boxes of a drawing of tables lie: layers from left to right, no box upon another.

Sugiyama, K., Tagawa, S. & Toda, M. 1981: circles are broken, every table lies right of those it
refers to, a tie that jumps over layers keeps a lane in each of them, layers are sorted until few
ties cross, and heights follow the neighbours as nearly as order and gaps let them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP, LANE = 18.0, 9.0
"""Free height between two boxes; the height of a lane for a tie that passes by."""
SWEEPS = 12

Edge = tuple[str, str]


@dataclass(frozen=True)
class Spot:
    """A box's or a lane's layer, and the upper end of it."""

    layer: int
    y: float
    height: float


@dataclass
class _Layout:
    heights: dict[str, float]
    layers: list[list[str]]
    neighbours: dict[str, list[str]] = field(default_factory=dict)
    middle: dict[str, float] = field(default_factory=dict)


def arranged(
    heights: Mapping[str, float], edges: Sequence[Edge]
) -> tuple[dict[str, Spot], dict[Edge, list[Spot]], frozenset[Edge]]:
    """The spot of every box, the lanes of each edge from left to right, and the edges turned round.

    An edge leads from a parent to a child. One that closes a circle is drawn against the order; one
    from a box to itself takes no part.
    """
    wanted = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    turned = _closing(list(heights), wanted)
    forward = [(b, a) if (a, b) in turned else (a, b) for a, b in wanted]
    layer = _layered(list(heights), forward)
    layout = _Layout(dict(heights), [[] for _ in range(max(layer.values(), default=-1) + 1)])
    for name in heights:
        layout.layers[layer[name]].append(name)
        layout.neighbours[name] = []
    lanes: dict[Edge, list[str]] = {}
    for edge, (left, right) in zip(wanted, forward, strict=True):
        path = [left]
        for k in range(layer[left] + 1, layer[right]):
            lane = f"{left}\0{right}\0{k}\0{edge in turned}"
            layout.layers[k].append(lane)
            layout.heights[lane], layout.neighbours[lane] = LANE, []
            path.append(lane)
        path.append(right)
        for a, b in pairwise(path):
            layout.neighbours[a].append(b)
            layout.neighbours[b].append(a)
        lanes[edge] = path[1:-1]
    _sort(layout)
    _settle(layout)
    place = {name: k for k, names in enumerate(layout.layers) for name in names}
    spots = {
        name: Spot(place[name], middle - layout.heights[name] / 2, layout.heights[name])
        for name, middle in layout.middle.items()
    }
    top = min((spot.y for spot in spots.values()), default=0.0)
    spots = {n: Spot(s.layer, s.y - top, s.height) for n, s in spots.items()}
    boxes = {name: spots[name] for name in heights}
    return boxes, {e: [spots[lane] for lane in own] for e, own in lanes.items()}, turned


def _closing(names: Sequence[str], edges: Sequence[Edge]) -> frozenset[Edge]:
    """The edges that a walk from parents to children finds leading back to where it came from."""
    below: dict[str, list[str]] = {name: [] for name in names}
    entering = dict.fromkeys(names, 0)
    for a, b in edges:
        below[a].append(b)
        entering[b] += 1
    state: dict[str, int] = {}
    closing: set[Edge] = set()
    for root in sorted(names, key=lambda name: entering[name]):
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(below[root]))]
        while stack:
            at, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[at] = 2
                stack.pop()
            elif following not in state:
                state[following] = 1
                stack.append((following, iter(below[following])))
            elif state[following] == 1:
                closing.add((at, following))
    return frozenset(closing)


def _layered(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """As far right as the longest chain of parents; then parents next to their nearest child."""
    above: dict[str, list[str]] = {name: [] for name in names}
    below: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    order, waiting = [], {name: len(above[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop(0)
        order.append(name)
        for child in below[name]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    layer: dict[str, int] = {}
    for name in order:
        layer[name] = max((layer[a] + 1 for a in above[name]), default=0)
    for name in reversed(order):
        if below[name] and not above[name]:
            layer[name] = min(layer[child] for child in below[name]) - 1
    return layer


def _sort(layout: _Layout) -> None:
    """Each layer by the mean place of its neighbours on one side, back and forth; the best kept."""
    best, fewest = [list(names) for names in layout.layers], _crossings(layout)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        places = range(1, len(layout.layers)) if forth else range(len(layout.layers) - 2, -1, -1)
        for k in places:
            fixed = {n: i for i, n in enumerate(layout.layers[k - 1 if forth else k + 1])}
            own = {name: i for i, name in enumerate(layout.layers[k])}

            def key(name: str, fixed: dict[str, int] = fixed, own: dict[str, int] = own) -> float:
                seen = [fixed[n] for n in layout.neighbours[name] if n in fixed]
                return sum(seen) / len(seen) if seen else own[name]

            layout.layers[k].sort(key=key)
        count = _crossings(layout)
        if count < fewest:
            best, fewest = [list(names) for names in layout.layers], count
    layout.layers[:] = best


def _crossings(layout: _Layout) -> int:
    total = 0
    for left, right in pairwise(layout.layers):
        place = {name: i for i, name in enumerate(right)}
        ends = [sorted(place[n] for n in layout.neighbours[name] if n in place) for name in left]
        flat = [end for own in ends for end in own]
        total += sum(a > b for i, a in enumerate(flat) for b in flat[i + 1 :])
    return total


def _settle(layout: _Layout) -> None:
    """Heights: every box as near to its neighbours' middle as order and gaps allow."""
    for names in layout.layers:
        y = 0.0
        for name in names:
            layout.middle[name] = y + layout.heights[name] / 2
            y += layout.heights[name] + GAP
    for sweep in range(SWEEPS):
        order = layout.layers if sweep % 2 == 0 else list(reversed(layout.layers))
        for names in order:
            _place(layout, names)


def _place(layout: _Layout, names: Sequence[str]) -> None:
    """The nearest heights to those wanted that keep the order: a regression by pooling."""
    offsets, wanted, below = [], [], 0.0
    for k, name in enumerate(names):
        half = layout.heights[name] / 2
        below += half + (GAP if k else 0.0)
        offsets.append(below)
        below += half
        near = [layout.middle[n] for n in layout.neighbours[name]]
        wanted.append((sum(near) / len(near) if near else layout.middle[name]) - offsets[-1])
    pools: list[list[float]] = []  # mean, members
    for value in wanted:
        pools.append([value, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, size = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + mean * size) / (last[1] + size)
            last[1] += size
    flat = [mean for mean, size in pools for _ in range(int(size))]
    for name, value, offset in zip(names, flat, offsets, strict=True):
        layout.middle[name] = value + offset
