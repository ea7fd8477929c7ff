"""The default family: a chain of Bayesian density trees over digits, then refinement.

Each digit is predicted from the digits before it by a tree averaged over its prunings
(`neotype.trees`); a boosted density ratio then weights candidates (`neotype.synth.refine`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import State
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel
from neotype.trees.density import DensityTrees, Growth

_PARTS = 20
"""Into so many leaves at least a small table may fall."""


@dataclass(frozen=True)
class Trees:
    """Density trees: fast, sharp, and with exact row likelihoods.

    `sharpness` moves along the frontier: higher fits closer and copies more.
    """

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    refine: int = field(default=8, metadata={"help": "rounds of refinement; 0 for none"})
    sharpness: float = field(
        default=-6.0,
        metadata={"help": "prior log-odds that a node splits: -8 … 2", "search": (-9.0, -2.0)},
    )
    leaf: int = field(
        default=10,
        metadata={"help": "fewest rows in a leaf; small tables: fewer", "search": (4, 40, "log")},
    )
    base: int = field(default=4, metadata={"help": "symbols a tree predicts at once: 2 … 64"})
    width: int = field(default=24, metadata={"help": "most digits that one tree looks at"})
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})
    first: tuple[str, ...] = field(
        default=(), metadata={"help": "columns drawn first: the target, and conditions to come"}
    )

    def __post_init__(self) -> None:
        for name, least in (("refine", 0), ("leaf", 1), ("base", 2), ("width", 1), ("protect", 1)):
            if getattr(self, name) < least:
                raise SchemaError(
                    f"trees: {name} is {getattr(self, name)}.", mend=f"use {least} or more"
                )

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the table; digits of few symbols come first, those of `first` before all."""
        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        digits = codebook.digits
        order = digit_order(codebook, self.first)
        density = DensityTrees.grow(
            codes,
            [digit.size for digit in digits],
            [digit.ordered for digit in digits],
            order,
            Growth(self.base, self._least(data.rows), self.sharpness, self.width),
            tick=lambda done: progress("grow trees", done, len(order)),
        )
        words = (
            f"{len(density.steps)} decision trees with {density.leaves:,} leaves, each the class "
            f"frequencies of at least {self._least(data.rows)} rows averaged with those of larger "
            "groups",
        )
        model = TableModel("trees", data.schema, codebook, density, tuple(order), words)
        if not self.refine or not digits:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    def _least(self, rows: int) -> int:
        """The fewest rows in a leaf: of a small table a part of it, so that it is told at all."""
        return min(self.leaf, max(rows // _PARTS, self.protect))

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""
        return TableModel.restore("trees", state, schema, trees_at_rest)


def trees_at_rest(state: State) -> DensityTrees:
    """The trees of a file."""
    return DensityTrees.restore({name: state.array(name) for name in state.arrays})


def digit_order(codebook: Codebook, first: tuple[str, ...] = ()) -> list[int]:
    """The digits in the order of drawing: `first`, then columns of few symbols before many."""
    for name in first:
        codebook.schema.table.column(name, asked_by="first")
    groups = []
    start = 0
    for encoder in codebook.encoders:
        end = start + len(encoder.digits)
        symbols = 1
        for digit in encoder.digits:
            symbols *= digit.size
        rank = min((first.index(c) for c in encoder.columns if c in first), default=len(first))
        groups.append((rank, symbols, start, end))
        start = end
    return [place for *_, a, b in sorted(groups) for place in range(a, b)]
