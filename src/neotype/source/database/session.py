"""An open database, and what its driver says as errors of this house."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from neotype.errors import SourceError, did_you_mean
from neotype.source.database.address import Address

_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "sqlite": "sqlite3", "duckdb": "duckdb"}
_ERROR = {"postgresql": "Error", "mysql": "MySQLError", "sqlite": "Error", "duckdb": "Error"}
_GONE = {2006, 2013, 2055, 1927, 1053, 0}
_REFUSED = {"42501", "28000", "28P01", 1044, 1045, 1142, 1143, 1227, 1370}
_FORBIDDEN = ("readonly", "permission", "authentication failed", "no password supplied")
_UNKNOWN, _DENIED, _SHOWN = ("3D000", 1049), 1044, 20
_LISTED: dict[str, tuple[str | None, str, frozenset[str]]] = {
    "postgresql": (
        "postgres",
        "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate",
        frozenset(),
    ),
    "mysql": (
        None,
        "SHOW DATABASES",
        frozenset(("information_schema", "mysql", "performance_schema", "sys")),
    ),
}
"""Where to ask for the databases of a server, how, and which are its own."""
_FULL = {"53100", 1021, 1114, 28}


@dataclass(frozen=True)
class Session:
    """One connection in one transaction: `raw` is the driver's, `sql` SQLAlchemy's around it."""

    address: Address
    raw: Any
    sql: sa.Connection | None = None

    @property
    def kind(self) -> str:
        """postgresql, mysql, sqlite or duckdb."""
        return self.address.kind

    @property
    def refusal(self) -> Any:
        """What the driver raises for cells that are not what their type says."""
        return driver(self.address).DataError

    def quoted(self, *names: str | None) -> str:
        """Identifiers as this database writes them, joined by points."""
        mark = "`" if self.kind == "mysql" else '"'
        return ".".join(mark + n.replace(mark, mark * 2) + mark for n in names if n is not None)

    def run(self, statement: str) -> None:
        """Execute a statement that answers nothing."""
        self.ask(statement)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement and fetch all that it answers."""
        if self.kind in ("duckdb", "sqlite"):
            return list(self.raw.execute(statement).fetchall())
        with self.raw.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def opened(address: Address, *, write: bool = False) -> Iterator[Session]:
    """A session in one transaction: reading sees one snapshot; writing is kept by `commit`."""
    if address.kind == "duckdb":
        raw = driver(address).connect(str(address.path), read_only=not write)
        try:
            raw.execute("SET TimeZone = 'UTC'")
            raw.execute("SET preserve_insertion_order = true")
            raw.execute("BEGIN TRANSACTION")
            yield Session(address, raw)
        finally:
            raw.close()
        return
    engine = _engine(address, write=write)
    try:
        with engine.connect() as sql:
            raw = sql.connection.driver_connection
            session = Session(address, raw, sql)
            for statement in _BEGIN[address.kind][write]:
                session.run(statement)
            yield session
    finally:
        engine.dispose()


_BEGIN: dict[str, dict[bool, tuple[str, ...]]] = {
    "postgresql": {
        write: (
            "SET TRANSACTION ISOLATION LEVEL "
            + ("READ COMMITTED" if write else "REPEATABLE READ, READ ONLY"),
            "SET LOCAL TimeZone = 'UTC'",
            "SET LOCAL DateStyle = 'ISO, YMD'",
            "SET LOCAL extra_float_digits = 3",
        )
        for write in (False, True)
    },
    "mysql": {
        False: (
            "SET time_zone = '+00:00'",
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ),
        True: ("SET time_zone = '+00:00'",),
    },
    "sqlite": {False: ("BEGIN",), True: ("BEGIN IMMEDIATE",)},
}


def _engine(address: Address, *, write: bool) -> sa.Engine:
    driver(address)
    if address.kind == "sqlite":
        mode = "rwc" if write else "ro"
        place = f"file:{quote(str(address.path))}?mode={mode}"

        def connect() -> sqlite3.Connection:
            # Without a transaction of its own: ours begins before the first DDL, and ends it all.
            return sqlite3.connect(place, uri=True, isolation_level=None, timeout=3)

        return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    options = dict(address.options)
    if address.kind == "mysql":
        options = {"charset": "utf8mb4", **options}
    else:
        options = {"application_name": "neotype", **options}
    url = sa.URL.create(
        "postgresql+psycopg" if address.kind == "postgresql" else "mysql+pymysql",
        username=address.login["user"],  # type: ignore[arg-type]
        password=address.login["password"],  # type: ignore[arg-type]
        host=address.login["host"],  # type: ignore[arg-type]
        port=address.login["port"],  # type: ignore[arg-type]
        database=address.login["database"],  # type: ignore[arg-type]
        query=options,
    )
    return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)


def driver(address: Address) -> Any:
    """The module that talks to this kind of database; SourceError names what to install."""
    name = _DRIVERS[address.kind]
    try:
        return import_module(name)
    except ImportError:
        extra = address.kind if address.path is None else None
        raise SourceError(
            f"{address.shown} needs the package {name}, which is not installed.",
            mend=f'pip install "neotype[{extra}]"' if extra else f"pip install {name}",
        ) from None


def faults(address: Address) -> tuple[type[Exception], ...]:
    """What this driver raises."""
    return (getattr(driver(address), _ERROR[address.kind]), sa.exc.SQLAlchemyError)


def lost(cause: Exception) -> bool:
    """Whether the server or the connection went away, rather than refused."""
    code = _code(cause)
    if isinstance(code, str):
        return code.startswith(("08", "57P"))
    if isinstance(code, int):
        return code in _GONE
    said = str(_original(cause)).lower()
    marks = ("closed the connection", "connection is lost", "connection already closed")
    return any(mark in said for mark in (*marks, "terminating connection", "connection is closed"))


@contextmanager
def speaking(address: Address, doing: str, found: str | None = None) -> Iterator[None]:
    """Turn what the driver raises into a SourceError that no password is in."""
    try:
        yield
    except faults(address) as cause:
        raise spoken(address, cause, doing, found) from None


def spoken(address: Address, cause: Exception, doing: str, found: str | None = None) -> SourceError:
    """What the driver said: the fault in words, what it said itself, and the nearest mend."""
    code, original = _code(cause), _original(cause)
    said = address.masked(_first_line(original))
    if _may_not_exist(code, said):
        there = _others(address)
        if there is None or address.login["database"] not in there:
            return _no_such(address, there)
    if lost(cause):
        problem, mend = "the connection was lost", "look whether the server runs, then run it again"
    elif code in _FULL or "disk is full" in said or "No space left" in said:
        problem, mend = "the disk of the database is full", "free some space, then run it again"
    elif code in _REFUSED or any(mark in said.lower() for mark in _FORBIDDEN):
        problem, mend = "the database does not permit it", "check user, password and privileges"
    elif address.path is not None and not address.path.exists():
        return SourceError(f"there is no file '{address.path}'.")
    else:
        problem, mend = "the database refused", None
    heard = "; ".join(part for part in (f"it said: {said}", found) if part)
    return SourceError(f"{address.shown}: {problem} while {doing}.", found=heard, mend=mend)


def _may_not_exist(code: str | int | None, said: str) -> bool:
    """Whether this is how a server speaks of a database that it has not, or will not show."""
    if code in (*_UNKNOWN, _DENIED):
        return True
    return 'FATAL:  database "' in said and said.rstrip(" .").endswith("does not exist")


def _others(address: Address) -> list[str] | None:
    """The databases of the server that this user may see; None where it does not tell."""
    first, asked, own = _LISTED[address.kind]
    try:
        with opened(replace(address, login={**address.login, "database": first})) as session:
            return sorted({str(name) for (name,) in session.ask(asked)} - own)
    except faults(address):
        return None


def _no_such(address: Address, there: list[str] | None) -> SourceError:
    """The server has no such database; which it has, and which of them is meant."""
    name = str(address.login["database"])
    if there is None:
        return SourceError(f"{address.shown}: there is no database '{name}'.")
    most = ", ".join(there[:_SHOWN]) + (f" and {len(there) - _SHOWN} more" * (len(there) > _SHOWN))
    return SourceError(
        f"{address.shown}: there is no database '{name}' that this user may see.",
        found=f"there are: {most}" if there else "there is none",
        mend=did_you_mean(name, there),
    )


def _original(cause: Exception) -> Exception:
    inner = getattr(cause, "orig", None)
    return inner if isinstance(inner, Exception) else cause


def _code(cause: Exception) -> str | int | None:
    """The number or the SQLSTATE of the error, where the driver gives one.

    MySQL's states are shared by very different errors, so that its numbers come first.
    """
    original = _original(cause)
    first = original.args[0] if original.args else None
    if isinstance(first, int):
        return first
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None


def _first_line(cause: Exception) -> str:
    args = cause.args
    text = str(args[1]) if len(args) > 1 and isinstance(args[0], int) else str(cause)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2])[:400] if lines else type(cause).__name__


def absent(path: Path) -> SourceError:
    """No such file to read."""
    return SourceError(f"there is no file '{path}'.", mend="check the path of the database")
