"""Addresses of databases: used with their passwords, shown without."""

from __future__ import annotations

import os
import re
from pathlib import Path

from neotype.errors import SourceError

HIDDEN = "***"

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WORD = re.compile(r"(?<=://)([^\s:@/]*):(\S*)@")
"""User and password: all between the first colon and the last @, whatever is in it."""
_QUERY = re.compile(r"([?&](?:\w*passw\w*|pwd|secret|\w*token)=)([^&\s'\"]*)", re.IGNORECASE)


class Address:
    """Where a database is. Everything that shows it shows `***` for a password.

    `${NAME}` in it stands for an environment variable, which is looked up when it is used and
    written nowhere.
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __str__(self) -> str:
        return scrubbed(self._url)

    def __repr__(self) -> str:
        return repr(str(self))

    def reached(self) -> str:
        """The address as a driver needs it, secrets and all: to be handed on and never shown."""
        missing = [name for name in _VARIABLE.findall(self._url) if not os.environ.get(name)]
        if missing:
            raise SourceError(
                f"'{self}' names environment variables that are not set: {', '.join(missing)}.",
                mend=f"export {missing[0]}=… before the command",
            )
        if f":{HIDDEN}@" in self._url:
            raise SourceError(
                f"'{self}' has no password: it was left out when the plan was written.",
                mend="write ${NAME} in its place, and the password into that variable",
            )
        return _VARIABLE.sub(lambda found: os.environ[found[1]], self._url)


def is_address(text: object) -> bool:
    """Whether it names a database by its URL and not a path."""
    return isinstance(text, Address) or (isinstance(text, str) and bool(_SCHEME.match(text)))


def place(text: object) -> object:
    """An address of a URL, a path of other words; anything else as it is."""
    if isinstance(text, str):
        return Address(text) if is_address(text) else Path(text)
    return text


def scrubbed(text: str) -> str:
    """The text with `***` for every password in a URL; `${NAME}` is none, and stays."""
    text = _WORD.sub(lambda found: f"{found[1]}:{_hidden(found[2])}@", text)
    return _QUERY.sub(lambda found: found[1] + _hidden(found[2]), text)


def _hidden(word: str) -> str:
    return word if not word or _VARIABLE.fullmatch(word) else HIDDEN
