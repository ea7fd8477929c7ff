"""Gaussian copula: every column keeps its own distribution, and a normal vector ties them.

After Nelsen 2006 and Patki, Wedge & Veeramachaneni 2016, on digits: the shares of leading digits
are marginals of any form, a missing cell or a heap among them, and correlations are those of the
normals behind them (`neotype.copulas.gaussian`). It tells monotone pairwise relationships.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from neotype.copulas.gaussian import Gaussian
from neotype.copulas.laws import likeliest
from neotype.copulas.scaling import orders
from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, State
from neotype.encode.numeric import NumericEncoder
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.leading import Leading, fine_digits, leading_order
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel

MARGINALS = ("empirical", "parametric")
_FAR = 0.1
"""How far from the data a distribution may be (Kolmogorov's distance) to stand for it."""


@dataclass(frozen=True)
class Copula:
    """A Gaussian copula: pairwise correlations and nothing else, in seconds."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    marginals: str = field(
        default="empirical",
        metadata={
            "help": "empirical, or parametric where a family fits",
            "search": ["empirical", "parametric"],
        },
    )
    refine: int = field(
        default=0, metadata={"help": "rounds of refinement; 0 for none", "search": [0, 8]}
    )
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})

    def __post_init__(self) -> None:
        if self.marginals not in MARGINALS:
            raise SchemaError(
                f"copula: marginals is '{self.marginals}'.", mend=f"use {' or '.join(MARGINALS)}"
            )
        for name, low in (("refine", 0), ("protect", 1)):
            if getattr(self, name) < low:
                raise SchemaError(
                    f"copula: {name} is {getattr(self, name)}.", mend=f"use {low} or more"
                )

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the table."""
        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        leading = codebook.leading
        head, told, laws = correlated(codebook, codes, self.marginals, rng)
        progress("correlate", 1, 2)
        fine = fine_digits(codebook, told)
        progress("correlate", 2, 2)
        density = Leading(np.array(leading, dtype=np.int64), head, fine)
        words = (
            f"how frequent each value is, and {len(leading)} × {len(leading)} correlations",
            *laws,
        )
        drawn = leading_order(leading, len(codes))
        model = TableModel("copula", data.schema, codebook, density, drawn, words)
        if not self.refine or not drawn:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""
        return TableModel.restore(
            "copula", state, schema, lambda part: Leading.restore(part.arrays, Gaussian.restore)
        )


def correlated(
    codebook: Codebook, codes: Codes, marginals: str, rng: Rng
) -> tuple[Gaussian, Codes, list[str]]:
    """Normals behind the leading digits; the codes as `marginals` distribute them; in words."""
    leading = codebook.leading
    every = codebook.digits
    digits = [every[place] for place in leading]
    order = orders(codes[leading], [d.size for d in digits], [not d.ordered for d in digits])
    told, laws = codes, list[str]()
    if marginals == "parametric":
        told, laws = by_law(codebook, codes, rng.child("laws"))
    shares = [
        np.bincount(told[place], minlength=digit.size) / told.shape[1]
        for place, digit in zip(leading, digits, strict=True)
    ]
    return Gaussian.learn(codes[leading], order, shares), told, laws


def by_law(codebook: Codebook, codes: Codes, rng: Rng) -> tuple[Codes, list[str]]:
    """The codes with each quantity distributed by the likeliest family, if it is near; in words."""
    codes, words = codes.copy(), []
    for encoder in codebook.encoders:
        places = np.array(codebook.places(set(encoder.columns)), dtype=np.int64)
        if not isinstance(encoder, NumericEncoder) or not encoder.plain or not len(places):
            continue
        groups = encoder.scale.groups if encoder.scale is not None else 0
        known = np.flatnonzero(codes[places[0]] < groups)
        random = rng.child(encoder.name).generator()
        values = encoder.numbers(np.ascontiguousarray(codes[np.ix_(places, known)]), random)
        law = likeliest(values) if len(values) else None
        if law is None or law.distance(values) > _FAR:
            continue
        at = (random.permutation(len(known)) + 0.5) / len(known)
        codes[np.ix_(places, known)] = encoder.digits_of(law.quantiles(at))
        words.append(f"'{encoder.name}' is drawn as {law.family}")
    return codes, words
