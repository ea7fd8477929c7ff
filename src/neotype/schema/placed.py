"""Lines of a schema file that say which table they are about, put in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neotype.errors import SchemaError, did_you_mean
from neotype.registry import names


def at_their_tables(facts: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Constraints of rows that name their table stand with it, wherever they are written."""
    tables = dict(facts["tables"])
    for name, table in tables.items():
        if isinstance(table, Mapping) and isinstance(table.get("constraints"), list):
            lines = [_unnamed(line, name, tables, origin) for line in table["constraints"]]
            tables[name] = {**table, "constraints": lines}
    if not isinstance(facts.get("constraints"), list):
        return {**facts, "tables": tables}
    between = []
    for line in facts["constraints"]:
        if not _names_table(line):
            between.append(line)
            continue
        name = str(line["table"])
        rest = _unnamed(line, name, tables, origin)
        mine = tables[name].get("constraints") or []
        tables[name] = {**tables[name], "constraints": [*mine, rest]}
    return {**facts, "tables": tables, "constraints": between}


def _names_table(line: object) -> bool:
    """Whether it is about the rows of a table that it names; those between tables are not."""
    named = isinstance(line, Mapping) and line.get("table") is not None
    return named and line.get("type") not in names("table_constraint")  # type: ignore[attr-defined]


def _unnamed(line: Any, place: str, tables: Mapping[str, Any], origin: str) -> Any:
    """The line as it is written with its table; SchemaError where that is another one, or none."""
    if not _names_table(line):
        return line
    if line["table"] != place or place not in tables:
        raise SchemaError(
            f"'{origin}': the constraint {line.get('type', '')} is about table '{line['table']}', "
            + (f"and stands with '{place}'." if place in tables else "which is not there."),
            found=f"the schema has: {', '.join(tables)}",
            mend=did_you_mean(str(line["table"]), tables) or "write it with its table",
        )
    return {key: value for key, value in line.items() if key != "table"}
