"""Gaussian copula: every column keeps its own distribution, and a normal vector ties them.

After Nelsen 2006 and Patki, Wedge & Veeramachaneni 2016, on digits: the shares of leading digits
are marginals of any form, a missing cell or a heap among them, and correlations are those of the
normals behind them (`neotype.copulas.gaussian`). It tells monotone pairwise relationships.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from neotype.copulas.gaussian import Gaussian
from neotype.copulas.laws import likeliest
from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, State
from neotype.encode.numeric import NumericEncoder
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.grouped import Grouped, Ints, division, gaussian, restored
from neotype.synth.leading import Head, Leading, fine_digits, leading_order
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel

MARGINALS = ("empirical", "parametric")
_WIDE = 500
"""Digits whose matrices are worth several threads."""
_FAR = 0.1
"""How far from the data a distribution may be (Kolmogorov's distance) to stand for it."""


class Tying(Protocol):
    """What copulas of any kind are told."""

    @property
    def marginals(self) -> str:
        """One of MARGINALS."""

    @property
    def divide(self) -> int:
        """How often rows are divided into groups, where that serves."""


@dataclass(frozen=True)
class Copula:
    """A Gaussian copula for each of a few groups of rows: pairwise correlations, in seconds."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)

    marginals: str = field(
        default="empirical",
        metadata={
            "help": "empirical, or parametric where a family fits",
            "search": ["empirical", "parametric"],
        },
    )
    divide: int = field(
        default=2,
        metadata={
            "help": "how often rows are divided into groups, each with a copula of its own",
            "search": [0, 1, 2],
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
        for name, low in (("divide", 0), ("refine", 0), ("protect", 1)):
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
        head, told, words = tied(codebook, codes, self, rng)
        progress("correlate", 1, 2)
        fine = fine_digits(codebook, told)
        progress("correlate", 2, 2)
        density = Leading(np.array(leading, dtype=np.int64), head, fine)
        said = f"how frequent each value is, and {len(leading)} × {len(leading)} correlations"
        drawn = leading_order(leading, len(codes))
        model = TableModel("copula", data.schema, codebook, density, drawn, (said, *words))
        if not self.refine or not drawn:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""
        return TableModel.restore(
            "copula",
            state,
            schema,
            lambda part: Leading.restore(
                part.arrays, lambda arrays: restored(arrays, Gaussian.restore)
            ),
        )


def tied(
    codebook: Codebook,
    codes: Codes,
    recipe: Tying,
    rng: Rng,
    made: Callable[[Gaussian, Ints], Head] = lambda behind, _: behind,
) -> tuple[Head, Codes, list[str]]:
    """A head of the leading digits; the codes as `marginals` distribute them; in words.

    `made` makes it of the normals behind some rows, and of which rows those are.
    """
    every, leading = codebook.digits, np.array(codebook.leading, dtype=np.int64)
    digits = [every[place] for place in leading]
    sizes, ordered = [d.size for d in digits], [d.ordered for d in digits]
    parametric = recipe.marginals == "parametric"
    seen, told = codes[leading], codes.copy() if parametric else codes
    laws, by = dict[str, dict[str, None]](), dict[str, None]()

    def learn(rows: Ints) -> Head:
        if parametric:
            told[:, rows], drawn = by_law(codebook, codes[:, rows], rng.child("laws"))
            for name, law in drawn.items():
                laws.setdefault(name, {})[law] = None
        shares = [
            np.bincount(told[place, rows], minlength=size) / max(len(rows), 1)
            for place, size in zip(leading, sizes, strict=True)
        ]
        return made(gaussian(seen[:, rows], sizes, ordered, shares), rows)

    def divided(rows: Ints, times: int) -> Head:
        some = seen[:, rows]
        found = division(some, sizes, ordered, rng.child("division")) if times else None
        if found is None:
            return learn(rows)
        by.update(dict.fromkeys(_columns_at(codebook, leading[found.place])))
        return Grouped.learn(some, found, lambda part: divided(rows[part], times - 1))

    from threadpoolctl import threadpool_limits

    # Of small matrices threads spend three times as long on waiting for each other.
    with threadpool_limits(1 if len(leading) < _WIDE else None, user_api="blas"):
        head = divided(np.arange(codes.shape[1]), recipe.divide)
    names = ", ".join(f"'{name}'" for name in by)
    said = [f"'{name}' is drawn as {' or '.join(drawn)}" for name, drawn in laws.items()]
    if isinstance(head, Grouped):
        said.insert(0, f"both in each of {head.parts} groups of rows, by {names}")
    return head, told, said


def _columns_at(codebook: Codebook, place: int) -> tuple[str, ...]:
    return next(
        encoder.columns
        for encoder in codebook.encoders
        if place in codebook.places(set(encoder.columns))
    )


def by_law(codebook: Codebook, codes: Codes, rng: Rng) -> tuple[Codes, dict[str, str]]:
    """The codes with each quantity distributed by the likeliest family, if one is near; which."""
    codes, laws = codes.copy(), {}
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
        laws[encoder.name] = law.family
    return codes, laws
