"""Labels under groups under groups: what a label is generalised to, step by step."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.errors import SchemaError, SourceError, did_you_mean

Ints = NDArray[np.int64]

ALL = "*"
"""What is written where a cell says nothing any more."""


@dataclass(frozen=True)
class Tree:
    """Labels in depth-first order; `paths` are the groups of each, the outermost first.

    Labels of one group lie side by side, so that every group is a range of labels.
    """

    leaves: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @cached_property
    def depth(self) -> int:
        """How many groups the deepest label lies in."""
        return max(map(len, self.paths), default=0)

    @cached_property
    def shared(self) -> Ints:
        """How many groups two labels have in common, (labels, labels)."""
        size = len(self.leaves)
        together = np.ones((size, size), dtype=bool)
        common = np.zeros((size, size), dtype=np.int64)
        for level in range(self.depth):
            names = [path[: level + 1] if level < len(path) else None for path in self.paths]
            number = {name: at for at, name in enumerate(dict.fromkeys(names))}
            group = np.array([-1 - at if n is None else number[n] for at, n in enumerate(names)])
            together &= group[:, None] == group[None, :]
            common += together
        return common

    def group(self, low: int, high: int) -> tuple[str, int]:
        """The smallest group that holds these two labels, and how many labels it has."""
        if low == high:
            return self.leaves[low], 1
        level = int(self.shared[low, high])
        inside = int((self.shared[low] >= level).sum()) if level else len(self.leaves)
        return (self.paths[low][level - 1] if level else ALL), inside

    def level(self, height: int) -> tuple[str, ...]:
        """What every label is called `height` steps up: 0 is itself, depth + 1 is `*` for all."""
        if height > self.depth:
            return (ALL,) * len(self.leaves)
        return tuple(
            (*path, leaf)[max(0, min(len(path), self.depth - height))] if height else leaf
            for path, leaf in zip(self.paths, self.leaves, strict=True)
        )


def grown(nested: Any, *, asked_by: str) -> Tree:
    """The tree of nested mappings and lists: {Higher: [Bachelors, Masters], School: {...}}."""
    found = list(_walk(nested, (), asked_by))
    leaves = [leaf for leaf, _ in found]
    twice = sorted({leaf for leaf in leaves if leaves.count(leaf) > 1})
    if twice:
        raise SchemaError(
            f"{asked_by} puts labels into more than one group: {', '.join(twice[:5])}.",
            mend="keep one place for each",
        )
    if not leaves:
        raise SchemaError(f"{asked_by} has no labels.", mend="write {group: [label, label]}")
    return Tree(tuple(leaves), tuple(path for _, path in found))


def _walk(nested: Any, path: tuple[str, ...], by: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(nested, Mapping):
        for name, inside in nested.items():
            if inside is None:
                yield str(name), path
            else:
                yield from _walk(inside, (*path, str(name)), by)
    elif isinstance(nested, Sequence) and not isinstance(nested, str):
        for one in nested:
            yield from _walk(one, path, by)
    elif isinstance(nested, str | int | float | bool):
        yield str(nested), path
    else:
        raise SchemaError(
            f"{by} holds {nested!r}, which is no label.", mend="write {group: [label, label]}"
        )


def read_tree(path: Path) -> Tree:
    """The tree of a CSV file: a line a label, then its groups, the innermost first.

    A last column that says the same in all lines (`*`) is the whole and adds nothing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise SourceError(f"hierarchy '{path}' cannot be read: {cause}.") from cause
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    lines = [line for line in csv.reader(text.splitlines(), delimiter=delimiter) if line]
    widths = {len(line) for line in lines}
    if len(widths) != 1:
        raise SchemaError(
            f"hierarchy '{path}' has lines of {' and '.join(map(str, sorted(widths)))} cells.",
            mend="each line is a label and its groups: Masters;Higher;*",
        )
    while len(lines[0]) > 1 and len({line[-1] for line in lines}) == 1:
        lines = [line[:-1] for line in lines]
    return of_paths(((line[0], tuple(reversed(line[1:]))) for line in lines), str(path))


def of_paths(found: Iterable[tuple[str, tuple[str, ...]]], name: str) -> Tree:
    """The tree of labels with their groups, brought into depth-first order."""
    nested: dict[tuple[str, str], Any] = {}
    for leaf, path in found:
        inside: dict[tuple[str, str], Any] = nested
        for group in path:
            inside = inside.setdefault(("group", group), {})
        inside[("leaf", leaf)] = None

    def plain(level: Mapping[Any, Any]) -> list[Any]:
        return [
            name if kind == "leaf" else {name: plain(inside)}
            for (kind, name), inside in level.items()
        ]

    return grown(plain(nested), asked_by=f"hierarchy '{name}'")


def by_prefix(labels: Sequence[str]) -> Tree:
    """Codes under their beginnings: 02139 under 0213*, 021**, 02***, 0****."""
    longest = max(map(len, labels), default=0)

    def path(code: str) -> tuple[str, ...]:
        return tuple(code[:n] + ALL * (longest - n) for n in range(1, longest) if n < len(code))

    ordered = sorted(set(labels))
    return Tree(tuple(ordered), tuple(path(code) for code in ordered))


def placed(tree: Tree, labels: Sequence[str], *, asked_by: str) -> dict[str, int]:
    """The place of each of these labels in the tree; SchemaError names those it does not have."""
    place = {leaf: at for at, leaf in enumerate(tree.leaves)}
    lost = [label for label in labels if label not in place]
    if lost:
        raise SchemaError(
            f"{asked_by} does not place {len(lost)} of the labels that occur: "
            f"{', '.join(map(repr, lost[:5]))}{' …' if len(lost) > 5 else ''}.",
            found=f"it places: {', '.join(tree.leaves[:20])}"
            + (" …" if len(tree.leaves) > 20 else ""),
            mend=did_you_mean(lost[0], tree.leaves) or "add them to a group",
        )
    return place
