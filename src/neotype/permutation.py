"""A secret-looking order of 0 .. size − 1 that needs no table: a Feistel network on row numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

LARGEST = 1 << 62
_ROUNDS = 6


@dataclass(frozen=True)
class Permutation:
    """A bijection of 0 .. size − 1 (size up to 2**62), the same for the same key.

    Numbers that fall outside are walked on along their cycle until they are inside
    (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002). It scatters; it is no cipher.
    """

    size: int
    key: str

    def apply(self, numbers: Numbers) -> Numbers:
        """Where each of `numbers` goes."""
        return self._walk(numbers, range(_ROUNDS))

    def invert(self, numbers: Numbers) -> Numbers:
        """Where each of `numbers` comes from."""
        return self._walk(numbers, range(_ROUNDS - 1, -1, -1))

    @property
    def _half(self) -> int:
        """Bits in each half of a number."""
        return max(1, ((self.size - 1).bit_length() + 1) // 2)

    def _walk(self, numbers: Numbers, rounds: range) -> Numbers:
        result = self._pass(numbers.astype(np.uint64), rounds)
        outside = np.flatnonzero(result >= np.uint64(self.size))
        while len(outside):
            result[outside] = self._pass(result[outside], rounds)
            outside = outside[result[outside] >= np.uint64(self.size)]
        return result

    def _pass(self, numbers: Numbers, rounds: range) -> Numbers:
        half = np.uint64(self._half)
        mask = np.uint64((1 << self._half) - 1)
        left, right = numbers >> half, numbers & mask
        backwards = rounds.step < 0
        for index in rounds:
            if backwards:
                left, right = right ^ (mix(left, self._round_key(index)) & mask), left
            else:
                left, right = right, left ^ (mix(right, self._round_key(index)) & mask)
        return (left << half) | right

    def _round_key(self, index: int) -> np.uint64:
        digest = hashlib.blake2b(f"{self.key}/{index}".encode(), digest_size=8).digest()
        return np.uint64(int.from_bytes(digest, "little"))


def mix(values: Numbers, key: np.uint64) -> Numbers:
    """SplitMix64's finaliser (Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        z = values + key
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
