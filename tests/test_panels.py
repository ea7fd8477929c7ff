"""Rows that follow each other: owners with their rows, one long series, and what comes next."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app

KINDS = ["basic", "plus"]


def visits(owners: int = 150, seed: int = 0) -> pl.DataFrame:
    """Patients with visits: a sex, a level of their own, irregular days; in no order."""
    generator = np.random.default_rng(seed)
    frames = []
    for owner in range(owners):
        many = int(generator.integers(1, 12))
        days = np.cumsum(generator.integers(1, 40, many))
        level = generator.normal(50 + 20 * (owner % 2), 5)
        frames.append(
            pl.DataFrame(
                {
                    "patient": [f"P{owner:04d}"] * many,
                    "sex": [("f", "m")[owner % 2]] * many,
                    "born": [None if owner % 5 == 0 else 1940 + owner % 50] * many,
                    "day": [date(2024, 1, 1) + timedelta(days=int(day)) for day in days],
                    "marker": (level + generator.normal(0, 1, many)).round(2),
                    "state": generator.choice(["calm", "ill", "worse"], many, p=[0.6, 0.3, 0.1]),
                    "low": generator.integers(60, 80, many),
                },
                schema_overrides={"born": pl.Int64},
            ).with_columns(high=pl.col("low") + pl.Series(generator.integers(0, 40, many)))
        )
    return pl.concat(frames).sample(fraction=1, shuffle=True, seed=seed)


def hours(days: int = 120) -> pl.DataFrame:
    """One series of hours with days, weeks and a year in it."""
    generator = np.random.default_rng(1)
    at = np.arange(24 * days)
    season = 10 * np.sin(2 * np.pi * at / (24 * 365)) + 5 * np.sin(2 * np.pi * at / 24)
    return pl.DataFrame(
        {
            "at": [datetime(2024, 1, 1) + timedelta(hours=int(hour)) for hour in at],
            "load": (30 + season + generator.normal(0, 1, len(at))).round(1),
            "sky": np.where(at // 24 % 7 >= 5, "clear", "grey"),
        }
    )


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    return visits()


@pytest.fixture(scope="module")
def model(real: pl.DataFrame) -> nt.FittedModel:
    return nt.fit(real, entity="patient", sequence="day", refine=0)


class TestOwners:
    def test_rows_have_the_form_and_the_number_asked_for(
        self, model: nt.FittedModel, real: pl.DataFrame
    ) -> None:
        made = model.sample(500, seed=1)
        assert made.schema == real.schema
        assert made.height == 500
        assert made.equals(model.sample(500, seed=1))
        assert not made.equals(model.sample(500, seed=2))

    def test_each_owner_has_its_rows_in_order_and_one_at_a_time(
        self, model: nt.FittedModel
    ) -> None:
        made = model.sample(800, seed=1)
        owners = made["patient"].rle_id()
        assert owners.max() + 1 == made["patient"].n_unique()
        assert (made["day"] > made["day"].shift(1)).filter(owners == owners.shift(1)).all()

    def test_what_never_changes_within_an_owner_never_does(self, model: nt.FittedModel) -> None:
        made = model.sample(800, seed=1)
        counts = made.group_by("patient").agg(pl.col("sex", "born").n_unique())
        assert counts["sex"].max() == counts["born"].max() == 1
        assert 0 < made["born"].null_count() < made.height

    def test_owners_differ_as_they_do_in_the_data(
        self, model: nt.FittedModel, real: pl.DataFrame
    ) -> None:
        made = model.sample(owners=300, seed=1)
        assert made["patient"].n_unique() == 300
        spread, mean = [], []
        for frame in (real, made):
            levels = frame.group_by("patient").agg(
                pl.col("marker").mean(), pl.len(), pl.col("sex").first()
            )
            spread.append(levels["marker"].std())
            mean.append(levels["len"].mean())
            by_sex = levels.group_by("sex").agg(pl.col("marker").mean()).sort("sex")["marker"]
            assert by_sex[1] - by_sex[0] > 12
        assert spread[1] == pytest.approx(spread[0], rel=0.25)
        assert mean[1] == pytest.approx(mean[0], rel=0.15)

    def test_owners_can_be_asked_for_by_what_never_changes(self, model: nt.FittedModel) -> None:
        assert set(model.sample(200, where={"sex": "f"}, seed=1)["sex"]) == {"f"}
        with pytest.raises(nt.SamplingError, match="change from row to row"):
            model.sample(200, where={"state": "ill"})
        with pytest.raises(nt.SamplingError, match="one after the other"):
            model.sample(given=pl.DataFrame({"sex": ["f"]}))

    def test_a_saved_model_makes_the_same_rows(
        self, model: nt.FittedModel, real: pl.DataFrame, tmp_path: Path
    ) -> None:
        again = nt.load(model.save(tmp_path / "m.neotype"))
        assert again.sample(300, seed=4).equals(model.sample(300, seed=4))
        past = real.filter(pl.col("patient").is_in(["P0003", "P0007"]))
        assert again.extend(past, steps=3).equals(model.extend(past, steps=3))
        assert again.describe() == model.describe()

    def test_constraints_hold_in_rows_and_across_owner_and_row(self, real: pl.DataFrame) -> None:
        rules = [
            nt.constraints.Inequality(low="low", high="high"),
            {"type": "formula", "holds": "born < low + 1930"},
        ]
        held = real.filter((pl.col("born") < pl.col("low") + 1930) | pl.col("born").is_null())
        made = nt.fit(
            held, entity="patient", sequence="day", refine=0, constraints=rules[:1]
        ).sample(400, seed=1)
        assert (made["low"] <= made["high"]).all()


class TestSeries:
    def test_one_series_keeps_its_days_and_its_season(self) -> None:
        real = hours()
        model = nt.fit(real, sequence="at", refine=0)
        made = model.sample(real.height, seed=1)
        assert made.schema == real.schema
        assert (made["at"].diff().drop_nulls() > timedelta(0)).all()
        shapes = [
            frame.group_by(pl.col("at").dt.hour()).agg(pl.col("load").mean()).sort("at")["load"]
            for frame in (real, made)
        ]
        assert np.corrcoef(*shapes)[0, 1] > 0.95
        months = [
            frame.group_by(pl.col("at").dt.month()).agg(pl.col("load").mean()).sort("at")["load"]
            for frame in (real, made)
        ]
        assert np.corrcoef(*months)[0, 1] > 0.8
        with pytest.raises(nt.SamplingError, match="one series"):
            model.sample(owners=3)

    def test_a_series_of_numbered_steps_has_windows(self) -> None:
        generator = np.random.default_rng(0)
        real = pl.DataFrame(
            {"step": np.arange(3000), "x": np.cumsum(generator.normal(size=3000)).round(3)}
        )
        made = nt.fit(real, sequence="step", refine=0).sample(2000, seed=1)
        assert made["step"].is_sorted()
        assert made["step"].n_unique() == 2000
        assert real["x"].min() - 5 < made["x"].min() < made["x"].max() < real["x"].max() + 5

    def test_dates_may_be_owners_and_text(self) -> None:
        real = hours(90).select(
            date=pl.col("at").dt.strftime("%d.%m.%Y"), hour=pl.col("at").dt.hour(), load="load"
        )
        made = nt.fit(real, entity="date", sequence="hour", refine=0).sample(owners=30, seed=1)
        assert made.schema == real.schema
        assert made["date"].n_unique() == 30
        assert made.select("date", "hour").is_unique().all()
        days = made["date"].unique(maintain_order=True).str.to_date("%d.%m.%Y")
        assert days.is_sorted()

    def test_an_owner_with_nearly_all_rows_is_learnt_in_blocks(self) -> None:
        generator = np.random.default_rng(0)
        owner = np.r_[np.zeros(6000, int), np.arange(1, 60)]
        real = pl.DataFrame(
            {"who": owner, "step": np.r_[np.arange(6000), np.zeros(59, int)]}
        ).with_columns(x=pl.Series(generator.normal(size=len(owner))))
        model = nt.fit(real, entity="who", sequence="step", refine=0)
        made = model.sample(3000, seed=1)
        assert made.height == 3000
        assert made.select("who", "step").is_unique().all()


class TestNext:
    def test_rows_come_after_the_last_of_each_owner(
        self, model: nt.FittedModel, real: pl.DataFrame
    ) -> None:
        past = real.filter(pl.col("patient").is_in(["P0003", "P0007", "P0011"]))
        made = model.extend(past, steps=4)
        assert made.schema == real.schema
        assert made["patient"].value_counts().sort("patient").rows() == [
            (name, 4) for name in ("P0003", "P0007", "P0011")
        ]
        last = past.group_by("patient").agg(
            pl.col("day").max().alias("last"), pl.col("sex").first()
        )
        beside = made.join(last, on="patient")
        assert (beside["day"] > beside["last"]).all()
        assert (beside["sex"] == beside["sex_right"]).all()

    def test_paths_differ_and_cover_what_came(
        self, model: nt.FittedModel, real: pl.DataFrame
    ) -> None:
        order = real.sort("patient", "day").with_columns(k=pl.int_range(pl.len()).over("patient"))
        many = order.filter(pl.len().over("patient") >= 6)
        past, truth = many.filter(pl.col("k") < 5), many.filter(pl.col("k") == 5)
        made = model.extend(past.drop("k"), steps=1, paths=40)
        assert sorted(made["path"].unique()) == list(range(1, 41))
        band = made.group_by("patient").agg(
            pl.col("marker").quantile(0.1).alias("low"),
            pl.col("marker").quantile(0.9).alias("high"),
        )
        both = truth.drop("low", "high").join(band, on="patient")
        assert 0.6 < both["marker"].is_between(both["low"], both["high"]).mean() <= 1

    def test_the_last_step_asked_for_is_a_step_like_the_others(self) -> None:
        draw = np.random.default_rng(3)
        lines = []
        for owner in range(120):
            days = np.cumsum(7 * draw.integers(1, 5, draw.integers(4, 20))).tolist()
            lines += [(owner, date(2022, 1, 3) + timedelta(day), draw.normal()) for day in days]
        real = pl.DataFrame(lines, schema=["account", "day", "value"], orient="row")
        history = real.filter(pl.col("account") < 40).group_by("account").head(4)
        model = nt.fit(real, entity="account", sequence="day")
        made = model.extend(history, steps=5).sort("account", "day")
        gaps = made.select(pl.col("day").diff().dt.total_days().over("account"))["day"]
        assert (gaps.drop_nulls() % 7 == 0).mean() > 0.95  # type: ignore[operator]
        assert gaps.max() <= 28  # type: ignore[operator]

    def test_one_series_goes_on_where_it_stopped(self) -> None:
        real = hours()
        model = nt.fit(real, sequence="at", refine=0)
        past = real.head(24 * 100 + 7)
        made = model.extend(past, steps=30, paths=2)
        for path in (1, 2):
            one = made.filter(pl.col("path") == path)
            assert one.height == 30
            assert one["at"].min() > past["at"].max()
            assert one["at"].max() - past["at"].max() < timedelta(days=3)

    def test_the_command_writes_what_is_next(
        self, model: nt.FittedModel, real: pl.DataFrame, tmp_path: Path
    ) -> None:
        saved = model.save(tmp_path / "m.neotype")
        real.filter(pl.col("patient") == "P0003").write_parquet(tmp_path / "past.parquet")
        words = ["sample", saved, "--continue", tmp_path / "past.parquet", "--steps", 3]
        done = CliRunner().invoke(app, [*map(str, words), "-o", str(tmp_path / "next.parquet")])
        assert done.exit_code == 0, done.output
        assert pl.read_parquet(tmp_path / "next.parquet").height == 3

    def test_a_history_that_is_none_is_refused(
        self, model: nt.FittedModel, real: pl.DataFrame
    ) -> None:
        with pytest.raises(nt.DataError, match="no rows"):
            model.extend(real.head(0), steps=1)
        other = real.filter(pl.col("patient") == "P0003").with_columns(
            sex=pl.Series(["f", "m"] * 20).head(real.filter(pl.col("patient") == "P0003").height)
        )
        if other.height > 1:
            with pytest.raises(nt.DataError, match="never change"):
                model.extend(other, steps=1)


class TestBadInput:
    def test_missing_owners_and_times_are_counted(self, real: pl.DataFrame) -> None:
        holes = real.with_columns(
            day=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise("day"),
            patient=pl.when(pl.int_range(pl.len()) > 9).then("patient"),
        )
        with pytest.raises(nt.DataError) as caught:
            nt.fit(holes, entity="patient", sequence="day")
        assert "'day': 7 of" in str(caught.value)
        assert "'patient': 10 of" in str(caught.value)

    def test_a_column_without_an_order_orders_nothing(self, real: pl.DataFrame) -> None:
        with pytest.raises(nt.SchemaError, match="orders no rows"):
            nt.fit(real, entity="patient", sequence="state")

    def test_owners_of_one_row_and_rows_at_one_time_are_learnt(self) -> None:
        frame = visits(200, 3)
        single = frame.unique("patient", keep="first", maintain_order=True)
        made = nt.fit(single, entity="patient", sequence="day", refine=0).sample(100, seed=1)
        assert made["patient"].n_unique() == 100
        same = frame.with_columns(day=pl.col("day").dt.truncate("6mo"))
        again = nt.fit(same, entity="patient", sequence="day", refine=0).sample(300, seed=1)
        assert again.group_by("patient").len()["len"].max() > 3
