"""The negative control: every column on its own, so that all relationships are lost.

Its columns are right and its rows are nonsense: a measure that praises it is measuring nothing.
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
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel
from neotype.synth.trees import trees_at_rest
from neotype.trees.density import DensityTrees, Growth


@dataclass(frozen=True)
class Independent:
    """Each column drawn from its own distribution, whatever the others are."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})

    def __post_init__(self) -> None:
        if self.protect < 1:
            raise SchemaError(f"independent: protect is {self.protect}.", mend="use 1 or more")

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel:
        """Learn each column; a tree sees only the digits of its own column."""
        codebook = Codebook.learn(data, protect=self.protect)
        looks: list[list[int]] = []
        for encoder in codebook.encoders:
            start = len(looks)
            looks += [list(range(start, start + k)) for k in range(len(encoder.digits))]
        digits = codebook.digits
        order = tuple(range(len(digits)))
        density = DensityTrees.grow(
            codebook.encode(data),
            [digit.size for digit in digits],
            [digit.ordered for digit in digits],
            order,
            Growth(),
            looks=looks,
            tick=lambda done: progress("count columns", done, len(order)),
        )
        words = (f"the distributions of {len(codebook.encoders)} columns, one by one",)
        return TableModel("independent", data.schema, codebook, density, order, words)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The model of a file."""
        return TableModel.restore("independent", state, schema, trees_at_rest)
