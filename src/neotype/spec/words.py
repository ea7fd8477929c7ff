"""Placeholder text: phrases of Latin words that mean nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_TEXT = """
    lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor incididunt
    labore dolore magna aliqua enim minim veniam quis nostrud ullamco laboris nisi aliquip
    commodo consequat duis aute irure voluptate velit esse cillum fugiat nulla pariatur
    excepteur sint occaecat cupidatat non proident sunt culpa officia deserunt mollit anim
    laborum vitae justo luctus mattis porta tellus mauris lacinia urna viverra egestas
"""


def phrases(seeds: NDArray[np.uint64]) -> pl.Series:
    """A phrase for each seed: its upper 16 bits are the number of words, the rest chooses them."""
    count = (seeds >> np.uint64(48)).astype(np.int64)
    words = pl.Series(_TEXT.split())
    size, parts = len(words), []
    state = seeds & np.uint64((1 << 48) - 1)
    for k in range(int(count.max(initial=1))):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        place = ((state >> np.uint64(33)) % np.uint64(size)).astype(np.int64)
        part = words.gather(place)
        if k:
            part = pl.select(pl.when(pl.Series(k < count)).then(part)).to_series()
        else:
            part = part.str.to_titlecase()
        parts.append(part.alias(str(k)))
    joined = pl.DataFrame(parts).select(
        pl.concat_str(pl.all(), separator=" ", ignore_nulls=True) + "."
    )
    return joined.to_series()
