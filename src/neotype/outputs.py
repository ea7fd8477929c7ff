"""The folder that a run fills: all of its files appear, or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from neotype.errors import OutputExistsError, SourceError


def refuse_taken(folder: Path, names: Iterable[str], *, force: bool) -> None:
    """OutputExistsError for the first of these files that exists, unless `force`."""
    for name in names:
        if not force and (folder / name).exists():
            raise OutputExistsError(folder / name)


def publish(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a hidden folder inside `folder`, then move every file up at once.

    When it fails, what was written goes, and so does `folder` when it was made here. SourceError
    when the disk does not take it.
    """
    with writing_to(folder):
        made = _make(folder)
        staging = Path(tempfile.mkdtemp(prefix=".neotype-", suffix=".partial", dir=folder))
        done = False
        try:
            fill(staging)
            for file in sorted(staging.iterdir()):
                file.replace(folder / file.name)
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
