"""Several times of one row, and times of owner and row, keep their order without being told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt

OWNERS, ROWS = 250, 2_000


def clinic(text: bool) -> dict[str, pl.DataFrame]:
    """Patients who are registered, then admitted, then discharged; dates as text or not."""
    draw = np.random.default_rng(3)
    day = np.datetime64("2020-01-01")
    registered = day + draw.integers(0, 900, OWNERS)
    who = draw.integers(0, OWNERS, ROWS)
    admitted = registered[who] + draw.integers(0, 300, ROWS)
    stay = draw.gamma(2, 3, ROWS).astype(int)
    frames = {
        "patient": pl.DataFrame(
            {
                "patient_id": np.arange(OWNERS) + 1,
                "registered": registered,
                "sex": draw.choice(["f", "m"], OWNERS),
            }
        ),
        "admission": pl.DataFrame(
            {
                "admission_id": np.arange(ROWS) + 1,
                "patient_id": who + 1,
                "admitted": admitted,
                "discharged": pl.Series(admitted + stay).set(
                    pl.Series(draw.random(ROWS) < 0.1), None
                ),
            }
        ),
    }
    if text:
        frames = {
            name: frame.with_columns(pl.col(pl.Date).dt.strftime("%Y-%m-%d"))
            for name, frame in frames.items()
        }
    return frames


@pytest.mark.parametrize("text", [False, True])
def test_times_keep_their_order(text: bool) -> None:
    made = nt.fit(clinic(text), refine=0).sample(seed=2)
    both = made["admission"].join(made["patient"], on="patient_id")
    if text:
        names = ["registered", "admitted", "discharged"]
        both = both.with_columns(pl.col(names).str.to_date("%Y-%m-%d"))
    assert both.height == ROWS
    assert both["admitted"].null_count() == 0
    assert 0.05 < both["discharged"].null_count() / ROWS < 0.15
    assert (both["discharged"] >= both["admitted"]).drop_nulls().all()
    assert (both["admitted"] >= both["registered"]).all()
    stay = (both["discharged"] - both["admitted"]).dt.total_days()
    assert stay.mean() == pytest.approx(5.5, abs=1.0)


def market(seed: int = 5) -> dict[str, pl.DataFrame]:
    """Visitors of a market that is open for ten days every ten weeks, five times."""
    draw = np.random.default_rng(seed)
    begin = np.datetime64("2023-03-01T00:00:00")
    opened = draw.integers(0, 5, ROWS) * 70
    minute = (opened + draw.integers(0, 10, ROWS)) * 1440 + draw.integers(0, 1440, ROWS)
    who = draw.integers(0, OWNERS, ROWS)
    at = (begin + minute.astype("timedelta64[m]")).astype("datetime64[ms]")
    visits = {"visit_id": np.arange(ROWS) + 1, "visitor_id": who + 1, "at": at}
    people = {"visitor_id": np.arange(OWNERS) + 1, "sex": draw.choice(["f", "m"], OWNERS)}
    return {"visitor": pl.DataFrame(people), "visit": pl.DataFrame(visits)}


def test_no_row_comes_when_no_owner_has_one(tmp_path: Path) -> None:
    real = market()
    fitted = nt.fit(real, refine=0)
    fitted.save(tmp_path / "market.neotype")
    made = nt.load(tmp_path / "market.neotype").sample(seed=2)["visit"]

    day = made.select((pl.col("at") - pl.datetime(2023, 3, 1)).dt.total_days())["at"]
    inside = day.is_between(-1, 290) & ((day + 1) % 70 < 12)
    assert inside.mean() > 0.99
    each = [int((day.is_between(70 * k - 2, 70 * k + 12)).sum()) for k in range(5)]
    assert min(each) > 0.12 * ROWS
