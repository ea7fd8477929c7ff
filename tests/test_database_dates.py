"""Several times of one row, and times of owner and row, keep their order without being told to."""

from __future__ import annotations

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
