"""Would a statistician draw the same conclusions from the synthetic rows as from the real ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.evaluate import glm
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.design import scaled
from neotype.evaluate.features import Floats, Ints, Sides, View
from neotype.evaluate.interval import Z, around, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.task import Task
from neotype.evaluate.utility.combining import Combined, combine
from neotype.evaluate.utility.duels import CLASSES, exam
from neotype.evaluate.utility.formula import Level, Term, formula, matrix, supported

DRAWS = 200
"""Redrawn coefficients behind the standard error of the mean overlap."""

EXPECTED = 0.712
"""The mean overlap of two independent samples of one size: 1 − E|N(0, 2)| / (2 · 1.96)."""

FEWEST = 3
"""Coefficients below which a mean overlap is mostly chance."""


@dataclass(frozen=True)
class Regression:
    """Coefficients of the terms, their errors, and half the width of their 95 % intervals.

    Arrays (terms,); `covariance` (terms, terms). Terms that this table cannot estimate are `lost`.
    """

    coefficients: Floats
    covariance: Floats
    half: Floats
    lost: NDArray[np.bool_]

    @property
    def conclusions(self) -> Floats:
        """−1, 0 or 1: significantly negative, not significant, significantly positive."""
        sure = np.abs(self.coefficients) > self.half
        return np.asarray(np.where(self.lost, np.nan, np.sign(self.coefficients) * sure))

    def drawn(self, generator: Generator) -> Floats:
        """Coefficients as they might have come out, (draws, terms), from their normal limit."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        return np.asarray(self.coefficients + generator.normal(size=(DRAWS, len(values))) @ root.T)


def overlap(one: Regression, other: Regression, moved: Floats | None = None) -> Floats:
    """The confidence interval overlap of each term (Karr et al. 2006), 0 where there is none.

    The length that both intervals share, as a share of either, averaged. `moved` are other centres
    for the first, (..., terms).
    """
    centre = one.coefficients if moved is None else moved
    low = np.maximum(centre - one.half, other.coefficients - other.half)
    high = np.minimum(centre + one.half, other.coefficients + other.half)
    shared = np.maximum(high - low, 0) / 2
    found = (shared / one.half + shared / other.half) / 2
    return np.asarray(np.where(one.lost | other.lost, 0.0, found))


@dataclass(frozen=True)
class Sample:
    """Rows of one table as a regression reads them: its columns, and the outcome of these rows."""

    views: Mapping[str, View]
    side: int
    rows: Ints
    outcome: Floats

    def regress(self, terms: Sequence[Term], *, binary: bool) -> Regression:
        """Fit all terms that can be estimated here; none where no maximum exists."""
        design = matrix(terms, self.views, self.side, self.rows)
        kept = estimable(design, terms, self.outcome, binary=binary)
        fit = (glm.logistic if binary else glm.gaussian)(
            design[:, np.r_[0, kept + 1]], self.outcome
        )
        lost = np.ones(len(terms), bool)
        if fit.exists:
            lost[kept] = False
        coefficients, covariance = np.zeros(len(terms)), np.zeros((len(terms), len(terms)))
        coefficients[kept] = fit.coefficients[1:]
        covariance[np.ix_(kept, kept)] = fit.covariance[1:, 1:]
        errors = np.sqrt(np.maximum(np.diag(covariance), 1e-24))
        return Regression(coefficients, covariance, Z * errors, lost)


def estimable(design: Floats, terms: Sequence[Term], outcome: Floats, *, binary: bool) -> Ints:
    """The terms that vary here, are no combination of others, and do not decide the outcome."""
    if binary and not np.ptp(outcome):
        return np.empty(0, np.int64)
    able = [
        k
        for k, term in enumerate(terms)
        if not isinstance(term, Level) or supported(design[:, k + 1], outcome, 1, binary=binary)
    ]
    free = glm.independent(design[:, [0, *(k + 1 for k in able)]])
    return np.array([able[k - 1] for k in free if k], np.int64)


@dataclass(frozen=True)
class Response:
    """What is regressed on: the classes of a logistic, or the quantity of a Gaussian model."""

    column: str
    words: str
    binary: bool
    sides: Sides[Floats]

    @classmethod
    def of(cls, task: Task) -> Response:
        """Class 1 of two, the commonest of more, or the quantity in train's deviations."""
        if task.kind == "binary":
            return cls(task.column, f"{task.column} = {task.names[1]}", True, task.truth)
        if task.kind == "multiclass":
            sides = Sides(*(np.where(np.isnan(t), np.nan, t == 0) for t in task.truth))
            return cls(task.column, f"{task.column} = {task.names[0]}", True, sides)
        scale = scaled(task.truth.train[~np.isnan(task.truth.train)])
        if scale is None:
            raise NotMeasurableError(f"nearly all of '{task.column}' is one value in train.")
        sides = Sides(
            *(np.where(np.isnan(side), np.nan, scale(side[:, None])) for side in task.truth)
        )
        return cls(task.column, task.column, False, sides)

    def sample(self, tables: Comparison, side: int, rows: Ints) -> Sample:
        """These rows of one side."""
        views = {item.name: item for item in tables.views}
        return Sample(views, side, rows, self.sides[side][rows])


@dataclass(frozen=True)
class Agreement:
    """The same regression on synthetic, train and holdout rows, term by term."""

    terms: Sequence[Term]
    synthetic: Regression
    train: Regression
    holdout: Regression

    @property
    def value(self) -> float:
        """The mean overlap of synthetic and train."""
        return float(overlap(self.synthetic, self.train).mean())

    @property
    def floor(self) -> float:
        """The mean overlap of holdout and train."""
        return float(overlap(self.holdout, self.train).mean())

    def error(self, generator: Generator) -> float:
        """The standard error of the value, by redrawing both sides' coefficients."""
        apart = self.synthetic.drawn(generator) - self.train.drawn(generator)
        return spread(
            overlap(self.synthetic, self.train, self.train.coefficients + apart).mean(axis=1)
        )

    def same(self, other: Regression) -> float:
        """The share of coefficients with train's sign and significance."""
        return float(np.mean(other.conclusions == self.train.conclusions))

    def apart(self, other: Regression) -> Floats:
        """Differences to train's coefficients in train's standard errors; NaN where lost."""
        errors = self.train.half / Z
        return np.where(other.lost, np.nan, (other.coefficients - self.train.coefficients) / errors)

    def detail(self) -> dict[str, Any]:
        """Each term, and what they say together, with floors."""
        sides = {"synthetic": self.synthetic, "train": self.train, "holdout": self.holdout}
        overlaps = overlap(self.synthetic, self.train), overlap(self.holdout, self.train)
        apart = self.apart(self.synthetic)
        return {
            "same_conclusion": {
                "synthetic": self.same(self.synthetic),
                "floor": self.same(self.holdout),
            },
            "standardised_difference": {
                "synthetic": float(np.mean(np.abs(apart[~np.isnan(apart)])))
                if any(~np.isnan(apart))
                else None,
                "floor": float(np.mean(np.abs(self.apart(self.holdout)))),
            },
            "lost": [
                t.name for t, lost in zip(self.terms, self.synthetic.lost, strict=True) if lost
            ],
            "terms": [
                {
                    "term": term.name,
                    "overlap": overlaps[0][k],
                    "floor": overlaps[1][k],
                    "difference": apart[k],
                    **{
                        name: None if side.lost[k] else [side.coefficients[k], side.half[k]]
                        for name, side in sides.items()
                    },
                }
                for k, term in enumerate(self.terms)
            ],
        }


@dataclass(frozen=True)
class InferenceAgreement(Measure):
    """How far 95 % intervals of regression coefficients from synthetic and from real rows overlap.

    A generalised linear model of the target (logistic for classes, Gaussian for a quantity) is
    fitted by maximum likelihood to equally many synthetic, train and holdout rows; the value is
    the mean confidence interval overlap of synthetic and train (Karr et al. 2006), the floor that
    of holdout and train. With `copies`, further synthetic tables, the synthetic intervals are those
    of the combining rules for fully synthetic data.
    """

    target: str | None = None
    copies: tuple[Dataset, ...] = ()
    rows: int = 50_000
    most_terms: int = 40

    name: ClassVar[str] = "inference_agreement"
    title: ClassVar[str] = "Statistical inference agrees"
    how: ClassVar[str] = (
        "A regression of the target on the other columns is fitted to synthetic and to equally "
        "many real rows; the number is the mean overlap of the coefficients' 95 % confidence "
        "intervals. Two real samples set the floor."
    )
    reference: ClassVar[str] = (
        "Karr et al. 2006, A framework for evaluating the utility of data altered to protect "
        "confidentiality; combining rules: Raghunathan, Reiter and Rubin 2003, Reiter 2002, Raab, "
        "Nowok and Dibben 2016"
    )
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Fit the same regression to all tables and compare its intervals."""
        examined = exam(tables, self.target)
        response = Response.of(examined.task)
        others = [_copy(tables, copy, examined.task.column) for copy in self.copies]
        known = [*examined.known, *(rows for _, _, rows in others)]
        many = min(self.rows, *(len(rows) for rows in known))
        sides = [response.sample(tables, k, rows[:many]) for k, rows in enumerate(examined.known)]
        synthetic, train, holdout = sides
        terms, dropped = _terms(train, holdout, response, self.most_terms)
        fitted = [side.regress(terms, binary=response.binary) for side in (train, holdout)]
        if any(side.lost.any() for side in fitted):
            raise NotMeasurableError(
                f"in the real rows a combination of columns tells {response.words} for sure: the "
                "coefficients have no estimates."
            )
        made = [
            synthetic,
            *(theirs.sample(other, 0, rows[:many]) for other, theirs, rows in others),
        ]
        fits = [each.regress(terms, binary=response.binary) for each in made]
        combined = _combined(fits, many / tables.train.rows) if len(fits) > 1 else None
        found = Agreement(terms, _together(fits, combined), *fitted)
        error = found.error(tables.rng.child(self.name).child("draws").generator())
        return Finding(
            value=found.value,
            interval=around(found.value, error),
            floor=found.floor,
            target=min(found.floor, EXPECTED) - 0.10,
            meaning=(
                f"In a regression of {response.words}, the 95% intervals of coefficients from "
                f"synthetic and from real rows overlap by {found.value:.0%}, those from two real "
                f"samples by {found.floor:.0%}; {found.same(found.synthetic):.0%} of {len(terms)} "
                "coefficients have the same sign and significance."
            ),
            detail={
                "target": self.target,
                "outcome": response.words,
                "model": "logistic" if response.binary else "Gaussian",
                **found.detail(),
                "dropped": dropped,
                "combining": _told(combined, len(fits), many, tables.train.rows),
                "rows": many,
            },
        )


def _terms(
    train: Sample, holdout: Sample, response: Response, most: int
) -> tuple[list[Term], dict[str, str]]:
    """The terms that both real samples can estimate, and why others are dropped.

    At least ten rows of the rarer outcome for a term (Peduzzi et al. 1996).
    """
    rows = len(train.rows)
    if response.binary:
        rows = int(min(train.outcome.sum(), rows - train.outcome.sum()))
    column = response.column
    views = [item for name, item in train.views.items() if name != column]
    room = min(most, rows // 10)
    terms = formula(views, train.outcome, train.rows, room, binary=response.binary)
    dropped: dict[str, str] = {}
    for sample, reason in (
        (train, "it is a combination of other terms"),
        (holdout, "the holdout cannot estimate it"),
    ):
        design = matrix(terms, sample.views, sample.side, sample.rows)
        kept = estimable(design, terms, sample.outcome, binary=response.binary)
        names = {terms[k].name for k in kept}
        dropped |= {term.name: reason for term in terms if term.name not in names}
        terms = [terms[k] for k in kept]
    if room < FEWEST:
        raise NotMeasurableError(
            f"a regression needs {10 * FEWEST} rows of either outcome for {FEWEST} coefficients, "
            f"and there are {rows} of {response.words} or its opposite."
            if response.binary
            else f"a regression needs {10 * FEWEST} rows for {FEWEST} coefficients, not {rows}."
        )
    if len(terms) < FEWEST:
        raise NotMeasurableError(
            f"a regression of '{column}' has {len(terms)} coefficients that real rows can "
            f"estimate, and their mean overlap needs {FEWEST} not to be chance."
        )
    return terms, dropped


def _copy(tables: Comparison, copy: Dataset, column: str) -> tuple[Comparison, Response, Ints]:
    """A further synthetic table in the place of the first, and its rows with a known outcome."""
    other = Comparison(copy, tables.train, tables.holdout, tables.rng)
    item = next(item for item in other.views if item.name == column)
    response = Response.of(Task.of(item, CLASSES))
    known = np.flatnonzero(~np.isnan(response.sides.synthetic))
    order = tables.rng.child("rows of copies").generator().permutation(len(known))
    return other, response, known[order]


def _combined(fits: Sequence[Regression], share: float) -> Combined:
    estimates = np.array([fit.coefficients for fit in fits])
    variances = np.array([np.diag(fit.covariance) for fit in fits])
    return combine(estimates, variances, share)


def _together(fits: Sequence[Regression], combined: Combined | None) -> Regression:
    """What the synthetic tables say: the one's own fit, or that of all by the combining rules."""
    if combined is None:
        return fits[0]
    return Regression(
        coefficients=combined.estimates,
        covariance=np.mean([fit.covariance for fit in fits], axis=0) / len(fits),
        half=np.maximum(combined.half, 1e-12),
        lost=np.any([fit.lost for fit in fits], axis=0),
    )


def _told(combined: Combined | None, copies: int, rows: int, learnt: int) -> dict[str, Any]:
    """How the intervals of the synthetic rows are made, and what they are worth."""
    if combined is None:
        wider = float(np.sqrt(1 + rows / learnt))
        note = (
            "intervals from one synthetic table read as if it were real are too narrow: they know "
            f"nothing of the rows that the model learnt from. About {wider:.2f} times their width "
            "is right for rows drawn from one fitted model (Raab et al. 2016)"
        )
        return {"copies": 1, "rule": "none", "too_narrow_by": wider, "note": note}
    naive = np.sqrt(np.maximum(combined.within, 1e-24))
    return {
        "copies": copies,
        "rule": (
            "the wider of Raghunathan, Reiter and Rubin 2003 (Reiter's adjustment where it is "
            "negative) and Raab et al. 2016"
        ),
        "adjusted": float(np.mean(combined.adjusted)),
        "wider_than_one_copy": float(np.median(combined.half / (Z * naive))),
        "reiter": float(np.median(np.sqrt(combined.reiter) / naive)),
        "raab": float(np.median(np.sqrt(combined.raab) / naive)),
    }
