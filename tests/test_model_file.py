"""A model file gives the same model back, or says what is wrong with it; it never runs anything."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.data import Dataset
from neotype.errors import ModelFileError, OutputExistsError, SourceError
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.synth.independent import Independent
from neotype.synth.model_file import FORMAT_VERSION, load, save
from neotype.synth.synthesizer import Model

FACTS = {"origin": "adult.csv", "umlaut": "ö", "nested": {"a": [1, None, 2.5]}}


@pytest.fixture(scope="module")
def model() -> Model:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "age": rng.integers(18, 90, 400),
            "income": rng.gamma(2, 1000, 400).round(2),
            "town": rng.choice(["Köln", "Bonn", "Trier"], 400),
            "when": pl.Series(rng.integers(0, 10**6, 400) * 10**9).cast(pl.Datetime("us")),
            "id": [f"K-{n:06d}" for n in rng.choice(10**6, 400, replace=False)],
        }
    )
    data = Dataset.of(infer_schema({"people": frame}), frame)
    return Independent().fit(data, rng=Rng(0))


@pytest.fixture(scope="module")
def whole(model: Model, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save(model, tmp_path_factory.mktemp("m") / "m.neotype", facts=FACTS).read_bytes()


def rewritten(whole: bytes, **changes: bytes | None) -> bytes:
    """The same file with members (named without suffix) replaced, added or taken out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            data = changes.pop(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in changes.items():
            assert data is not None
            new.writestr(name, data)
    return out.getvalue()


def manifest_of(whole: bytes) -> dict:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return json.loads(archive.read("manifest.json"))


def with_manifest(whole: bytes, **changes: object) -> bytes:
    text = json.dumps({**manifest_of(whole), **changes}).encode()
    return rewritten(whole, **{"manifest.json": text})


def test_the_same_model_and_facts_come_back(model: Model, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    path.write_bytes(whole)
    again, facts = load(path)
    assert facts == FACTS
    assert again.schema == model.schema
    assert again.protections == model.protections
    first, second = (one.sample(500, rng=Rng(3)).frame for one in (model, again))
    assert first.equals(second)
    assert again.family == "independent"


def test_equal_models_give_equal_bytes(model: Model, whole: bytes, tmp_path: Path) -> None:
    path = save(model, tmp_path / "a.neotype", facts=FACTS)
    assert path.read_bytes() == whole
    again, facts = load(path)
    assert save(again, tmp_path / "b.neotype", facts=facts).read_bytes() == whole


def test_a_taken_path_is_left_alone_unless_forced(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        save(model, path)
    assert path.read_text() == "mine"
    save(model, path, force=True)
    load(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="cannot be written"):
        save(model, tmp_path / "file" / "m.neotype")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_disk_that_fills_up_leaves_the_old_file(model: Model, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "m.neotype"
    path.write_text("mine")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(SourceError, match="cannot be written"):
            save(model, path, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", 8) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(out)
    return out.getvalue()


FOREIGN = {
    "empty": (b"", "it is empty"),
    "pickle": (pickle.dumps({"a": 1}), "pickle"),
    "gzip": (gzip.compress(b"x"), "gzip"),
    "parquet": (_parquet(), "Parquet"),
    "array": (_npy(np.arange(3)), "numpy"),
    "page": (b"<html>not found</html>", "HTML"),
    "text": (b"hello", "not a model file"),
    "noise": (bytes(range(256)) * 9, "not a model file"),
    "other zip": (_zip(**{"word/document.xml": b"<a/>"}), "other things"),
    "many members": (_zip(**{str(n): b"" for n in range(500)}), "other things"),
    "other manifest": (_zip(**{"manifest.json": b'{"format": "other"}'}), "another format"),
    "bad manifest": (_zip(**{"manifest.json": b"[1]"}), "damaged"),
    "no json": (_zip(**{"manifest.json": b"\xff\xfe{"}), "damaged"),
    "deep json": (_zip(**{"manifest.json": b"[" * 10**6}), "damaged"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_named_as_what_it_is(name: str, tmp_path: Path) -> None:
    data, words = FOREIGN[name]
    path = tmp_path / "m.neotype"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=words):
        load(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no file"):
        load(tmp_path / "none.neotype")
    with pytest.raises(ModelFileError, match="cannot be read"):
        load(tmp_path)


def test_a_newer_file_asks_for_an_upgrade(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    path.write_bytes(with_manifest(whole, format_version=FORMAT_VERSION + 1, neotype="9.9"))
    with pytest.raises(ModelFileError, match="pip install --upgrade") as caught:
        load(path)
    assert "9.9" in str(caught.value)


def test_an_unknown_synthesizer_is_named(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    path.write_bytes(with_manifest(whole, synthesizer="frobnicator"))
    with pytest.raises(ModelFileError, match="no synthesizer is called 'frobnicator'"):
        load(path)


def test_every_truncation_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    for size in [*range(0, 200, 7), *np.linspace(200, len(whole) - 1, 60).astype(int)]:
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            load(path)


def _changed(whole: bytes) -> dict[str, bytes]:
    manifest = manifest_of(whole)
    kind, member = next(iter(manifest["members"].items()))
    entry = manifest["arrays"][0]
    objects = _npy(np.array([{"a": 1}], dtype=object))
    longer = [[entry[0], entry[1], [10**12]], *manifest["arrays"][1:]]
    negative = [[entry[0], entry[1], [-1]], *manifest["arrays"][1:]]
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    return {
        "object array": rewritten(whole, **{member: objects}),
        "object dtype": with_manifest(whole, members={**manifest["members"], "|O": "arrays/o.npy"}),
        "shape of npy": rewritten(whole, **{member: huge}),
        "no npy": rewritten(whole, **{member: b"cos\nsystem\n(S'true'\ntR."}),
        "other dtype": rewritten(whole, **{member: _npy(np.arange(3, dtype=np.float16))}),
        "missing member": rewritten(whole, **{member: None}),
        "missing text": rewritten(whole, **{"state.json": None}),
        "extra member": rewritten(whole, extra=b"x"),
        "traversal": rewritten(whole, **{"../../evil.npy": b"x"}),
        "traversal in manifest": with_manifest(whole, members={kind: "../../etc/passwd"}),
        "absolute": rewritten(whole, **{"/etc/evil": b"x"}),
        "array too long": with_manifest(whole, arrays=longer),
        "negative shape": with_manifest(whole, arrays=negative),
        "array left out": with_manifest(whole, arrays=manifest["arrays"][1:]),
        "array twice": with_manifest(whole, arrays=[entry, *manifest["arrays"]]),
        "no arrays": with_manifest(whole, arrays=None),
        "version zero": with_manifest(whole, format_version=0),
        "version text": with_manifest(whole, format_version="1"),
        "empty state": rewritten(whole, **{"state.json": b"{}"}),
        "state list": rewritten(whole, **{"state.json": b"[]"}),
        "empty schema": rewritten(whole, **{"schema.json": b"{}"}),
        "other schema": rewritten(whole, **{"schema.json": b'{"tables": {"t": {"columns": {}}}}'}),
    }


def test_every_inconsistent_file_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    loaded = []
    for name, data in _changed(whole).items():
        path.write_bytes(data)
        try:
            load(path)
        except ModelFileError:
            continue
        loaded.append(name)
    assert loaded == []
    assert list(tmp_path.iterdir()) == [path]


def _bomb(whole: bytes, member: str, size: int, declared: int | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        with new.open(member, "w") as stream:
            for _ in range(size >> 20):
                stream.write(bytes(1 << 20))
    data = bytearray(out.getvalue())
    if declared is not None:
        place = data.rfind(b"PK\x01\x02")
        assert data[place + 46 :].startswith(member.encode())
        data[place + 24 : place + 28] = struct.pack("<I", declared)
    return bytes(data)


@pytest.mark.parametrize(
    ("member", "declared"),
    [(None, None), (None, 100), ("state.json", None), ("state.json", 100), ("manifest.json", None)],
)
def test_a_bomb_is_refused_in_little_memory(
    whole: bytes, tmp_path: Path, member: str | None, declared: int | None
) -> None:
    member = member or next(iter(manifest_of(whole)["members"].values()))
    path = tmp_path / "m.neotype"
    path.write_bytes(_bomb(whole, member, 300 << 20, declared))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_the_limit_can_be_set(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    path.write_bytes(whole)
    with pytest.raises(ModelFileError, match="unpacks to far more"):
        load(path, limit=1000)
    load(path, limit=10**9)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_is_found_or_does_no_harm(
    data: st.DataObject, whole: bytes, tmp_path_factory
) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.neotype"
    path.write_bytes(damaged)
    try:
        model, facts = load(path)
    except ModelFileError:
        return
    again = save(model, path.with_suffix(".again"), facts=facts, force=True)
    assert again.read_bytes() == whole


def test_a_directory_of_flips_is_covered(whole: bytes, tmp_path: Path) -> None:
    start = whole.rfind(b"PK\x01\x02") - 400
    path = tmp_path / "m.neotype"
    for place in range(start, len(whole), 2):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        try:
            model, facts = load(path)
        except ModelFileError:
            continue
        assert save(model, tmp_path / "again", facts=facts, force=True).read_bytes() == whole


def test_a_very_compressible_model_can_still_be_loaded(model: Model, tmp_path: Path) -> None:
    path = save(model, tmp_path / "m.neotype", facts={"padding": " " * (20 << 20)})
    assert len(load(path)[1]["padding"]) == 20 << 20
