"""What a user relies on, of every kind of database: PostgreSQL and MariaDB are real servers."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import psycopg
import pymysql
import pytest
from polars.testing import assert_frame_equal

import rentals
import servers
from neotype.errors import DataError, OutputExistsError, SourceError
from neotype.schema.keys import Keys
from neotype.source import read, write_tables
from neotype.source.database.pull import pull
from neotype.source.database.push import push

KINDS = ("postgresql", "mysql", "sqlite", "duckdb")
_number = itertools.count()
Do = Callable[[str], list[tuple[object, ...]]]


class Place:
    """An empty database, its address, and a connection of somebody else to it."""

    def __init__(self, kind: str, url: str, do: Do) -> None:
        self.kind, self.url, self.do = kind, url, do

    def count(self, table: str) -> int:
        mark = "`" if self.kind == "mysql" else '"'
        return int(str(self.do(f"SELECT count(*) FROM {mark}{table}{mark}")[0][0]))


def postgres_place(server: servers.Server) -> Place:
    name = f"db{next(_number)}"

    def do(statement: str, database: str = name) -> list[tuple[object, ...]]:
        with psycopg.connect(
            host=str(server.folder), user=server.user, password=servers.PASSWORD,
            dbname=database, autocommit=True,
        ) as connection:  # fmt: skip
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    do(f"CREATE DATABASE {name}", "postgres")
    return Place("postgresql", server.url(name), do)


def maria_place(server: servers.Server) -> Place:
    name = f"db{next(_number)}"

    def do(statement: str, database: str | None = name) -> list[tuple[object, ...]]:
        with (
            pymysql.connect(
                unix_socket=str(server.folder / "s"), user=server.user, database=database,
                password=servers.PASSWORD, autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(statement)
            return list(cursor.fetchall())

    do(f"CREATE DATABASE {name}", None)
    return Place("mysql", server.url(name), do)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    match request.param:
        case "postgresql":
            yield postgres_place(request.getfixturevalue("postgres"))
        case "mysql":
            yield maria_place(request.getfixturevalue("maria"))
        case "sqlite":

            def ask(statement: str) -> list[tuple[object, ...]]:
                connection = sqlite3.connect(tmp_path / "shop.sqlite")
                try:
                    rows = connection.execute(statement).fetchall()
                    connection.commit()
                finally:
                    connection.close()
                return rows

            yield Place("sqlite", f"sqlite:///{tmp_path}/shop.sqlite", ask)
        case _:

            def duck(statement: str) -> list[tuple[object, ...]]:
                with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
                    return connection.execute(statement).fetchall()

            yield Place("duckdb", f"duckdb:///{tmp_path}/shop.duckdb", duck)


def same_rows(found: pl.DataFrame, wanted: pl.DataFrame) -> None:
    """As sets: a table of a database has no order."""
    if wanted.height:
        found = found.cast(dict(wanted.schema))
    assert_frame_equal(found, wanted, check_row_order=False, check_dtypes=wanted.height > 0)


def titles(keys: Keys) -> set[str]:
    return {tie.title for tie in keys.foreign}


def test_what_is_written_is_read_again(place: Place) -> None:
    frames = rentals.tables()
    written = push(frames, rentals.KEYS, place.url)
    assert written.rows == {table: frame.height for table, frame in frames.items()}
    source = read(place.url)
    assert set(source.frames) == set(frames)
    assert not source.single
    if place.kind == "mysql":
        # MySQL has neither zones nor lengths of time beyond 838 hours: UTC and microseconds.
        frames["rental"] = frames["rental"].with_columns(
            pl.col("rented").dt.replace_time_zone(None),
            pl.col("length").dt.total_microseconds(),
        )
    for table, frame in frames.items():
        same_rows(source.frames[table], frame)
    assert source.keys is not None
    assert dict(source.keys.primary) == rentals.KEYS.primary
    assert {t: set(k) for t, k in source.keys.unique.items()} == {
        t: set(k) for t, k in rentals.KEYS.unique.items()
    }
    if place.kind == "duckdb":
        lost = titles(rentals.KEYS) - titles(source.keys)
        assert len(lost) == len([n for n in written.notes if "circle" in n]) == 2
    else:
        assert titles(source.keys) == titles(rentals.KEYS)
        assert written.notes == ()


def test_a_copy_of_a_copy_has_the_same_types(place: Place, tmp_path: Path) -> None:
    push(rentals.tables(), rentals.KEYS, place.url)
    first = read(place.url)
    push(first.frames, first.keys, place.url, kind=first.kind, if_exists="replace")
    second = read(place.url)
    assert second.kind == first.kind
    for table, frame in first.frames.items():
        assert_frame_equal(second.frames[table], frame, check_row_order=False)
    assert second.keys == first.keys


def test_a_target_that_holds_rows_is_refused_unless_told(place: Place) -> None:
    frames = rentals.tables()
    push(frames, rentals.KEYS, place.url)
    with pytest.raises(SourceError, match=r"is not empty.*\n.*actor.*\n.*append"):
        push(rentals.tables(5), rentals.KEYS, place.url)
    assert place.count("rental") == 60
    push(rentals.tables(7), rentals.KEYS, place.url, if_exists="replace")
    assert place.count("rental") == 7
    if place.kind != "duckdb":
        push(rentals.tables(9), rentals.KEYS, place.url, if_exists="truncate")
        assert place.count("rental") == 9
    new = frames["rental"].with_columns(pl.col("rental_id") + 1000)
    push({"rental": new}, None, place.url, if_exists="append")
    assert place.count("rental") == new.height + (7 if place.kind == "duckdb" else 9)


def test_tables_that_are_there_and_empty_are_filled_as_they_are(place: Place) -> None:
    frames = rentals.tables()
    push({t: f.clear() for t, f in frames.items()}, rentals.KEYS, place.url)
    push(frames, rentals.KEYS, place.url)
    assert {t: place.count(t) for t in frames} == {t: f.height for t, f in frames.items()}
    assert titles(read(place.url).keys or Keys()) >= titles(rentals.KEYS) - {
        tie.title for tie in rentals.KEYS.foreign if tie.child in rentals.CIRCLES
    }


def test_rows_that_do_not_fit_are_refused_with_all_that_is_wrong(place: Place) -> None:
    push({"card": rentals.tables()["card"]}, rentals.KEYS, place.url)
    wrong = pl.DataFrame({"pin": ["1"], "colour": ["red"], "size": [1]})
    with pytest.raises(DataError) as raised:
        push({"card": wrong}, None, place.url, if_exists="append")
    wanted = ["table 'card' has no column 'colour'", "table 'card' has no column 'size'"]
    if place.kind != "sqlite":  # which numbers such a key itself
        wanted.append("table 'card' needs column 'customer_id', which is missing")
    assert sorted(raised.value.findings) == wanted
    twice = pl.concat([rentals.tables()["card"]] * 2)
    with pytest.raises(DataError, match="3 rows repeat it"):
        push({"card": twice}, rentals.KEYS, place.url, if_exists="replace")
    with pytest.raises((SourceError, DataError), match="card"):
        push({"card": twice}, None, place.url, if_exists="append")
    assert place.count("card") == 3


def test_rows_that_refer_to_nothing_leave_their_key_undeclared(place: Place) -> None:
    frames = rentals.tables()
    frames["card"] = frames["card"].with_columns(customer_id=pl.Series([1, 5, 77], dtype=pl.Int32))
    written = push(frames, rentals.KEYS, place.url)
    assert any("card.customer_id" in note and "1 rows refer" in note for note in written.notes)
    assert place.count("card") == 3
    assert "card.customer_id → customer.customer_id" not in titles(read(place.url).keys or Keys())


def test_rows_that_refer_to_nothing_cannot_be_appended(place: Place) -> None:
    push(rentals.tables(), rentals.KEYS, place.url)
    lost = pl.DataFrame({"customer_id": [4711], "pin": ["1"]})
    with pytest.raises((SourceError, DataError)):
        push({"card": lost}, None, place.url, if_exists="append")
    assert place.count("card") == 3


class Stop(KeyboardInterrupt):
    """Ctrl-C between two batches."""


def test_a_write_that_is_interrupted_leaves_nothing_and_can_run_again(
    place: Place, tmp_path: Path
) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done > total // 2:
            raise Stop

    frames = rentals.tables(200)
    with pytest.raises(Stop):
        push(frames, rentals.KEYS, place.url, progress=stop)
    if place.kind in ("sqlite", "duckdb"):
        assert list(tmp_path.iterdir()) == []
    else:
        listed = {"mysql": "SHOW TABLES", "postgresql": "TABLE pg_catalog.pg_tables"}
        assert not any("staff" in str(row) for row in place.do(listed[place.kind]))
    push(frames, rentals.KEYS, place.url)
    with pytest.raises(Stop):
        push(rentals.tables(70), rentals.KEYS, place.url, if_exists="replace", progress=stop)
    assert place.count("rental") == 200
    assert read(place.url).keys == read(place.url).keys


def test_some_tables_are_chosen_by_name_and_pattern(place: Place) -> None:
    push(rentals.tables(), rentals.KEYS, place.url)
    assert set(pull(place.url, tables=["film", "sta*"]).frames) == {"film", "staff"}
    mark = "&" if "?" in place.url else "?"
    source = read(f"{place.url}{mark}tables=film,staff,store&exclude=s*ff")
    assert set(source.frames) == {"film", "store"}
    if place.kind != "duckdb":
        assert any("staff" in note and "not read" in note for note in source.notes)
    with pytest.raises(SourceError, match=r"no table 'flim'(.|\n)*did you mean 'film'"):
        pull(place.url, tables=["flim"])


def test_a_folder_holds_one_file_a_table(tmp_path: Path) -> None:
    frames = rentals.tables()
    write_tables(frames, tmp_path / "out", suffix=".parquet")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        f"{table}.parquet" for table in frames
    )
    with pytest.raises(OutputExistsError):
        write_tables(frames, tmp_path / "out", suffix=".parquet")
    write_tables(frames, tmp_path / "out", suffix=".parquet", force=True)
    with pytest.raises(SourceError, match=r"holds one table(.|\n)*folder"):
        write_tables(frames, tmp_path / "out.csv")
    written = write_tables(frames, tmp_path / "out.sqlite", schema=rentals.KEYS)
    assert written.target == "out.sqlite"
    assert set(read(tmp_path / "out.sqlite").frames) == set(frames)


def test_other_formats_keep_the_folder_whole(tmp_path: Path) -> None:
    frames = {"a": pl.DataFrame({"x": [1]}), "b": pl.DataFrame({"x": [[1]]})}
    with pytest.raises(DataError, match="CSV cannot hold"):
        write_tables(frames, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert os.listdir(tmp_path) == []
