"""A table learnt within a privacy budget: every number that touches a row is paid for.

First a draft, invented rows of noisy histograms of single columns, from which the codebook is
learnt; then a strategy that measures tables of the leading digits with what is left of the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from neotype.data import Dataset
from neotype.dp.guarantee import Guarantee
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.encode.codebook import Codebook
from neotype.marginal.factor import Factor
from neotype.progress import Progress, silent
from neotype.synth.leading import Leading, fine_digits, leading_order
from neotype.synth.model_file import PRIVATE
from neotype.synth.private.affordable import check_left, check_served
from neotype.synth.private.auto import picked
from neotype.synth.private.domain import Draft, domain_share, draft, readable
from neotype.synth.private.strategy import CellsError, Strategy
from neotype.synth.private.trained import held, obeys
from neotype.synth.table import TableModel

Made_co = TypeVar("Made_co", covariant=True)


@dataclass(frozen=True)
class PrivateTable(Generic[Made_co]):
    """A fitted table, how many rows it was learnt from (with noise), and what is promised."""

    model: Made_co
    rows: int
    guarantee: Guarantee
    strategy: Strategy
    """The one that spent the budget."""
    why: str = ""
    """Of one that was picked: which, and why."""


def fit_private(
    strategy: Strategy,
    data: Dataset,
    ledger: Ledger,
    target: str | None = None,
    progress: Progress = silent,
    *,
    zeros: Callable[[Codebook], Sequence[Factor]] | None = None,
) -> PrivateTable[TableModel]:
    """Learn a table within what is left of the ledger; its constraints are not looked at.

    FitError for columns that the budget cannot serve: it follows from noisy numbers. `zeros` says
    what cannot be of leading digits, by the codebook, which is noisy already.
    """
    check_left(ledger)
    mechanism = Mechanism(ledger)
    progress("settle the domain", 0, 1)
    drafted = drafted_within(data, mechanism)
    codebook = drafted.codebook()
    progress("settle the domain", 1, 1)
    leading = np.array(codebook.leading, dtype=np.int64)
    codes = codebook.encode(readable(data))
    digits = codebook.digits
    own = [] if target is None else codebook.places({target})
    fixed = () if zeros is None else zeros(codebook)
    beside: dict[str, Any] = {"fixed": fixed} if fixed else {}
    wanted = int(np.flatnonzero(leading == own[0])[0]) if own else None
    sizes = tuple(digits[place].size for place in leading)
    pick = picked(strategy, sizes, drafted.rows, mechanism, rho=ledger.left, target=wanted)
    try:
        head = pick.strategy.fit(
            np.ascontiguousarray(codes[leading]),
            sizes,
            drafted.rows,
            mechanism,
            rho=ledger.left,
            target=wanted,
            progress=progress,
            **beside,
        )
    except CellsError as fault:
        raise fault.named([_column(codebook, place) for place in leading]) from None
    fine = fine_digits(codebook, codebook.encode(Dataset.of(drafted.schema, drafted.frame)))
    guarantee = ledger.guarantee()
    model = TableModel(
        PRIVATE,
        drafted.schema,
        codebook,
        Leading(leading, head, fine, obeys(head)),
        leading_order(codebook.leading, len(digits)),
        (held(head), guarantee.sentence(), *pick.words),
    )
    return PrivateTable(model, drafted.rows, guarantee, pick.strategy, pick.why)


def drafted_within(data: Dataset, mechanism: Mechanism) -> Draft:
    """A draft for the share of what is left that a domain gets."""
    ledger = mechanism.ledger
    epsilon = ledger.budget.epsilon
    return draft(
        data,
        mechanism,
        rho=domain_share(data.schema.table, epsilon) * ledger.left,
        delta=ledger.left_delta,
        epsilon=epsilon,
        served=partial(check_served, ledger=ledger),
    )


def _column(codebook: Codebook, place: int) -> str:
    """The column, or columns, that a digit is of."""
    for encoder in codebook.encoders:
        if place < len(encoder.digits):
            return " & ".join(encoder.columns)
        place -= len(encoder.digits)
    raise IndexError(place)
