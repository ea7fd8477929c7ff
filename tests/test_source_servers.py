"""What only a server can do: go away, forbid, change meanwhile; and the types of each kind."""

from __future__ import annotations

import gc
import logging
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rentals
import servers
from neotype.errors import DataError, NeotypeError, SourceError
from neotype.source import Source, read
from neotype.source.database.address import Address, is_database
from neotype.source.database.pull import pull
from neotype.source.database.push import push
from test_source_databases import Place, maria_place, postgres_place, titles

POSTGRES_TYPES = """
CREATE SCHEMA a;
CREATE TYPE a.mood AS ENUM ('low', 'high', 'so ''so''');
CREATE DOMAIN a.positive AS integer CHECK (value > 0);
CREATE TABLE a.kinds (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s smallint, b bigint NOT NULL,
  n numeric(10,2), free numeric, r real, d double precision, bo boolean, da date, t time,
  ts timestamp, tz timestamptz, iv interval, tx text, vc varchar(20), ch char(5), u uuid, j json,
  jb jsonb, ia int[], ta text[], da2 date[], two int[][], m a.mood, bytes bytea,
  twice integer GENERATED ALWAYS AS (s * 2) STORED, p a.positive, ip inet, mo money, pt point,
  tt timetz, bits bit(3), ra int4range);
INSERT INTO a.kinds (s,b,n,free,r,d,bo,da,t,ts,tz,iv,tx,vc,ch,u,j,jb,ia,ta,da2,two,m,bytes,p,ip,mo,
  pt,tt,bits,ra) VALUES
 (1, 9223372036854775807, 12.50, 1.2345, 1.5, 'nan', true, '2020-01-01', '10:00:00.5',
  '2020-01-01 10:00:00.123456', '2020-06-01 10:00:00+02', '1 day 2 hours', E'a,"b"\\nc', 'x', 'ab',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a":1}', '{"a": [1]}', '{1,2,null}',
  '{a,"b,c",null,"\\"q\\\\"}', '{2020-01-01}', '{{1,2},{3,4}}', 'low', '\\x00', 3, '10.0.0.1',
  '12.50', '(1,2)', '10:00+02', '101', '[1,5)'),
 (null, 0, null, 12345678901234567890.5, null, 'infinity', false, 'infinity', null, null, null,
  '1 month', '', '', '', null, null, null, '{}', '{}', null, null, 'so ''so''', null, 4, null,
  null, null, null, null, null);
CREATE VIEW a.looks AS SELECT 1 AS x; CREATE MATERIALIZED VIEW a.stored AS SELECT 1 AS x;
CREATE TABLE a.part (x int) PARTITION BY RANGE (x);
CREATE TABLE a.part1 PARTITION OF a.part FOR VALUES FROM (0) TO (10); INSERT INTO a.part VALUES (1);
CREATE TABLE a.bytes_only (x bytea)"""


@pytest.fixture
def pg(postgres: servers.Server) -> Place:
    return postgres_place(postgres)


@pytest.fixture
def maria_db(maria: servers.Server) -> Place:
    return maria_place(maria)


def script(place: Place, text: str) -> None:
    for statement in text.split(";\n" if "\n" in text else ";"):
        place.do(statement)


def test_every_type_of_postgresql(pg: Place) -> None:
    script(pg, POSTGRES_TYPES)
    source = read(f"{pg.url}&schema=a")
    frame = source.frames["kinds"]
    first, second = frame.sort("id").to_dicts()
    utc = datetime.fromisoformat("2020-06-01T08:00:00+00:00")
    assert first == {
        "id": 1,
        "s": 1,
        "b": 2**63 - 1,
        "n": Decimal("12.50"),
        "free": Decimal("1.2345"),
        "r": 1.5,
        "d": None,
        "bo": True,
        "da": date(2020, 1, 1),
        "t": datetime(2020, 1, 1, 10, 0, 0, 500000).time(),
        "ts": datetime(2020, 1, 1, 10, 0, 0, 123456),
        "tz": utc,
        "iv": timedelta(days=1, hours=2),
        "tx": 'a,"b"\nc',
        "vc": "x",
        "ch": "ab",
        "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "j": '{"a":1}',
        "jb": '{"a": [1]}',
        "ia": [1, 2, None],
        "ta": ["a", "b,c", None, '"q\\'],
        "da2": [date(2020, 1, 1)],
        "two": "[[1,2],[3,4]]",
        "m": "low",
        "twice": 2,
        "p": 3,
        "ip": "10.0.0.1/32",
        "mo": Decimal("12.50"),
        "pt": "(1,2)",
        "tt": "10:00:00+02",
        "bits": "101",
        "ra": "[1,5)",
    }
    assert (second["tx"], second["free"]) == ("", Decimal("12345678901234567890.5"))
    assert second["da"] is None
    assert frame["m"].dtype == pl.Enum(["low", "high", "so 'so'"])
    assert [frame[name].dtype for name in ("id", "s", "r", "n")] == [
        *(pl.Int32, pl.Int16, pl.Float32, pl.Decimal(10, 2)),
    ]
    assert source.frames["part"].to_dict(as_series=False) == {"x": [1]}
    said = "\n".join(source.notes)
    for word in ("looks, stored", "'bytes' (BYTEA)", "'da': 1 cells such as 'infinity'", "1 NaN"):
        assert word in said, word
    assert "months are read as 30 days" in said
    assert "bytes_only" not in source.frames
    again = f"{pg.url}&schema=b"
    push(source.frames, source.keys, again, kind=source.kind)
    types = (
        "SELECT attname, replace(format_type(atttypid, atttypmod), 'b.', 'a.'), attnotnull "
        "FROM pg_attribute WHERE attrelid = '{}.kinds'::regclass AND attnum > 0 ORDER BY 1"
    )
    here = {name: rest for name, *rest in pg.do(types.format("a")) if name != "bytes"}
    here["p"], here["two"] = ["integer", False], ["jsonb", False]
    assert {name: rest for name, *rest in pg.do(types.format("b"))} == here
    copied = read(again)
    assert copied.frames["kinds"]["two"].to_list() == ["[[1, 2], [3, 4]]", None]
    assert_frame_equal(copied.frames["kinds"].drop("two"), frame.drop("two"))


def test_every_type_of_mariadb(maria_db: Place) -> None:
    maria_db.do("SET GLOBAL sql_mode = ''")
    maria_db.do(
        "CREATE TABLE kinds (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, yes TINYINT(1), "
        "few TINYINT(1), tiny TINYINT UNSIGNED, big BIGINT UNSIGNED, n DECIMAL(20,4), f FLOAT, "
        "d DOUBLE, da DATE, t TIME(3), ts DATETIME(6), stamp TIMESTAMP NULL, y YEAR, bi BIT(1), "
        "bits BIT(9), e ENUM('a','b''c'), st SET('x','y'), j JSON, c CHAR(4), v VARCHAR(30), "
        "tx TEXT, bl BLOB, twice INT AS (tiny * 2) STORED, long_t TIME)"
    )
    maria_db.do(
        "INSERT INTO kinds (yes,few,tiny,big,n,f,d,da,t,ts,stamp,y,bi,bits,e,st,j,c,v,tx,bl,long_t)"
        " VALUES (1,2,255,18446744073709551615,'1.2345',.5,.1,'2020-02-29','10:00:00.125',"
        "'2020-01-01 10:00:00.000001','2020-01-01 10:00:00',2024,1,257,'b''c','x,y','{\"a\": 1}',"
        "'ab','it''s \\\\ \"q\"\n%s','','x','-120:00:01'), (0,0,0,0,0,0,0,'0000-00-00','0:0:0',"
        "'2020-01-01','2020-01-01',1901,0,0,'a','','1','','NULL','','','1:00:00')"
    )
    source = read(maria_db.url)
    first, second = source.frames["kinds"].sort("id").to_dicts()
    assert first == {
        "id": 1,
        "yes": True,
        "few": 2,
        "tiny": 255,
        "big": 2**64 - 1,
        "n": Decimal("1.2345"),
        "f": 0.5,
        "d": 0.1,
        "da": date(2020, 2, 29),
        "t": datetime(2020, 1, 1, 10, 0, 0, 125000).time(),
        "ts": datetime(2020, 1, 1, 10, 0, 0, 1),
        "stamp": datetime(2020, 1, 1, 10),
        "y": 2024,
        "bi": True,
        "bits": 257,
        "e": "b'c",
        "st": "x,y",
        "j": '{"a": 1}',
        "c": "ab",
        "v": 'it\'s \\ "q"\n%s',
        "tx": "",
        "twice": 510,
        "long_t": -timedelta(hours=120, seconds=1),
    }
    assert (second["da"], second["v"]) == (None, "NULL")
    said = "\n".join(source.notes)
    assert "'bl' (BLOB)" in said
    assert "'da': 1 cells such as '0000-00-00'" in said
    push(source.frames, source.keys, maria_db.url, kind=source.kind, if_exists="replace")
    copied = read(maria_db.url)
    assert_frame_equal(copied.frames["kinds"], source.frames["kinds"])
    assert copied.kind.tables["kinds"]["columns"]["v"]["sql"] == "VARCHAR(30)"


def killer(place: Place, *at: int) -> Callable[[str, int, int], None]:
    """Ends all other connections to this database at these calls."""
    calls = []

    def kill(stage: str, done: int, total: int) -> None:
        calls.append(done)
        if len(calls) not in at:
            return
        if place.kind == "postgresql":
            place.do(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        else:
            for (number,) in place.do(
                "SELECT id FROM information_schema.processlist "
                "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            ):
                place.do(f"KILL {number}")

    return kill


@pytest.mark.parametrize("make", ["pg", "maria_db"])
def test_a_server_that_goes_away_while_read(make: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(make)
    frames = rentals.tables()
    push(frames, rentals.KEYS, place.url)
    source = pull(place.url, progress=killer(place, 4))
    assert any(
        "connection was lost while reading table 'customer'" in note for note in source.notes
    )
    assert {t: f.height for t, f in source.frames.items()} == {
        t: f.height for t, f in frames.items()
    }
    with pytest.raises(SourceError) as raised:
        pull(place.url, progress=killer(place, 3, 7))
    said = str(raised.value)
    assert "the connection was lost while reading table" in said
    assert "reading table 'customer'" in said
    assert "read before it: actor, award, card; nothing was kept" in said


@pytest.mark.parametrize("make", ["pg", "maria_db"])
@pytest.mark.parametrize("how", ["refuse", "replace", "append"])
def test_a_server_that_goes_away_while_written(
    make: str, how: Any, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(make)
    before, frames = rentals.tables(9), rentals.tables(50)
    if how != "refuse":
        push(before, rentals.KEYS, place.url)
    if how == "append":
        frames = {"rental": frames["rental"].with_columns(pl.col("rental_id") + 100)}
        before["film"] = before["film"].clear()
        frames["film"] = pl.DataFrame({"film_id": [99], "title": ["new"]})
    with pytest.raises(SourceError) as raised:
        push(frames, rentals.KEYS, place.url, if_exists=how, progress=killer(place, 1))
    assert "the connection was lost while writing table" in str(raised.value)
    assert "nothing was written" in str(raised.value)
    if how == "refuse":
        push(frames, rentals.KEYS, place.url)
    assert place.count("rental") == (50 if how == "refuse" else 9)
    assert place.count("film") == 12
    push(frames, rentals.KEYS, place.url, if_exists="replace" if how == "refuse" else how)
    assert place.count("rental") == (59 if how == "append" else 50)


def test_what_others_write_meanwhile_is_not_seen(pg: Place) -> None:
    push(rentals.tables(), rentals.KEYS, pg.url)

    def meddle(stage: str, done: int, total: int) -> None:
        pg.do("DELETE FROM card; DELETE FROM rental; DELETE FROM award; DELETE FROM role")
        pg.do(f"INSERT INTO actor VALUES ('x{done}', 1)")

    source = pull(pg.url, progress=meddle)
    assert {t: f.height for t, f in source.frames.items()} == {
        t: f.height for t, f in rentals.tables().items()
    }


def test_numbers_go_on_after_the_highest(pg: Place, maria_db: Place) -> None:
    for place, key in ((pg, "serial"), (maria_db, "int auto_increment")):
        place.do(f"CREATE TABLE thing (id {key} PRIMARY KEY, word text)")
        place.do("INSERT INTO thing (word) VALUES ('a')")
        source = read(place.url)
        frame = pl.DataFrame({"id": [40, 41], "word": ["b", "c"]})
        for how in ("append", "truncate", "replace"):
            push({"thing": frame}, source.keys, place.url, kind=source.kind, if_exists=how)
            place.do("INSERT INTO thing (word) VALUES ('d')")
            assert int(str(place.do("SELECT max(id) FROM thing")[0][0])) >= 42
            place.do("DELETE FROM thing WHERE id > 5")


def test_a_user_without_privileges(pg: Place, maria_db: Place, postgres: servers.Server) -> None:
    push(rentals.tables(), rentals.KEYS, pg.url)
    role = pg.url.partition("@/")[2].partition("?")[0]
    pg.do(f"CREATE ROLE r{role} LOGIN PASSWORD 'reader-secret'; GRANT SELECT ON film TO r{role}")
    url = f"postgresql://r{role}:reader-secret@/{role}?host={postgres.folder}"
    assert set(pull(url, tables=["film"]).frames) == {"film"}
    with pytest.raises(SourceError, match=r"does not permit it while reading table 'actor'"):
        read(url)
    with pytest.raises(SourceError, match=r"does not permit it while (.|\n)*nothing was written"):
        push({"new": pl.DataFrame({"x": [1]})}, None, url)
    with pytest.raises(SourceError, match="does not permit it"):
        push({"film": pl.DataFrame({"film_id": [77]})}, None, url, if_exists="append")
    assert pg.count("film") == 12


def test_a_database_that_is_not_there_is_said_to_be_none(
    postgres: servers.Server, maria: servers.Server, maria_db: Place
) -> None:
    with pytest.raises(SourceError, match=r"no database 'postgre'(.|\n)*did you mean 'postgres'"):
        read(postgres.url("postgre"))
    with pytest.raises(SourceError, match=r"no database 'tst'(.|\n)*there are: (.|\n)*'test'"):
        read(maria.url("tst"))
    maria_db.do("CREATE USER IF NOT EXISTS low@localhost IDENTIFIED BY 'low-secret'")
    own = maria_db.url.partition("@/")[2].partition("?")[0]
    maria_db.do(f"GRANT SELECT ON {own}.* TO low@localhost")
    url = f"mysql://low:low-secret@/test?unix_socket={maria.folder}/s"
    with pytest.raises(SourceError, match="that this user may see") as caught:
        read(url)
    assert own in str(caught.value)
    assert f"mysql:///test?unix_socket={maria.folder}/s" in str(caught.value)


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


def leaves_sockets(test: Callable[..., None]) -> Callable[..., None]:
    """PyMySQL leaves the socket of a connection that fails to Python's collector.

    It is collected with the test itself: else the warning would meet some later one.
    """
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return pytest.mark.usefixtures("collected")(ignored(test))


def everything(error: BaseException) -> str:
    """All that a log, a traceback or a report could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)


SECRETS = ("geheim:1/2@3", "p%40ss w?rd#", servers.PASSWORD)


@leaves_sockets
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "postgres+psycopg", "mariadb"])
def test_no_password_is_ever_shown(
    scheme: str, secret: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PW", secret)
    caplog.set_level(logging.DEBUG)
    written = quote(secret, safe="")
    for word in (written, "${SHOP_PW}"):
        for place in ("localhost:1/shop", "no-such-host.invalid/shop", "/shop?host=/no/where"):
            url = f"{scheme}://boss:{word}@{place}"
            if scheme in ("mysql", "mariadb"):
                url = url.replace("?host=", "?unix_socket=")
            with pytest.raises(SourceError) as raised:
                read(url)
            said = everything(raised.value) + caplog.text + repr(Address.of(url))
            assert secret not in said
            assert written not in said
            assert "while connecting" in str(raised.value)


@leaves_sockets
def test_a_wrong_password_is_refused_in_words(
    pg: Place, maria_db: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = servers.PASSWORD[::-1].replace("/", "").replace("%", "")
    for place in (pg, maria_db):
        right = quote(servers.PASSWORD, safe="")
        with pytest.raises(SourceError, match="check user, password and privileges") as raised:
            read(place.url.replace(right, wrong))
        assert wrong not in everything(raised.value)
        push({"t": pl.DataFrame({"x": [1]})}, None, place.url)
        monkeypatch.setenv("THE_PASSWORD", servers.PASSWORD)
        source = read(place.url.replace(right, "${THE_PASSWORD}"))
        assert source.single
        assert servers.PASSWORD not in repr(source)
        assert "@" not in source.origin
        monkeypatch.setenv("WHOLE", place.url)
        assert set(read("${WHOLE}").frames) == {"t"}
    monkeypatch.setenv("PGPASSWORD", servers.PASSWORD)
    assert read(pg.url.replace(f":{right}", "")).frames["t"].height == 1
    monkeypatch.delenv("THE_PASSWORD")
    with pytest.raises(SourceError, match="THE_PASSWORD, which is not set"):
        read("postgresql://neo:${THE_PASSWORD}@/x")


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("postgresql", "psycopg", "postgresql"), ("mariadb", "pymysql", "mysql")],
)
def test_a_driver_that_is_not_installed_is_named(
    scheme: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SourceError, match=rf"neotype\[{extra}\]"):
        read(f"{scheme}://localhost/x")


def test_existing_circles_are_filled(pg: Place) -> None:
    push(rentals.tables(), rentals.KEYS, pg.url)
    pg.do("ALTER TABLE staff ALTER CONSTRAINT staff_store_id_fkey NOT DEFERRABLE")
    pg.do("ALTER TABLE store ALTER CONSTRAINT store_manager_id_fkey NOT DEFERRABLE")
    before = titles(read(pg.url).keys)  # type: ignore[arg-type]
    push(rentals.tables(8), rentals.KEYS, pg.url, if_exists="truncate")
    assert titles(read(pg.url).keys) == before  # type: ignore[arg-type]
    assert pg.do("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND condeferrable") == [
        (0,)
    ]


def test_longer_texts_and_missing_cells(pg: Place, maria_db: Place) -> None:
    for place in (pg, maria_db):
        place.do("CREATE TABLE person (name varchar(4) NOT NULL, code char(2))")
        place.do("INSERT INTO person VALUES ('Anna', 'xy')")
        source = read(place.url)
        made = pl.DataFrame({"name": ["Bartholomew", None], "code": ["a", "b"]})
        with pytest.raises(DataError) as raised:
            push({"person": made}, None, place.url, kind=source.kind, if_exists="append")
        assert raised.value.findings == (
            "table 'person', column 'name' is VARCHAR(4), and a cell has 11 letters",
        )
        push({"person": made}, None, place.url, kind=source.kind, if_exists="replace")
        facts = read(place.url).kind.tables["person"]["columns"]
        assert (facts["name"]["sql"], facts["code"]["sql"]) == ("VARCHAR(11)", "CHAR(2)")


def test_cells_without_the_form_of_their_type_become_text(pg: Place) -> None:
    pg.do("CREATE TABLE host (address inet, meta jsonb, spot point, range_ int4range)")
    pg.do("INSERT INTO host VALUES ('10.0.0.1', '{}', '(1,2)', '[1,3)')")
    source = read(pg.url)
    made = pl.DataFrame(
        {
            "address": ["10.0.0.577", None],
            "meta": ['{"a": 1}', "[]"],
            "spot": ["(3,4)", None],
            "range_": ["[5,3)", "[1,2)"],
        }
    )
    written = push({"host": made}, None, f"{pg.url}&schema=other", kind=source.kind)
    assert written.notes == (
        "table 'host': cells of 'address' are no inet: it is text",
        "table 'host': cells of 'range_' are no int4range: it is text",
    )
    facts = read(f"{pg.url}&schema=other").kind.tables["host"]["columns"]
    assert [facts[name]["sql"] for name in made.columns] == ["TEXT", "JSONB", "point", "TEXT"]


def test_tables_that_others_need_are_not_replaced(pg: Place, maria_db: Place) -> None:
    for place in (pg, maria_db):
        push(rentals.tables(), rentals.KEYS, place.url)
        with pytest.raises(NeotypeError, match=r"depend|refer"):
            push({"customer": rentals.tables()["customer"]}, None, place.url, if_exists="replace")
        assert place.count("customer") == 9


def sqlite_file(path: Path, script: str) -> Source:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return read(path)


def test_sqlite_holds_what_it_likes(tmp_path: Path) -> None:
    source = sqlite_file(
        tmp_path / "odd.db",
        """CREATE TABLE odd (id INTEGER PRIMARY KEY, n INTEGER, d DATE, when_ DATETIME,
             flag BOOLEAN, price DECIMAL(10,2), plain, "a ""quoted"" name" VARCHAR(5), x BLOB,
             mixed TEXT, big NUMERIC, twice INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL);
           INSERT INTO odd VALUES (1, 1, '2020-01-01', '2020-01-01T10:00:00', 1, 1.1, 1, 'x', x'00',
             'a', 1.5), (2, 'two', '2020-13-01', '2020-01-01', 0, 2.25, 'b', NULL, NULL, x'41', 3);
           CREATE VIEW v AS SELECT 1; CREATE TABLE empty (x INTEGER)""",
    )
    frame = source.frames["odd"]
    assert frame["n"].to_list() == ["1", "two"]
    assert frame["d"].to_list() == ["2020-01-01", "2020-13-01"]
    assert frame["when_"].to_list() == [datetime(2020, 1, 1, 10), datetime(2020, 1, 1)]
    assert frame["flag"].to_list() == [True, False]
    assert frame["price"].to_list() == [Decimal("1.10"), Decimal("2.25")]
    assert frame["mixed"].to_list() == ["a", "A"]
    assert frame["big"].to_list() == [1.5, 3.0]
    assert source.frames["empty"].height == 0
    said = "\n".join(source.notes)
    assert "'n': declared INTEGER, and read as String" in said
    assert "views left out: v" in said
    assert "'x' (BLOB)" in said


def test_files_that_are_no_databases(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        read(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at " * 9)
    with pytest.raises(SourceError, match="not a database"):
        read(tmp_path / "text.db")
    with pytest.raises(SourceError, match="has no tables"):
        sqlite_file(tmp_path / "empty.sqlite", "CREATE VIEW v AS SELECT 1")
    duckdb.connect(str(tmp_path / "no.suffix")).close()
    assert is_database(tmp_path / "no.suffix")
    assert not is_database(tmp_path / "data.csv")
    assert not is_database(tmp_path)
    with pytest.raises(SourceError, match="does not say"):
        read("mysql://me:a:b@c:d@e:f/g:h")


def test_a_locked_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "busy.sqlite"
    push({"t": pl.DataFrame({"x": [1]})}, None, path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(SourceError, match=r"busy\.sqlite(.|\n)*locked"):
            push({"u": pl.DataFrame({"x": [1]})}, None, path)
    finally:
        other.close()
