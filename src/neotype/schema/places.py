"""Where columns are, by the names that people use for them beside the data."""

from __future__ import annotations

from neotype.schema.schema import Schema


def places(schema: Schema) -> dict[str, tuple[str, str]]:
    """Table and column of each name: the column's own, or `table.column` of several tables."""
    alone = len(schema.tables) == 1
    return {
        column if alone else f"{name}.{column}": (name, column)
        for name, table in schema.tables.items()
        for column in table.columns
    }
