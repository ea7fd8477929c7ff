"""Texts of one length as a matrix of their characters, and back: how checksums are reckoned."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Digits = NDArray[np.int64]
"""Rows × places: the value of each character, 0 to 9 for digits and 10 to 35 for A to Z."""

_ASCII = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


def compact(texts: pl.Series) -> pl.Series:
    """The texts without what only separates, in capitals."""
    return texts.str.replace_all(r"[\s./-]", "").str.to_uppercase()


def values(texts: pl.Series, width: int) -> Digits:
    """The values of the characters; every text has `width` of them, letters and digits of ASCII."""
    grid = np.frombuffer("".join(texts.to_list()).encode(), dtype=np.uint8)
    marks = grid.reshape(len(texts), width).astype(np.int64)
    return np.where(marks >= 65, marks - 55, marks - 48)


def written(digits: Digits) -> pl.Series:
    """The texts of these values."""
    width = digits.shape[1]
    if not digits.size:
        return pl.Series([""] * len(digits), dtype=pl.String)
    marks = np.ascontiguousarray(_ASCII[digits])
    return pl.Series(marks.view(f"S{width}")[:, 0]).cast(pl.String)


def places(numbers: NDArray[np.uint64], width: int) -> Digits:
    """The last `width` decimal digits of numbers, the highest first."""
    powers = np.array([10**k for k in range(width - 1, -1, -1)], dtype=np.uint64)
    return (numbers[:, None] // powers % np.uint64(10)).astype(np.int64)


def modulo(digits: Digits, modulus: int) -> NDArray[np.int64]:
    """The number that each row of digits and letters spells, A as 10, modulo `modulus`."""
    rest = np.zeros(len(digits), dtype=np.int64)
    for column in digits.T:
        rest = (rest * np.where(column > 9, 100, 10) + column) % modulus
    return rest


def luhn(body: Digits) -> NDArray[np.int64]:
    """The check digit that follows the body (Luhn, US patent 2,950,048)."""
    doubled = body.copy()
    doubled[:, ::-2] *= 2
    total = (doubled // 10 + doubled % 10).sum(axis=1)
    return np.asarray(-total % 10)


def joined(*parts: Digits | NDArray[np.int64]) -> Digits:
    """Matrices and single columns side by side."""
    return np.concatenate([p if p.ndim == 2 else p[:, None] for p in parts], axis=1)
