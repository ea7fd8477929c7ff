"""SDV's declarations of constraints, read as lines of a schema file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neotype.errors import SchemaError, did_you_mean

_STRICT = {"strict_boundaries": "strict"}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "Inequality": {"low_column_name": "low", "high_column_name": "high", **_STRICT},
    "Range": {
        "low_column_name": "low",
        "middle_column_name": "middle",
        "high_column_name": "high",
        **_STRICT,
    },
    "ChainedInequality": {"column_names": "columns", **_STRICT},
    "Positive": {"column_name": "column", **_STRICT},
    "Negative": {"column_name": "column", **_STRICT},
    "ScalarInequality": {"column_name": "column", "relation": "relation", "value": "value"},
    "ScalarRange": {"column_name": "column", "low_value": "low", "high_value": "high", **_STRICT},
    "FixedIncrements": {"column_name": "column", "increment_value": "increment"},
    "FixedCombinations": {"column_names": "columns"},
    "FixedNullCombinations": {"column_names": "columns"},
    "OneHotEncoding": {"column_names": "columns"},
    "Unique": {"column_names": "columns"},
}
"""What SDV calls a parameter, and what it is called here."""
_STRICT_UNLESS_SAID = ("Range", "ScalarRange")


def from_sdv_constraint(facts: Mapping[Any, Any]) -> dict[str, Any]:
    """The line of {"constraint_class": …, "constraint_parameters": {…}}.

    SchemaError for a class or a parameter that is not known.
    """
    cls = str(facts["constraint_class"])
    names = _NAMES.get(cls)
    if names is None:
        raise SchemaError(
            f"SDV's constraint '{cls}' has no like here.",
            found=f"there are: {', '.join(_NAMES)}",
            mend=did_you_mean(cls, _NAMES) or "write an Expression, or Custom with your function",
        )
    given = {
        k: v for k, v in dict(facts.get("constraint_parameters") or {}).items() if v is not None
    }
    if "increment" in given:  # its older name
        given["increment_value"] = given.pop("increment")
    given.pop("table_name", None)
    strange = [key for key in given if key not in names]
    if strange:
        raise SchemaError(
            f"SDV's constraint '{cls}' has no parameter '{strange[0]}'.",
            found=f"it has: {', '.join(names)}",
            mend=did_you_mean(strange[0], names),
        )
    line = {names[key]: value for key, value in given.items()}
    if cls in _STRICT_UNLESS_SAID:
        line.setdefault("strict", True)
    return {"type": cls, **line}
