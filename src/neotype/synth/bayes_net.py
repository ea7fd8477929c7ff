"""A Bayesian network: each digit depends on a few others that come before it.

Structure is found by score: along an order of the columns (few symbols first), the parents of each
digit are added one at a time, and of each only as many symbols as it earns (after K2, Cooper &
Herskovits 1992, with local structure as in Friedman & Goldszmidt 1996). The score is the
log-probability of each row left out of its own counts; tables back off to fewer parents
(`neotype.trees.tables`), and rows are drawn by ancestors, with exact densities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, State
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel
from neotype.synth.trees import digit_order, trees_at_rest
from neotype.trees.density import DensityTrees, Tree, levels
from neotype.trees.relevance import mutual_information
from neotype.trees.tables import Contexts, Step, as_tree

_SEARCHED = 50_000
"""Rows that the structure is found with."""
_TOLD = 4
"""Symbols of a parent that are told at once."""
_COMPARED = 4e9
"""Cells that are compared at most to find which digits say most about each."""


@dataclass(frozen=True)
class BayesNet:
    """A network of conditional tables: a structure to read, exact likelihoods, and fast."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    refine: int = field(
        default=0, metadata={"help": "rounds of refinement; 0 for none", "search": [0, 8]}
    )
    parents: int = field(
        default=6, metadata={"help": "most digits that one table looks at", "search": (3, 8)}
    )
    leaf: int = field(default=10, metadata={"help": "fewest rows in a context that is told"})
    caution: float = field(
        default=6.0,
        metadata={
            "help": "nats that a step of a parent must be worth",
            "search": (2.0, 20.0, "log"),
        },
    )
    base: int = field(default=8, metadata={"help": "symbols a table predicts at once: 2 … 64"})
    width: int = field(default=24, metadata={"help": "most digits tried as parents of one"})
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})
    first: tuple[str, ...] = field(
        default=(), metadata={"help": "columns drawn first: the target, and conditions to come"}
    )

    def __post_init__(self) -> None:
        least = {"refine": 0, "parents": 1, "leaf": 1, "base": 2, "width": 1, "protect": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise SchemaError(
                    f"bayes_net: {name} is {getattr(self, name)}.", mend=f"use {low} or more"
                )

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the table."""
        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        order = digit_order(codebook, self.first)
        digits = codebook.digits
        search = _Search(codes, [digit.size for digit in digits], self, rng)
        trees, words = [], []
        for place, digit in enumerate(order):
            made, parents = search.tables(digit, order[:place])
            trees += made
            names = [digits[p].name for p in parents]
            words.append(f"{digits[digit].name} ← {', '.join(names) or 'nothing'}")
            progress("find parents", place + 1, len(order))
        density = DensityTrees.of(trees)
        model = TableModel("bayes_net", data.schema, codebook, density, tuple(order), tuple(words))
        if not self.refine or not order:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""
        return TableModel.restore("bayes_net", state, schema, trees_at_rest)


@dataclass(frozen=True)
class _Piece:
    """One sub-digit of a digit: its symbols, and those of the digit before it."""

    classes: int
    divisor: int
    prefixes: int
    y: NDArray[np.uint8]
    prefix: NDArray[np.uint8]


class _Search:
    """What a structure is found with: some rows, and which digits say most about which."""

    def __init__(self, codes: Codes, sizes: Sequence[int], recipe: BayesNet, rng: Rng) -> None:
        self.codes, self.sizes, self.recipe = codes, sizes, recipe
        digits, rows = codes.shape
        some = rng.child("rows").generator().permutation(rows)[:_SEARCHED]
        self.some = codes if rows <= _SEARCHED else np.ascontiguousarray(codes[:, np.sort(some)])
        self.nats = None
        if digits > recipe.width:
            most = max(int(_COMPARED / digits**2), 500)
            step = max(1, self.some.shape[1] // min(most, 10_000))
            sample = np.ascontiguousarray(self.some[:, ::step].T)
            self.nats = mutual_information(sample, np.array(sizes, dtype=np.int64))

    def tables(self, digit: int, before: Sequence[int]) -> tuple[list[Tree], list[int]]:
        """The tables of a digit as trees, and its parents in the order of their worth."""
        size = self.sizes[digit]
        depth, radix = levels(size, self.recipe.base)
        trees, parents = [], dict[int, None]()
        for level in range(depth):
            chain, _ = self.chain(digit, level, before)
            parents |= dict.fromkeys(step.digit for step in chain if step.digit < len(self.codes))
            piece = _piece(self.codes[digit], size, level, depth, radix)
            step = (digit, piece.classes, piece.divisor, size, level == 0, level == depth - 1)
            trees.append(self.tree(step, piece, chain))
        return trees, list(parents)

    def chain(self, digit: int, level: int, before: Sequence[int]) -> tuple[list[Step], float]:
        """The steps that say most about a sub-digit, one after the other; what they gain."""
        recipe, x = self.recipe, self.some
        depth, radix = levels(self.sizes[digit], recipe.base)
        piece = _piece(x[digit], self.sizes[digit], level, depth, radix)
        contexts = Contexts.first(piece.y, piece.classes)
        chain: list[Step] = []
        gained = 0.0
        if level:
            step = Step(len(x), 1, piece.prefixes)
            gain, strengths = contexts.worth(piece.prefix, step.radix, piece.y, recipe.leaf)
            contexts, _ = contexts.refined(
                piece.prefix, step.radix, piece.y, strengths, recipe.leaf
            )
            chain.append(step)
            gained += gain
        told: dict[int, int] = {}
        waiting = dict.fromkeys(self.nearest(digit, before), np.inf)
        while waiting:
            found = self._best(waiting, told, contexts, piece)
            if found is None:
                break
            step, strengths, gain = found
            symbol = _symbol(x, step)
            contexts, _ = contexts.refined(symbol, step.radix, piece.y, strengths, recipe.leaf)
            chain.append(step)
            gained += gain
            told[step.digit] = step.divisor
            waiting[step.digit] = np.inf
            if len(told) == recipe.parents:
                waiting = {p: gain for p, gain in waiting.items() if p in told}
        return chain, gained

    def _best(
        self, waiting: dict[int, float], told: dict[int, int], contexts: Contexts, piece: _Piece
    ) -> tuple[Step, NDArray[np.float64], float] | None:
        """The step that gains most, if any is worth it; gains seldom grow, so few are looked at.

        The first symbols of a parent may say nothing where more of them do: then these are a step.
        """
        found, most = None, self.recipe.caution
        for p in sorted(waiting, key=lambda p: -waiting[p]):
            if waiting[p] <= most:
                break
            waiting[p] = 0.0
            for step in _steps(p, self.sizes[p], told.get(p)):
                symbol = _symbol(self.some, step)
                gain, strengths = contexts.worth(symbol, step.radix, piece.y, self.recipe.leaf)
                waiting[p] = gain
                if gain > most:
                    found, most = (step, strengths, gain), gain
                if gain > self.recipe.caution:
                    break
        return found

    def nearest(self, digit: int, before: Sequence[int]) -> list[int]:
        """The digits before this one that say most about it."""
        if self.nats is None or len(before) <= self.recipe.width:
            return list(before)
        best = np.argsort(-self.nats[digit, list(before)], kind="stable")[: self.recipe.width]
        return [before[int(k)] for k in best]

    def tree(
        self, told: tuple[int, int, int, int, bool, bool], piece: _Piece, chain: list[Step]
    ) -> Tree:
        """The contexts of a chain, of all rows."""
        contexts = Contexts.first(piece.y, piece.classes)
        starts, children, shares = [0, 1], [np.zeros(0, np.int32)], [contexts.share]
        for step in chain:
            symbol = piece.prefix if step.digit == len(self.codes) else _symbol(self.codes, step)
            _, strengths = contexts.worth(symbol, step.radix, piece.y, self.recipe.leaf)
            contexts, child = contexts.refined(
                symbol, step.radix, piece.y, strengths, self.recipe.leaf
            )
            starts.append(starts[-1] + len(contexts.share))
            children.append(child)
            shares.append(contexts.share)
        masks = np.zeros((len(chain), 64), dtype=np.uint64)
        for k, step in enumerate(chain):
            masks[k, : step.radix] = step.masks
        tree = as_tree(
            np.array(starts),
            np.array([step.radix for step in chain], dtype=np.int64),
            np.concatenate(children),
            np.concatenate(shares),
            np.array([step.digit for step in chain], dtype=np.int32),
            masks,
        )
        digit, classes, divisor, size, first, last = told
        return Tree((digit, classes, divisor, size, int(first), int(last)), *tree)


def _piece(code: NDArray[np.uint8], size: int, level: int, depth: int, radix: int) -> _Piece:
    divisor = radix ** (depth - 1 - level)
    classes = -(-size // divisor) if level == 0 else radix
    prefix = code // np.uint8(divisor) // np.uint8(radix) if level else np.zeros_like(code)
    y = code // np.uint8(divisor) - prefix * np.uint8(radix) if level else code // np.uint8(divisor)
    prefixes = (size - 1) // (divisor * radix) + 1 if level else 1
    return _Piece(classes, divisor, prefixes, y.astype(np.uint8), prefix)


def _steps(digit: int, size: int, divisor: int | None) -> list[Step]:
    """The ways to tell more of a parent than `divisor` does: the next symbol, the next two …"""
    depth, radix = levels(size, _TOLD)
    whole = divisor or radix**depth
    finer = (radix**k for k in range(depth - 1, -1, -1))
    return [Step(digit, least, whole // least) for least in finer if least < whole]


def _symbol(x: Codes, step: Step) -> NDArray[np.uint8]:
    symbol = x[step.digit] // np.uint8(step.divisor) % np.uint8(step.radix)
    return np.asarray(symbol, dtype=np.uint8)
