"""Reading and writing files: the form is found, nothing is lost, every fault has its message."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from neotype.errors import DataError, OutputExistsError, SourceError
from neotype.source import FrameKind, Source, read, restore, write

ADULT = Path(__file__).parent.parent / "examples" / "adult.parquet"


def put(folder: Path, data: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def frame_of(folder: Path, data: str | bytes, name: str = "t.csv") -> pl.DataFrame:
    return read(put(folder, data, name)).frames[Path(name).stem]


def refused(folder: Path, data: str | bytes, name: str = "t.csv") -> str:
    with pytest.raises((SourceError, DataError)) as caught:
        read(put(folder, data, name))
    return str(caught.value)


ROWS = "name,price,day\nÉmile,1.5,2020-01-31\nZoë,20.25,2020-02-01\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_delimiter_and_line_end_reads_the_same(tmp_path, encoding, delimiter, end):
    text = ROWS.replace(",", delimiter).replace("\n", end)
    frame = frame_of(tmp_path, text.encode(encoding))
    assert frame.to_dict(as_series=False) == {
        "name": ["Émile", "Zoë"],
        "price": [1.5, 20.25],
        "day": ["2020-01-31", "2020-02-01"],
    }


def test_semicolons_with_decimal_commas(tmp_path):
    source = read(put(tmp_path, "a;b;c\n1,5;x, y;10\n-2,25;z;20\n"))
    assert source.frames["t"].rows() == [(1.5, "x, y", 10), (-2.25, "z", 20)]
    out = write(source.frames["t"], tmp_path / "out.csv", kind=source.kind)
    assert out.read_text() == "a;b;c\n1,5;x, y;10\n-2,25;z;20\n"


def test_decimal_commas_in_quotes_but_not_thousands(tmp_path):
    frame = frame_of(tmp_path, 'a,b\n"1,5","1,234"\n"22,75","5,678"\n')
    assert frame["a"].to_list() == [1.5, 22.75]
    assert frame["b"].to_list() == ["1,234", "5,678"]


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n"line 1\nline 2",1\n"say ""hi"", please",2\n',
        'a,b\r\n"line 1\nline 2",1\r\n"say ""hi"", please",2\r\n',
        'a,b\n"line 1\nline 2",1\n"say \\"hi\\", please",2\n',
        "a,b\n'line 1\nline 2',1\n'say \"hi\", please',2\n",
    ],
)
def test_quoted_cells_keep_newlines_delimiters_and_quotes(tmp_path, text):
    frame = frame_of(tmp_path, text)
    assert frame.rows() == [("line 1\nline 2", 1), ('say "hi", please', 2)]


def test_stray_quotes_are_letters(tmp_path):
    frame = frame_of(tmp_path, 'size\tn\n5" pipe\t1\n3" pipe "x"\t2\n"\t3\n', "t.tsv")
    assert frame["size"].to_list() == ['5" pipe', '3" pipe "x"', '"']


def test_blank_lines_are_no_rows_but_empty_records_are(tmp_path):
    assert frame_of(tmp_path, "\n\na,b\n1,2\n\n,\n3,4\r\n\r\n\n").rows() == [
        (1, 2),
        (None, None),
        (3, 4),
    ]
    assert frame_of(tmp_path, "a\n1\n\n3\n")["a"].to_list() == [1, None, 3]


def test_a_space_after_every_delimiter_is_left_out_and_said(tmp_path):
    source = read(put(tmp_path, "age, job, pay\n39, State-gov, 77\n50, Private, 83\n"))
    assert source.frames["t"].rows() == [(39, "State-gov", 77), (50, "Private", 83)]
    assert any("space after each delimiter" in note for note in source.notes)


def test_numbers_become_numbers_only_where_nothing_is_lost(tmp_path):
    columns = {
        "whole": (["1", "-20", "300"], pl.Int64),
        "zero_led": (["007", "123", "000"], pl.String),
        "plus": (["+49", "+1", "+44"], pl.String),
        "unsigned": (["18446744073709551615", "1", "2"], pl.UInt64),
        "huge": (["170141183460469231731687303715884105727", "1", "2"], pl.Int128),
        "too_huge": (["9" * 40, "1", "2"], pl.String),
        "real": (["1.50", "-2e3", ".5"], pl.Float64),
        "edge": (["1e308", "-1e308", "1e-320"], pl.Float64),
        "over": (["1e400", "1.5", "2.5"], pl.String),
        "infinite": (["inf", "-inf", "1.5"], pl.Float64),
        "hex": (["0x1F", "0x20", "0x21"], pl.String),
        "truth": (["True", "False", "True"], pl.String),
        "day": (["2020-01-31", "9999-12-31", "1000-01-01"], pl.String),
        "spaced": ([" 1", "2", "3"], pl.String),
        "version": (["1.2.3", "1.2.4", "2.0.0"], pl.String),
    }
    text = ",".join(columns) + "\n"
    text += "\n".join(",".join(cells[i] for cells, _ in columns.values()) for i in range(3))
    frame = frame_of(tmp_path, text)
    assert dict(frame.schema) == {name: dtype for name, (_, dtype) in columns.items()}
    assert frame["edge"].to_list() == [1e308, -1e308, 1e-320]
    for name, (cells, dtype) in columns.items():
        if dtype != pl.Float64:
            assert frame[name].cast(pl.String).to_list() == cells


def test_days_written_as_numbers_keep_their_calendar(tmp_path):
    days = [f"202401{day:02d}" for day in range(1, 10)]
    assert frame_of(tmp_path, "day,n\n" + "\n".join(f"{d},1" for d in days)).schema["day"] == (
        pl.String
    )
    counts = "day,n\n" + "\n".join(f"{20249000 + i},1" for i in range(9))
    assert frame_of(tmp_path, counts).schema["day"] == pl.Int64


def test_words_for_missing_cells_count_only_among_numbers_and_dates(tmp_path):
    text = "n,day,country\n1,2020-01-31,NA\nNA,?,DE\n3,2020-02-01,FR\nNA,2020-02-02,None\n"
    source = read(put(tmp_path, text))
    frame = source.frames["t"]
    assert frame["n"].to_list() == [1, None, 3, None]
    assert frame["day"].to_list() == ["2020-01-31", None, "2020-02-01", "2020-02-02"]
    assert frame["country"].to_list() == ["NA", "DE", "FR", "None"]
    assert "column 'n': 2 cells are read as missing: 'NA' (2)" in source.notes
    assert write(frame, tmp_path / "o.csv", kind=source.kind).read_text() == text


def test_a_column_of_mixed_types_is_kept_whole_and_counted(tmp_path):
    cells = [str(i) for i in range(97)] + ["abc", "12 kg", "7"]
    source = read(put(tmp_path, "v,w\n" + "".join(f"{c},1\n" for c in cells)))
    assert source.frames["t"]["v"].to_list() == cells
    assert "column 'v': 2 of 100 cells are not numbers (for example 'abc'): kept as text" in (
        source.notes
    )


def test_one_row_one_column_and_all_missing_read(tmp_path):
    assert frame_of(tmp_path, "a\n1\n").rows() == [(1,)]
    assert frame_of(tmp_path, "a,b\n1,\n2,\n").rows() == [(1, None), (2, None)]
    assert frame_of(tmp_path, "text\nhello, world\nplain\n")["text"].to_list() == [
        "hello, world",
        "plain",
    ]


LONG = "a,b\n" + "1,2\n" * 100


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ("", "t.csv", ["'", "is empty"]),
        ("\n\n", "t.csv", ["is empty"]),
        ("a,b,c\n", "t.csv", ["no rows, only the columns a, b, c"]),
        ("a,b,a\n1,2,3\n", "t.csv", ["columns of the same name: 'a' (2 times)", "rename them"]),
        ("a,b\n1,2\n3\n4,5,6\n7,8\n", "t.csv", ["ragged", "line 3 has 1", "line 4 has 3"]),
        ("a,b\n1,2,3\n4,5,6\n", "t.csv", ["ragged", "name the first column too"]),
        (LONG + '"x, y,3\n', "t.csv", ["ragged", "line 102 has 3", "needs quotes"]),
        (LONG * 1000 + '"open,3\n', "t.csv", ["broken quote", "each quote is closed"]),
        (b"\x00\x01\x02PK\x03\x04" * 50, "t.csv", ["not a text file", "byte 0x00"]),
        (b"a,b\n\x83\x65\x81\x8d,1\n", "t.csv", ["not in a known encoding", "line 2", "iconv"]),
        (b"\xff\xfea\x00,\x00b\x00\n", "t.csv", ["breaks at byte"]),
        (b"PAR1 junk", "t.parquet", ["cannot be read as Parquet", "damaged"]),
        (b"junk", "t.feather", ["cannot be read as Feather", "damaged"]),
        (b"junk", "t.xlsx", ["cannot be read as an Excel workbook"]),
        (b"junk", "t.csv.gz", ["damaged gzip"]),
        ("a,b", "t.cvs", ["suffix that is not known", "did you mean '.csv'?"]),
        ('{"a": 1}', "t.json", ["JSON but not a table", "the keys a"]),
        ("[1, 2]", "t.json", ["a list that is not of objects"]),
        ("[{", "t.json", ["is not JSON", "line 1"]),
        ('{"a": 1}\n{"a":\n', "t.ndjson", ["line 2", "is not JSON"]),
        ('{"a": 1}\n7\n', "t.ndjson", ["line 2", "not an object"]),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path, data, name, said):
    message = refused(tmp_path, data, name)
    for words in said:
        assert words in message


def test_paths_that_are_no_files(tmp_path):
    put(tmp_path, "a\n1\n", "adult.csv")
    with pytest.raises(SourceError, match=r"did you mean 'adult\.csv'"):
        read(tmp_path / "adlut.csv")
    with pytest.raises(SourceError, match="nor a folder"):
        read(tmp_path / "nowhere" / "x.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="has no tables"):
        read(tmp_path / "empty")
    with pytest.raises(SourceError, match="download the file first"):
        read("https://example.com/x.csv")


def test_objects_that_are_no_tables():
    for wrong in (7, None, [1, 2], pl.Series([1]), {"t": 5}):
        with pytest.raises(SourceError, match="is not a table"):
            read(wrong)
    with pytest.raises(SourceError, match="empty"):
        read({})
    with pytest.raises(DataError, match="column 'o' has dtype Object"):
        read(pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
    with pytest.raises(DataError, match="no columns"):
        read(pl.DataFrame())


def test_an_absent_file_is_likened_to_names_and_not_to_suffixes(tmp_path):
    (tmp_path / "mixed.csv").write_text("a\n1\n")
    for asked, offered in (("mixd.csv", True), ("mixed.parquet", True), ("nofile.csv", False)):
        with pytest.raises(SourceError) as caught:
            read(tmp_path / asked)
        assert ("did you mean 'mixed.csv'?" in str(caught.value)) is offered


def test_an_empty_column_of_a_workbook_is_read_without_a_word(tmp_path):
    frame = pl.DataFrame({"a": [1, 2], "nothing": pl.Series([None, None], dtype=pl.String)})
    frame.write_excel(tmp_path / "book.xlsx")
    words = "import sys; from neotype.source import read; read(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", words, str(tmp_path / "book.xlsx")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""


def test_what_is_done_to_column_names_is_said(tmp_path):
    path = tmp_path / "named.csv"
    path.write_text(",b , column_1,,c\n1,2,3,4,5\n6,7,8,9,1\n")
    source = read(path)
    assert source.frames["named"].columns == ["column_2", "b", "column_1", "column_4", "c"]
    assert "spaces around column names of named.csv are left out" in source.notes
    called = "columns of named.csv without a name are called 'column_2', 'column_4'"
    assert called in source.notes
    path.write_text("a,b\n1,2\n")
    assert not read(path).notes


def test_a_header_of_numbers_is_doubted(tmp_path):
    source = read(put(tmp_path, "39,77516,13\n50,83311,14\n38,21564,9\n"))
    assert any("if the file has no header line" in note for note in source.notes)


def test_blanks_around_the_headers_of_a_sheet_are_left_out_as_in_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame({" age ": [1, 2], "sex": ["a", "b"]})
    frame.write_excel(tmp_path / "book.xlsx")
    assert next(iter(read(tmp_path / "book.xlsx").frames.values())).columns == ["age", "sex"]


FORMATS = ["csv", "tsv", "parquet", "ndjson", "json", "feather", "xlsx"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_back_what_was_written(tmp_path, suffix):
    frame = pl.DataFrame(
        {
            "whole": [1, None, -3],
            "real": [0.1, 1e300, None],
            "text": ['é, "q"\nnew', None, "007"],
            "day": ["2020-01-31", "2020-02-01", None],
        }
    )
    path = write(frame, tmp_path / f"out.{suffix}")
    assert_frame_equal(read(path).frames["out"], frame)
    assert list(tmp_path.iterdir()) == [path]


def test_adult_survives_the_way_through_csv(tmp_path):
    adult = pl.read_parquet(ADULT)
    path = write(adult, tmp_path / "adult.csv")
    source = read(path)
    assert_frame_equal(source.frames["adult"], adult)
    again = write(source.frames["adult"], tmp_path / "again.csv", kind=source.kind)
    assert again.read_bytes() == path.read_bytes()


def test_json_of_several_shapes(tmp_path):
    assert frame_of(tmp_path, '[{"a": 1}, {"b": "x"}]', "t.json").rows() == [(1, None), (None, "x")]
    assert frame_of(tmp_path, '{"a": [1, 2], "b": ["x", "y"]}', "t.json").rows() == [
        (1, "x"),
        (2, "y"),
    ]
    assert frame_of(tmp_path, '{"a": 1}\n{"a": 2}\n', "t.json")["a"].to_list() == [1, 2]
    source = read(put(tmp_path, '[{"a": 1}, {"a": "x"}, {"a": 2}]', "t.json"))
    assert source.frames["t"]["a"].to_list() == ["1", "x", "2"]
    assert "mixes 2 number, 1 text (for example 'x' is text)" in source.notes[0]


def test_a_folder_is_its_tables_and_parts_are_one(tmp_path):
    put(tmp_path, "id,a\n1,x\n2,y\n", "parent.csv")
    pl.DataFrame({"id": [1], "parent_id": [2]}).write_parquet(tmp_path / "child.parquet")
    put(tmp_path, '{"keys": {}}', "relations.json")
    source = read(tmp_path)
    assert set(source.frames) == {"parent", "child"}
    assert not source.single
    assert source.notes == ("relations.json is not a table and is left out",)
    put(tmp_path, "id\n1\n", "parent.tsv")
    with pytest.raises(SourceError, match="two tables called 'parent'"):
        read(tmp_path)

    parts = tmp_path / "sample"
    for number in range(3):
        write(pl.DataFrame({"a": [number]}), parts / f"part-{number:05d}.parquet")
    source = read(parts)
    assert source.single
    assert source.frames["sample"]["a"].to_list() == [0, 1, 2]


def test_an_output_that_exists_is_refused_unless_forced(tmp_path):
    path = write(pl.DataFrame({"a": [1]}), tmp_path / "o.csv")
    with pytest.raises(OutputExistsError, match="--force"):
        write(pl.DataFrame({"a": [2]}), path)
    assert path.read_text() == "a\n1\n"
    write(pl.DataFrame({"a": [2]}), path, force=True)
    assert path.read_text() == "a\n2\n"


def test_what_a_format_cannot_hold_is_refused_by_name(tmp_path):
    nested = pl.DataFrame({"a": [1], "tags": [["x"]], "raw": [b"x"]})
    with pytest.raises(DataError) as caught:
        write(nested, tmp_path / "o.csv")
    assert len(caught.value.findings) == 2
    assert not list(tmp_path.iterdir())
    with pytest.raises(SourceError, match=r"suffix that cannot be written.*\n.*\n.*'\.csv'"):
        write(nested, tmp_path / "o.cvs")


FULL = """
import resource, signal, sys
import polars as pl
from neotype.errors import SourceError
from neotype.source import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
frame = pl.DataFrame({"a": range(30_000)}).with_columns(b=(pl.col("a") * 7919) % 104729)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write(frame, sys.argv[1], force=True)
except SourceError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit")
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, suffix):
    path = put(tmp_path, "old", f"o.{suffix}")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "cannot be written" in done.stdout
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson"])
def test_a_full_disk_is_called_so(tmp_path, suffix):
    path = tmp_path / f"o.{suffix}"
    (tmp_path / f"o.{suffix}.partial").symlink_to("/dev/full")
    with pytest.raises(SourceError, match="the disk is full"):
        write(pl.DataFrame({"a": range(100_000)}), path)
    assert not path.exists()


def test_an_interrupt_leaves_no_half_file(tmp_path, monkeypatch):
    def stop(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write(pl.DataFrame({"a": [1]}), tmp_path / "o.csv")
    assert not list(tmp_path.iterdir())


def test_latin_letters_go_out_as_they_came_in(tmp_path):
    source = read(put(tmp_path, "a;b\nÉmile;1\nZoë;2\n".encode("cp1252")))
    assert any("Windows-1252" in note for note in source.notes)
    path = write(source.frames["t"], tmp_path / "o.csv", kind=source.kind)
    assert path.read_bytes() == "a;b\nÉmile;1\nZoë;2\n".encode("cp1252")
    strange = source.frames["t"].with_columns(a=pl.lit("日本"))
    with pytest.raises(SourceError, match="cannot be written in cp1252"):
        write(strange, tmp_path / "p.csv", kind=source.kind)
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize("cells", [["'", "'"], ["'x'", "'y'"], ["'x'", "y"], ["','", "''"]])
def test_apostrophes_are_letters(tmp_path, cells):
    frame = pl.DataFrame({"a": cells, "b": [None, "q"], "n": [0, 1]})
    assert read(write(frame, tmp_path / "t.csv")).frames["t"].equals(frame)


LETTERS = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t")
TEXTS = st.text(LETTERS, max_size=8)
CELLS = st.none() | TEXTS.filter(lambda text: text != "")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.tuples(CELLS, CELLS, st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_any_text_survives_csv(tmp_path_factory, rows):
    frame = pl.DataFrame(rows, orient="row", schema={"a": pl.String, "b": pl.String, "n": pl.Int64})
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    back = read(write(frame, path)).frames["t"]
    assert back["n"].to_list() == frame["n"].to_list()
    for name in ("a", "b"):
        texts = back[name]
        if texts.dtype == pl.String:
            assert texts.to_list() == frame[name].to_list()
        else:  # texts that are all numbers come back as equal numbers
            numbers = frame[name].cast(texts.dtype, strict=False)
            assert texts.to_list() == numbers.to_list()


def test_facts_of_a_file_survive_json(tmp_path):
    source = read(put(tmp_path, "a;b\n1,5;NA\n2,5;3\n"))
    facts = json.loads(json.dumps(source.kind.to_facts()))
    kind = FrameKind.from_facts(facts)
    assert kind == source.kind
    frame = restore(source.frames, kind, single=True)
    assert isinstance(frame, pl.DataFrame)
    assert write(frame, tmp_path / "o.csv", kind=kind).read_text() == "a;b\n1,5;NA\n2,5;3\n"


def test_a_dict_goes_in_and_out(tmp_path):
    tables = {"a": pl.DataFrame({"x": [1]}), "b": pl.LazyFrame({"y": ["z"]})}
    source: Source = read(tables)
    out = restore(source.frames, source.kind, source.single)
    assert_frame_equal(out["a"], tables["a"])
    assert isinstance(out["b"], pl.LazyFrame)


def test_lengths_of_time_are_written_to_csv_as_iso_8601(tmp_path: Path) -> None:
    took = [datetime.timedelta(hours=3, minutes=2), None, datetime.timedelta(days=-2)]
    path = write(pl.DataFrame({"took": took, "n": [1, 2, 3]}), tmp_path / "took.csv")
    assert path.read_text() == "took,n\nPT3H2M,1\n,2\n-P2D,3\n"
