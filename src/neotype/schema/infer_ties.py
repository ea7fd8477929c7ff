"""Which columns refer to which: foreign keys, by their names and by the values they share.

That small numbers are among the keys of a table means nothing: they are among the keys of every
table. So names, containment, how probable the containment is by chance, and what part of the keys
is used are weighed against each other, in bits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import log2

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.key_cells import KeyCells
from neotype.schema.key_names import Name, acts, folded, likeness, names_table
from neotype.schema.key_names import alike as alike_words
from neotype.schema.schema import Relationship
from neotype.schema.wording import count, percent

ACCEPTED, PROPOSED = 3.0, 0.0
_PRIOR = -8.0
_POINTER = 4.0
_PLAINLY = 11.0
"""A name that says which table is meant, and not only that one is."""
_DIFFERENT_KEY = -3.0
_ACCOUNTS = frozenset(
    (
        *("email", "mail", "username", "login", "isbn", "sku", "ean", "iban", "ssn", "symbol"),
        *("ticker", "barcode", "abbr", "abbreviation", "iso", "iata", "icao", "vin", "plate"),
        *("slug", "handle", "gtin", "nick", "nickname", "kennzeichen"),
    )
)
MOST_LABELS = 12
_SEVERAL, _MOSTLY = 8, 0.95


_DAYS = 20
"""Days that a column needs to be told from some days on which something happened."""
_OF_DAYS = ("same name", "named after the table")
"""How days are named that refer to a calendar: all dates of the same years are among its dates."""


@dataclass
class TableKeys:
    """A table as its keys are looked for: its words, its columns that may be keys, and its key."""

    name: str
    words: tuple[str, ...]
    cells: Mapping[str, KeyCells]
    primary: tuple[str, ...] = ()
    declared: tuple[tuple[str, ...], ...] = ()
    """Of unique columns beside the primary key."""
    uniques: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        told = {key[0] for key in self.declared if len(key) == 1}
        self.uniques = tuple(
            name for name, cells in self.cells.items() if cells.unique or name in told
        )


@dataclass(frozen=True)
class Tie:
    """A foreign key that may be one, with what speaks for it in bits and in words."""

    relationship: Relationship
    bits: float

    @property
    def ends(self) -> tuple[str, tuple[str, ...]]:
        """The table and the columns that refer."""
        return self.relationship.child, self.relationship.child_key


def single_ties(
    tables: Mapping[str, TableKeys], taken: Collection[tuple[str, str]]
) -> tuple[list[Tie], list[Tie]]:
    """Foreign keys of one column that are plain, and those that a person should look at.

    That days refer to a calendar is only proposed: rows that are matched with days are spread over
    them worse than rows whose days are learnt.
    `taken` columns (table, column) are known to refer to something already.
    """
    plain, doubtful = [], []
    for table in tables.values():
        for name, cells in table.cells.items():
            if (table.name, name) in taken or cells.group is None:
                continue
            best = max(_candidates(table, cells, tables), key=lambda tie: tie.bits, default=None)
            if best is not None and best.bits >= ACCEPTED and cells.group != "day":
                plain.append(best)
            elif best is not None and best.bits >= PROPOSED:
                doubtful.append(best)
    doubtful = list(_one_way(doubtful, tables))
    copies = [tie for tie in plain if _is_copy(tie, plain, tables)]
    plain = [tie for tie in _one_way(plain, tables) if tie not in copies]
    return plain, doubtful


def _candidates(
    table: TableKeys, cells: KeyCells, tables: Mapping[str, TableKeys]
) -> Iterator[Tie]:
    name = Name(cells.name)
    own = table.primary == (cells.name,)
    if own and (name.bare or names_table(name, table.words)):
        return
    for parent in tables.values():
        for key in dict.fromkeys((*parent.primary, *parent.uniques)):
            primary = parent.primary == (key,)
            if not primary and key not in parent.uniques:
                continue
            if parent is table and (key == cells.name or own or not primary):
                continue
            tie = _weighed(table, cells, parent, parent.cells[key], primary)
            if tie is not None:
                yield tie


def _weighed(
    table: TableKeys, cells: KeyCells, parent: TableKeys, key: KeyCells, primary: bool
) -> Tie | None:
    if key.group is None or (key.group != cells.group and not cells.empty) or key.empty:
        return None
    named, said = _named(Name(cells.name), table, parent, Name(key.name), primary)
    if named is None or (key.group == "day" and said not in _OF_DAYS):
        return None
    seen = _contained(cells, key, strong=named >= 10)
    if seen is None or (cells.empty and named < _PLAINLY):
        return None
    bits, evidence = seen
    if parent is table and not cells.empty:
        bits += _hierarchy(cells, key)
    reason = "; ".join(part for part in (evidence.format(parent=parent.name), said) if part)
    tie = Relationship(
        parent=parent.name,
        parent_key=(key.name,),
        child=table.name,
        child_key=(cells.name,),
        reason=reason,
    )
    bits += 0.0 if primary else _DIFFERENT_KEY
    bits += _PRIOR + named
    if table.primary == (cells.name,) and said == "same name" and named < 14:
        # Two files of the same customers, and neither is the other's parent.
        parted = len(cells.values) < _MOSTLY * len(key.values) and _surprise(cells, key) >= 8
        bits = bits if parted else min(bits, (ACCEPTED + PROPOSED) / 2)
    if Name(key.name).quantity and not names_table(Name(key.name), parent.words):
        # Two tables by year, and neither is a list of years.
        bits = min(bits, (ACCEPTED + PROPOSED) / 2)
    return Tie(tie, bits)


def _named(
    name: Name, table: TableKeys, parent: TableKeys, key: Name, primary: bool
) -> tuple[float | None, str]:
    """What the name speaks for the reference, in bits and in words; None where it never is one."""
    if not primary:
        return _named_otherwise(name, parent, key)
    bits, said = likeness(name, key, parent.words)
    if parent is table:
        inside = name.to_itself or acts(name, table.words) >= 7
        if inside and (name.says_id or name.refers or len(name.words) == 1):
            return 10.0, "named like a reference within the table"
        return (
            (bits, said)
            if bits >= 7 and not name.quantity and name.words != key.words
            else (None, "")
        )
    if not bits and (name.says_id or name.refers or len(name.words) <= 2):
        bits, said = acts(name, parent.words), "what a person does"
    if not bits:
        said = ""
    if bits < _PLAINLY:
        bits += _POINTER if name.says_id else 0.0 if bits else 2.0 if name.refers else -_POINTER
        bits = min(bits, _PLAINLY - 0.5)
    if name.quantity and said != "same name":
        bits -= 12.0
    return bits, said


def _named_otherwise(name: Name, parent: TableKeys, key: Name) -> tuple[float | None, str]:
    """Columns that are unique without being the key are referred to under their own name."""
    coded = key.says_id or any(word in _ACCOUNTS for word in key.words)
    if key.bare or not coded:
        return None, ""
    if name.words == key.words:
        return (13.0 if names_table(key, parent.words) else 8.0), "same name"
    ahead = name.words[: -len(key.words)]
    if ahead and name.words[-len(key.words) :] == key.words:
        named = len(ahead) >= len(parent.words) and all(
            map(alike_words, ahead[-len(parent.words) :], parent.words)
        )
        return (13.0, "named after table and column") if named else (None, "")
    return None, ""


def _contained(cells: KeyCells, key: KeyCells, *, strong: bool) -> tuple[float, str] | None:
    """What the values speak for the reference, in bits and in words; None where they forbid it."""
    if cells.empty:
        return 0.0, "all cells are missing"
    inside = cells.within(key)
    if key.group == "day" and (len(cells.values) < _DAYS or not inside.all()):
        return None
    present = int(cells.counts.sum())
    met = int(cells.counts[inside].sum())
    where = "{parent}." + key.name.replace("{", "{{").replace("}", "}}")
    if met < present:
        if not strong or met < 0.5 * present:
            return None
        lost = -2.0 if met >= 0.9 * present else -5.0
        return lost, (
            f"{met:,} of {count(present, 'cell')} are among {where}, {present - met:,} are not"
        )
    missing = f", {cells.missing:,} are missing" if cells.missing else ""
    distinct, keys = len(cells.values), len(key.values)
    used = distinct / keys
    bits = 1.0 + _surprise(cells, key) + _spread(cells, key, strong=strong)
    bits += (3.0 if cells.group == "day" else 2.0) if used >= 0.5 and distinct > 1 else 0.0
    words = f"all {count(present, 'cell')} are among {where}{missing}"
    return bits, f"{words}; {percent(used)} of these are used" if keys > 1 else words


def _surprise(cells: KeyCells, key: KeyCells) -> float:
    """How improbable it is that other values would all be among these keys."""
    if cells.group == "day":
        return 0.0  # days of the same years are the same days
    distinct, keys = len(cells.values), len(key.values)
    room = max(key.domain - log2(keys), 0.0)
    limit = 8.0
    if key.token or (cells.group == "number" and key.domain >= 20 and distinct >= 20):
        limit = 16.0
    elif cells.group == "text" and distinct >= _SEVERAL and key.coded:
        limit = 12.0
    elif cells.group == "number" and float(key.values[0]) > 2 * keys:
        return min(distinct * room + 5.0, limit + 2.0)
    return min(distinct * room, limit)


def _spread(cells: KeyCells, key: KeyCells, *, strong: bool) -> float:
    """Numbers that refer lie all over the keys; those that count something lie at the low end."""
    if cells.group != "number":
        return 0.0
    low, high = float(key.values[0]), float(key.values[-1])
    width, distinct = high - low + 1, len(cells.values)
    if width < 5 or distinct < 3:
        return 0.0
    chance = distinct * float(np.log2((float(cells.values[-1]) - low + 1) / width))
    if chance < -7:
        return max(chance + 5, -1.0 if strong else -8.0)
    whole = float(cells.values[0]) == low and float(cells.values[-1]) == high
    return 2.0 if whole and distinct >= 20 else 0.0


def _hierarchy(cells: KeyCells, key: KeyCells) -> float:
    """Rows of a hierarchy do not refer to themselves, and some row is at the top."""
    itself = (cells.cells == key.cells).sum() if cells.cells.dtype == key.cells.dtype else 0
    return (-3.0 if itself > 0.5 * cells.rows else 1.0) + (1.0 if cells.missing or itself else -1.0)


def _one_way(ties: list[Tie], tables: Mapping[str, TableKeys]) -> Iterator[Tie]:
    """Of two keys that refer to each other, the better named; and of equals, the first."""
    ends = {(*tie.ends, tie.relationship.parent, tie.relationship.parent_key): tie for tie in ties}
    order = list(tables)
    for tie in ties:
        link = tie.relationship
        back = ends.get((link.parent, link.parent_key, link.child, link.child_key))
        if back is None or back is tie:
            yield tie
            continue
        mine = (tie.bits, -order.index(link.parent))
        if mine > (back.bits, -order.index(link.child)):
            yield tie


def _is_copy(tie: Tie, ties: list[Tie], tables: Mapping[str, TableKeys]) -> bool:
    """Whether it only repeats another column of the row that a foreign key refers to already."""
    link = tie.relationship
    parent, child = tables[link.parent], tables[link.child]
    if parent.primary == link.parent_key:
        return False
    for other in ties:
        one = other.relationship
        same = one.child == link.child and one.parent == link.parent
        if not same or one.parent_key != parent.primary:
            continue
        mine = rows_of(child.cells[link.child_key[0]], parent.cells[link.parent_key[0]])
        theirs = rows_of(child.cells[one.child_key[0]], parent.cells[one.parent_key[0]])
        both = (mine >= 0) & (theirs >= 0)
        if both.any() and (mine[both] == theirs[both]).mean() > 0.9:
            return True
    return False


def rows_of(cells: KeyCells, key: KeyCells) -> NDArray[np.int64]:
    """The row of the parent that each row refers to, -1 where there is none."""
    number = cells.group == "number"
    dtype = pl.Int64() if number else pl.String()
    mine = pl.DataFrame({"key": cells.cells.cast(dtype, strict=False)})
    theirs = pl.DataFrame({"key": key.cells.cast(dtype, strict=False)}).with_row_index("row")
    found = mine.join(theirs.unique("key"), on="key", how="left", maintain_order="left")["row"]
    rows: NDArray[np.int64] = found.cast(pl.Int64).fill_null(-1).to_numpy()
    return rows


def polymorphic(tables: Mapping[str, TableKeys]) -> list[list[Tie]]:
    """References of which another column names the table: owner_type, owner_id."""
    found = []
    for table in tables.values():
        for name, labels in table.cells.items():
            if labels.group != "text" or labels.empty or not 1 < len(labels.values) <= MOST_LABELS:
                continue
            parents = _named_tables(labels, tables)
            if len(parents) < 2 or sum(parents.values()) < 0.9 * labels.counts.sum():
                continue
            for other in _pointers(Name(name), table, tables):
                ties = [_where(table, name, label, other, tables) for label in parents]
                if all(tie is not None for tie in ties):
                    found.append([tie for tie in ties if tie is not None])
                    break
    return found


def _named_tables(labels: KeyCells, tables: Mapping[str, TableKeys]) -> dict[str, int]:
    """The labels that are names of tables, with their rows."""
    counted = labels.present.value_counts(name="#rows", sort=True)
    return {
        label: rows
        for label, rows in counted.iter_rows()
        if _named_table(label, tables) is not None
    }


def _named_table(label: str, tables: Mapping[str, TableKeys]) -> TableKeys | None:
    parts = tuple(folded(label.replace("\\", ".").replace("/", ".").rpartition(".")[2]))
    if not parts:
        return None
    for table in tables.values():
        if len(table.words) == len(parts) and all(map(alike_words, parts, table.words)):
            return table
    return None


def _pointers(label: Name, table: TableKeys, tables: Mapping[str, TableKeys]) -> list[KeyCells]:
    """The columns that may hold the key: of the same first words first, none that names a table."""
    stem = label.words[:-1] if len(label.words) > 1 else label.words
    found: list[KeyCells] = []
    for name, cells in table.cells.items():
        own = Name(name)
        if cells.group is None or name == label.text or table.primary == (name,) or not own.says_id:
            continue
        if own.words[: len(stem)] == stem:
            found.insert(0, cells)
        elif not any(names_table(own, other.words) for other in tables.values()):
            found.append(cells)
    return found


def _where(
    table: TableKeys, name: str, label: str, cells: KeyCells, tables: Mapping[str, TableKeys]
) -> Tie | None:
    parent = _named_table(label, tables)
    if parent is None or len(parent.primary) != 1:
        return None
    some = KeyCells(cells.cells.filter((table.cells[name].cells == label).fill_null(value=False)))
    key = parent.cells[parent.primary[0]]
    if some.empty or some.group != key.group:
        return None
    met, rows = int(some.counts[some.within(key)].sum()), int(some.counts.sum())
    if met < 0.9 * rows:
        return None
    reason = f"'{name}' names the table; {met:,} of {count(rows, 'cell')} are among its keys"
    tie = Relationship(
        parent=parent.name,
        parent_key=parent.primary,
        child=table.name,
        child_key=(cells.name,),
        when={name: label},
        reason=reason,
    )
    return Tie(tie, 20.0)
