"""What a masked table still says: kept cells that hold a masked one, fakes that do not fit."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from neotype.masking.change import Keep, Shift
from neotype.masking.decide import Decision
from neotype.masking.fake import Fake
from neotype.schema.schema import Identifier, Personal, Table

_TELLING = 4
"""Letters of a masked cell that is looked for: shorter ones are there by chance."""
_PERSON = frozenset(("full_name", "first_name", "last_name", "email", "username"))
"""What of a person should fit each other."""


def leaks(
    frame: pl.DataFrame, decisions: Mapping[str, Decision], quasi: tuple[str, ...]
) -> list[str]:
    """Kept columns in which a cell of a masked column of the same row can be read."""
    texts = {name: _plain(frame[name]) for name in decisions if frame[name].dtype == pl.String}
    kept = [n for n in texts if isinstance(decisions[n].treatment, Keep) and n not in quasi]
    masked = [n for n in texts if not isinstance(decisions[n].treatment, Keep | Shift)]
    notes = []
    for name in kept:
        found = {}
        for other in masked:
            cells = texts[other].set(texts[other].str.len_chars() < _TELLING + 2, None)
            pair = pl.DataFrame({"kept": texts[name], "masked": cells})
            holds = pl.col("kept").str.contains(pl.col("masked"), literal=True)
            rows = int(pair.select(holds.fill_null(value=False).sum()).item())
            if rows:
                found[other] = rows
        if found:
            told = ", ".join(f"'{other}' in {rows:,} rows" for other, rows in found.items())
            notes.append(
                f"'{name}' is kept, and holds what was masked beside it: {told}; "
                f"--treat {name}=drop, or fake"
            )
    return notes


def _plain(cells: pl.Series) -> pl.Series:
    """Words apart by one blank each, so that only whole ones are found."""
    return (
        " "
        + cells.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars(" ")
        + " "
    )


def loose(table: Table, decisions: Mapping[str, Decision], per: str | None) -> list[str]:
    """Fakes of one person that go by the value, and so do not fit each other in a row."""
    names = []
    for name, one in decisions.items():
        column = table.columns.get(name)
        if not isinstance(one.treatment, Fake) or (one.treatment.per or per) is not None:
            continue
        found = column.category if isinstance(column, Personal) else None
        if (one.treatment.category or found) in _PERSON:
            names.append(name)
    if len(names) <= 1:
        return []
    owner = _owner(table)
    mend = (
        f"--per {owner} makes"
        if owner and owner not in names
        else "--per, with the column that names them, makes"
    )
    return [
        f"{', '.join(map(repr, names))} are faked each by its own value, and do not fit each other "
        f"in a row: {mend} them go by the person (in every table that is masked so)"
    ]


def _owner(table: Table) -> str | None:
    """The column that names the persons: the entity, the key, or what is unique."""
    if table.entity is not None:
        return table.entity
    if len(table.primary_key) == 1:
        return table.primary_key[0]
    for name, column in table.columns.items():
        if isinstance(column, Identifier) and column.unique:
            return name
    return None
