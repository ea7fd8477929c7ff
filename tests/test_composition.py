"""Where parts meet: constraints, conditions, persons, tasks and files, on one table of bookings."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.personal.pools import pools
from neotype.rng import Rng
from neotype.schema.file import write_schema

ROWS = 2000
RULES = (
    nt.constraints.Inequality(low="check_in", high="check_out", strict=True),
    nt.constraints.ColumnFormula(
        column="nights", expression='(pl.col("check_out") - pl.col("check_in")).dt.total_days()'
    ),
    nt.constraints.ScalarRange(column="nights", low=1, high=14),
    nt.constraints.Positive(column="price", strict=True),
    nt.constraints.FixedIncrements(column="price", increment=0.5),
    nt.constraints.ColumnFormula(column="total", expression="price * nights - discount"),
    nt.constraints.Expression(expression="discount <= price"),
    nt.constraints.FixedCombinations(columns=("room_type", "floor")),
    nt.constraints.OneHotEncoding(columns=("parking", "breakfast", "spa"), none=True),
    nt.constraints.FixedNullCombinations(columns=("card", "points")),
    nt.constraints.Unique(columns=("room", "check_in")),
)
BY_ROW = RULES[:-1]
"""Those that a row alone can break."""


@cache
def bookings() -> pl.DataFrame:
    """Stays in a hotel, in which every one of the rules holds."""
    g = np.random.default_rng(0)
    sex = g.choice(["f", "m"], ROWS)
    lists = pools("en")
    names = [
        f"{(lists.women if s == 'f' else lists.men)[int(a)]} {lists.last[int(b)]}"
        for s, a, b in zip(sex, *g.integers(0, 90, (2, ROWS)), strict=True)
    ]
    room = g.integers(0, 60, ROWS)
    floor = room // 20 + 1
    day = g.integers(0, 700, ROWS)
    nights = 1 + g.binomial(13, 0.15 + 0.05 * floor)
    price = np.round((60 + 25 * floor + g.exponential(20, ROWS)) * 2) / 2
    discount = np.where(g.random(ROWS) < 0.3, np.round(price * g.random(ROWS) * 0.4, 2), 0.0)
    extra = g.integers(0, 4, ROWS)
    member = g.random(ROWS) < 0.4
    check_in = [dt.date(2023, 1, 1) + dt.timedelta(int(d)) for d in day]
    frame = pl.DataFrame(
        {
            "booking_id": [f"B-{k:06d}" for k in g.permutation(900_000)[:ROWS]],
            "guest_name": names,
            "guest_email": [f"{n.lower().replace(' ', '.')}@example.com" for n in names],
            "guest_sex": sex,
            "room": room,
            "room_type": np.array(["single", "double", "suite"])[floor - 1],
            "floor": floor,
            "check_in": check_in,
            "check_out": [d + dt.timedelta(int(n)) for d, n in zip(check_in, nights, strict=True)],
            "nights": nights,
            "price": price,
            "discount": discount,
            "total": np.round(price * nights - discount, 2),
            "parking": (extra == 0).astype(int),
            "breakfast": (extra == 1).astype(int),
            "spa": (extra == 2).astype(int),
            "card": pl.Series(g.choice(["gold", "blue"], ROWS)).set(pl.Series(~member), None),
            "points": pl.Series(g.integers(0, 900, ROWS)).set(pl.Series(~member), None),
            "cancelled": g.choice(["no", "yes"], ROWS, p=[0.93, 0.07]),
        }
    )
    return frame.unique(["room", "check_in"], keep="first", maintain_order=True)


@cache
def model(rules: tuple[Any, ...] = RULES) -> Any:
    """Of the bookings, under these rules."""
    return nt.fit(bookings(), constraints=rules, refine=0)


def broken(frame: pl.DataFrame) -> list[str]:
    """What is wrong of these rows: said here again, not asked of the rules."""
    days = (frame["check_out"] - frame["check_in"]).dt.total_days()
    total = (frame["price"] * frame["nights"] - frame["discount"]).round(2)
    pairs = set(bookings().select("room_type", "floor").rows())
    extras = frame["parking"] + frame["breakfast"] + frame["spa"]
    wrong = {
        "order": (days < 1).any(),
        "nights": (days != frame["nights"]).any() or not frame["nights"].is_between(1, 14).all(),
        "price": (frame["price"] <= 0).any() or ((frame["price"] * 2) % 1 != 0).any(),
        "total": ((total - frame["total"]).abs() > 0.006).any(),
        "discount": (frame["discount"] > frame["price"]).any(),
        "floor": not set(frame.select("room_type", "floor").rows()) <= pairs,
        "extras": (extras > 1).any(),
        "points": (frame["card"].is_null() != frame["points"].is_null()).any(),
        "room": frame.select("room", "check_in").is_duplicated().any(),
        "gaps": frame.drop("card", "points").null_count().sum_horizontal()[0] > 0,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def misfits(frame: pl.DataFrame) -> list[str]:
    """Which persons do not fit their rows."""
    lists = pools("en")
    first = frame["guest_name"].str.split(" ").list.first()
    women = set(lists.women.to_list()) - set(lists.men.to_list())
    men = set(lists.men.to_list()) - set(lists.women.to_list())
    strange = ((frame["guest_sex"] == "m") & first.is_in(list(women))) | (
        (frame["guest_sex"] == "f") & first.is_in(list(men))
    )
    last = frame["guest_name"].str.split(" ").list.last().str.to_lowercase()
    mail = [a not in b for a, b in zip(last, frame["guest_email"], strict=True)]
    wrong = {
        "sex": bool(strange.any()),
        "email": sum(mail) > 0.02 * frame.height,
        "booking_id": frame["booking_id"].is_duplicated().any(),
        "real": frame["guest_email"].is_in(bookings()["guest_email"].implode()).mean() > 0.01,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def test_all_rules_hold_at_once_in_a_plain_sample() -> None:
    frame = model().sample(1500, seed=1)
    assert frame.height == 1500
    assert broken(frame) == []
    assert misfits(frame) == []


def test_persons_fit_rows_that_are_put_together_or_drawn_again() -> None:
    wanted = nt.scenario(model(), {"guest_sex": {"f": 0.9}}, rows=600, seed=2).frame
    assert abs((wanted["guest_sex"] == "f").mean() - 0.9) < 0.01
    assert broken(wanted) == []
    assert misfits(wanted) == []


def test_persons_fit_what_a_constraint_told_in_one_label() -> None:
    data = bookings().with_columns(guest_title=pl.col("guest_sex").replace({"f": "Ms", "m": "Mr"}))
    pair = nt.constraints.FixedCombinations(columns=("guest_sex", "guest_title"))
    fitted = nt.fit(data, constraints=[pair], synthesizer="independent")
    assert misfits(fitted.sample(1000, seed=0)) == []
    assert misfits(fitted.sample(1000, seed=0, where={"guest_title": "Ms"})) == []


def test_rows_of_conditions_and_given_cells_obey_and_fit() -> None:
    frame = model().sample(500, seed=3, where={"room_type": "suite", "nights": "5.."})
    assert broken(frame) == []
    assert misfits(frame) == []
    assert frame["nights"].min() >= 5
    assert set(frame["floor"]) == {3}
    given = bookings().select("guest_sex", "room_type", "check_in", "price").head(300)
    frame = model().sample(given=given, seed=3)
    assert frame.select(given.columns).equals(given)
    assert broken(frame) == []
    assert misfits(frame) == []


def test_counts_by_case_obey_and_fit() -> None:
    cases = [
        nt.Case({"cancelled": "yes", "guest_sex": "m"}, rows=150),
        nt.Case({"parking": 1, "room_type": "single"}, rows=150),
        nt.Case({}, rows=100),
    ]
    frame = model().sample(where=cases, seed=4)
    assert frame.height == 400
    assert frame["booking_id"].n_unique() == 400
    assert broken(frame) == []
    assert misfits(frame) == []


def test_tasks_on_real_rows_obey() -> None:
    real = bookings()
    holes = pl.Series(np.arange(real.height) % 9 == 0)
    lacking = real.with_columns(
        pl.when(~holes).then(pl.col(name)).alias(name)
        for name in ("discount", "total", "cancelled")
    )
    filled = nt.impute(lacking, constraints=BY_ROW).frame
    assert broken(filled) == []
    assert filled.filter(~holes).equals(real.filter(~holes))
    changed = nt.replace_columns(real, ["price", "total"], constraints=RULES, refine=0).frame
    assert broken(changed) == []
    assert changed.drop("price", "total").equals(real.drop("price", "total"))
    more = nt.augment(
        real, "cancelled", {"yes": 0.2}, holdout=None, constraints=RULES, refine=0
    ).frame
    assert broken(more) == []
    assert more["booking_id"].n_unique() == more.height


def test_what_contradicts_the_rules_is_refused_at_once() -> None:
    day = dt.date(2023, 5, 1)
    wrong = pl.DataFrame({"check_in": [day], "check_out": [day]})
    with pytest.raises(nt.errors.NeotypeError, match="Inequality"):
        model().sample(given=wrong)
    wrong = pl.DataFrame({"room_type": ["suite"], "floor": [1]})
    with pytest.raises(nt.errors.NeotypeError, match="FixedCombinations"):
        model().sample(given=wrong)
    with pytest.raises(nt.errors.NeotypeError, match=r"room_type|floor"):
        model().sample(5, where={"room_type": "suite", "floor": 1})
    with pytest.raises(nt.errors.NeotypeError, match="nights"):
        model().sample(5, where={"nights": "30.."})


def test_a_folder_and_a_saved_model_make_the_same_rows(tmp_path: Path) -> None:
    fitted = model(BY_ROW)
    path = fitted.save(tmp_path / "m.neotype")
    again = nt.load(path)
    parts = pl.concat(list(again.model.blocks(20_000, rng=Rng(0).child("sample"))))
    assert parts.equals(fitted.sample(20_000, seed=0))
    assert [name for name in broken(parts) if name != "room"] == []
    assert misfits(parts) == []
    with pytest.raises(nt.errors.SamplingError, match="Unique"):
        next(model().model.blocks(100, rng=Rng(0)))


def test_a_run_says_what_was_treated_made_up_and_obeyed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bookings().write_parquet(tmp_path / "stays.parquet")
    schema = nt.infer_schema(bookings()).constrained(RULES[:2])
    write_schema(schema, tmp_path / "schema.yaml")
    plan = {
        "source": tmp_path / "stays.parquet",
        "output": tmp_path / "out",
        "schema": tmp_path / "schema.yaml",
        "synthesizer": {"name": "trees", "refine": 0},
        "treat": {"guest_email": "mask"},
        "release": {"columns": {"booking_id": "drop"}},
        "metrics": ["constraints", "shape"],
    }
    done = nt.run(plan)
    (score,) = [one for one in done.report.scores if one.metric == "constraints"]
    assert score.value == 1.0
    assert score.detail["declared"] is True
    said = {one.column: one.note for one in done.report.facts.protections}
    assert "mask" in said["guest_email"]
    assert "invented" in said["guest_name"]
    assert "booking_id" not in done.masked.frame.columns
    with caplog.at_level("WARNING", "neotype"), pytest.raises(nt.errors.DataError, match="mask"):
        nt.evaluate(done.synthetic, train=bookings(), model=done.model)
    assert "'guest_email' (mask" in caplog.text


def test_tasks_on_a_table_of_persons_and_what_was_written_of_them() -> None:
    source = Path(__file__).parents[1] / "examples" / "customers.csv"
    real = nt.replace_columns(source, "plan", refine=0).frame
    assert real["note"].equals(pl.read_csv(source)["note"])
    more = nt.augment(source, "plan", {"family": 0.5}, holdout=None, refine=0)
    made = more.frame.filter(more.about.synthetic)
    notes = pl.read_csv(source)["note"].drop_nulls()
    assert (
        not made["note"].drop_nulls().is_in(notes.filter(notes.str.contains("@")).implode()).any()
    )
