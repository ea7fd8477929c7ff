"""Keys, rules and odd tables of a learnt database: what holds in the data holds in every sample."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

import neotype as nt
from key_databases import database, published
from neotype.data import Dataset
from neotype.errors import DataError, SamplingError
from neotype.rng import Rng
from neotype.schema.constraint import constraint
from neotype.synth.learn import learn
from neotype.synth.model_file import load, save
from neotype.synth.trees import Trees

CHINOOK = Path(__file__).parents[1] / "examples" / "chinook.sqlite"


def learnt(data: Dataset) -> Any:
    return learn(Trees(refine=0), data, rng=Rng(0))


def stays(*rules: dict[str, Any]) -> Dataset:
    """Persons and their stays, whose rows hang together below each person."""
    draw = np.random.default_rng(0)
    many = draw.integers(1, 6, 200)
    own = np.repeat(np.arange(1, 201), many)
    at = np.concatenate([np.arange(k) for k in many])
    close = np.round(draw.normal(50, 20, len(own)), 2)
    stay = {
        "person": own,
        "at": at,
        "seat": np.concatenate([draw.choice(20, k, replace=False) for k in many]),
        "city": draw.choice(["a", "b", "c"], 200)[own - 1],
        "open": np.where(at > 0, np.roll(close, 1), 0.0),
        "close": close,
        "low": (low := draw.integers(0, 50, len(own))),
        "high": low + draw.integers(0, 9, len(own)),
    }
    made = tuple(constraint(rule) for rule in rules)
    return database(
        {"person": {"person": range(1, 201), "age": draw.integers(18, 80, 200)}, "stay": stay},
        {"person": "person"},
        "stay.person > person.person",
        rules={"stay": made},
    )


RULES: tuple[dict[str, Any], ...] = (
    {"type": "Unique", "columns": ["person", "seat"]},
    {"type": "DenormalizedTable", "key": "person", "columns": ["city"]},
    {
        "type": "CarryOverColumns",
        "from_column": "close",
        "to_column": "open",
        "within": "person",
        "order_by": "at",
    },
    {"type": "Inequality", "low": "low", "high": "high"},
)


class TestRules:
    """Constraints of a table that has owners."""

    def test_all_hold_in_every_row(self, tmp_path: Path) -> None:
        data = stays(*RULES)
        model = learnt(data)
        back: Any = load(save(model, tmp_path / "m.neotype"))[0]
        columns = data.schema.tables["stay"].columns
        for seed, one in ((1, model), (2, back)):
            frame = one.sample(rng=Rng(seed)).frames["stay"]
            for rule in data.schema.tables["stay"].constraints:
                learnt_rule = rule.learn(columns, data.frames["stay"], protect=5)
                assert learnt_rule.holds(frame).all(), rule.title

    def test_data_that_breaks_one_about_keys_is_refused(self) -> None:
        data = stays({"type": "DenormalizedTable", "key": "person", "columns": ["seat"]})
        with pytest.raises(DataError, match="DenormalizedTable"):
            learnt(data)

    def test_what_cannot_be_is_said_by_name(self) -> None:
        one = {"type": "Unique", "columns": ["city"]}
        with pytest.raises(SamplingError, match=r"Unique\(city\)"):
            learnt(stays(one)).sample(rng=Rng(1))


class TestUnique:
    """What a database declares unique."""

    def test_it_is_so_in_a_sample(self, tmp_path: Path) -> None:
        path, draw = tmp_path / "shop.sqlite", np.random.default_rng(0)
        pairs = {(int(a), int(b)) for a, b in draw.integers(1, 13, (2000, 2))}
        with sqlite3.connect(path) as base:
            base.executescript("""
                create table kind(id integer primary key, name text not null unique);
                create table person(id integer primary key, email text unique, badge integer unique,
                    title text not null unique);
                create table booking(id integer primary key, slot integer not null,
                    person_id integer not null references person(id), unique(person_id, slot));
                create table liking(person_id integer not null references person(id),
                    kind_id integer not null references kind(id), unique(person_id, kind_id));
            """)
            base.executemany(
                "insert into kind values(?,?)", [(k, f"kind {k}") for k in range(1, 9)]
            )
            badges = draw.permutation(9000)[:100] + 1000
            people = [
                (k, f"u{k}@example.org", int(badge), f"the tale of {'xyz'[k % 3] * k} and me")
                for k, badge in enumerate(badges, start=1)
            ]
            base.executemany("insert into person values(?,?,?,?)", people)
            rows = [(k, slot, person) for k, (person, slot) in enumerate(sorted(pairs))]
            base.executemany("insert into booking values(?,?,?)", rows)
            likes = [(p, k) for p in range(1, 101) for k in range(1, 9) if (p * k) % 3]
            base.executemany("insert into liking values(?,?)", likes)
        base.close()
        model = nt.fit(path, synthesizer="independent")
        for scale in (0.4, 1, 2):
            made = model.sample(seed=1, scale=scale)
            for table, key in (
                ("kind", ["name"]),
                ("person", ["email"]),
                ("person", ["badge"]),
                ("person", ["title"]),
                ("booking", ["person_id", "slot"]),
                ("liking", ["person_id", "kind_id"]),
            ):
                assert not made[table].drop_nulls(key).select(key).is_duplicated().any(), key

    def test_an_owner_and_a_day_are_a_key(self) -> None:
        draw = np.random.default_rng(0)
        days = [np.sort(draw.choice(40, draw.integers(1, 12), replace=False)) for _ in range(120)]
        own = np.repeat(np.arange(120), [len(one) for one in days])
        data = database(
            {
                "shop": {"shop": range(120), "size": draw.integers(1, 9, 120)},
                "day": {
                    "shop": own,
                    "day": [date(2024, 1, 1) + timedelta(int(k)) for k in np.concatenate(days)],
                    "sales": draw.integers(0, 90, len(own)),
                },
            },
            {"shop": "shop", "day": "shop day"},
            "day.shop > shop.shop",
        )
        made = learnt(data).sample(rng=Rng(3), scale=3).frames["day"]
        assert not made.select("shop", "day").is_duplicated().any()
        rising = made.select((pl.col("day").diff() > timedelta(0)).over("shop").fill_null(True))
        assert rising.to_series().all()

    def test_labels_that_run_out_are_numbered(self) -> None:
        draw = np.random.default_rng(0)
        every = [(a, b) for a in "ABCDEFGHIJ" for b in ("red", "blue", "green", "black", "white")]
        at = draw.integers(0, 50, 200)
        data = database(
            {
                "part": {
                    "model": [a for a, _ in every],
                    "colour": [b for _, b in every],
                    "price": draw.integers(1, 99, 50),
                },
                "sale": {
                    "sale": range(200),
                    "model": [every[k][0] for k in at],
                    "colour": [every[k][1] for k in at],
                },
            },
            {"part": "model colour", "sale": "sale"},
            "sale.model colour > part.model colour",
        )
        made = learnt(data).sample(rng=Rng(1), scale=2).frames
        assert made["part"].height == 100
        assert not made["part"].select("model", "colour").is_duplicated().any()
        assert made["sale"].join(made["part"], on=["model", "colour"], how="semi").height == 400


class TestCopies:
    """Columns that repeat the row referred to."""

    def test_they_are_found_and_copied(self, tmp_path: Path) -> None:
        model = nt.fit(CHINOOK, synthesizer="independent")
        words = " ".join(model.describe())
        assert "Invoice.BillingCity = Customer.City" in words
        assert "InvoiceLine.UnitPrice = Track.UnitPrice" in words
        made = nt.load(model.save(tmp_path / "m.neotype")).sample(seed=2)
        towns = made["Invoice"].join(made["Customer"], on="CustomerId")
        assert towns["BillingCity"].equals(towns["City"], null_equal=True)
        assert towns["BillingAddress"].equals(towns["Address"], null_equal=True)
        prices = made["InvoiceLine"].join(made["Track"], on="TrackId")
        assert (prices["UnitPrice"] == prices["UnitPrice_right"]).all()

    def test_what_is_alike_by_chance_is_not(self) -> None:
        draw = np.random.default_rng(0)
        flag = [0] * 39 + [1]
        data = database(
            {
                "a": {"a": range(40), "flag": flag, "x": draw.integers(0, 9, 40)},
                "b": {"a": range(40), "mark": flag, "y": draw.integers(0, 9, 40)},
            },
            {"a": "a"},
            "b.a > a.a",
        )
        assert not any("copied" in line for line in learnt(data).describe())


class TestPublic:
    """Tables that stay as they are."""

    def test_what_hangs_below_follows_the_scale_and_the_rows_asked(self) -> None:
        data = published()
        model = learnt(data)
        for scale in (0.5, 1.0, 2.0):
            made = model.sample(rng=Rng(1), scale=scale).frames
            assert made["town"].equals(data.frames["town"])
            assert made["shop"].equals(data.frames["shop"])
            assert abs(made["day"].height - 900 * scale) <= 2
            assert abs(made["client"].height - 400 * scale) <= 2
        assert model.sample({"client": 100}, rng=Rng(1)).frames["client"].height == 100

    def test_large_towns_stay_large(self) -> None:
        data = published()
        made = learnt(data).sample(rng=Rng(1)).frames
        real, drawn = (one["client"]["town"].value_counts(name="n") for one in (data.frames, made))
        both = real.join(drawn, on="town", suffix=" drawn", how="full", coalesce=True).fill_null(0)
        assert both.select(pl.corr("n", "n drawn")).item() > 0.9

    def test_numbers_of_few_are_not_told(self) -> None:
        data = published()
        kept = learnt(data).fitted.kept["town"]
        (told,) = (c for c in kept.columns if c.startswith("#client"))
        counts = kept[told].to_numpy()
        real = np.bincount(data.frames["client"]["town"].to_numpy(), minlength=31)[1:]
        few = (real > 0) & (real < 5)
        assert few.sum() > 2
        assert len(set(counts[few])) == 1
        assert (counts[~few] == real[~few]).all()


def test_uuids_keep_their_version() -> None:
    draw = np.random.default_rng(0)
    keys = [str(UUID(bytes=draw.bytes(16), version=4)) for _ in range(60)]
    data = {
        "customer": pl.DataFrame({"id": keys, "age": draw.integers(18, 80, 60)}),
        "orders": pl.DataFrame(
            {
                "id": range(1, 201),
                "customer_id": draw.choice(keys, 200),
                "n": draw.integers(0, 9, 200),
            }
        ),
    }
    made = nt.fit(data, synthesizer=Trees(refine=0)).sample(seed=1)
    new = made["customer"]["id"]
    assert all(UUID(key).version == 4 for key in new)
    assert not set(new) & set(keys)
    assert set(made["orders"]["customer_id"]) <= set(new)


def test_rows_that_find_no_row_go_with_what_hangs_below() -> None:
    """Each person is in all three clubs; two clubs are left, and nobody is in one twice."""
    own = np.repeat(np.arange(60), 3)
    data = database(
        {
            "person": {"person": range(60), "age": np.arange(60) % 40},
            "club": {"club": range(3), "fee": [1, 2, 3]},
            "member": {"person": own, "club": np.tile(np.arange(3), 60)},
        },
        {"person": "person", "club": "club", "member": "person club"},
        """member.person > person.person
        member.club > club.club""",
    )
    made = learnt(data).sample({"club": 2}, rng=Rng(1)).frames["member"]
    assert not made["club"].null_count()
    assert not made.is_duplicated().any()
    assert 100 <= made.height <= 120
