"""What tables there are, of which columns, tied by which keys: as the database declares it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from neotype.errors import SourceError, did_you_mean
from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship
from neotype.source.database import sql_types
from neotype.source.database.address import Address
from neotype.source.database.layout import Column, Layout
from neotype.source.database.session import Session

_REASON = "declared by the database"
_INNER_POSTGRES = """
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND (c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_depend d
WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'))"""


def reflect(session: Session, only: Collection[str] | None = None) -> Layout:
    """The layout of the tables that the address means, or of those of `only` that exist.

    SourceError where no table is there, or one that is named is not.
    """
    if session.kind == "duckdb":
        from neotype.source.database.duck import reflect_duckdb

        return reflect_duckdb(session, only)
    with warnings.catch_warnings():
        # A type that SQLAlchemy does not know is read as text; an index it does not, is not ours.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        return _reflected(session, only)


def _reflected(session: Session, only: Collection[str] | None) -> Layout:
    inspector: Any = sa.inspect(session.sql)
    schema = namespace(session, inspector)
    present = inspector.get_table_names(schema)
    if session.kind == "postgresql":
        quoted = (schema or "").replace("'", "''")
        inner = {name for (name,) in session.ask(_INNER_POSTGRES.format(schema=quoted))}
        present = [name for name in present if name not in inner]
    names, notes = chosen(session.address, present, only)
    if only is None:
        notes += _views(session, inspector, schema)
    if not names:
        return Layout({}, Keys(), tuple(notes))
    asked = {"schema": schema, "filter_names": names}
    columns = {name: facts for (_, name), facts in inspector.get_multi_columns(**asked).items()}
    primary = {name: k for (_, name), k in inspector.get_multi_pk_constraint(**asked).items()}
    unique = {name: k for (_, name), k in inspector.get_multi_unique_constraints(**asked).items()}
    indexes = {name: k for (_, name), k in inspector.get_multi_indexes(**asked).items()}
    foreign = {name: k for (_, name), k in inspector.get_multi_foreign_keys(**asked).items()}
    tables = {
        name: _columns(session, name, columns[name], primary[name]["constrained_columns"])
        for name in sorted(names)
    }
    ties = []
    for name in sorted(names):
        for tie in sorted(foreign.get(name, ()), key=lambda t: t["constrained_columns"]):
            if tie["referred_schema"] not in (None, schema):
                mine = ", ".join(tie["constrained_columns"])
                notes.append(f"table '{name}': the key {mine} refers to another schema: not used")
            else:
                ties.append((name, tie))
    return settled(
        tables,
        {name: key["constrained_columns"] for name, key in primary.items()},
        {
            name: [key["column_names"] for key in unique.get(name, ())]
            + [
                index["column_names"]
                for index in indexes.get(name, ())
                if index["unique"] and not _partial(index)
            ]
            for name in tables
        },
        [
            (name, tie["constrained_columns"], tie["referred_table"], tie["referred_columns"])
            for name, tie in ties
        ],
        notes,
    )


def _partial(index: Mapping[str, Any]) -> bool:
    """A unique index over some rows, or over expressions, is no key of all rows."""
    options = index.get("dialect_options", {})
    partial = any(key.endswith("_where") and value for key, value in options.items())
    return partial or None in index["column_names"] or bool(index.get("expressions"))


def namespace(session: Session, inspector: Any = None) -> str | None:
    """The schema whose tables are meant; of MySQL it is the database, of SQLite there is none."""
    if session.kind != "postgresql":
        return None
    inspector = inspector or sa.inspect(session.sql)
    return session.address.schema or str(inspector.default_schema_name)


def chosen(
    address: Address, present: Iterable[str], only: Collection[str] | None
) -> tuple[list[str], list[str]]:
    """The tables that are meant, and a note on those that are left out."""
    there = sorted(name for name in present if not name.startswith("_neotype_"))
    if only is not None:
        return [name for name in there if name in only], []
    names = [
        name
        for name in there
        if (not address.tables or _matches(name, address.tables))
        and not _matches(name, address.exclude)
    ]
    for pattern in address.tables:
        if not any(fnmatchcase(name, pattern) for name in there):
            raise SourceError(
                f"{address.shown} has no table '{pattern}'.",
                found=f"it has: {', '.join(there[:30]) or 'no tables'}",
                mend=did_you_mean(pattern, there),
            )
    if not names:
        place = f"the schema '{address.schema}' of {address.shown}" * bool(address.schema)
        raise SourceError(
            f"{place or address.shown} has no tables.",
            found=f"left out: {', '.join(there)}" if there else None,
            mend="name a schema with ?schema=NAME, or check which database is meant",
        )
    left = sorted(set(there) - set(names))
    return names, [f"tables left out as asked: {', '.join(left)}"] if left else []


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _views(session: Session, inspector: Any, schema: str | None) -> list[str]:
    names = list(inspector.get_view_names(schema))
    if session.kind == "postgresql":
        names += inspector.get_materialized_view_names(schema)
    return [f"views left out: {', '.join(sorted(names))}"] if names else []


def _columns(
    session: Session, table: str, facts: Iterable[Mapping[str, Any]], primary: list[str]
) -> tuple[Column, ...]:
    if session.kind == "sqlite":
        return _sqlite_columns(session, table)
    columns = []
    written = _postgres_words(session, table) if session.kind == "postgresql" else {}
    for fact in facts:
        kind = sql_types.of_type(fact["type"], session.kind)
        default = str(fact.get("default") or "")
        counted = bool(fact.get("identity")) or "nextval(" in default
        if session.kind == "mysql":
            counted = fact.get("autoincrement") is True
        columns.append(
            Column(
                name=fact["name"],
                sql=sql_types.sql_of(fact["type"], session.kind) or written[fact["name"]],
                family=kind.family,
                dtype=kind.dtype,
                nullable=bool(fact["nullable"]) and fact["name"] not in primary,
                identity=counted,
                generated=bool(fact.get("computed")),
                optional=bool(fact["nullable"]) or bool(default) or counted,
            )
        )
    return tuple(columns)


def _postgres_words(session: Session, table: str) -> dict[str, str]:
    """The types as PostgreSQL writes them: of an extension, SQLAlchemy does not know them."""
    place = session.quoted(namespace(session), table).replace("'", "''")
    return dict(
        session.ask(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute "
            f"WHERE attrelid = '{place}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    )


def _sqlite_columns(session: Session, table: str) -> tuple[Column, ...]:
    """SQLite keeps the declared type as it was written: it is read from there."""
    rows = session.ask(f"PRAGMA table_xinfo({session.quoted(table)})")
    keys = [row for row in rows if row[5]]
    columns = []
    for _, name, declared, needed, default, key, hidden in rows:
        if hidden == 1:
            continue
        kind = sql_types.of_words(declared, "sqlite")
        counted = bool(key) and len(keys) == 1 and str(declared).upper() == "INTEGER"
        columns.append(
            Column(
                name=name,
                sql=str(declared).upper(),
                family=kind.family,
                dtype=kind.dtype,
                nullable=not needed and not key,
                identity=counted,
                generated=hidden in (2, 3),
                optional=not needed or default is not None or counted,
            )
        )
    return tuple(columns)


def settled(
    tables: Mapping[str, tuple[Column, ...]],
    primary: Mapping[str, Iterable[str] | None],
    unique: Mapping[str, Iterable[Iterable[str]]],
    foreign: Iterable[tuple[str, Iterable[str], str, Iterable[str]]],
    notes: Iterable[str] = (),
) -> Layout:
    """The layout, where keys name only columns that are read and tables that are there."""
    said = [*notes, *_left_out(tables)]
    there = {name: {c.name for c in cs if c.dtype is not None} for name, cs in tables.items()}

    def kept(table: str, key: tuple[str, ...]) -> bool:
        missing = [column for column in key if column not in there[table]]
        if missing:
            said.append(f"table '{table}': the key {', '.join(key)} is not used")
        return bool(key) and not missing

    first = {name: tuple(primary.get(name) or ()) for name in tables}
    first = {name: key for name, key in first.items() if key and kept(name, key)}
    others = {
        name: tuple(
            key
            for key in sorted({tuple(key) for key in unique.get(name, ())})
            if key != first.get(name) and kept(name, key)
        )
        for name in tables
    }
    ties = []
    for child, mine, parent, theirs in foreign:
        key, target = tuple(mine), tuple(theirs)
        if parent not in tables:
            said.append(
                f"table '{child}': {', '.join(key)} refers to '{parent}', which is not read"
            )
        elif kept(child, key) and kept(parent, target):
            ties.append(
                Relationship(
                    parent=parent, parent_key=target, child=child, child_key=key, reason=_REASON
                )
            )
    once = {tie.title: tie for tie in ties}
    others = {name: keys for name, keys in others.items() if keys}
    return Layout(tables, Keys(first, others, tuple(once.values())), tuple(said))


def _left_out(tables: Mapping[str, tuple[Column, ...]]) -> list[str]:
    return [
        f"table '{name}': column '{column.name}' ({column.sql}) holds bytes and is left out"
        for name, columns in tables.items()
        for column in columns
        if column.dtype is None
    ]
