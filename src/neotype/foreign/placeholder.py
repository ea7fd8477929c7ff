"""A first guess of how the cells of a described column fall, so that it can be drawn at once.

A description says what is allowed and not what is frequent. The guess is written into the schema
file, where it is seen and mended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neotype.personal.lexicon import words

if TYPE_CHECKING:
    from neotype.foreign.draft import Draft

_MONEY = frozenset(
    (
        "price",
        "cost",
        "amount",
        "total",
        "salary",
        "income",
        "revenue",
        "fee",
        "balance",
        "value",
        "fare",
    )
)
_SHARE = frozenset(("share", "rate", "ratio", "percent", "percentage", "probability", "discount"))
_COUNT = frozenset(("count", "quantity", "qty", "number", "visits", "items"))
_DAYS = ("2021-01-01", "2025-12-31")


def placeholder(draft: Draft) -> dict[str, Any] | None:
    """The distribution to begin with, as in a schema file; None where the kind needs none."""
    match draft.type:
        case "integer" | "decimal" | "float":
            return _quantity(draft)
        case "date" | "datetime":
            born = {"birth", "born", "dob"} & set(words(draft.name))
            return {"uniform": ["1940-01-01", "2007-12-31"] if born else list(_DAYS)}
        case "time":
            return {"uniform": ["00:00:00", "23:59:59"]}
        case "duration":
            return {"exponential": "1d"}
        case "json":
            return {"constant": "[]" if "[]" in draft.origin or "array" in draft.origin else "{}"}
    return None


def _quantity(draft: Draft) -> dict[str, Any] | None:
    if draft.minimum is not None and draft.maximum is not None:
        return None
    said = set(words(draft.name))
    law: dict[str, Any] = {"uniform": [0, 1000] if draft.type == "integer" else [0, 100]}
    if "age" in said:
        law = {"normal": [42, 16], "minimum": 0, "maximum": 100}
    elif "year" in said:
        law = {"uniform": [1990, 2025]}
    elif said & _SHARE and draft.type != "integer":
        law = {"beta": [2, 5]}
    elif said & _MONEY:
        law = {"lognormal": [3.5, 1.0]}
    elif said & _COUNT and draft.type == "integer":
        law = {"poisson": 3}
    elif draft.minimum is not None:
        law = {"uniform": [draft.minimum, draft.minimum + 100]}
    elif draft.maximum is not None:
        law = {"uniform": [draft.maximum - 100, draft.maximum]}
    bounds = {"minimum": draft.minimum, "maximum": draft.maximum}
    return law | {key: bound for key, bound in bounds.items() if bound is not None}
