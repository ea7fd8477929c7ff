"""What the rows of a table obey, found in the data."""

from __future__ import annotations

from typing import Any

from neotype.constraints.discovery import Proposal, propose
from neotype.constraints.discovery.database import propose_database
from neotype.errors import ColumnNotFoundError
from neotype.intake import conformed
from neotype.progress import Progress, silent
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Schema
from neotype.source import read


def propose_constraints(
    data: Any, *, schema: Schema | None = None, progress: Progress = silent
) -> tuple[Proposal, ...]:
    """Constraints that hold in every row of the data and are no accident, each with its evidence.

    Nothing is applied: give the `constraint` of those that are rules of your world to `fit`.
    Proposals with `exceptions` hold in nearly all rows, and come last. Of several tables they are
    about the rows of each, which they name, and about what holds between them.
    """
    source = read(data)
    frames = source.frames
    schema = schema or infer_schema(frames, keys=source.keys)
    if len(schema.tables) > 1:
        return propose_database(conformed(source, schema, source.origin), progress=progress)
    frame = frames[schema.name] if schema.name in frames else next(iter(frames.values()))
    for name in schema.columns:
        if name not in frame.columns:
            raise ColumnNotFoundError(name, frame.columns, asked_by="the schema")
    return propose(schema.columns, frame, progress=progress)
