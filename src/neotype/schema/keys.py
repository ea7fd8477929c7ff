"""What a database declares of its keys, before any row is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neotype.schema.schema import Relationship


@dataclass(frozen=True)
class Keys:
    """Primary, unique and foreign keys by table, as the source declares them.

    `primary` and `unique` are columns by table name; nothing is said of a table that is not named.
    """

    primary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unique: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    foreign: tuple[Relationship, ...] = ()
