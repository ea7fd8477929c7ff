"""Times in files whose offsets from UTC change are read as times, and written as they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.schema.schema import Datetime
from neotype.source import read, write

DRAW = np.random.default_rng(0)
INSTANTS = [
    datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=int(s))
    for s in DRAW.integers(0, 2 * 365 * 86_400, 400)
]


def csv(path: Path, cells: list[str | None]) -> Path:
    numbers = DRAW.normal(size=len(cells)).round(2)
    pl.DataFrame({"at": cells, "value": numbers}).write_csv(path)
    return path


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%d %H:%M:%S %z", "%d.%m.%Y %H:%M%z"]
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_cells_of_one_zone_come_back_as_they_were(form: str, zone: str, tmp_path: Path) -> None:
    there = pl.Series(INSTANTS, dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    cells = there.dt.to_string(form).to_list()
    source = read(csv(tmp_path / "a.csv", cells))
    (frame,) = source.frames.values()
    assert frame["at"].dtype == pl.Datetime("us", zone)
    assert "times of that zone" in " ".join(source.notes)
    assert isinstance(nt.infer_schema(tmp_path / "a.csv").columns["at"], Datetime)
    write(frame, tmp_path / "b.csv", kind=source.kind)
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_offsets_of_no_one_zone_become_times_of_utc(tmp_path: Path) -> None:
    offsets = DRAW.integers(-9, 9, len(INSTANTS))
    cells: list[str | None] = [
        at.astimezone(timezone(timedelta(hours=int(h)))).isoformat()
        for at, h in zip(INSTANTS, offsets, strict=True)
    ]
    cells[3] = None
    source = read(csv(tmp_path / "a.csv", cells))
    (frame,) = source.frames.values()
    assert frame["at"].dtype == pl.Datetime("us", "UTC")
    assert frame["at"][5] == INSTANTS[5]
    assert frame["at"][3] is None
    assert "times of UTC" in " ".join(source.notes)


def test_one_offset_stays_text_with_its_format_and_a_word_is_no_time(tmp_path: Path) -> None:
    cells = [at.isoformat() for at in INSTANTS]
    column = nt.infer_schema(csv(tmp_path / "a.csv", list(cells))).columns["at"]
    assert column.format == "%Y-%m-%dT%H:%M:%S+00:00"
    berlin = [at.astimezone(ZoneInfo("Europe/Berlin")).isoformat() for at in INSTANTS]
    (frame,) = read(csv(tmp_path / "b.csv", [*berlin, "soon"])).frames.values()
    assert frame["at"].dtype == pl.String


def test_a_file_of_winter_alone_fits_a_model_of_the_whole_year(tmp_path: Path) -> None:
    berlin = [at.astimezone(ZoneInfo("Europe/Berlin")).isoformat() for at in INSTANTS]
    whole = csv(tmp_path / "a.csv", list(berlin))
    winter = csv(tmp_path / "w.csv", [cell for cell in berlin if cell.endswith("+01:00")])
    synthetic = nt.fit(whole, synthesizer="independent").sample(300, seed=1)
    report = nt.evaluate(synthetic, train=whole, holdout=winter, metrics=["shape"])
    assert report.scores[0].value is not None
