"""A joint distribution for each group of rows: a mixture whose parts one digit tells apart.

What ties columns is often another thing for another kind of row, which one correlation cannot
tell (conditional copulas: Patton 2006). By which column to divide is measured: the one that brings
pairs of columns nearest to those of rows that nothing was learnt from, if one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from neotype.copulas.gaussian import Gaussian, scores
from neotype.copulas.scaling import orders
from neotype.encode.encoder import Codes, Masks
from neotype.rng import Rng
from neotype.synth.leading import Head, LogWeights

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FEWEST, _FEWEST_A_DIGIT, _LEAST_SHARE = 500, 10, 0.01
"""Rows of a group, rows for each digit, and of all rows."""
_MOST = 12
"""Groups of one division."""
_TRIED = 2
"""Digits by which rows are divided to see whether it helps, of those whose own pairs are missed
most, and of those that turn the pairs of others most."""
_WORTH = 0.99
"""How far from real rows it must come, beside one distribution for all."""
_LEARNT, _COMPARED = 40_000, 10_000
"""Rows by which a division is chosen."""
_WIDEST = 4_000
"""Symbols of all digits together, from which on nothing is divided: it would take minutes."""
_BINS = 8
"""In which symbols of a digit are counted when pairs are compared."""
_PART = "part {} "


@dataclass(frozen=True)
class Division:
    """Rows in groups, by the symbol of their digit at `place`."""

    place: int
    group: Ints
    """Of each symbol."""

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

    def rows(self, codes: Codes) -> list[Ints]:
        """For each group, which rows of digits × rows `codes` belong to it."""
        mine = self.group[codes[self.place]]
        return [np.flatnonzero(mine == group) for group in range(self.groups)]


@dataclass(frozen=True)
class Grouped:
    """A head for each group of a division, and how frequent each is."""

    division: Division
    shares: Floats
    heads: tuple[Head, ...]

    @classmethod
    def learn(cls, codes: Codes, division: Division, learn: Callable[[Ints], Head]) -> Self:
        """Learn digits × rows `codes`; `learn` makes the head of a group of those rows."""
        rows = division.rows(codes)
        shares = np.array([len(some) for some in rows]) / codes.shape[1]
        return cls(division, shares, tuple(learn(some) for some in rows))

    @property
    def sizes(self) -> Sequence[int]:
        """How many symbols each digit has."""
        return self.heads[0].sizes

    @property
    def parts(self) -> int:
        """How many heads there are, those within heads counted."""
        return sum(head.parts if isinstance(head, Grouped) else 1 for head in self.heads)

    def draw(self, rows: int, rng: Rng, given: Masks | None = None) -> tuple[Codes, LogWeights]:
        """Digits × rows, each among the symbols `given` (rows or 1, × digits); how likely that was.

        What is given decides on the group as far as its digits do one by one; weights set that
        right.
        """
        random = rng.child("groups").generator()
        told = np.log(self.shares)[None] if given is None else self._likely(given)
        chances = np.exp(told - np.logaddexp.reduce(told, axis=1, keepdims=True))
        upto = np.broadcast_to(np.cumsum(chances, axis=1), (rows, len(self.heads)))
        group = np.minimum((upto <= random.random((rows, 1))).sum(axis=1), len(self.heads) - 1)
        at = np.arange(rows) if len(told) == rows else np.zeros(rows, dtype=np.int64)
        logp = np.log(self.shares)[group] - np.log(chances[at, group])
        codes = np.zeros((len(self.sizes), rows), dtype=np.uint8)
        for k, head in enumerate(self.heads):
            some = np.flatnonzero(group == k)
            masks = given if given is None or len(given) == 1 else given[some]
            codes[:, some], own = head.draw(len(some), rng.child(str(k)), masks)
            logp[some] += own
        return codes, logp

    def _likely(self, given: Masks) -> Floats:
        """How likely each group is, and that it has what is given, digit by digit (in logs)."""
        each = [
            head.limited(given) if isinstance(head, Gaussian | Grouped) else np.zeros(len(given))
            for head in self.heads
        ]
        return np.log(self.shares) + np.stack(each, axis=1)

    def limited(self, given: Masks) -> Floats:
        """The log-probability that digits are among those `given`, by what each says alone."""
        return np.asarray(np.logaddexp.reduce(self._likely(given), axis=1))

    def log_density(self, codes: Codes) -> None:
        """None: that of a copula's digits has no closed form."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        parts = {
            _PART.format(k) + name: array
            for k, head in enumerate(self.heads)
            for name, array in head.arrays().items()
        }
        own = {"place": np.array(self.division.place), "group": self.division.group}
        return {**own, "shares of groups": self.shares, **parts}


def restored(
    arrays: Mapping[str, NDArray[Any]], restore: Callable[[Mapping[str, NDArray[Any]]], Head]
) -> Head:
    """A head at rest, or several: the inverse of `arrays`; `restore` is that of one."""
    if "group" not in arrays:
        return restore(arrays)
    heads = []
    for k in range(len(arrays["shares of groups"])):
        first = _PART.format(k)
        own = {name.removeprefix(first): a for name, a in arrays.items() if name.startswith(first)}
        heads.append(restored(own, restore))
    division = Division(int(arrays["place"]), arrays["group"])
    return Grouped(division, arrays["shares of groups"], tuple(heads))


def gaussian(
    codes: Codes,
    sizes: Sequence[int],
    ordered: Sequence[bool],
    shares: Sequence[Floats] | None = None,
) -> Gaussian:
    """Normals behind digits × rows `codes`; `shares` as for `Gaussian.learn`."""
    return Gaussian.learn(codes, orders(codes, sizes, [not one for one in ordered]), shares)


def division(
    codes: Codes, sizes: Sequence[int], ordered: Sequence[bool], rng: Rng
) -> Division | None:
    """The division of digits × rows that serves Gaussian copulas best; None where none does.

    It is measured by how far pairs of digits drawn are from pairs of rows that were kept apart.
    """
    if len(sizes) < 3 or sum(sizes) > _WIDEST:
        return None
    rows = codes.shape[1]
    fewest = max(_FEWEST, _FEWEST_A_DIGIT * len(sizes), int(_LEAST_SHARE * rows))
    possible = {
        place: made
        for place in range(len(sizes))
        if (made := _divided(codes[place], place, sizes[place], ordered[place], fewest))
    }
    if not possible:
        return None
    order = rng.child("rows").generator().permutation(rows)
    cut = min(rows // 4, _COMPARED)
    apart, learnt = codes[:, order[:cut]], codes[:, order[cut:][:_LEARNT]]
    bins = [_bins(code, size) for code, size in zip(apart, sizes, strict=True)]
    counts = [int(one.max()) + 1 for one in bins]

    def coarse(made: Codes) -> Codes:
        return np.stack([one[code] for one, code in zip(bins, made, strict=True)])

    def far_from(made: Codes) -> Floats:
        return pairs_apart(coarse(made), coarse(apart), counts)

    whole = gaussian(learnt, sizes, ordered)
    far, chance = far_from(whole.draw(cut, rng.child("whole"))[0]), far_from(learnt[:, :cut])
    missed = (far - chance).sum(axis=1)
    turns = {place: _turns(learnt, whole, made) for place, made in possible.items()}
    ranks = (sorted(possible, key=lambda place: -by[place]) for by in (missed, turns))
    best, least = None, far.sum() * _WORTH
    for place in dict.fromkeys(place for rank in ranks for place in rank[:_TRIED]):
        tried = Grouped.learn(
            learnt, possible[place], lambda some: gaussian(learnt[:, some], sizes, ordered)
        )
        now = far_from(tried.draw(cut, rng.child(str(place)))[0]).sum()
        if now < least:
            best, least = possible[place], now
    return best


def _bins(code: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The bin of each symbol; of about as many rows each, lest chance hides what differs."""
    share = np.bincount(code, minlength=size) / max(len(code), 1)
    bins = np.minimum((np.cumsum(share) - share / 2) * _BINS, _BINS - 1).astype(np.uint8)
    return np.unique(bins, return_inverse=True)[1].astype(np.uint8)


def _turns(codes: Codes, whole: Gaussian, made: Division) -> float:
    """How much correlations differ from group to group, beyond what chance makes of them."""
    score = scores(codes, whole.shares, whole.orders)
    parts = [score[:, rows] for rows in made.rows(codes)]
    weight = np.array([part.shape[1] for part in parts]) / codes.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        ties = np.nan_to_num(np.stack([np.corrcoef(part) for part in parts]))
    differ = ((ties - np.tensordot(weight, ties, 1)) ** 2).sum(axis=(1, 2))
    chance = (made.groups - 1) * len(codes) ** 2 / codes.shape[1]
    return float(weight @ differ - chance)


def _divided(
    code: NDArray[np.uint8], place: int, size: int, ordered: bool, fewest: int
) -> Division | None:
    """Symbols in groups of so many rows: neighbours where they are ordered, else the rare ones."""
    counts = np.bincount(code, minlength=size)
    if ordered:
        enough = max(fewest, len(code) / _MOST)
        group, now, has = np.zeros(size, dtype=np.int64), 0, 0
        for symbol in range(size):
            left = counts[symbol:].sum()
            if has >= enough and left >= enough:
                now, has = now + 1, 0
            group[symbol] = now
            has += counts[symbol]
    else:
        frequent = np.argsort(-counts, kind="stable")[: _MOST - 1]
        frequent = frequent[counts[frequent] >= fewest]
        rest = len(code) - counts[frequent].sum()
        group = np.full(size, len(frequent) if rest >= fewest else len(frequent) - 1)
        group[frequent] = np.arange(len(frequent))
    made = Division(place, group)
    return made if len(code) >= 2 * fewest and made.groups > 1 else None


def pairs_apart(left: Codes, right: Codes, sizes: Sequence[int]) -> Floats:
    """How far pairs of digits are apart (total variation) in two digits × rows; digits × digits."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    tables = []
    for codes in (left, right):
        digits, rows = codes.shape
        at = (codes + starts[:, None]).T.ravel()
        ends = np.arange(rows + 1) * digits
        shown = csr_array((np.ones(at.size), at, ends), shape=(rows, int(sum(sizes))))
        tables.append((shown.T @ shown).toarray() / max(rows, 1))
    differ = np.abs(tables[0] - tables[1])
    return np.asarray(np.add.reduceat(np.add.reduceat(differ, starts, 0), starts, 1) / 2)
