"""What must hold in the rows of a table: a file a family of constraints.

Every registered constraint is a name here, loaded when it is first used.
"""

from importlib import import_module
from typing import Any

from neotype.registry import find, names

_BASES = ("Constraint", "Rule")
"""What a constraint of one's own is made of."""
_GROUPS = ("constraint", "table_constraint")


def __getattr__(name: str) -> Any:
    if name in _BASES:
        return getattr(import_module("neotype.schema.constraint"), name)
    for group in () if name.startswith("_") else _GROUPS:
        if name in names(group):
            return find(group, name)
    raise AttributeError(f"no constraint is called '{name}'")


def __dir__() -> list[str]:
    return sorted((*_BASES, *(name for group in _GROUPS for name in names(group))))
