"""Numbers that follow from others: multiples, sums, differences, products and ratios.

A few rows refute nearly all of the many triples; what is left has to hold in every row to half a
unit of the last decimal place, and to break in many rows when one side is dealt anew.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from neotype.constraints.discovery.cells import Cells, Floats, Seen, some
from neotype.constraints.discovery.equation import Formula, col, judged
from neotype.constraints.discovery.found import Found
from neotype.constraints.discovery.products import products

FIRST = 24
"""Rows on which triples are tried."""

_SIGNS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: np.divide(a, b, out=np.full_like(a, np.nan), where=b != 0),
}


def formulas(seen: Seen) -> list[Found]:
    """The simplest formula for each column, none that only turns another round."""
    cells = seen.quantities
    if len(cells) < 2:
        return []
    found = _scaled(cells)
    copies = {f.target for f in found}
    cells = [c for c in cells if c.name not in copies]
    found += _triples(cells) if len(cells) > 2 else []
    found += _sums(cells, found)
    found += products(cells, {f.target for f in found})
    return [
        Found(
            "ColumnFormula",
            {"column": f.target, "expression": f.text},
            f"'{f.target}' = {f.text}",
            f.support,
            f.expected,
            f.exceptions,
            columns=f.columns,
        )
        for f in found
    ]


def _scaled(cells: list[Cells]) -> list[Formula]:
    """Columns that are another one times a number, plus a number."""
    found: list[Formula] = []
    done: set[str] = set()
    for i, one in enumerate(cells):
        for other in cells[i + 1 :]:
            if other.name in done:
                continue
            source, target = (one, other) if _finer(one, other) else (other, one)
            line = _line(source, target)
            if line is None:
                continue
            scale, shift = line
            facts = judged(
                target, (source,), lambda x, a=scale, b=shift: a * x + b, len(cells) ** 2
            )
            if facts is not None:
                found.append(
                    Formula(target.name, (source.name,), _scaled_text(source, scale, shift), *facts)
                )
                done.add(target.name)
    return found


def _finer(one: Cells, other: Cells) -> bool:
    return one.distinct >= other.distinct


def _line(source: Cells, target: Cells) -> tuple[float, float] | None:
    """The line through the two rows that lie furthest apart, in round numbers."""
    there = np.flatnonzero(~(source.missing | target.missing))
    if len(there) < 20:
        return None
    x, y = source.numbers[there], target.numbers[there]
    low, high = int(x.argmin()), int(x.argmax())
    if x[high] == x[low] or y[high] == y[low]:
        return None
    scale = (y[high] - y[low]) / (x[high] - x[low])
    few = some(len(x), 200)
    rough = max(1e-6, 2 * (10.0 ** -(target.decimals or 9)) / abs(y[high] - y[low]))
    if (np.abs(y[few] - y[low] - scale * (x[few] - x[low])) > rough * abs(y[high] - y[low])).any():
        return None
    scale, shift = np.polyfit(x, y, 1)
    return _round(scale), _round(shift) if abs(shift) > 1e-9 * np.abs(y).max() else 0.0


def _round(number: float) -> float:
    """The roundest number within a millionth."""
    for digits in range(1, 13):
        rounded = float(f"{number:.{digits}g}")
        if abs(rounded - number) <= 1e-6 * max(abs(number), 1e-3):
            return rounded
    return number


def _scaled_text(source: Cells, scale: float, shift: float) -> str:
    text = col(source.name)
    if scale != 1:
        text += f" * {scale:g}"
    if shift:
        text += f" {'+' if shift > 0 else '-'} {abs(shift):.12g}"
    return text


def _triples(cells: list[Cells]) -> list[Formula]:
    """a = b + c (which says b = a - c, too), a = b * c, a = b / c."""
    there = ~np.any([c.missing for c in cells], axis=0)
    few = np.flatnonzero(there)
    few = few[some(len(few), FIRST)]
    own = len(few) >= FIRST
    matrix = np.stack([c.numbers[few] if own else c.numbers for c in cells])
    slack = np.array([0.5 * 10.0**-c.decimals if c.decimals is not None else 0.0 for c in cells])
    best: dict[str, Formula] = {}
    said: set[frozenset[str]] = set()
    tried = len(cells) ** 3
    for sign, make in _SIGNS.items():
        for i, j in _operands(len(cells), sign):
            there = few if own else np.flatnonzero(~(cells[i].missing | cells[j].missing))
            rows = slice(None) if own else there[: 4 * FIRST]
            made = make(matrix[i, rows], matrix[j, rows])
            off = np.abs(matrix[:, rows] - made) > slack[:, None] * (1 + 1e-6) + 1e-9 * np.abs(made)
            off &= ~np.isnan(matrix[:, rows])
            for k in np.flatnonzero(~off.any(axis=1)):
                names = frozenset((cells[k].name, cells[i].name, cells[j].name))
                if k in (i, j) or len(names) < 3 or names in said or cells[k].name in best:
                    continue
                facts = judged(cells[k], (cells[i], cells[j]), make, tried)
                if facts is None:
                    continue
                text = f"{col(cells[i].name)} {sign} {col(cells[j].name)}"
                best[cells[k].name] = Formula(
                    cells[k].name, (cells[i].name, cells[j].name), text, *facts
                )
                said.add(names)
    return list(best.values())


def _operands(many: int, sign: str) -> list[tuple[int, int]]:
    pairs = list(combinations(range(many), 2))
    return pairs if sign != "/" else [*pairs, *((j, i) for i, j in pairs)]


def _sums(cells: list[Cells], known: list[Formula]) -> list[Formula]:
    """Sums of three columns and more: directions in which the rows do not vary at all."""
    cells = [c for c in cells if not c.gaps]
    if len(cells) < 4:
        return []
    rows = some(len(cells[0].numbers), max(400, 4 * len(cells)))
    matrix = np.stack([c.numbers[rows] for c in cells], axis=1)
    scale = matrix.std(axis=0)
    keep = np.flatnonzero(scale > 0)
    matrix = (matrix[:, keep] - matrix[:, keep].mean(axis=0)) / scale[keep]
    _, sizes, directions = np.linalg.svd(matrix, full_matrices=False)
    flat = directions[sizes < 1e-9 * sizes.max(initial=0) * len(rows) ** 0.5] / scale[keep]
    found = []
    for weights in _echelon(flat):
        part = np.flatnonzero(np.abs(weights) > 1e-6)
        formula = _sum([cells[keep[k]] for k in part], weights[part])
        if formula is not None and formula.target not in {f.target for f in known}:
            found.append(formula)
    return found


def _echelon(rows: Floats) -> Floats:
    """The same directions with as many zeros as elimination gives, the last columns leading."""
    rows = rows.copy()
    lead = rows.shape[1] - 1 if rows.size else -1
    for k in range(len(rows)):
        while lead >= 0 and np.abs(rows[k:, lead]).max() < 1e-9 * np.abs(rows).max():
            lead -= 1
        if lead < 0:
            break
        best = k + int(np.abs(rows[k:, lead]).argmax())
        rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, lead]
        others = np.arange(len(rows)) != k
        rows[others] -= np.outer(rows[others, lead], rows[k])
        lead -= 1
    return rows


def _sum(parts: list[Cells], weights: Floats) -> Formula | None:
    """The column with the largest cells as the sum of the others, each once."""
    if not 4 <= len(parts) <= 12 or not np.allclose(np.abs(weights), np.abs(weights[0]), rtol=1e-5):
        return None
    signs = np.sign(weights)
    alone = [k for k in range(len(parts)) if (signs == signs[k]).sum() == 1]
    lead = alone[0] if alone else int(np.argmax([np.abs(p.numbers).mean() for p in parts]))
    rest = [
        (p, -s * signs[lead])
        for k, (p, s) in enumerate(zip(parts, signs, strict=True))
        if k != lead
    ]
    rest.sort(key=lambda one: one[1] < 0)
    text = col(rest[0][0].name) if rest[0][1] > 0 else f"-{col(rest[0][0].name)}"
    text += "".join(f" {'+' if s > 0 else '-'} {col(p.name)}" for p, s in rest[1:])
    shift = _round(float(np.median(parts[lead].numbers - sum(s * p.numbers for p, s in rest))))
    if abs(shift) > 1e-9:
        text += f" {'+' if shift > 0 else '-'} {abs(shift):.12g}"
    else:
        shift = 0.0
    facts = judged(
        parts[lead],
        tuple(p for p, _ in rest),
        lambda *values: shift + sum(s * v for (_, s), v in zip(rest, values, strict=True)),
        10**6,
    )
    return (
        None
        if facts is None
        else Formula(parts[lead].name, tuple(p.name for p, _ in rest), text, *facts)
    )
