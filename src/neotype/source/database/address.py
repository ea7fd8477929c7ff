"""Which database is meant, and how it may be named in messages: without user and password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from neotype.errors import SourceError, did_you_mean

SERVERS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
FILES = {"sqlite": "sqlite", "duckdb": "duckdb"}
SUFFIXES = {
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".db3": "sqlite",
    ".duckdb": "duckdb",
    ".ddb": "duckdb",
}
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9]*)(?:\+\w+)?:/")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_OURS = ("schema", "tables", "exclude")
_SECRET = ("password", "passwd", "sslpassword")


@dataclass(frozen=True)
class Address:
    """One database: its `kind`, where it is, and which of its tables are meant.

    `schema` is PostgreSQL's namespace of tables, `tables` and `exclude` are names or patterns
    (`sales_*`). `login` and `options` are what the driver is given, never printed.
    """

    kind: str
    shown: str
    path: Path | None = None
    schema: str | None = None
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    login: Mapping[str, str | int | None] = field(default_factory=dict, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, text: str | Path) -> Self:
        """The database at a URL or a path; `${NAME}` in it stands for a variable."""
        whole = str(text)
        if _VARIABLE.fullmatch(whole.strip()):
            whole = _expanded(whole.strip())
        found = _SCHEME.match(whole)
        if found is None:
            path = Path(whole).expanduser()
            return cls(_kind_of_file(path), path.name, path)
        scheme = found["scheme"].lower()
        rest, _, query = whole[found.end() :].removeprefix("/").partition("?")
        options = {key: _expanded(value) for key, value in parse_qsl(query)}
        ours = {key: options.pop(key) for key in _OURS if key in options}
        chosen = {
            "schema": ours.get("schema"),
            "tables": _listed(ours.get("tables")),
            "exclude": _listed(ours.get("exclude")),
        }
        if scheme in FILES:
            # Three slashes begin a relative path, four an absolute one; a Path has lost some.
            place = unquote(_expanded(rest))
            path = Path(place.removeprefix("/") if rest != whole[found.end() :] else place)
            if not str(path).strip(". ") or str(path) == ":memory:":
                raise SourceError("a database in memory has nothing to read.", mend="name a file")
            return cls(FILES[scheme], path.name, path.expanduser(), **chosen)  # type: ignore[arg-type]
        if scheme not in SERVERS:
            raise SourceError(
                f"'{scheme}://' is no database that can be read.",
                found=f"known: {', '.join((*SERVERS, *FILES))}",
                mend=did_you_mean(scheme, (*SERVERS, *FILES)),
            )
        login = _login(rest, query)
        shown = _shown(scheme, login, options)
        return cls(SERVERS[scheme], shown, None, login=login, options=options, **chosen)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The name of the database, or the file's without its suffix."""
        return self.path.stem if self.path else str(self.login["database"] or self.kind)

    def masked(self, message: str) -> str:
        """The message with every password in it blotted out, also one written as in a URL."""
        secrets = [self.login.get("password"), os.environ.get("PGPASSWORD")]
        secrets += [self.options.get(key) for key in _SECRET]
        for secret in sorted({str(s) for s in secrets if s}, key=len, reverse=True):
            for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret)):
                message = message.replace(form, "***")
        return message


def is_database(data: object) -> bool:
    """Whether this names a database: by its scheme, its suffix or the first bytes of the file."""
    if not isinstance(data, str | Path):
        return False
    whole = str(data).strip()
    named = _VARIABLE.fullmatch(whole)
    if named:
        whole = os.environ.get(named[1], "")
    found = _SCHEME.match(whole)
    if found:
        return found["scheme"].lower() in {**SERVERS, **FILES}
    path = Path(whole).expanduser()
    if not whole or path.is_dir():
        return False
    return path.suffix.lower() in SUFFIXES or _magic(path) is not None


def hidden(text: str) -> str:
    """An address that could not be understood, as it may be printed: nothing before an '@'."""
    return re.sub(r"//.*@", "//***@", text)


def _kind_of_file(path: Path) -> str:
    return _magic(path) or SUFFIXES.get(path.suffix.lower(), "sqlite")


def _magic(path: Path) -> str | None:
    """What the first bytes of the file say it is."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    return "duckdb" if head[8:12] == b"DUCK" else None


def _login(rest: str, query: str) -> dict[str, str | int | None]:
    """user:password@host:port/database; the last '@' ends the password, whatever is in it."""
    if "@" not in rest and "@" in query and ":" in rest:
        raise SourceError(
            "the address of the database cannot be understood.",
            mend="write ? in a password as %3F, # as %23, / as %2F, or use ${NAME} for a variable",
        )
    who, _, place = rest.rpartition("@")
    user, _, password = who.partition(":")
    where, _, database = place.partition("/")
    found = re.fullmatch(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d+|\$\{\w+\}))?", where)
    if found is None:
        raise SourceError(
            f"'{hidden('//' + place)[2:]}' does not say where the database is.",
            mend="for example postgresql://user:${PASSWORD}@localhost:5432/shop",
        )
    port = _expanded(found["port"] or "")
    return {
        "user": _plain(user),
        "password": _plain(password),
        "host": _plain(found["host"].strip("[]")),
        "port": int(port) if port.isdigit() else None,
        "database": _plain(database),
    }


def _shown(scheme: str, login: Mapping[str, str | int | None], options: Mapping[str, str]) -> str:
    """The address without user and password: the server, or the socket by which it is reached."""
    host = str(login["host"] or options.get("host") or "")
    port = f":{login['port']}" if login["port"] else ""
    sockets = {"host": host} if "/" in host else {}
    sockets |= {key: options[key] for key in ("unix_socket",) if key in options}
    server = "" if sockets else host or "localhost"
    reached = "&".join(f"{key}={place}" for key, place in sockets.items())
    return f"{scheme}://{server}{port}/{login['database'] or ''}" + (f"?{reached}" * bool(reached))


def _plain(part: str) -> str | None:
    """A part of an address as it is meant; a variable's value is taken letter by letter."""
    pieces = _VARIABLE.split(part)
    return "".join(_variable(p) if k % 2 else unquote(p) for k, p in enumerate(pieces)) or None


def _expanded(part: str) -> str:
    return _VARIABLE.sub(lambda found: _variable(found[1]), part)


def _variable(name: str) -> str:
    if name not in os.environ:
        raise SourceError(
            f"the address of the database names the variable {name}, which is not set.",
            mend=f"export {name}=…",
        )
    return os.environ[name]


def _listed(names: str | Iterable[str] | None) -> tuple[str, ...]:
    several = names.split(",") if isinstance(names, str) else names or ()
    return tuple(name.strip() for name in several if name.strip())
