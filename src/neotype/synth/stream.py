"""Samples of any size onto a disk: a folder of Parquet parts, in bounded memory, by many workers.

Part p is a pure function of (model, seed, p), so that it does not matter who writes it, and a
killed call is resumed by the next. A part appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import polars as pl

from neotype.errors import NeotypeError, OutputExistsError, SamplingError, SourceError
from neotype.outputs import appearing, unmake, writing_to
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.source import write
from neotype.synth.model_file import load
from neotype.synth.synthesizer import Model

MANIFEST, PARTS, PARTIAL = "sample.json", "part-*.parquet", ".partial"
_FORMAT = "neotype sample"
_CELLS = 8_000_000
"""About how many cells a part has at most: some 64 MiB in memory."""
_LEAST_PARTS = 16
"""About how many parts a sample is cut into, so that all workers have work."""


@dataclass(frozen=True)
class Manifest:
    """What a folder of parts is a sample of. Two calls belong together when these are equal."""

    model: str
    seed: int
    rows: int
    block_rows: int
    blocks_per_part: int

    @property
    def part_rows(self) -> int:
        """Rows of every part but the last."""
        return self.block_rows * self.blocks_per_part

    @property
    def parts(self) -> int:
        """How many parts there are in the end."""
        return math.ceil(self.rows / self.part_rows)

    def rows_of(self, part: int) -> int:
        """Rows of this part."""
        return min(self.part_rows, self.rows - part * self.part_rows)

    def write(self, folder: Path) -> None:
        """Write it into the folder, whole or not at all."""
        facts = {"format": _FORMAT, "version": 1, **asdict(self), "parts": self.parts}
        with appearing(folder / MANIFEST, force=True) as file:
            file.write(json.dumps(facts, indent=1).encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The folder's manifest, None where there is none; SourceError for a foreign one."""
        path = folder / MANIFEST
        if not path.exists():
            return None
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["format"] != _FORMAT or facts["version"] != 1:
                raise SourceError(f"'{path}' was written by another program or version.")
            return cls(**{key: facts[key] for key in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise SourceError(
                f"'{path}' is not the manifest of a sample.", mend="name another folder"
            ) from cause


@dataclass(frozen=True)
class _Job:
    """What a worker needs to know."""

    model_path: Path
    folder: Path
    manifest: Manifest


def part_name(part: int) -> str:
    """The file of this part."""
    return f"part-{part:05d}.parquet"


def sample_to_folder(
    model_path: Path,
    folder: Path,
    *,
    rows: int,
    seed: int = 0,
    workers: int = 1,
    part_rows: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Manifest:
    """Write `rows` rows of the model into `folder` as Parquet parts; a second call resumes.

    The files are the same for any number of `workers` (processes; each loads the model once).
    A part has about `part_rows` rows: whole blocks of the model, at least one. OutputExistsError
    when the folder holds other things, SourceError when it holds a sample of another model, seed
    or size, unless `force`, which begins anew.
    """
    if workers < 1:
        raise SamplingError(f"{workers} workers cannot work.", mend="use --workers 1 or more")
    if part_rows is not None and part_rows < 1:
        raise SamplingError(f"a part of {part_rows} rows cannot be made.", mend="1 or more")
    model, _ = load(model_path)
    fingerprint = hashlib.blake2b(model_path.read_bytes(), digest_size=16).hexdigest()
    with writing_to(folder):
        new = [place for place in (folder, *folder.parents) if not place.exists()]
        manifest = None if force else _begun(folder, fingerprint, seed, rows, part_rows)
        if manifest is None:
            manifest = _plan(model, fingerprint, seed, rows, part_rows)
            _claim(folder, manifest)
        todo = [part for part in range(manifest.parts) if not _finished(folder, manifest, part)]
        job = _Job(model_path, folder, manifest)
        made = rows - sum(map(manifest.rows_of, todo))
        progress("sample", made, rows)
        try:
            for more in _written(job, model, todo, min(workers, len(todo))):
                made += more
                progress("sample", made, rows)
        finally:
            _sweep(folder)
            if not any(folder.glob(PARTS)):
                (folder / MANIFEST).unlink(missing_ok=True)
                unmake(new)
    return manifest


def _begun(
    folder: Path, model: str, seed: int, rows: int, part_rows: int | None
) -> Manifest | None:
    """The manifest of this very sample, None for a folder with nothing in it; else refused."""
    there = Manifest.read(folder)
    if there is None:
        if folder.exists() and any(folder.iterdir()):
            raise OutputExistsError(folder)
        return None
    asked = {"model": model, "seed": seed, "rows": rows}
    if part_rows is not None:
        asked["part_rows"] = _blocks(part_rows, there.block_rows) * there.block_rows
    different = [
        f"{key}: {getattr(there, key)} there, {value} asked for"
        for key, value in asked.items()
        if getattr(there, key) != value
    ]
    if different:
        raise SourceError(
            f"'{folder}' holds another sample, and two are never mixed.",
            found="\n  ".join(different),
            mend="name another folder, or add --force to begin anew",
        )
    return there


def _plan(model: Model, fingerprint: str, seed: int, rows: int, part_rows: int | None) -> Manifest:
    # All blocks but the last have the height of the first.
    block = next(iter(model.blocks(rows, rng=Rng(seed).child("sample"))))
    wanted = part_rows or min(_CELLS // max(1, block.width), rows // _LEAST_PARTS)
    return Manifest(fingerprint, seed, rows, block.height, _blocks(wanted, block.height))


def _blocks(part_rows: int, block_rows: int) -> int:
    return max(1, part_rows // block_rows)


def _claim(folder: Path, manifest: Manifest) -> None:
    """Make the folder ours; the parts of another sample go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(PARTS):
        old.unlink()
    manifest.write(folder)


def _finished(folder: Path, manifest: Manifest, part: int) -> bool:
    path = folder / part_name(part)
    if not path.exists():
        return False
    try:
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    except pl.exceptions.PolarsError:
        return False
    return bool(rows == manifest.rows_of(part))


def _sweep(folder: Path) -> None:
    """Take away what stopped workers left half written."""
    for left in folder.glob(f"*{PARTIAL}"):
        left.unlink(missing_ok=True)


def _write_part(job: _Job, model: Model, part: int) -> Iterator[int]:
    """Write one part; yields the number of rows of each block as it is made."""
    manifest, frames = job.manifest, []
    blocks = model.blocks(
        manifest.rows,
        rng=Rng(manifest.seed).child("sample"),
        start=part * manifest.blocks_per_part,
    )
    for frame in islice(blocks, manifest.blocks_per_part):
        frames.append(frame)
        yield frame.height
    write(pl.concat(frames), job.folder / part_name(part), force=True)


def _written(job: _Job, model: Model, todo: Sequence[int], workers: int) -> Iterator[int]:
    """Rows as they are made, by this process or by several."""
    if workers > 1:
        yield from _crew(job, todo, workers)
    else:
        for part in todo:
            yield from _write_part(job, model, part)


def _crew(job: _Job, todo: Sequence[int], workers: int) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    crew: dict[Connection, BaseProcess] = {}
    try:
        with _one_thread_each():
            for first in range(workers):
                ours, theirs = context.Pipe(duplex=False)
                args = (job, todo[first::workers], theirs)
                crew[ours] = context.Process(target=_work, args=args, daemon=True)
                crew[ours].start()
                theirs.close()
        yield from _listen(crew)
    finally:
        for worker in crew.values():
            worker.terminate()
        for worker in crew.values():
            worker.join()


def _listen(crew: dict[Connection, BaseProcess]) -> Iterator[int]:
    at_work = list(crew)
    while at_work:
        for pipe in wait(at_work):
            assert isinstance(pipe, Connection)
            try:
                said = pipe.recv()
            except EOFError:
                crew[pipe].join()
                raise SamplingError(
                    f"a worker stopped (exit code {crew[pipe].exitcode}); finished parts are kept.",
                    mend="call again to go on; use fewer --workers if memory ran out",
                ) from None
            if said == "done":
                at_work.remove(pipe)
            elif isinstance(said, int):
                yield said
            else:
                kind, problem, found, mend = said
                error = SourceError if kind == "SourceError" else SamplingError
                raise error(problem, found=found, mend=mend)


def _work(job: _Job, parts: Sequence[int], pipe: Connection) -> None:
    """A worker's life. The parent alone hears Ctrl-C; without a parent the pipe breaks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        try:
            model, _ = load(job.model_path)
            for part in parts:
                for rows in _write_part(job, model, part):
                    pipe.send(rows)
            pipe.send("done")
        except NeotypeError as fault:
            pipe.send((type(fault).__name__, fault.problem, fault.found, fault.mend))
    sys.stdout.flush()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started here use one thread each: the workers themselves fill the cores."""
    names = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
