"""How rows get into each database: in bulk, and in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import polars as pl

from neotype.errors import DataError
from neotype.source.database import cells
from neotype.source.database.ddl import Tables, literal
from neotype.source.database.session import Session, faults

_ROWS = 50_000
_HIDDEN, _OLD = "_neotype_new_", "_neotype_old_"


def writer(session: Session, namespace: str | None) -> Writer:
    """The writer of this kind of database."""
    return _WRITERS[session.kind](session, namespace)


class Writer:
    """The steps of a write in their order; what is here serves SQLite and the base of others."""

    inside = True
    """Whether foreign keys are part of CREATE TABLE."""

    def __init__(self, session: Session, namespace: str | None) -> None:
        self.session, self.namespace = session, namespace

    def place(self, table: str, *, fresh: bool = False) -> str:
        """Where the rows of a table go, quoted."""
        return self.session.quoted(self.namespace, table)

    def begin(self, new: list[str], there: Mapping[str, Any], closing: Collection[str]) -> None:
        """What comes before everything else."""
        self.before = self._dangling()

    def drop(self, tables: list[str]) -> None:
        """Take the tables away, children first."""
        for table in tables:
            self.session.run(f"DROP TABLE {self.place(table)}")

    def empty(self, tables: list[str]) -> None:
        """Take all rows away, children first."""
        for table in tables:
            self.session.run(f"DELETE FROM {self.place(table)}")

    def create(
        self, tables: Tables, new: list[str], closing: Collection[str], notes: list[str]
    ) -> None:
        """Create tables, parents first."""
        for table in new:
            ties = [t for t in tables.keys.foreign if t.child == table] if self.inside else []
            self.session.run(tables.create(table, ties))

    def load(
        self, table: str, frame: pl.DataFrame, types: Mapping[str, str], *, fresh: bool
    ) -> Iterator[int]:
        """Write the rows in batches; each gives its number of rows."""
        names = ", ".join(map(self.session.quoted, frame.columns))
        marks = ", ".join("?" * frame.width)
        statement = f"INSERT INTO {self.place(table)} ({names}) VALUES ({marks})"
        for batch in frame.iter_slices(_ROWS):
            self.session.raw.executemany(statement, cells.plain(batch, "sqlite").iter_rows())
            yield batch.height

    def constrain(self, tables: Tables, new: list[str], closing: Collection[str]) -> None:
        """Declare the foreign keys that CREATE TABLE did not."""

    def broken(self) -> list[str]:
        """Foreign keys that rows of the target do not keep, where the database has not looked."""
        found = self._dangling() - self.before
        return [f"{n:,} rows of '{c}' refer to none of '{p}'" for (c, p), n in found.items()]

    def _dangling(self) -> Counter[tuple[str, str]]:
        found = self.session.ask("PRAGMA foreign_key_check")
        return Counter((child, parent) for child, _, parent, _ in found)

    def complete(self, tables: list[str], new: list[str]) -> None:
        """Keep it all."""
        self.session.raw.commit()

    def abandon(self) -> None:
        """Take away what a transaction that ends does not."""


class PostgresWriter(Writer):
    """COPY for the rows; keys after them, which is fastest and knows no order."""

    inside = False

    def begin(self, new: list[str], there: Mapping[str, Any], closing: Collection[str]) -> None:
        """The schema, where it is not there; keys of a cycle wait until all rows are in."""
        name = literal(str(self.namespace))
        if not self.session.ask(f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {name}"):
            self.session.run(f"CREATE SCHEMA {self.session.quoted(self.namespace)}")
        self.session.run(f"SET LOCAL search_path TO {self.session.quoted(self.namespace)}, public")
        self.waiting: list[str] = []
        if not there or not closing:
            return
        self.session.run("SET CONSTRAINTS ALL DEFERRED")
        listed = ", ".join(f"{literal(self.place(table))}::regclass" for table in there)
        keys = self.session.ask(
            "SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_catalog.pg_constraint "
            f"WHERE contype = 'f' AND NOT condeferrable AND conrelid IN ({listed}) "
            f"AND confrelid IN ({listed}) AND conrelid <> confrelid"
        )
        for table, key in keys:
            change = f"ALTER TABLE {table} ALTER CONSTRAINT {key}"
            self.session.run(f"{change} DEFERRABLE INITIALLY DEFERRED")
            self.waiting.append(f"{change} NOT DEFERRABLE")

    def drop(self, tables: list[str]) -> None:
        """All at once: they may refer to each other in a circle."""
        if tables:
            self.session.run(f"DROP TABLE {', '.join(map(self.place, tables))}")

    def empty(self, tables: list[str]) -> None:
        """All at once, for the same reason."""
        if tables:
            self.session.run(f"TRUNCATE {', '.join(map(self.place, tables))}")

    def create(
        self, tables: Tables, new: list[str], closing: Collection[str], notes: list[str]
    ) -> None:
        """The types of enumerations first."""
        self._enumerations(tables, new, notes)
        for table in new:
            for name, sql in tables.types[table].items():
                if not self._holds(sql, tables.frames[table][name]):
                    tables.types[table][name] = "TEXT"
                    notes.append(
                        f"table '{table}': cells of '{name}' are no {sql.lower()}: it is text"
                    )
        super().create(tables, new, closing, notes)

    def _holds(self, sql: str, cells: pl.Series) -> bool:
        """Whether texts have the form of their type: a network, a range, a point, JSON."""
        plain = sql.upper().startswith(("TEXT", "VARCHAR", "CHAR", "BPCHAR"))
        if cells.dtype != pl.String or plain:
            return True
        self.session.run("SAVEPOINT neotype_forms")
        fits = True
        try:
            for some in cells.unique().drop_nulls().to_frame().iter_slices(_ROWS):
                with self.session.raw.cursor() as cursor:
                    query = f"SELECT count(x::{sql}) FROM unnest(%s::text[]) AS t(x)"
                    cursor.execute(query, [some.to_series().to_list()])
        except self.session.refusal:
            fits = False
        self.session.run("ROLLBACK TO SAVEPOINT neotype_forms")
        return fits

    def _enumerations(self, tables: Tables, new: list[str], notes: list[str]) -> None:
        space = literal(str(self.namespace))
        present: dict[str, list[str]] = {}
        for name, label in self.session.ask(
            "SELECT t.typname::text, e.enumlabel::text FROM pg_catalog.pg_enum e "
            "JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid "
            "JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
            f"WHERE n.nspname = {space} ORDER BY e.enumsortorder"
        ):
            present.setdefault(name, []).append(label)
        for table in new:
            for column, fact in tables.facts[table].items():
                labels = fact.get("labels")
                if not labels or column not in tables.types[table]:
                    continue
                name = str(fact["sql"])
                if name not in present:
                    listed = ", ".join(map(literal, labels))
                    place = self.session.quoted(self.namespace, name)
                    self.session.run(f"CREATE TYPE {place} AS ENUM ({listed})")
                    present[name] = list(labels)
                if present[name] == list(labels):
                    tables.types[table][column] = self.session.quoted(self.namespace, name)
                else:
                    tables.types[table][column] = "TEXT"
                    notes.append(f"type '{name}' is there with other labels: '{column}' is text")

    def load(
        self, table: str, frame: pl.DataFrame, types: Mapping[str, str], *, fresh: bool
    ) -> Iterator[int]:
        """One COPY a table."""
        names = ", ".join(map(self.session.quoted, frame.columns))
        statement = f"COPY {self.place(table)} ({names}) FROM STDIN (FORMAT csv)"
        with self.session.raw.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in frame.iter_slices(_ROWS):
                copy.write(cells.as_csv(batch))
                yield batch.height

    def constrain(self, tables: Tables, new: list[str], closing: Collection[str]) -> None:
        """Foreign keys; those of a circle may wait for the end of later transactions too."""
        for tie in tables.keys.foreign:
            if tie.child in new:
                late = " DEFERRABLE" if tie.title in closing else ""
                self.session.run(
                    f"ALTER TABLE {self.place(tie.child)} ADD {tables.reference(tie)}{late}"
                )
        if self.waiting:
            self.session.run("SET CONSTRAINTS ALL IMMEDIATE")
            for statement in self.waiting:
                self.session.run(statement)

    def broken(self) -> list[str]:
        """PostgreSQL has looked itself."""
        return []

    def complete(self, tables: list[str], new: list[str]) -> None:
        """Numbers that the database gives out go on after the highest."""
        for table in tables:
            place = literal(self.place(table))
            counted = self.session.ask(
                "SELECT attname::text, pg_get_serial_sequence("
                f"{place}, attname) FROM pg_catalog.pg_attribute "
                f"WHERE attrelid = {place}::regclass AND attnum > 0 AND NOT attisdropped "
                f"AND pg_get_serial_sequence({place}, attname) IS NOT NULL"
            )
            for column, sequence in counted:
                highest = f"SELECT max({self.session.quoted(column)}) FROM {self.place(table)}"
                self.session.ask(
                    f"SELECT setval({literal(sequence)}, greatest(coalesce(({highest}), 0), 1), "
                    f"coalesce(({highest}), 0) >= 1)"
                )
        self.session.raw.commit()


class MysqlWriter(Writer):
    """INSERT of many rows a statement, into hidden tables that are renamed when all is in.

    MySQL ends a transaction at every CREATE and DROP: what others see changes in one RENAME.
    """

    def place(self, table: str, *, fresh: bool = False) -> str:
        """A table that is made here is hidden until the end."""
        return self.session.quoted((_HIDDEN if fresh else "") + table)

    def begin(self, new: list[str], there: Mapping[str, Any], closing: Collection[str]) -> None:
        """What an attempt that broke left behind goes; keys are looked at in the end."""
        self.session.run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'")
        self.session.run("SET SESSION foreign_key_checks = 0")
        self.old = [table for table in there if table not in new]
        self.made: list[str] = []
        self.dropped: list[str] = []
        for table in new:
            self.session.run(f"DROP TABLE IF EXISTS {self.place(table, fresh=True)}")

    def drop(self, tables: list[str]) -> None:
        """They stay until the new ones are whole."""
        self._refuse_needed(tables)
        self.dropped = tables

    def empty(self, tables: list[str]) -> None:
        """DELETE, for TRUNCATE ends the transaction."""
        self._refuse_needed(tables)
        super().empty(tables)

    def _refuse_needed(self, tables: list[str]) -> None:
        """While keys are not looked at, MySQL would let rows of other tables refer to nothing."""
        needed = {(c, p) for c, _, p, _ in self._keys() if p in tables and c not in tables}
        if needed:
            raise DataError(
                "other tables of the target refer to those that would go.",
                [f"'{child}' refers to '{parent}'" for child, parent in sorted(needed)],
                mend="write these tables too, or drop their keys first",
            )

    def _keys(self) -> list[tuple[str, list[str], str, list[str]]]:
        """The foreign keys of the target: child and its columns, parent and its columns."""
        found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
        for name, child, mine, parent, theirs in self.session.ask(
            "SELECT constraint_name, table_name, column_name, referenced_table_name, "
            "referenced_column_name FROM information_schema.key_column_usage "
            "WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE() "
            "ORDER BY table_name, constraint_name, ordinal_position"
        ):
            found.setdefault((child, name, parent), []).append((mine, theirs))
        return [(c, [m for m, _ in k], p, [t for _, t in k]) for (c, _, p), k in found.items()]

    def create(
        self, tables: Tables, new: list[str], closing: Collection[str], notes: list[str]
    ) -> None:
        """Hidden tables; what they refer to is hidden too, and is renamed with them."""
        for table in new:
            self.made.append(table)
            ties = [t for t in tables.keys.foreign if t.child == table]
            self.session.run(tables.create(table, ties))

    def load(
        self, table: str, frame: pl.DataFrame, types: Mapping[str, str], *, fresh: bool
    ) -> Iterator[int]:
        """Statements of about a megabyte."""
        names = ", ".join(map(self.session.quoted, frame.columns))
        head = f"INSERT INTO {self.place(table, fresh=fresh)} ({names}) VALUES "
        lengths = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Duration)]
        times = [name for name in lengths if types.get(name, "").upper().startswith("TIME")]
        frame = frame.with_columns(cells.clock(pl.col(name)).alias(name) for name in times)
        for batch in frame.iter_slices(_ROWS):
            rows, size = [], 0
            for row in cells.as_values(batch):
                rows.append(f"({row})")
                size += len(row)
                if size > 1_000_000:
                    self.session.run(head + ",".join(rows))
                    rows, size = [], 0
            if rows:
                self.session.run(head + ",".join(rows))
            yield batch.height

    def broken(self) -> list[str]:
        """Only of tables that were there: the rows of new ones are known to keep their keys."""
        quoted, found = self.session.quoted, []
        for child, mine, parent, theirs in self._keys():
            if child not in self.old:
                continue
            pairs = [(quoted(m), quoted(t)) for m, t in zip(mine, theirs, strict=True)]
            on = " AND ".join(f"c.{m} = p.{t}" for m, t in pairs)
            given = " AND ".join(f"c.{m} IS NOT NULL" for m, _ in pairs)
            ((count,),) = self.session.ask(
                f"SELECT count(*) FROM {quoted(child)} c LEFT JOIN {quoted(parent)} p "
                f"ON {on} WHERE {given} AND p.{pairs[0][1]} IS NULL"
            )
            if count:
                found.append(f"{count:,} rows of '{child}' refer to none of '{parent}'")
        return found

    def complete(self, tables: list[str], new: list[str]) -> None:
        """One RENAME for all tables."""
        self.session.raw.commit()
        quoted = self.session.quoted
        moves = [f"{quoted(t)} TO {quoted(_OLD + t)}" for t in self.dropped]
        moves += [f"{self.place(t, fresh=True)} TO {quoted(t)}" for t in new]
        if moves:
            self.session.run(f"RENAME TABLE {', '.join(moves)}")
            self.made = []
        for table in self.dropped:
            self.session.run(f"DROP TABLE {quoted(_OLD + table)}")

    def abandon(self) -> None:
        """The hidden tables, where the server still listens; the next attempt does it otherwise."""
        with suppress(*faults(self.session.address)):
            self.session.raw.rollback()
            for table in self.made:
                self.session.run(f"DROP TABLE IF EXISTS {self.place(table, fresh=True)}")


class DuckWriter(Writer):
    """Rows by the Arrow stream interface; a key that closes a circle cannot be declared."""

    def begin(self, new: list[str], there: Mapping[str, Any], closing: Collection[str]) -> None:
        """Nothing: DuckDB looks at every row itself."""

    def create(
        self, tables: Tables, new: list[str], closing: Collection[str], notes: list[str]
    ) -> None:
        """Parents first; DuckDB adds no key to a table that is there."""
        for table in new:
            mine = [t for t in tables.keys.foreign if t.child == table]
            circular = [t for t in mine if t.title in closing or t.parent == table]
            # DuckDB looks at each row as it comes, and not at the end.
            notes += [f"{t.title}: DuckDB cannot declare a key in a circle" for t in circular]
            ties = [t for t in mine if t not in circular]
            self.session.run(tables.create(table, ties))

    def load(
        self, table: str, frame: pl.DataFrame, types: Mapping[str, str], *, fresh: bool
    ) -> Iterator[int]:
        """One INSERT from the frame."""
        names = ", ".join(map(self.session.quoted, frame.columns))
        if frame.height:
            self.session.raw.register("_neotype_rows", cells.Stream(frame))
            self.session.run(
                f"INSERT INTO {self.place(table)} ({names}) SELECT {names} FROM _neotype_rows"
            )
            self.session.raw.unregister("_neotype_rows")
        yield frame.height

    def broken(self) -> list[str]:
        """DuckDB has looked itself."""
        return []

    def complete(self, tables: list[str], new: list[str]) -> None:
        """Keep it all."""
        self.session.run("COMMIT")


_WRITERS: Mapping[str, type[Writer]] = {
    "postgresql": PostgresWriter,
    "mysql": MysqlWriter,
    "sqlite": Writer,
    "duckdb": DuckWriter,
}
