"""Random bytes for whatever guards private rows: noise, samples of rows, draws in training.

They come from the operating system and from no generator with a seed: whoever knew the seed could
take the noise away again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

source: Callable[[int], bytes] = os.urandom
"""So many random bytes. The tests put another here, so that what they say of noise never varies."""


def drawn(size: int) -> bytes:
    """So many random bytes."""
    return source(size)
