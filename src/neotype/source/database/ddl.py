"""The tables as a target declares them: types, keys, and who may be null."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship
from neotype.source.database.session import Session

_POSTGRES: Mapping[str, str] = {
    **dict.fromkeys(("Int8", "Int16", "UInt8"), "SMALLINT"),
    **dict.fromkeys(("Int32", "UInt16"), "INTEGER"),
    **dict.fromkeys(("Int64", "UInt32"), "BIGINT"),
    **dict.fromkeys(("UInt64", "Int128", "UInt128"), "NUMERIC(39,0)"),
    **dict.fromkeys(("Float16", "Float32"), "REAL"),
    "Float64": "DOUBLE PRECISION",
    "Boolean": "BOOLEAN",
    "Date": "DATE",
    "Time": "TIME",
    "Duration": "INTERVAL",
    "Binary": "BYTEA",
    "Nested": "JSONB",
    "Text": "TEXT",
    "Datetime": "TIMESTAMP",
    "Zoned": "TIMESTAMP WITH TIME ZONE",
}
_MYSQL: Mapping[str, str] = {
    "Int8": "TINYINT",
    "UInt8": "TINYINT UNSIGNED",
    "Int16": "SMALLINT",
    "UInt16": "SMALLINT UNSIGNED",
    "Int32": "INT",
    "UInt32": "INT UNSIGNED",
    "Int64": "BIGINT",
    "UInt64": "BIGINT UNSIGNED",
    **dict.fromkeys(("Int128", "UInt128"), "DECIMAL(39,0)"),
    **dict.fromkeys(("Float16", "Float32"), "FLOAT"),
    "Float64": "DOUBLE",
    "Boolean": "TINYINT(1)",
    "Date": "DATE",
    "Time": "TIME(6)",
    "Duration": "BIGINT",
    "Binary": "LONGBLOB",
    "Nested": "JSON",
    "Text": "LONGTEXT",
    "Datetime": "DATETIME(6)",
    "Zoned": "DATETIME(6)",
}
_SQLITE: Mapping[str, str] = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32"), "INTEGER"),
    **dict.fromkeys(("UInt64", "Int128", "UInt128"), "DECIMAL_TEXT(38,0)"),
    **dict.fromkeys(("Float16", "Float32", "Float64"), "DOUBLE"),
    "Boolean": "BOOLEAN",
    "Date": "DATE",
    "Time": "TIME",
    "Duration": "INTERVAL",
    "Binary": "BLOB",
    "Nested": "JSON",
    "Text": "TEXT",
    "Datetime": "DATETIME",
    "Zoned": "TIMESTAMP WITH TIME ZONE",
}
_DUCKDB: Mapping[str, str] = {
    "Int8": "TINYINT",
    "UInt8": "UTINYINT",
    "Int16": "SMALLINT",
    "UInt16": "USMALLINT",
    "Int32": "INTEGER",
    "UInt32": "UINTEGER",
    "Int64": "BIGINT",
    "UInt64": "UBIGINT",
    **dict.fromkeys(("Int128", "UInt128"), "HUGEINT"),
    **dict.fromkeys(("Float16", "Float32"), "FLOAT"),
    "Float64": "DOUBLE",
    "Boolean": "BOOLEAN",
    "Date": "DATE",
    "Time": "TIME",
    "Duration": "INTERVAL",
    "Binary": "BLOB",
    "Nested": "JSON",
    "Text": "VARCHAR",
    "Datetime": "TIMESTAMP",
    "Zoned": "TIMESTAMP WITH TIME ZONE",
}
_TYPES = {"postgresql": _POSTGRES, "mysql": _MYSQL, "sqlite": _SQLITE, "duckdb": _DUCKDB}


def sql_type(dtype: pl.DataType, kind: str) -> str:  # noqa: PLR0911 (one case a dtype)
    """The SQL type that holds this dtype."""
    names = _TYPES[kind]
    match dtype:
        case pl.Decimal():
            text = kind == "sqlite" and dtype.precision > 15
            name = {"mysql": "DECIMAL", "postgresql": "NUMERIC"}.get(kind, "DECIMAL")
            return f"{name}{'_TEXT' * text}({dtype.precision},{dtype.scale})"
        case pl.Datetime():
            if kind == "duckdb" and dtype.time_unit == "ns" and not dtype.time_zone:
                return "TIMESTAMP_NS"
            return names["Zoned" if dtype.time_zone else "Datetime"]
        case pl.List() | pl.Array() if kind in ("postgresql", "duckdb"):
            inner: Any = dtype.inner
            return f"{sql_type(inner, kind)}[]" if not inner.is_nested() else names["Nested"]
        case pl.Enum() if kind in ("duckdb", "mysql") and len(dtype.categories):
            return f"ENUM({', '.join(map(literal, dtype.categories))})"
    if dtype.is_nested():
        return names["Nested"]
    return names.get(type(dtype).__name__, names["Text"])


_SIZED = re.compile(r"((?:VAR|N|NVAR)?CHAR|CHARACTER VARYING)\((\d+)\)", re.IGNORECASE)


def literal(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def longest(sql: str, cells: pl.Series) -> tuple[int, int] | None:
    """The letters that a type has room for and those that are needed, where these are more."""
    sized = _SIZED.fullmatch(sql)
    if sized is None or cells.dtype != pl.String:
        return None
    needed = max([0, *cells.str.len_chars().top_k(1).drop_nulls()])
    return (int(sized[2]), needed) if needed > int(sized[2]) else None


def widened(sql: str, cells: pl.Series) -> str:
    """The type with room for the longest cell: a made-up name may be longer than all real ones."""
    room = longest(sql, cells)
    return _SIZED.sub(rf"\g<1>({room[1]})", sql) if room else sql


class Tables:
    """What the tables are to be declared as in one target."""

    def __init__(
        self,
        session: Session,
        frames: Mapping[str, pl.DataFrame],
        keys: Keys,
        facts: Mapping[str, Mapping[str, Any]],
        place: Callable[[str], str],
    ) -> None:
        self.session, self.frames, self.keys = session, frames, keys
        self.place = place
        """Where a table is, quoted: of MySQL that is a hidden table until all is written."""
        # SQL types are kept between databases of one kind; what may be null, between all.
        self.facts: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        for table in frames:
            fact = facts.get(table, {})
            kept = ("sql", "labels", "nullable", "identity")[
                0 if fact.get("dialect") == session.kind else 2 :
            ]
            self.facts[table] = {
                name: {key: known[key] for key in kept if key in known}
                for name, known in fact.get("columns", {}).items()
                if fact.get("library") == "database"
            }
        self.types = {
            table: {name: self._type(table, name) for name in frame.columns}
            for table, frame in frames.items()
        }
        for tie in keys.foreign:
            # What refers and what it refers to are of one type: MySQL insists.
            pairs = zip(tie.child_key, tie.parent_key, strict=True)
            for mine, theirs in pairs:
                if not self.facts[tie.child].get(mine, {}).get("sql"):
                    self.types[tie.child][mine] = self.types[tie.parent][theirs]

    def _keyed(self, table: str) -> set[str]:
        """The columns of all keys of a table, its own and those that refer to others."""
        of = [self.keys.primary.get(table, ()), *self.keys.unique.get(table, ())]
        of += [tie.child_key for tie in self.keys.foreign if tie.child == table]
        of += [tie.parent_key for tie in self.keys.foreign if tie.parent == table]
        return {name for key in of for name in key}

    def _type(self, table: str, name: str) -> str:
        kind, fact = self.session.kind, self.facts[table].get(name)
        if fact and fact.get("sql"):
            return widened(str(fact["sql"]), self.frames[table][name])
        dtype = self.frames[table][name].dtype
        said = sql_type(dtype, kind)
        if kind == "mysql" and said == "LONGTEXT" and name in self._keyed(table):
            # A key of text needs a length, and letters that are told apart.
            letters = self.frames[table][name].cast(pl.String).str.len_chars()
            longest = max([64, *letters.top_k(1).drop_nulls()])
            return f"VARCHAR({longest}) COLLATE utf8mb4_bin"
        return said

    def create(self, table: str, ties: list[Relationship]) -> str:
        """The CREATE TABLE statement, with these foreign keys inside."""
        quoted, primary = self.session.quoted, self.keys.primary.get(table, ())
        lines = [self._line(table, name) for name in self.frames[table].columns]
        if primary:
            lines.append(f"PRIMARY KEY ({', '.join(map(quoted, primary))})")
        for key in self.keys.unique.get(table, ()):
            lines.append(f"UNIQUE ({', '.join(map(quoted, key))})")  # noqa: PERF401
        lines += [self.reference(tie) for tie in ties]
        end = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" if self.session.kind == "mysql" else ""
        return f"CREATE TABLE {self.place(table)} (\n  " + ",\n  ".join(lines) + f"\n){end}"

    def _line(self, table: str, name: str) -> str:
        kind, fact = self.session.kind, self.facts[table].get(name, {})
        primary = self.keys.primary.get(table, ())
        words = [self.session.quoted(name), self.types[table][name]]
        whole = self.frames[table][name].null_count() == 0
        if name in primary or (fact.get("nullable") is False and whole):
            words.append("NOT NULL")
        elif kind == "mysql":
            # An old TIMESTAMP is otherwise never null, and set to the present.
            words.append("NULL")
        if fact.get("identity") and kind == "postgresql" and "INT" in words[1]:
            words.append("GENERATED BY DEFAULT AS IDENTITY")
        if fact.get("identity") and kind == "mysql" and primary[:1] == (name,):
            words.append("AUTO_INCREMENT")
        return " ".join(words)

    def reference(self, tie: Relationship) -> str:
        """The FOREIGN KEY clause."""
        mine = ", ".join(map(self.session.quoted, tie.child_key))
        theirs = ", ".join(map(self.session.quoted, tie.parent_key))
        return f"FOREIGN KEY ({mine}) REFERENCES {self.place(tie.parent)} ({theirs})"
