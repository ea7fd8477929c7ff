"""polars expressions in a policy: what they compute, and that none of them runs anything else."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, NeotypeError, SchemaError
from neotype.expression import FUNCTIONS, METHODS, TYPES, is_polars, polars_expression
from neotype.policy.expectations import check, rehearse
from neotype.policy.policy import read_policy
from neotype.policy.ruling import Outcome
from neotype.schema.infer import infer_schema

ROWS = 100
FRAME = pl.DataFrame(
    {
        "age": [17 + k % 60 for k in range(ROWS)],
        "pay-per-hour": [None if k % 10 == 0 else 20.5 + k for k in range(ROWS)],
        "income": ["high" if k % 4 == 0 else "low" for k in range(ROWS)],
        "zip": [None if k % 10 == 0 else f"{k:05d}" for k in range(ROWS)],
        "start": [date(2024, 1, 1 + k % 28) for k in range(ROWS)],
        "tags": [["a", "b"] if k % 2 else ["c"] for k in range(ROWS)],
        "home": [{"city": f"c{k % 5}", "floor": k % 3} for k in range(ROWS)],
    }
)


def built(text: str) -> pl.Expr:
    assert is_polars(text)
    return polars_expression(text, asked_by="this")


def looked(**expectation: object) -> Outcome:
    data = Dataset.of(infer_schema({"t": FRAME}), FRAME)
    policy = read_policy({"expectations": [expectation]})
    (outcome,) = check(policy, synthetic=data, train=data, holdout=data)
    return outcome


def refused(**expectation: object) -> NeotypeError:
    data = Dataset.of(infer_schema({"t": FRAME}), FRAME)
    policy = read_policy({"expectations": [{**expectation, "name": "mine"}]})
    with pytest.raises(NeotypeError) as caught:
        rehearse(policy, data)
    return caught.value


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        ('pl.col("age") >= 17', 0),
        ('pl.col("age") >= 18', 2),
        ("pl.col.age > 17", 2),
        ('17 < pl.col("age")', 2),
        ('pl.col("start").dt.weekday() < 6', 28),
        ('pl.col("start") >= pl.date(2024, 1, 2)', 4),
        ('(pl.col("start") + pl.duration(days=3)).dt.month() == 1', 0),
        ('(pl.col("age") >= 18) & ~(pl.col("income") == "none")', 2),
        ('(pl.col("age") >= 18) | pl.col("income").is_in(["high", "low"])', 0),
        ('pl.when(pl.col("age") < 18).then(False).otherwise(pl.col("age") > 0)', 2),
        ('pl.when(pl.col("age") < 18).then(True).when(pl.col("age") > 75).then(False)', 1),
        ('pl.col("zip").str.contains("^\\d{5}$")', 0),
        ('pl.col("zip").str.slice(0, length=4) == "0000"', 81),
        ('pl.col("zip").cast(pl.Int64, strict=True) % 2 == 0', 50),
        ('pl.col("pay-per-hour") / 2 < -(-50)', 18),
        ('pl.col("tags").list.contains("c")', 50),
        ('pl.col("tags").list.eval(pl.element().str.len_chars()).list.sum() == 2', 50),
        ('pl.col("home").struct.field("floor") < 2', 33),
        ('pl.any_horizontal(pl.col("age") > 17, pl.col("income") == "low")', 2),
        ('pl.col("age") <= pl.col("age").max().over("income")', 0),
        ("pl.all_horizontal(pl.exclude('zip', 'pay-per-hour').is_not_null())", 0),
        ('(pl.col("age") >= 18)  # adults\n| (pl.col("income") == "high")', 0),
        ("pl.lit(True)", 0),
    ],
)
def test_rows_that_break_it_are_counted(rows: str, broken: int) -> None:
    outcome = looked(rows=rows)
    assert outcome.words.startswith(f"{broken} of 100 rows"), outcome.words
    assert outcome.status == ("fail" if broken else "pass")


def test_gaps_break_nothing_and_meet_nothing_as_in_sql() -> None:
    for rows in ('pl.col("pay-per-hour") > 25', '"pay-per-hour" > 25'):
        assert looked(rows=rows).words == "4 of 100 rows break it."
        assert looked(rate=rows, at_most=1).value == pytest.approx(0.86)


def test_rates_and_numbers_are_compared() -> None:
    assert looked(rate='pl.col("income") == "high"', between=[0.2, 0.3]).value == 0.25
    assert looked(rate='pl.col("income") == "high"', like_train_within=0.01).status == "pass"
    assert looked(number='pl.col("age").max()', at_most=75).status == "fail"
    mean = 'pl.col("age").filter(pl.col("income") == "high").mean()'
    expected = FRAME.filter(pl.col("income") == "high")["age"].mean()
    assert looked(number=mean, at_least=0).value == pytest.approx(expected)
    assert looked(number='pl.corr("age", "pay-per-hour")', at_most=1).status == "pass"
    assert looked(number='pl.col("zip").drop_nulls().n_unique()', at_least=90).value == 90


@pytest.mark.parametrize(
    "text",
    [
        "age >= 17",
        "pl >= 17",
        "zip <> 'pl.col'",
        "zip in ('pl.col(1)', 'it''s pl.x')",
        '"pl.col" > 3',
        "apl.x > 3",
        "a.pl.x > 3",
        "age > 3 -- in Python: pl.col('age') > 3",
        "age > 3 /* pl.col('age')\n > 3 */",
        "__import__('os').system('pl.col')",
        "().__class__",
        "f'{pl.col(1)}'",
    ],
)
def test_sql_is_not_taken_for_polars(text: str) -> None:
    assert not is_polars(text)


def test_sql_that_is_python_stays_sql() -> None:
    for text in ("__import__('os').getcwd() = ''", "().__class__ = 1", "(lambda: 1)()"):
        assert isinstance(refused(rows=text), SchemaError)


def test_a_column_that_does_not_exist_is_named_with_the_nearest() -> None:
    for expectation in (
        {"rows": 'pl.col("aeg") > 1'},
        {"rate": "pl.col.aeg > 1", "at_most": 1},
        {"number": 'pl.mean("aeg")', "at_most": 1},
    ):
        fault = refused(**expectation)
        assert isinstance(fault, ColumnNotFoundError)
        assert "expectation 'mine' names column 'aeg'" in str(fault)
        assert "did you mean 'age'?" in str(fault)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('pl.col("age").is_betwen(1, 2)', "there is no .is_betwen."),
        ('pl.col("start").dt.weekdya() < 6', "< 6 did you mean 'weekday'?"),
        ('pl.clo("age") > 3', "there is no pl.clo. pl.clo in: pl.clo"),
        ('pl.col("age").dtt.year() > 3', 'there is no .dtt. pl.col("age").dtt in:'),
        ('pl.col("age") > 3 and pl.col("age") < 9', "write & and |"),
        ('not pl.col("age") > 3', "write ~"),
        ('3 < pl.col("age") < 9', "comparisons are chained"),
        ('pl.col("age") > 3 & pl.col("age") < 9', "comparisons are chained"),
        ('pl.col("age") in [3, 4]', "write .is_in([…])"),
        ('pl.col("age") is 3', "operator Is is not taken"),
        ('pl.col("zip") == None', "write .is_null()"),
        ('pl.col("age") > 3 if True else 4', "write pl.when(…)"),
        (
            "age > pl.lit(3)",
            "the name 'age' means nothing here. age in: age > pl.lit(3) write pl.c",
        ),
        ("pl.col > 3", "write pl.col(…)"),
        ('pl.col("start").dt > 3', ".dt is not called"),
        ('pl.col("age").replace({1: 2}) > 3', "write two lists"),
        ('pl.col("tags")[0] == "a"', "write .list.get(…)"),
        ('pl.format(f"{1}", pl.col("age")) == "1"', "an f-string is not taken"),
        ('pl.col("age") > (3', "cannot be read"),
        ('pl.col("age") = 3', "cannot be read"),
        ('pl.col("age") > 1) | (pl.col("age") < 3', "not one expression"),
        ('pl.col("age"), 3', "not one expression"),
        ('pl.col("age").is_between(1)', "missing 1 required positional argument"),
        ('pl.when(pl.col("age") > 3)', "not a polars expression"),
        ("pl.Int64", "not a polars expression"),
        ('pl.col("age")', "gives Int64 values"),
        ('pl.col("age").mean() > 3', "one answer for all rows"),
        ('pl.col("age").filter(pl.col("age") > 3) > 3', "no answer for some rows"),
        ('pl.col("age").dt.year() > 3', "`year` operation not supported"),
        ('pl.col("start").year() > 3', "write .dt.year"),
        ('pl.col("zip").str.is_in(["a"])', "write .is_in"),
        ('pl.col("zip").map_elements(1)', "an expression may only compute columns from columns"),
        ('pl.col("age") < 18446744073709551616', "too large for any column"),
        ("pl.all() > 3", "cannot be computed"),
    ],
)
def test_a_faulty_expression_is_named(rows: str, says: str) -> None:
    fault = refused(rows=rows)
    assert isinstance(fault, SchemaError)
    assert "expectation 'mine'" in str(fault)
    assert says in " ".join(str(fault).split())


@pytest.mark.parametrize(
    "text",
    [
        'pl.lit(__import__("os").system("touch {0}"))',
        'pl.col("age").map_elements(lambda x: open("{0}", "w"))',
        'pl.col("age").map_elements(print)',
        'pl.col("age").map_batches(pl.Series.to_list)',
        'pl.col("age").map("x")',
        'pl.col("age").pipe(pl.col)',
        'pl.col("age").rolling_map(pl.col, 3)',
        'pl.col("age").inspect()',
        'pl.col("age").deserialize("{0}")',
        'pl.col("age").meta.serialize("{0}")',
        'pl.col("age").meta.show_graph(output_path="{0}")',
        'pl.col("age").name.map(pl.col)',
        'pl.col("age").sample(3)',
        'pl.col("age").repeat_by(1000000000)',
        'pl.col("zip").str.pad_start(1000000000)',
        'pl.col("zip").str.json_decode(pl.Int64)',
        'pl.read_csv("{0}")',
        'pl.scan_parquet("{0}").collect()',
        'pl.sql("select 1")',
        'pl.sql_expr("age > 3")',
        'pl.select(pl.lit(1)).write_csv("{0}")',
        'pl.DataFrame([1]).write_csv("{0}")',
        'pl.Expr.deserialize("{0}")',
        'pl.Expr("age")',
        "pl.fold(pl.lit(1), pl.col, [])",
        'pl.map_batches(["age"], pl.col)',
        'pl.Config.load_from_file("{0}")',
        'pl.plugins.register_plugin_function(plugin_path="{0}", function_name="x", args=[])',
        'pl.io.csv.functions.read_csv("{0}")',
        'pl.os.system("touch {0}")',
        "pl.selectors.os",
        "pl.int_range(10000000000, eager=True)",
        "pl.struct(pl.lit(1), eager=True)",
        'pl.col("age").is_in(pl.struct(pl.lit(1), eager=True))',
        "pl.__dict__",
        "pl.__builtins__",
        'pl.__getattr__("read_csv")("{0}")',
        "pl.col.__class__",
        'pl.col.__init__.__globals__["os"]',
        'pl.col("age").__class__.__mro__',
        'pl.col("age")._pyexpr',
        'pl.col("age").__getattribute__("map_elements")',
        'pl.col("age").str.__init__(3)',
        'pl.col("age").str._accessor()',
        "getattr(pl, 'read_csv')('{0}')",
        "pl.lit(().__class__)",
        "pl.lit(open('{0}', 'w'))",
        '"{{0.__class__}}".format(pl.col("age"))',
        '[pl.col("age")].count(1)',
        '"age".count(pl.col("age"))',
        '(lambda: pl.col("age"))()',
        "pl.lit(lambda: 1)",
        'pl.lit(f"{{pl}}")',
        '[pl.col(x) for x in "a"]',
        'pl.any_horizontal(pl.col(x) for x in "a")',
        'pl.lit({{x: pl for x in "a"}})',
        '(a := pl.col("age"))',
        'pl.col(*["age"])',
        'pl.lit(**{{"value": 1}})',
        'pl.col("age") @ pl.col("age")',
        'pl.col("age") << 3',
        "pl.lit(...)",
        "pl.lit(3j)",
        "pl",
        "pl.col('age') > pl",
        "pl.lit(await pl)",
        "pl.lit((yield))",
        "import os; pl.col('age')",
        "pl.col('age'); import os",
    ],
)
def test_nothing_but_columns_is_computed(text: str, tmp_path: Path) -> None:
    text = text.format(tmp_path / "made")
    with pytest.raises(SchemaError, match=r"^this cannot be computed: "):
        polars_expression(text, asked_by="this")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "pl.lit(10**10**10)",
        'pl.col("age") ** 10**10**10',
        "pl.lit(9**999999999)",
        'pl.lit("a" * 10**10)',
        "pl.lit([0] * 10**10)",
        "pl.lit(" + "9" * 3_900 + ")",
        "pl.lit(" * 90 + "1" + ")" * 90,
        "pl.lit(" * 600 + "1" + ")" * 600,
        "pl.lit(" + "~" * 3_900 + "1)",
        "pl.lit(" + "-" * 3_900 + "1)",
        "pl.lit(" + "not " * 900 + "1)",
        "pl" + ".a" * 1_900,
        "pl.col(1)" + "&pl.a" * 700,
        'pl.col("a")' + ".abs()" * 600,
        "pl.lit(" + "[" * 1_900 + "]" * 1_900 + ")",
        "pl.lit(1)" + " " * 10_000_000,
        "pl.lit('\x00')",
        "pl.lit(\ud800)",
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(SchemaError) as caught:
        polars_expression(text, asked_by="this")
    assert time.perf_counter() - began < 1
    assert len(str(caught.value)) < 600


def test_telling_it_from_sql_takes_no_time_either() -> None:
    began = time.perf_counter()
    for part in ("/*", "--", "'", '"', "'\"", "pl ", "pl.", "/*'"):
        is_polars(part * 300_000)
    assert time.perf_counter() - began < 5


def test_long_conditions_that_people_write_are_taken() -> None:
    many = " & ".join(f'(pl.col("age") != {200 + k})' for k in range(60))
    assert looked(rows=many).status == "pass"


def test_every_name_that_is_listed_exists() -> None:
    column = pl.col("a")
    for name in FUNCTIONS | TYPES:
        assert hasattr(pl, name), name
    for space, methods in METHODS.items():
        owner = getattr(column, space) if space else column
        known = set(dir(owner)) | ({"then", "when", "otherwise"} if not space else set())
        assert methods <= known, methods - known


def test_no_method_that_takes_functions_files_or_chance_is_listed() -> None:
    left_out = ("map", "pipe", "inspect", "deserialize", "sample", "shuffle", "reduce", "fold")
    for name in FUNCTIONS.union(*METHODS.values()):
        assert not name.startswith(("_", "read", "scan", "sink", "write", "sql", "register"))
        assert not any(word in name for word in left_out), name


def test_a_policy_file_says_it_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text('expectations:\n  - rows: pl.col("age") >= 17\n  - rows: "age >= 17"\n')
    policy = read_policy(path)
    data = Dataset.of(infer_schema({"t": FRAME}), FRAME)
    outcomes = check(policy, synthetic=data, train=data, holdout=data)
    assert [outcome.status for outcome in outcomes] == ["pass", "pass"]
    assert built(str(policy.expectations[0].rows)).meta.root_names() == ["age"]
