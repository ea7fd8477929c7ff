"""The secret under which the same value becomes the same stand-in, and nobody can go back."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SchemaError, SourceError

VARIABLE = "NEOTYPE_KEY"
"""The environment variable that may hold the key."""
LEAST = 16
_MEND = "make one with: openssl rand -hex 32 > mask.key"


@dataclass(frozen=True)
class Key:
    """Secret bytes that are shown nowhere and stored nowhere.

    `lasting` says that a person keeps it, so that another run gives the same. Every purpose has
    a subkey of its own (HMAC-SHA256), so that a pseudonym says nothing about a shift.
    """

    secret: bytes = field(repr=False)
    lasting: bool = True

    def __post_init__(self) -> None:
        if len(self.secret) < LEAST:
            raise SchemaError(
                f"the key has {len(self.secret)} bytes, and fewer than {LEAST} can be guessed.",
                mend=_MEND,
            )

    @classmethod
    def of(cls, given: Key | bytes | str | None = None, *, file: Path | None = None) -> Key:
        """The key that is given, that of the file, that of NEOTYPE_KEY, or a fresh one for once."""
        if isinstance(given, Key):
            return given
        if given is not None:
            return cls(given.encode() if isinstance(given, str) else given)
        if file is not None:
            try:
                return cls(file.read_bytes().strip())
            except OSError as cause:
                raise SourceError(
                    f"key file '{file}' cannot be read: {cause.strerror or cause}.", mend=_MEND
                ) from cause
        kept = os.environ.get(VARIABLE, "").strip()
        return cls(kept.encode()) if kept else cls(secrets.token_bytes(32), lasting=False)

    def sub(self, purpose: str) -> bytes:
        """The subkey of this purpose."""
        return hmac.digest(self.secret, purpose.encode(), "sha256")

    def mark(self) -> str:
        """Eight letters by which two receipts show that they are of one key."""
        return self.sub("mark").hex()[:8]

    def digests(self, purpose: str, texts: list[str]) -> list[bytes]:
        """HMAC-SHA256 of each text."""
        started = hmac.new(self.sub(purpose), digestmod=hashlib.sha256)
        found = []
        for text in texts:
            one = started.copy()
            one.update(text.encode())
            found.append(one.digest())
        return found

    def numbers(self, purpose: str, texts: list[str]) -> NDArray[np.uint64]:
        """A number below 2**62 of each text."""
        digests = b"".join(digest[:8] for digest in self.digests(purpose, texts))
        return np.frombuffer(digests, dtype=">u8").astype(np.uint64) >> np.uint64(2)


def canonical(cells: pl.Series) -> pl.Series:
    """Cells as text in which 1, 1.0 and "1" agree, so that keys of two tables meet."""
    if cells.dtype.is_float() and bool((cells == cells.floor()).fill_null(True).all()):
        return cells.cast(pl.Int64, strict=False).cast(pl.String)
    if isinstance(cells.dtype, pl.Duration):
        return cells.to_physical().cast(pl.String)
    if cells.dtype.is_nested():
        return pl.Series(
            cells.name, [None if c is None else str(c) for c in cells.to_list()], dtype=pl.String
        )
    return cells.cast(pl.String)
