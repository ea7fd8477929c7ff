"""The only maker of randomness: an immutable key from which named and numbered streams are derived.

A key is a value, so that block 7 of a sample is the same whether it is drawn first, last or on
another machine. Only `generator()` yields something that changes as it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from neotype.errors import NeotypeError


@dataclass(frozen=True)
class Rng:
    """A place in the tree of random streams: a root seed and the path walked from it."""

    seed: int
    path: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise NeotypeError(
                f"seed {self.seed!r} is not a whole number of 0 or more.", mend="use seed=0"
            )

    def child(self, name: str) -> Rng:
        """The stream for a named purpose; different names never share numbers."""
        digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
        return Rng(self.seed, (*self.path, int.from_bytes(digest, "little")))

    def block(self, index: int) -> Rng:
        """The stream of the index-th block of rows."""
        return Rng(self.seed, (*self.path, 0xB10C, index & 0xFFFFFFFF, index >> 32))

    def generator(self) -> Generator:
        """A fresh numpy generator; two calls give two equal ones."""
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=self.path))
        )

    def number(self) -> int:
        """One 31-bit number, for libraries that take an integer seed."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=self.path)
        return int(sequence.generate_state(1)[0] & 0x7FFFFFFF)
