"""Where the rows of several tables go: a database, or a folder of files; whole or not at all."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neotype.data import Dataset
from neotype.errors import SourceError
from neotype.outputs import probe, refuse_taken
from neotype.plan import Plan
from neotype.progress import Progress, silent
from neotype.schema.schema import Schema
from neotype.source import WRITABLE, FrameKind, write_tables
from neotype.source.database.address import Address, is_database
from neotype.source.write import file_of
from neotype.url import DATABASE_SUFFIXES, IfExists, Url, place, scrubbed

log = logging.getLogger("neotype")

FILES = ".parquet"
"""The format of files, where nothing says which."""


@dataclass(frozen=True)
class Destination:
    """A database by its URL or file, or a folder that gets a file of `suffix` for each table."""

    place: Path | Url
    if_exists: IfExists = "refuse"
    suffix: str = FILES

    @classmethod
    def of(cls, plan: Plan) -> Destination | None:
        """Where the plan sends its rows; SourceError where that is the source."""
        if plan.destination is None:
            return None
        if same_place(plan.destination, plan.source):
            raise SourceError(
                f"the destination '{plan.destination}' is the source: synthetic rows would stand "
                "among the real ones.",
                mend="name another database, or another folder",
            )
        suffix = plan.source.suffix.lower() if isinstance(plan.source, Path) else FILES
        return cls(plan.destination, plan.if_exists, suffix if suffix in WRITABLE else FILES)

    @classmethod
    def at(cls, where: str, *, if_exists: IfExists | None, suffix: str | None) -> Destination:
        """What a person names on the command line."""
        known: Any = place(where)
        suffix = FILES if suffix is None else f".{suffix.lower().removeprefix('.')}"
        if suffix not in WRITABLE:
            raise SourceError(
                f"'{suffix}' is no format that can be written.",
                found=f"known: {', '.join(WRITABLE)}",
            )
        return cls(known, if_exists or "refuse", suffix)

    @property
    def database(self) -> bool:
        """Whether it is one, and not a folder."""
        return isinstance(self.place, Url) or self.place.suffix.lower() in DATABASE_SUFFIXES

    def refuse_taken(self, schema: Schema) -> None:
        """Say now, and not after the work, that the rows could not be written."""
        if not self.database:
            assert isinstance(self.place, Path)
            if self.place.suffix.lower() in WRITABLE and len(schema.tables) > 1:
                raise SourceError(
                    f"'{self.place}' holds one table, and there are {len(schema.tables)}: "
                    f"{', '.join(schema.tables)}.",
                    mend="name a folder, or the file of a database such as out.sqlite",
                )
            if self.if_exists in ("append", "truncate"):
                raise SourceError(
                    f"the files of '{self.place}' can be replaced, and not added to.",
                    mend="replace them (if_exists: replace), or name another folder or a database",
                )
            files = [self.place / file_of(name, self.suffix) for name in schema.tables]
            refuse_taken(*files, force=self.if_exists == "replace")
            probe(self.place)
            return
        from neotype.source.database.push import refuse_full

        refuse_full(self._reached(), schema.tables, if_exists=self.if_exists)

    def write(
        self,
        data: Dataset,
        kind: FrameKind,
        *,
        progress: Progress = silent,
    ) -> None:
        """All tables, or nothing: SourceError says why, and that nothing was written."""
        done = write_tables(
            data.frames,
            self.place,
            schema=data.schema,
            kind=kind,
            if_exists=self.if_exists,
            suffix=self.suffix,
            force=self.if_exists == "replace",
            progress=progress,
        )
        for note in done.notes:
            log.warning(note)

    def _reached(self) -> str | Path:
        return self.place.reached() if isinstance(self.place, Url) else self.place

    def note(self, data: Dataset, *, written: bool, why: str | None = None) -> str:
        """What is kept of it beside the report, as JSON; it shows no password."""
        facts = {
            "destination": str(self.place),
            "written": written,
            "rows": dict(data.sizes),
            "why": None if why is None else scrubbed(why),
        }
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def same_place(one: Path | Url, other: Path | Url) -> bool:
    """Whether two names are of one place, though they may be written in two ways."""
    return _named(one) == _named(other)


def _named(place: Path | Url) -> object:
    where = place.reached() if isinstance(place, Url) else place
    if not is_database(where):
        return Path(where).resolve()
    address = Address.of(where)
    if address.path is not None:
        return address.path.resolve()
    login = address.login
    host = login["host"] or address.options.get("host") or "localhost"
    return address.kind, host, login["port"], login["database"], address.schema
