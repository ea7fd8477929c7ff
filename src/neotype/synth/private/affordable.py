"""Whether a budget can serve so many columns: told by noisy and public numbers alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from neotype.dp.ledger import Ledger
from neotype.errors import BudgetExceededError, FitError

log = logging.getLogger("neotype")

CLEAR = 50.0
"""Of how many sigmas the rows should be worth, or a column by itself is hardly told from noise."""
HOPELESS = 5.0
"""Fewer are not worth it: no label would be found, and no bound."""

LOUDEST = 200_000.0
"""Noise beside which no table that fits into a machine is seen, however many rows are counted."""
NOTHING = 1e-9
"""A share of a budget that rounding may leave."""


def check_left(ledger: Ledger) -> None:
    """Raise where there is nothing to spend: before anything is drawn."""
    if ledger.left <= NOTHING * ledger.whole:
        raise BudgetExceededError(
            "the budget is spent, and nothing can be learnt.",
            found=f"{len(ledger.steps)} payments were made from this ledger",
            mend="give a ledger of a new budget; what it promises adds to what was promised before",
        )


@dataclass(frozen=True)
class Terms:
    """How many columns are read, of about how many rows, what each gets, and how noisy that is."""

    columns: int
    rows: int
    price: float
    sigma: float


def check_served(terms: Terms, ledger: Ledger) -> None:
    """FitError where tables of single columns hold nothing but noise; a warning where nearly so.

    It depends on the schema, the budget and the noisy number of rows, and is known before a column
    is read.
    """
    columns, rows, sigma = terms.columns, terms.rows, terms.sigma
    if not columns or (rows >= CLEAR * sigma and sigma <= LOUDEST):
        return
    epsilon = ledger.budget.epsilon
    each = ledger.epsilon_of(terms.price)
    served = int(columns * (rows / (CLEAR * sigma)) ** 2)
    found = (
        f"of epsilon={epsilon:g} each of {columns} columns gets ε = {each:.2g} for a table of its "
        f"own: noise of ± {sigma:,.0f} rows in every cell, and there are about {rows:,} rows"
    )
    mend = (
        f"give epsilon={_rounded_up(epsilon * CLEAR * sigma / rows)} or so, or "
        + (f"no more than {served} columns, or " if 0 < served < columns else "fewer columns, or ")
        + "more rows; what a schema declares (values, minimum, maximum, decimals) is not paid for"
    )
    if rows <= HOPELESS * sigma or sigma > LOUDEST:
        raise FitError("the budget is too small for so many columns.", found=found, mend=mend)
    log.warning("little but noise will be learnt: %s. To mend it, %s.", found, mend)


def _rounded_up(epsilon: float) -> str:
    return f"{epsilon:.2g}" if epsilon < 1 else f"{epsilon:.0f}"
