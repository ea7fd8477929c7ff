"""Real rows made fit to be shown: columns treated, rows made alike, and a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from neotype import intake
from neotype.errors import SchemaError
from neotype.masking.apply import apply
from neotype.masking.key import Key
from neotype.masking.plan import MaskingPlan, make_masking, read_masking
from neotype.masking.receipt import Receipt
from neotype.schema.schema import Schema
from neotype.source import FrameKind, read, restore


@dataclass(frozen=True)
class MaskedTable:
    """The treated rows, and the receipt of what was done to them. They are rows of real people."""

    table: pl.DataFrame
    receipt: Receipt
    kind: FrameKind
    name: str
    single: bool

    @property
    def frame(self) -> Any:
        """The rows in the kind of frame that came in."""
        return restore({self.name: self.table}, self.kind, self.single)


def mask(
    data: Any,
    treat: Mapping[str, Any] | None = None,
    *,
    plan: MaskingPlan | Mapping[str, Any] | Path | str | None = None,
    per: str | None = None,
    undecided: str | None = None,
    schema: Schema | Path | str | None = None,
    key: Key | bytes | str | None = None,
    key_file: Path | str | None = None,
    **anonymity: Any,
) -> MaskedTable:
    """Treat the columns of `data`: a frame, a path, or a dict with one frame.

    `treat` says what is done to which column: `{"email": "fake", "zip": "generalise:3"}`. Columns
    found to be personal and not named are treated by default (`undecided="refuse"`: refused).
    `k=5, quasi_identifiers=["age", "zip"]` make every row agree with k - 1 others; further settings
    are those of `Anonymity`. A `plan` (YAML) says the same; what is given here goes before it. The
    key is `key`, that of the file, or of the variable NEOTYPE_KEY. Raises SchemaError or DataError.
    """
    chosen = _plan(plan, treat, per, undecided, anonymity)
    source = read(data)
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    whole = intake.the_table(source, schema, None)
    file = chosen.key_file if key_file is None else Path(key_file)
    done = apply(whole.frame, whole.table, chosen, Key.of(key, file=file))
    name = next(iter(source.frames)) if len(source.frames) == 1 else schema.name
    kind = changed_kind(source.kind, whole.frame, done.frame)
    return MaskedTable(done.frame, done.receipt, kind, name, source.single)


def changed_kind(kind: FrameKind, before: pl.DataFrame, after: pl.DataFrame) -> FrameKind:
    """The kind of frame, without what it says of columns whose cells are of another dtype now."""
    names = [n for n in before.columns if n not in after or after[n].dtype != before[n].dtype]
    return kind.changed(names) if names else kind


def _plan(
    plan: MaskingPlan | Mapping[str, Any] | Path | str | None,
    treat: Mapping[str, Any] | None,
    per: str | None,
    undecided: str | None,
    anonymity: Mapping[str, Any],
) -> MaskingPlan:
    """The plan, with what was said beside it put in."""
    if isinstance(plan, Path | str):
        plan = read_masking(Path(plan))
    facts = dict(plan.model_dump() if isinstance(plan, MaskingPlan) else plan or {})
    facts["columns"] = {**(facts.get("columns") or {}), **(treat or {})}
    asked = {**(facts.get("anonymity") or {}), **anonymity}
    if asked:
        if "k" not in asked:
            raise SchemaError(
                f"{', '.join(asked)} is about k-anonymity, and no k is given.", mend="add k=5"
            )
        facts["anonymity"] = asked
    said = {"per": per, "undecided": undecided}
    facts |= {name: value for name, value in said.items() if value is not None}
    return make_masking(facts, "the masking plan")
