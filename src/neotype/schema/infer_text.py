"""The kind of a column of text."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from neotype.schema.infer_number import repeated_id
from neotype.schema.labels import order, truth
from neotype.schema.names import names_code, names_contact, names_counter, names_id
from neotype.schema.pattern import pattern_of
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Column,
    Datetime,
    Identifier,
    Json,
    Ordinal,
    Text,
)
from neotype.schema.temporal import also_reads, find_format, parse, resolution_of
from neotype.schema.wording import PROTECT, common, count, percent, shape

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?$"
_CONTACT = r"@|^[^A-Za-z]*[0-9][^A-Za-z]*$"
_DIVERSE, _FEW_ROWS = 0.5, 20
_LONG_WORDS, _LONG_DIVERSE = 6.0, 0.1
_SEVERAL_WORDS, _NEARLY_ALL, _SHORT = 3.0, 0.9, 4.0
_MOSTLY = 0.9
_HARDLY = 0.8


def text(present: pl.Series, base: dict[str, Any]) -> Column:
    """The kind of a column of text; `present` has no nulls."""
    cells = present.cast(pl.String)
    distinct = cells.unique(maintain_order=True)
    declared = not isinstance(present.dtype, pl.String)
    for guess in (_json, _truth, _ordered, _instant, _identifier, _prose, _rare):
        if declared and guess in (_instant, _prose, _rare):
            continue
        found = guess(cells, distinct, base)
        if found is not None:
            return found
    return Categorical(**base, reason=_labels_reason(cells, distinct))


def _json(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    if not bool(distinct.str.contains(r"^\s*[\[{]").all()):
        return None
    for cell in distinct.to_list():
        try:
            json.loads(cell)
        except ValueError:
            return None
    return Json(**base, reason=f"all {len(cells):,} texts are JSON objects or lists")


def _truth(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    pair = truth(distinct.to_list()) if len(distinct) == 2 else None
    if pair is None:
        return None
    share = percent(int((cells == pair[1]).sum()) / len(cells))
    reason = f"only the texts '{pair[0]}' and '{pair[1]}', the latter in {share} of the cells"
    return Boolean(**base, labels=pair, reason=reason)


def _ordered(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    """Labels in order; a label of too few rows to be written down is left out, and protected."""
    found = order(distinct.to_list()) if len(distinct) <= 64 else None
    if found is None:
        return None
    rows = dict(cells.value_counts(name="#rows").iter_rows())
    values = tuple(label for label in found[0] if rows[label] >= PROTECT)
    if len(values) < 3:
        return None
    reason = f"{count(len(values), 'label')} that are {found[1]}"
    return Ordinal(**base, values=values, reason=reason)


def _instant(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    found = find_format(distinct)
    if found is None:
        return None
    form, part = found
    resolution = resolution_of(parse(distinct, form, part))
    reason = f"all {len(cells):,} texts read as {part} in the format {form}"
    other = also_reads(distinct, form)
    if other is not None:
        reason += f"; {other} would fit as well: check which is the month"
    return Datetime(**base, part=part, format=form, resolution=resolution, reason=reason)


def _identifier(  # noqa: PLR0911 (one return a piece of evidence)
    cells: pl.Series, distinct: pl.Series, base: dict[str, Any]
) -> Column | None:
    name, unique = cells.name, len(distinct) == len(cells)
    if bool(distinct.str.contains(_UUID).all()):
        said = "differ" if unique else f"have {len(distinct):,} distinct ones"
        reason = f"all {len(cells):,} cells are UUIDs and {said}"
        return Identifier(**base, unique=unique, reason=reason)
    if unique and names_counter(name):
        return Identifier(
            **base,
            unique=True,
            pattern=pattern_of(distinct),
            reason=f"named like an id, and all {len(cells):,} texts differ",
        )
    if names_id(name) and not unique:
        reason, entity = repeated_id(cells, len(distinct))
        if entity:
            return Identifier(**base, unique=False, pattern=pattern_of(distinct), reason=reason)
        return Categorical(**base, reason=reason)
    if names_code(name) and len(cells) >= _FEW_ROWS and len(distinct) > _DIVERSE * len(cells):
        reason = f"named like a code; {len(distinct):,} of {len(cells):,} texts differ"
        return Identifier(**base, unique=unique, reason=f"{reason}: made anew in the same form")
    contact = names_contact(name) and bool(distinct.str.contains(_CONTACT).all())
    if contact and len(distinct) > _DIVERSE * len(cells):
        reason = f"named like contact data; {len(distinct):,} of {len(cells):,} texts differ"
        return Identifier(**base, unique=unique, reason=f"{reason}: made anew, never learnt")
    return None


def _is_prose(cells: pl.Series, distinct: pl.Series) -> bool:
    """Long and diverse, or labels of which few repeat and that are no codes."""
    words, share = _mean(distinct.str.count_matches(r"\S+")), len(distinct) / len(cells)
    if words >= _LONG_WORDS and share >= _LONG_DIVERSE:
        return True
    if len(cells) < _FEW_ROWS or _mean(distinct.str.len_chars()) < _SHORT:
        return False
    diverse = _DIVERSE if words >= _SEVERAL_WORDS else _NEARLY_ALL
    return share > diverse and _mean(distinct.str.contains(r"[^\W\d_]{2}")) > 0.5


def _mean(numbers: pl.Series) -> float:
    return float(numbers.cast(pl.Float64).to_numpy().mean())


def _prose(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    if not _is_prose(cells, distinct):
        return None
    words = _mean(distinct.str.count_matches(r"\S+"))
    reason = (
        f"{len(distinct):,} of {len(cells):,} texts differ, "
        f"{words:.1f} words each on average: free text"
    )
    return Text(**base, reason=reason)


def _rare(cells: pl.Series, distinct: pl.Series, base: dict[str, Any]) -> Column | None:
    """Names and codes that hardly repeat: as labels nearly all of them would be protected."""
    if len(cells) < _FEW_ROWS or _near_miss(cells):
        return None
    rows = cells.value_counts(name="#rows")["#rows"]
    shared = int(rows.filter(rows >= PROTECT).sum())
    if len(cells) - shared <= _HARDLY * len(cells):
        return None
    said = f"{len(distinct):,} of {len(cells):,} texts differ, and hardly any is in {PROTECT} rows"
    if _mean(distinct.str.contains(r"^[\D]*[^\W\d_]{2}[\D]*$")) > 0.5:
        return Text(**base, reason=f"{said}: names or the like")
    return Identifier(
        **base,
        unique=len(distinct) == len(cells),
        pattern=pattern_of(distinct),
        reason=f"{said}: codes, made anew in the same form",
    )


def _labels_reason(cells: pl.Series, distinct: pl.Series) -> str:
    reason = f"{count(len(distinct), 'distinct label')} in {count(len(cells), 'cell')}"
    most = common(cells)
    if most is not None:
        reason += f", '{most[0]}' in {percent(most[1])}"
    return reason + _near_miss(cells)


def _near_miss(cells: pl.Series) -> str:
    """What the column almost is, and how many cells stand in the way."""
    numeric = cells.str.contains(_NUMBER)
    share = _mean(numeric)
    if bool(cells.str.contains(r"^[+-]?0[0-9]").any()) and share > _MOSTLY:
        return "; numbers with leading zeros are codes, not quantities"
    if _MOSTLY <= share < 1:
        return _odd(cells.filter(~numeric), len(cells), "numbers")
    if bool(cells.head(200).str.contains(r"\d[-/.:]\d").mean() or 0):
        return _almost_dates(cells)
    return ""


def _almost_dates(cells: pl.Series) -> str:
    distinct = cells.unique(maintain_order=True)
    for start in range(min(len(distinct), 3)):
        found = find_format(distinct.slice(start, 1))
        if found is None:
            continue
        values = parse(cells, *found)
        good = len(cells) - values.null_count()
        if _MOSTLY * len(cells) <= good < len(cells):
            return _odd(cells.filter(values.is_null()), len(cells), f"dates as {found[0]}")
    return ""


def _odd(odd: pl.Series, cells: int, what: str) -> str:
    example = shape(str(odd[0]))
    verb = "is" if len(odd) == 1 else "are"
    return (
        f"; {len(odd):,} of {count(cells, 'cell')} {verb} not {what} (shaped like '{example}'), "
        f"so they are kept as labels"
    )
