"""Databases as users name them: used with their passwords, shown without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from neotype.errors import SourceError

HIDDEN = "***"
DATABASE_SUFFIXES = (".sqlite", ".sqlite3", ".db", ".db3", ".duckdb")
"""Files that hold several tables."""
Orphans = Literal["drop", "null", "keep"]
"""What becomes of rows whose key no row has."""
IfExists = Literal["refuse", "append", "truncate", "replace"]
"""What becomes of the rows of a target that has some."""

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WORD = re.compile(r"(?<=://)([^\s:@/]*):(\S*)@")
"""User and password: all between the first colon and the last @, whatever is in it."""
_QUERY = re.compile(r"([?&](?:\w*passw\w*|pwd|secret|\w*token)=)([^&\s'\"]*)", re.IGNORECASE)


class Url:
    """Where a database is. Everything that shows it shows `***` for a password.

    `${NAME}` in it stands for an environment variable, which is looked up when it is used and
    written nowhere.
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __str__(self) -> str:
        return scrubbed(self._url)

    def __repr__(self) -> str:
        return repr(str(self))

    @property
    def name(self) -> str:
        """The name of the database, for files that are about it."""
        path = re.sub(r"[?#].*$", "", _SCHEME.sub("", str(self), count=1))
        stem = Path(path).stem if "/" in path else ""
        return re.sub(r"[^\w.-]+", "_", stem) or "database"

    def reached(self) -> str:
        """As it was written, secrets and all: to be handed on to `read`, and never shown."""
        if f":{HIDDEN}@" in self._url:
            raise SourceError(
                f"'{self}' has no password: it was left out when the plan was written.",
                mend="write ${NAME} in its place, and the password into that variable",
            )
        return self._url


def is_url(text: object) -> bool:
    """Whether it names a database by its URL, or by a variable that holds one, and not a path."""
    if not isinstance(text, str):
        return isinstance(text, Url)
    return bool(_SCHEME.match(text) or _VARIABLE.fullmatch(text.strip()))


def place(text: object) -> object:
    """A URL as one, other words as a path; anything else as it is."""
    if isinstance(text, str):
        return Url(text) if is_url(text) else Path(text)
    return text


def scrubbed(text: str) -> str:
    """The text with `***` for every password in a URL; `${NAME}` is none, and stays."""
    text = _WORD.sub(lambda found: f"{found[1]}:{_hidden(found[2])}@", text)
    return _QUERY.sub(lambda found: found[1] + _hidden(found[2]), text)


def _hidden(word: str) -> str:
    return word if not word or _VARIABLE.fullmatch(word) else HIDDEN


def is_place(target: object) -> bool:
    """Whether rows can go there as tables: a URL, a database file, or a folder that says so."""
    if isinstance(target, str) and not is_url(target):
        return target.endswith("/") or Path(target).suffix.lower() in DATABASE_SUFFIXES
    return is_url(target)
