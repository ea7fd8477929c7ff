"""What is written appears whole or not at all: a file, and all the files of a run."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from neotype.errors import OutputExistsError, SourceError


def refuse_taken(*paths: Path, force: bool) -> None:
    """OutputExistsError for the first of these files that exists, unless `force`."""
    for path in paths:
        if path.is_dir() or (path.exists() and not force):
            raise OutputExistsError(path)


@contextmanager
def appearing(path: Path, *, force: bool = False) -> Iterator[IO[bytes]]:
    """A file to write into, which is at `path` once it is complete, and nowhere when it fails.

    It is written beside `path` under the suffix `.partial`, brought to disk and then renamed.
    OutputExistsError unless `force`; SourceError when the disk is full or does not take it.
    """
    refuse_taken(path, force=force)
    partial = path.with_name(path.name + ".partial")
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def ready(*paths: Path, force: bool, inputs: Iterable[Path | None] = ()) -> None:
    """Say now, and not after the work, that one of these files could not be written.

    SourceError too where two of them are one file, or one is an input, even with `force`.
    """
    given = {path.resolve() for path in inputs if path is not None}
    seen: set[Path] = set()
    for path in paths:
        place = path.resolve()
        if place in given:
            raise SourceError(
                f"'{path}' is an input, and would be replaced by an output.",
                mend="name another path for the output",
            )
        if place in seen:
            raise SourceError(
                f"'{path}' is named for two outputs.", mend="give each output a path of its own"
            )
        seen.add(place)
    refuse_taken(*paths, force=force)
    for folder in {path.parent for path in paths}:
        probe(folder)


def publish(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a hidden folder inside `folder`, then move every file up at once.

    Files in folders inside it keep those.

    When it fails, what was written goes, and so does `folder` when it was made here. SourceError
    when the disk does not take it.
    """
    with writing_to(folder):
        made = _make(folder)
        staging = Path(tempfile.mkdtemp(prefix=".neotype-", suffix=".partial", dir=folder))
        done = False
        try:
            fill(staging)
            for file in sorted(path for path in staging.rglob("*") if path.is_file()):
                place = folder / file.relative_to(staging)
                place.parent.mkdir(exist_ok=True)
                file.replace(place)
            done = True
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            if not done:
                unmake(made)


def probe(folder: Path) -> None:
    """SourceError now, and not after the work, when nothing can be written into `folder`."""
    with writing_to(folder):
        made = _make(folder)
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        finally:
            unmake(made)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn what the system says into a SourceError about `path`."""
    try:
        yield
    except OSError as cause:
        # polars says it in words alone.
        if cause.errno == errno.ENOSPC or "os error 28" in str(cause):
            raise SourceError(
                f"'{path}' cannot be written: the disk is full.",
                found="no half-written file was left behind",
                mend="free some space, or write to another disk",
            ) from cause
        raise SourceError(f"'{path}' cannot be written: {cause.strerror or cause}.") from cause


def _make(folder: Path) -> list[Path]:
    """Make the folder and its parents; those that were not there, innermost first."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return new


def unmake(folders: Iterable[Path]) -> None:
    """Take these folders away as long as they are empty."""
    for folder in folders:
        if os.path.isdir(folder) and not any(folder.iterdir()):
            folder.rmdir()
