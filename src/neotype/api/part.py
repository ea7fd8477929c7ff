"""A closed part of a real database, for tests: some customers with all that is theirs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neotype import intake
from neotype.data import Dataset
from neotype.masking.key import Key
from neotype.masking.plan import MaskingPlan, make_masking, read_masking
from neotype.masking.receipt import Receipt
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.source import FrameKind, restore
from neotype.tasks import subset as task
from neotype.tasks.masked import masked

log = logging.getLogger("neotype")


@dataclass(frozen=True)
class Part:
    """Real rows, and what was taken of each table; with receipts where they were masked."""

    taken: task.Subset
    kind: FrameKind
    single: bool
    receipts: Mapping[str, Receipt]

    @property
    def data(self) -> Dataset:
        """The rows."""
        return self.taken.data

    @property
    def frames(self) -> Any:
        """The rows in the kind of frames that came in."""
        return restore(self.data.frames, self.kind, self.single)


def subset(
    data: Any,
    share: float,
    *,
    seed: int = 0,
    where: Mapping[str, str] | None = None,
    roots: str | Sequence[str] | None = None,
    schema: Schema | Path | str | None = None,
) -> Any:
    """About `share` of a real database: whole families (a customer with all that is theirs) and all
    that they refer to, so that every reference is kept. The same kind of frames comes back.

    `where` says which rows are wanted, `{"customer": "country = 'DE'"}`, and the share is of those;
    `roots` names the tables whose rows are drawn, if unsaid the persons or what has most rows below
    it. Rows are real and unchanged: see `mask`. Raises DataError or SchemaError.
    """
    return taken(data, share, seed=seed, where=where, roots=roots, schema=schema).frames


def taken(
    data: Any,
    share: float,
    *,
    seed: int = 0,
    where: Mapping[str, str] | None = None,
    roots: str | Sequence[str] | None = None,
    schema: Schema | Path | str | None = None,
    mask: MaskingPlan | Mapping[str, Any] | Path | None = None,
    key: Key | None = None,
    progress: Progress = silent,
) -> Part:
    """The subset with what was taken of each table; `mask` says how columns are treated."""
    source = intake.taken(data, progress=progress)
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    whole = intake.conformed(source, schema, source.origin)
    roots = (roots,) if isinstance(roots, str) else roots
    progress("subset", 0, 1)
    made = task.subset(whole, share, Rng(seed).child("subset"), roots=roots, where=where)
    progress("subset", 1, 1)
    for note in (*source.notes, *made.notes):
        log.warning(note)
    if mask is None:
        return Part(made, source.kind, source.single, {})
    plan = _plan(mask)
    rows, receipts = masked(made.data, plan, key or Key.of(None, file=plan.key_file))
    kind = source.kind
    for name, frame in rows.frames.items():
        before = made.data.frames[name]
        gone = [n for n in before.columns if n not in frame or frame[n].dtype != before[n].dtype]
        kind = kind.changed(gone) if gone else kind
    return Part(replace(made, data=rows), kind, source.single, receipts)


def _plan(mask: MaskingPlan | Mapping[str, Any] | Path) -> MaskingPlan:
    if isinstance(mask, MaskingPlan):
        return mask
    return read_masking(mask) if isinstance(mask, Path) else make_masking(mask, "the masking plan")
