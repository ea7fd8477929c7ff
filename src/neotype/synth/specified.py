"""A table drawn from what its schema declares: a model that has learnt nothing from any data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.encode.identifier import IdentifierEncoder
from neotype.errors import SamplingError, SchemaError
from neotype.rng import Rng
from neotype.schema.schema import Identifier, Schema
from neotype.schema.specification import inputs
from neotype.schema.storage import storage_dtype
from neotype.spec.specification import Issuer, Specification
from neotype.synth.drawing import blocks, sample
from neotype.synth.reformed import Reformed
from neotype.synth.rewriting import Rewriting
from neotype.synth.synthesizer import Model

log = logging.getLogger("neotype")

_TRIAL = 4096


@dataclass(frozen=True)
class _Rows:
    """Candidates: rows without what belongs to their number."""

    model: Specified
    rows: int
    frame: pl.DataFrame
    given: pl.DataFrame | None
    rng: Rng
    made: dict[tuple[int, bytes], pl.DataFrame] = field(default_factory=dict)

    @property
    def log_weight(self) -> NDArray[np.float64]:
        return np.zeros(self.rows)

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`."""
        picks = picks[:rows]
        asked = (first_row, picks.tobytes())
        if asked not in self.made:  # rows are taken again where some of them are refused
            frame = self.frame[picks] if self.frame.width else self.frame
            given = None if self.given is None else self.given[picks]
            self.made[asked] = self.model.finish(frame, self.rng, first_row, len(picks), given)
        return self.made[asked]


@dataclass(frozen=True)
class Specified:
    """A declared table. Its rows follow the schema; of real data it knows nothing."""

    family: ClassVar[str] = "specification"

    schema: Schema
    plan: Specification
    issuers: Mapping[str, Issuer]

    @classmethod
    def of(cls, schema: Schema) -> Model:
        """The model of a schema whose columns say how they fall, under its constraints."""
        plan = Specification.of(schema)
        for note in plan.notes:
            log.warning(note)
        settled = schema.model_copy(update={"tables": {schema.name: plan.table}})
        issuers = {
            name: _issuer(name, column)
            for name, column in plan.table.columns.items()
            if isinstance(column, Identifier) and column.formula is None
        }
        plain = cls(settled, plan, issuers)
        trial = plain.sample(_TRIAL, rng=Rng(0).child("trial"))  # faults are told at once
        rules, frame = [], trial.frame
        for constraint in settled.table.constraints:
            rule = constraint.learn(settled.columns, frame, protect=1)
            if rule.shown:
                _refuse_shown(constraint)
            if not rule.whole:
                _renumbered(constraint, plan)
                frame = frame.filter(rule.holds(frame))
            rules.append(rule)
        if not rules:
            return plain
        # Nothing was learnt of rewritten columns: every rule is held by drawing again.
        return Reformed(plain, Rewriting(tuple(rules), (), settled, settled))

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Nothing of real data is known, so that nothing has to be protected."""
        return ()

    @property
    def width(self) -> int:
        """Columns stand for digits: blocks are as long as they can be."""
        return len(self.plan.table.columns)

    @property
    def each(self) -> int:
        """One candidate a row."""
        return 1

    def exact(self, columns: tuple[str, ...]) -> bool:
        """Whether nothing that decides on the given columns is left to be drawn."""
        return not self._open(columns)

    def candidates(self, rows: int, rng: Rng, known: Known | None) -> _Rows:
        """Rows as declared, beside the given cells where there are such."""
        given = None if known is None else known.cells
        made = [one.column for one in known.where if one.column in self.plan.late] if known else []
        if made:
            raise SamplingError(
                f"column '{made[0]}' is made from the number of its row, and cannot be chosen.",
                mend="leave the condition out",
            )
        if given is not None:
            self._refuse(given, known)
        return _Rows(self, rows, self.plan.draw(rows, rng, given), given, rng)

    def finish(
        self,
        frame: pl.DataFrame,
        rng: Rng,
        first_row: int,
        rows: int,
        given: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """The rows with what belongs to their numbers, from `first_row` on."""
        return self.plan.finish(frame, rng.child("late"), first_row, rows, self.issuers, given)

    def checks(self, frame: pl.DataFrame) -> Mapping[str, pl.Series]:
        """Nothing: rows are as declared by construction."""
        return {}

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows numbered anew, from `first_row` on."""
        return self.finish(frame, rng, first_row, frame.height)

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """`rows` rows, or one row for every row that something is known of."""
        return sample(self, rows, rng, known)

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on."""
        return blocks(self, rows, rng, start)

    def log_density(self, data: Dataset) -> None:
        """A declaration has no density of rows."""
        return

    def describe(self) -> list[str]:
        """In words: what the rows follow."""
        ways = {"a formula": len(self.plan.formulas), "a distribution": len(self.plan.drawn)}
        ways |= {"their row's number": len(self.issuers)}
        words = [f"{count} columns drawn by {way}" for way, count in ways.items() if count]
        if self.plan.copula is not None:
            words.append(f"rank correlations of {', '.join(self.plan.copula.names)}")
        return [*words, *self.plan.notes]

    def state(self) -> State:
        """The schema is all there is."""
        return State({}, {})

    def _open(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Given columns, each with a column that decides on it and is not given."""
        declared, known = self.plan.table.columns, set(columns)
        tied = self.plan.table.correlations
        found: dict[str, str] = {}
        for name in known & declared.keys():
            others = list(inputs(declared[name]))
            others += [b for a, of in tied.items() for b in of if a == name]
            others += [a for a, of in tied.items() for b in of if b == name]
            lacking = [other for other in others if other not in known]
            if lacking:
                found[name] = lacking[0]
        return found

    def _refuse(self, given: pl.DataFrame, known: Known | None) -> None:
        """Given cells must be the first of what is drawn: nothing is inferred backwards."""
        decided = self._open(tuple(given.columns))
        if decided or (known is not None and (known.free is not None or known.some)):
            shown = "; ".join(f"'{name}' follows from '{other}'" for name, other in decided.items())
            raise SamplingError(
                "a declared table is drawn forwards, from given columns on.",
                found=shown or None,
                mend="give these columns too, or ask with where instead of given",
            )


def _renumbered(constraint: Any, plan: Specification) -> None:
    """Rows that are left get new numbers: what is made from a number can obey no constraint."""
    made = [name for name in constraint.about if name in plan.late]
    if made and plan.equal(constraint) is None:
        raise SchemaError(
            f"constraint {constraint.title} is about '{made[0]}', which is made from the number "
            "of its row and cannot be chosen.",
            mend="take the constraint out, or give the column a distribution",
        )


def _refuse_shown(constraint: Any) -> None:
    """What data would have to show is nothing where there is none."""
    mends = {
        "FixedCombinations": "list the combinations: allowed: [[Paris, France], [Rome, Italy]]",
        "FixedNullCombinations": "say it as an Expression: (price is null) = (currency is null)",
        "MixedScales": "give the column a distribution for each label, with depends_on",
    }
    if constraint.type in mends:
        raise SchemaError(
            f"constraint {constraint.title} is learnt from data, and there is none.",
            mend=mends[constraint.type],
        )


def _issuer(name: str, column: Identifier) -> Issuer:
    """What makes identifiers from the numbers of their rows."""
    nothing = pl.DataFrame({name: pl.Series([], dtype=storage_dtype(column.storage))})
    full = column.model_copy(update={"nullable": False})
    encoder = IdentifierEncoder.learn(name, full, nothing, protect=1)

    def issue(first_row: int, rows: int) -> pl.Series:
        codes = np.zeros((0, rows), dtype=np.uint8)
        generator = Rng(0).generator()  # identifiers take nothing from it
        return encoder.decode(codes, rng=generator, first_row=first_row)[0]

    return issue
