"""A model at rest: one `.neotype` file, a zip of JSON and .npy arrays, and no pickle anywhere.

What a file holds is listed in docs/model-file.md. Nothing in a file is trusted: names are looked
up and never used as paths, sizes are capped while reading whatever the headers declare, arrays of
objects are refused, and what does not add up is a ModelFileError.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from neotype.encode.encoder import State
from neotype.errors import (
    ModelFileError,
    NotRegisteredError,
    SchemaError,
    SourceError,
)
from neotype.outputs import appearing
from neotype.registry import find
from neotype.schema.file import read_schema
from neotype.schema.schema import Schema
from neotype.source import FrameKind
from neotype.synth.refine import Refined
from neotype.synth.reformed import Reformed
from neotype.synth.relational.database import DatabaseModel
from neotype.synth.relational.held import Held
from neotype.synth.relational.panel_model import PanelModel
from neotype.synth.specified import Specified
from neotype.synth.synthesizer import Model
from neotype.synth.table import TableModel

PRIVATE = "private"
"""The family of tables that were learnt within a privacy budget."""
PRIVATE_DATABASE = "private database"
"""That of databases."""
FORMAT = "neotype model"
FORMAT_VERSION = 1
SPECIFICATIONS = frozenset((".yaml", ".yml", ".json"))
"""Suffixes of schemas, which are models where they say how their columns fall."""
ROWS = 1000
"""Rows of a declared table that does not say how many it has."""

_MIB = 1 << 20
_FLOOR, _RATIO = 64 * _MIB, 200
"""A file may unpack to 64 MiB, or to 200 times its own size where that is more."""
_JSON_FLOOR, _JSON_RATIO = 16 * _MIB, 4
"""The same for its JSON, which takes far more memory than bytes."""
_MEMBERS = 64
_TEXTS = ("manifest.json", "schema.json", "state.json", "facts.json")
_KINDS = "biufcSU"
_FOREIGN = {
    b"\x80": "a pickle, which could run any program; neotype neither writes nor opens pickles",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"\x93NUMPY": "a numpy array",
    b"SQLite": "an SQLite database",
    b"%PDF": "a PDF",
    b"<": "an HTML or XML page (a failed download?)",
    b"{": "a JSON file",
}


def save(
    model: Model, path: Path | str, *, facts: Mapping[str, Any] | None = None, force: bool = False
) -> Path:
    """Write `model` and the front desk's JSON-ready `facts` to `path`; equal models, equal bytes.

    The file appears whole or not at all. OutputExistsError when the path is taken and `force` is
    not given, SourceError when it cannot be written.
    """
    path = Path(path)
    family: str = getattr(model, "family", "")
    try:
        with appearing(path, force=force) as stream:
            _write(_payload(family, model.schema, model.state(), facts or {}), stream)
    except zipfile.LargeZipFile as cause:
        raise SourceError(f"the model cannot be written to '{path}': {cause}.") from cause
    return path


def load(path: Path | str, *, limit: int | None = None) -> tuple[Model, dict[str, Any]]:
    """The model in the file at `path`, and the facts that were saved with it.

    `limit` is the number of bytes that the file may unpack to (by default 64 MiB, or 200 times its
    size where that is more). ModelFileError for a file that is no model, damaged, made by a newer
    version, or larger inside than allowed.
    """
    path = Path(path)
    if path.suffix.lower() in {".sql", ".ddl"}:
        raise ModelFileError(
            f"'{path}' describes tables, and says not how their columns fall.",
            mend=f"write a schema that does: neotype inspect {path} --table NAME --write spec.yaml",
        )
    if path.suffix.lower() in SPECIFICATIONS:
        return declared(read_schema(path), path.name)
    parts = _read(path, limit)
    manifest = parts.manifest
    try:
        schema = Schema.model_validate(parts.texts["schema.json"])
        if manifest["synthesizer"] == Specified.family:
            return Specified.of(schema), parts.texts["facts.json"]
        state = State(parts.texts["state.json"], parts.arrays)
        model: Model = _restored(manifest["synthesizer"], state, schema)
    except NotRegisteredError as cause:
        raise ModelFileError(
            f"'{path}' needs what is not installed here: {cause.problem}",
            found=cause.found,
            mend="install the package that provides it",
        ) from cause
    except (
        SchemaError,
        ValidationError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ) as cause:
        raise ModelFileError(
            f"'{path}' is damaged: its parts do not fit together ({type(cause).__name__}: {cause})."
        ) from cause
    return model, parts.texts["facts.json"]


def _restored(name: str, state: State, schema: Schema) -> Any:
    """The model of a family: of one table, or of a database of such models."""
    if name == DatabaseModel.family:
        return Held.restore(
            state, schema, lambda part, inner: DatabaseModel.restore(part, inner, _restored)
        )
    if name == PanelModel.family:
        return PanelModel.restore(state, schema, _restored)
    if name == PRIVATE_DATABASE:
        from neotype.synth.private.database import PrivateDatabase

        return PrivateDatabase.restore(state, schema)
    if name == PRIVATE:
        from neotype.synth.private.trained import restored

        def private(part: State, narrow: Schema) -> TableModel:
            return TableModel.restore(
                name,
                part,
                narrow,
                lambda density: restored(density.arrays),
            )

        return Reformed.restore(state, schema, private)
    family = find("synthesizer", name)
    return Reformed.restore(
        state,
        schema,
        lambda part, narrow: Refined.restore(
            part, narrow, lambda least: family.restore(least, narrow)
        ),
    )


def declared(schema: Schema, origin: str) -> tuple[Model, dict[str, Any]]:
    """The model of a schema written by hand, and what a model file would say of it."""
    facts = {"origin": origin, "rows": schema.table.rows or ROWS, "synthesizer": "Specified"}
    kind = FrameKind("polars").to_facts()
    return Specified.of(schema), {**facts, "target": None, "kind": kind, "single": True}


# -- writing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parts:
    texts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = self.texts["manifest.json"]
        return manifest


def _payload(
    family: str, schema: Schema, state: State, facts: Mapping[str, Any]
) -> dict[str, bytes]:
    """Every member's bytes by name. Arrays of one dtype are laid end to end in one .npy."""
    from importlib.metadata import version

    groups: dict[str, list[NDArray[Any]]] = {}
    index = []
    for name, array in state.arrays.items():
        flat = np.asarray(array)
        if flat.dtype.kind not in _KINDS:
            raise ModelFileError(f"array '{name}' of dtype {flat.dtype} cannot be saved.")
        flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        groups.setdefault(flat.dtype.str, []).append(flat.ravel())
        index.append([name, flat.dtype.str, list(flat.shape)])
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "neotype": version("neotype"),
        "synthesizer": family,
        "members": {kind: _member(kind) for kind in groups},
        "arrays": index,
    }
    texts = (manifest, schema.model_dump(mode="json"), state.facts, dict(facts))
    payload = {
        name: json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
        for name, text in zip(_TEXTS, texts, strict=True)
    }
    for kind, flats in groups.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.concatenate(flats), allow_pickle=False)
        payload[_member(kind)] = buffer.getvalue()
    return payload


def _member(kind: str) -> str:
    return f"arrays/{np.dtype(kind).name}.npy"


def _write(payload: Mapping[str, bytes], stream: Any) -> None:
    # A very compressible model would look like a zip bomb to `load`: then it is stored as it is.
    whole = sum(map(len, payload.values()))
    texts = sum(len(payload[name]) for name in _TEXTS)
    bomb_like = False
    if whole > _FLOOR or texts > _JSON_FLOOR:
        packed = sum(len(zlib.compress(data, 6)) for data in payload.values())
        bomb_like = whole > _allowed(packed) or texts > _allowed_text(packed)
    method = zipfile.ZIP_STORED if bomb_like else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", method, allowZip64=False) as archive:
        for name, data in payload.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = method
            archive.writestr(info, data, compresslevel=6)


def _allowed(size: int) -> int:
    return max(_FLOOR, _RATIO * size)


def _allowed_text(size: int) -> int:
    return max(_JSON_FLOOR, _JSON_RATIO * size)


# -- reading -------------------------------------------------------------------------------------


def _read(path: Path, limit: int | None) -> _Parts:
    """Open, check and unpack; every fault of the file is a ModelFileError that says which."""
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            _look(path, stream, size)
            allowed = _allowed(size) if limit is None else limit
            with zipfile.ZipFile(stream) as archive:
                return _unpack(path, archive, allowed, size, capped=limit is None)
    except FileNotFoundError as cause:
        raise ModelFileError(f"there is no file '{path}'.") from cause
    except OSError as cause:
        raise ModelFileError(f"'{path}' cannot be read: {cause}.") from cause
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,  # a compression or flag that the zip module does not know
        RuntimeError,  # an encrypted member
        EOFError,
        ValueError,
        struct.error,
    ) as cause:
        _damaged(path, str(cause), cause)


def _look(path: Path, stream: Any, size: int) -> None:
    """Refuse what is not a small-directory zip before the zip module reads its directory."""
    head = stream.read(8)
    if not head.startswith(b"PK\x03\x04"):
        what = next((text for magic, text in _FOREIGN.items() if head.startswith(magic)), None)
        raise ModelFileError(
            f"'{path}' is not a model file.",
            found="it is empty" if not size else f"it looks like {what}" if what else None,
            mend="give the .neotype file that `fit` or `save` wrote",
        )
    tail_size = min(size, 22 + 20 + 0xFFFF)
    stream.seek(size - tail_size)
    tail = stream.read(tail_size)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise ModelFileError(
            f"'{path}' is cut off: its end is missing.",
            mend="copy or download the file again",
        )
    entries, directory = struct.unpack("<10xHI", tail[end : end + 16])
    zip64 = tail[max(end - 20, 0) :].startswith(b"PK\x06\x07")
    if zip64 or entries > _MEMBERS or directory > _MEMBERS * 1024:
        raise ModelFileError(f"'{path}' is not a model file: a zip with other things in it.")
    stream.seek(0)


def _unpack(
    path: Path, archive: zipfile.ZipFile, allowed: int, size: int, *, capped: bool
) -> _Parts:
    infos = {info.filename: info for info in archive.infolist()}
    if len(infos) != len(archive.infolist()) or "manifest.json" not in infos:
        raise ModelFileError(f"'{path}' is not a model file: a zip with other things in it.")
    if any(
        i.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for i in infos.values()
    ):
        _damaged(path, "a part is packed in an unknown way")
    text_left = _allowed_text(size) if capped else allowed
    if sum(info.file_size for info in infos.values()) > allowed:
        _too_large(path, allowed)
    texts: dict[str, Any] = {}
    for name in _TEXTS:
        if name not in infos:
            _damaged(path, f"its part '{name}' is missing")
        data = _bounded(path, archive, infos[name], min(text_left, allowed))
        text_left, allowed = text_left - len(data), allowed - len(data)
        texts[name] = _json(path, name, data)
        if name == "manifest.json":
            _check_manifest(path, texts[name])
    members = texts["manifest.json"]["members"]
    if set(infos) != {*_TEXTS, *members.values()}:
        _damaged(path, "its parts are not those that its manifest lists")
    flats = {}
    for kind, name in members.items():
        data = _bounded(path, archive, infos[name], allowed)
        allowed -= len(data)
        flats[kind] = _flat(path, name, kind, data)
    return _Parts(texts, _shaped(path, texts["manifest.json"]["arrays"], flats))


def _check_manifest(path: Path, manifest: Any) -> None:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelFileError(f"'{path}' is not a model file: its manifest names another format.")
    version = manifest.get("format_version")
    if not isinstance(version, int) or version < 1:
        _damaged(path, "its format version is no number")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"'{path}' has format version {version}; this neotype reads up to {FORMAT_VERSION}.",
            found=f"it was written by neotype {manifest.get('neotype')}",
            mend="upgrade: pip install --upgrade neotype",
        )
    members, arrays = manifest.get("members"), manifest.get("arrays")
    if (
        not isinstance(manifest.get("synthesizer"), str)
        or not isinstance(members, dict)
        or not isinstance(arrays, list)
        or any(_member(kind) != name for kind, name in members.items() if _plain(kind))
        or not all(_plain(kind) for kind in members)
    ):
        _damaged(path, "its manifest is incomplete")


def _plain(kind: str) -> bool:
    """Whether it names a dtype of plain numbers or characters."""
    try:
        return np.dtype(kind).kind in _KINDS
    except (TypeError, ValueError, SyntaxError):
        return False


def _bounded(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowed: int
) -> bytearray:
    """The member's bytes; stops as soon as there are more than allowed, whatever is declared."""
    data = bytearray()
    with archive.open(info) as member:
        while chunk := member.read(_MIB):
            data += chunk
            if len(data) > allowed:
                _too_large(path, allowed)
    return data


def _json(path: Path, name: str, data: bytearray) -> Any:
    try:
        text = json.loads(data)
    except RecursionError as cause:
        _damaged(path, f"'{name}' is nested too deeply", cause)
    if not isinstance(text, dict):
        _damaged(path, f"'{name}' is not what it should be")
    return text


def _flat(path: Path, name: str, kind: str, data: bytearray) -> NDArray[Any]:
    """The one-dimensional array of a .npy, writable, or ModelFileError."""
    stream = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            _damaged(path, f"'{name}' is no array")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except (SyntaxError, TypeError) as cause:
        _damaged(path, f"'{name}' is no array", cause)
    start = stream.tell()
    if dtype.hasobject or dtype.str != kind:
        _damaged(path, f"'{name}' holds {dtype}, which a model file never does")
    if len(shape) != 1 or shape[0] * dtype.itemsize != len(data) - start:
        _damaged(path, f"'{name}' does not have the length it declares")
    return np.frombuffer(data, dtype=dtype, offset=start, count=shape[0])


def _shaped(
    path: Path, index: list[Any], flats: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Cut the flat arrays at the shapes that the manifest lists, all of each and no more."""
    taken = dict.fromkeys(flats, 0)
    arrays: dict[str, NDArray[Any]] = {}
    for entry in index:
        match entry:
            case [str(name), str(kind), list(shape)] if kind in flats and name not in arrays:
                pass
            case _:
                _damaged(path, "its list of arrays is damaged")
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            _damaged(path, f"array '{name}' has no proper shape")
        count, start = math.prod(shape), taken[kind]
        if start + count > len(flats[kind]):
            _damaged(path, f"array '{name}' is longer than its data")
        arrays[name] = flats[kind][start : start + count].reshape(shape)
        taken[kind] += count
    if any(taken[kind] != len(flat) for kind, flat in flats.items()):
        _damaged(path, "it holds more numbers than its list of arrays")
    return arrays


def _too_large(path: Path, allowed: int) -> NoReturn:
    raise ModelFileError(
        f"'{path}' unpacks to far more than its size: more than {max(allowed // _MIB, 1):,} MiB.",
        mend="if you trust where it came from, load it with a higher limit (load(path, limit=...))",
    )


def _damaged(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    raise ModelFileError(
        f"'{path}' is damaged: {why}.", mend="copy or download the file again"
    ) from cause
