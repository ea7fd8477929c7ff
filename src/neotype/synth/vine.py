"""Vine copula: every column keeps its own distribution, and copulas of two tie them, tree by tree.

After Dissmann, Brechmann, Czado & Kurowicka 2013 (`neotype.copulas.vine`), on leading digits. A
digit is an interval of a uniform, so uniforms are first drawn behind the digits, as a Gaussian
copula has them: what the copulas of two are fitted to has no steps, and keeps its dependence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from neotype.copulas.gaussian import Gaussian
from neotype.copulas.pairs import FAMILIES
from neotype.copulas.vine import Vine as Regular
from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Masks, State
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.copula import MARGINALS, tied
from neotype.synth.grouped import Ints, restored
from neotype.synth.leading import Leading, fine_digits, leading_order
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel

_FITTED = 20_000
_CELLS = 2_000_000
"""Rows and cells that copulas of two are fitted with."""
_SWEEPS, _WIDE_SWEEPS, _WIDE = 8, 3, 500
"""Of Gibbs sampling; from `_WIDE` digits on, each costs as much as many of few."""
_INSIDE = 1e-12


@dataclass(frozen=True)
class Vine:
    """A vine copula: pairwise relationships of any shape, some of them given a third column."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    trees: int = field(
        default=3, metadata={"help": "after so many trees the vine ends", "search": (1, 5)}
    )
    families: tuple[str, ...] = field(
        default=FAMILIES, metadata={"help": "copulas to choose from; grid is non-parametric"}
    )
    marginals: str = field(
        default="empirical", metadata={"help": "empirical, or parametric where a family fits"}
    )
    divide: int = field(
        default=2, metadata={"help": "how often rows are divided into groups, as for copula"}
    )
    refine: int = field(
        default=0, metadata={"help": "rounds of refinement; 0 for none", "search": [0, 8]}
    )
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})

    def __post_init__(self) -> None:
        for name, low in (("trees", 0), ("divide", 0), ("refine", 0), ("protect", 1)):
            if getattr(self, name) < low:
                raise SchemaError(
                    f"vine: {name} is {getattr(self, name)}.", mend=f"use {low} or more"
                )
        strange = [name for name in self.families if name not in FAMILIES]
        if strange:
            raise SchemaError(
                f"vine: families names '{strange[0]}'.", mend=f"use some of {', '.join(FAMILIES)}"
            )
        if self.marginals not in MARGINALS:
            raise SchemaError(
                f"vine: marginals is '{self.marginals}'.", mend=f"use {' or '.join(MARGINALS)}"
            )

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the table."""
        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        leading = np.array(codebook.leading, dtype=np.int64)
        vines: list[Regular] = []

        def made(behind: Gaussian, rows: Ints) -> _Head:
            chosen = rows[rng.child("rows").generator().permutation(len(rows))[:most]]
            some = codes[np.ix_(leading, chosen)]
            vines.append(self._vine(behind, some, rng.child("latent")))
            return _Head(behind, vines[-1])

        most = max(min(_FITTED, _CELLS // max(len(leading), 1)), 1)
        head, told, words = tied(codebook, codes, self, rng, made)
        progress("fit copulas", 1, 2)
        fine = fine_digits(codebook, told)
        progress("fit copulas", 2, 2)
        density = Leading(leading, head, fine, obeys=False)
        numbers, edges = sum(v.numbers for v in vines), sum(len(v.edges) for v in vines)
        said = f"how frequent each value is, and {numbers:,} parameters of {edges} copulas of two"
        drawn = leading_order(codebook.leading, len(codes))
        model = TableModel("vine", data.schema, codebook, density, drawn, (said, *words))
        if not self.refine or not drawn:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    def _vine(self, behind: Gaussian, codes: Codes, rng: Rng) -> Regular:
        """Copulas of two between the uniforms behind digits × rows `codes`."""
        seen = Gaussian(behind.counted(codes), behind.orders, behind.correlation)
        sweeps = _SWEEPS if len(codes) < _WIDE else _WIDE_SWEEPS
        return Regular.learn(ndtr(seen.latent(codes, rng, sweeps)), self.families, self.trees)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""

        def density(part: State) -> Leading:
            return Leading.restore(
                part.arrays, lambda arrays: restored(arrays, _Head.restore), obeys=False
            )

        return TableModel.restore("vine", state, schema, density)


@dataclass(frozen=True)
class _Head:
    """Uniforms of a vine, shown as the digits in whose intervals they lie."""

    digits: Gaussian
    vine: Regular

    @property
    def sizes(self) -> list[int]:
        return self.digits.sizes

    def draw(
        self, rows: int, rng: Rng, given: Masks | None = None
    ) -> tuple[Codes, NDArray[np.float64]]:
        u = np.clip(self.vine.draw(rows, rng), _INSIDE, 1 - _INSIDE)
        return self.digits.symbols(ndtri(u)), np.zeros(rows)

    def log_density(self, codes: Codes) -> None:
        return None

    def arrays(self) -> dict[str, NDArray[Any]]:
        ties = {"vine " + name: array for name, array in self.vine.arrays().items()}
        return {**self.digits.arrays(), **ties}

    @classmethod
    def restore(cls, arrays: Any) -> _Head:
        own = {name.removeprefix("vine "): a for name, a in arrays.items() if "vine " in name}
        return cls(Gaussian.restore(arrays), Regular.restore(own))
