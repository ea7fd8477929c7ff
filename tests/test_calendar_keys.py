"""Days that refer to a calendar: proposed with evidence, and real days where it is taken up."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.schema.file import read_schema, write_schema
from neotype.schema.infer import examined
from neotype.schema.schema import Datetime

DRAW = np.random.default_rng(0)
DAYS = [date(2022, 1, 1) + timedelta(days=k) for k in range(400)]
CALENDAR = pl.DataFrame({"date": DAYS, "holiday": DRAW.random(400) < 0.05})
SALES = pl.DataFrame(
    {
        "sale_id": range(2_000),
        "date": [DAYS[k] for k in DRAW.integers(0, 400, 2_000)],
        "amount": DRAW.integers(1, 900, 2_000),
    }
)
KEY = "sales.date → calendar.date"


def tables(form: str | None, **others: pl.DataFrame) -> dict[str, pl.DataFrame]:
    frames = {"calendar": CALENDAR, "sales": SALES, **others}
    if form is None:
        return frames
    return {
        name: frame.with_columns(pl.col(pl.Date).dt.to_string(form))
        for name, frame in frames.items()
    }


@pytest.mark.parametrize("form", [None, "%Y-%m-%d", "%d.%m.%Y"])
def test_a_calendar_is_proposed_with_evidence_and_days_stay_days(form: str | None) -> None:
    found = examined(tables(form))
    assert found.schema.relationships == ()
    (tie,) = found.proposed
    assert tie.title == KEY
    assert "all 2,000 cells are among calendar.date" in tie.reason
    assert isinstance(found.schema.tables["sales"].columns["date"], Datetime)
    assert isinstance(found.schema.tables["calendar"].columns["date"], Datetime)


def test_days_of_another_name_or_of_other_years_refer_to_nothing() -> None:
    sold = SALES.rename({"date": "sold"})
    later = SALES.with_columns(pl.col("date") + timedelta(days=200))
    assert examined(tables(None, sales=sold)).proposed == ()
    assert examined(tables("%Y-%m-%d", sales=sold)).proposed == ()
    assert examined(tables(None, sales=later)).proposed == ()
    few = SALES.filter(pl.col("date") < date(2022, 1, 10))
    assert examined(tables(None, sales=few)).proposed == ()


@pytest.mark.parametrize("form", [None, "%d.%m.%Y"])
def test_a_calendar_that_is_taken_up_has_each_day_once(form: str | None, tmp_path: Path) -> None:
    frames = tables(form)
    found = examined(frames)
    path = write_schema(found.schema, tmp_path / "s.yaml", proposed=found.proposed)
    head, tail = path.read_text().split("# Found in the data", maxsplit=1)
    path.write_text(head + "# Found in the data" + tail.replace("\n#- ", "\n- "))
    schema = read_schema(path)
    assert [tie.title for tie in schema.relationships] == [KEY]
    made = nt.fit(frames, schema=schema).sample(seed=1)
    assert made["calendar"]["date"].n_unique() == made["calendar"].height
    assert made["sales"]["date"].is_in(made["calendar"]["date"].implode()).all()
    days = made["sales"]["date"]
    days = days if form is None else days.str.to_date(form)
    assert days.is_between(DAYS[0] - timedelta(days=90), DAYS[-1] + timedelta(days=90)).all()
