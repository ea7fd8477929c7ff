"""Flow matching with boosted trees (ForestFlow: Jolicoeur-Martineau et al. 2024), over digits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import State
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.flow import Boosting, FlowHead, learn_flow
from neotype.synth.leading import Leading, fine_digits, leading_order
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel

_PARTS = 20
"""Into so many leaves at least a small table may fall."""


@dataclass(frozen=True)
class ForestFlow:
    """A masked flow of digits, matched by boosted trees: any columns given, exact likelihoods."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    refine: int = field(default=8, metadata={"help": "rounds of refinement; 0 for none"})
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})
    rounds: int = field(default=150, metadata={"help": "trees that tell one halving, at most"})
    leaves: int = field(
        default=31,
        metadata={"help": "leaves of a tree, at most: 2 … 127", "search": (7, 63, "log")},
    )
    rate: float = field(
        default=0.1, metadata={"help": "learning rate", "search": (0.03, 0.3, "log")}
    )
    leaf: int = field(
        default=20,
        metadata={"help": "fewest rows in a leaf; small tables: fewer", "search": (5, 80, "log")},
    )
    copies: int = field(
        default=4, metadata={"help": "at how many times of the flow a row is learnt"}
    )
    shuffled: float = field(
        default=0.5, metadata={"help": "share of rows learnt in orders of chance, for conditions"}
    )
    width: int = field(default=24, metadata={"help": "most others that a digit looks at"})
    patience: int = field(
        default=10, metadata={"help": "trees without a better loss till a halving ends"}
    )
    cells: int = field(
        default=40_000_000,
        metadata={"help": "cells to learn from, at most: large tables take fewer rows"},
    )
    seconds: float | None = field(
        default=None, metadata={"help": "time to train: then the best trees so far are taken"}
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "a file from which an interrupted run goes on"}
    )

    def __post_init__(self) -> None:
        least = dict.fromkeys(
            ("protect", "rounds", "leaf", "copies", "width", "patience", "cells"), 1
        )
        for name, bound in {"refine": 0, "leaves": 2, **least}.items():
            if getattr(self, name) < bound:
                raise SchemaError(
                    f"forest_flow: {name} is {getattr(self, name)}.", mend=f"use {bound} or more"
                )
        if self.leaves > 127:
            raise SchemaError(f"forest_flow: leaves is {self.leaves}.", mend="use 127 or fewer")
        if not self.rate > 0 or (self.seconds is not None and not self.seconds > 0):
            raise SchemaError("forest_flow: rate and seconds are above 0.")
        if not 0 <= self.shuffled <= 1:
            raise SchemaError("forest_flow: shuffled is a share, between 0 and 1.")

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the flow of leading digits, and the finer ones beside."""
        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        leading, digits = codebook.leading, codebook.digits
        learnt = learn_flow(
            np.ascontiguousarray(codes[leading].T),
            [digits[place].size for place in leading],
            self._boosting(data.rows),
            rng.child("flow"),
            progress,
        )
        density = Leading(
            np.array(leading, dtype=np.int64),
            FlowHead(learnt.cascade),
            fine_digits(codebook, codes),
        )
        trees = len(learnt.cascade.votes.feature)
        ended = f"{self.seconds:g} seconds, as was asked" if learnt.hurried else "the best of each"
        words = (f"{trees:,} boosted trees of at most {self.leaves} leaves, after {ended}",)
        order = leading_order(leading, len(digits))
        model = TableModel("forest_flow", data.schema, codebook, density, order, words)
        if not self.refine or not digits:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    def _boosting(self, rows: int) -> Boosting:
        return Boosting(
            rounds=self.rounds,
            leaves=self.leaves,
            rate=self.rate,
            copies=self.copies,
            least=min(self.leaf, max(rows // _PARTS, self.protect)),
            width=self.width,
            patience=self.patience,
            shuffled=self.shuffled,
            cells=self.cells,
            seconds=self.seconds,
            checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
        )

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""
        return TableModel.restore(
            "forest_flow",
            state,
            schema,
            lambda part: Leading.restore(part.arrays, FlowHead.restore),
        )
