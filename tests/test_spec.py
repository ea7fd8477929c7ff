"""Tables that are declared by hand: their rows follow the declaration, and faults are told."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import neotype as nt
from neotype.schema.file import from_document, to_document, write_schema
from neotype.schema.storage import storage_name
from neotype.spec.copula import nearest

ROWS = 40_000
SHOP = Path(__file__).parents[1] / "examples" / "shop.yaml"
LEAST = 1e-4
"""The p-value below which a distribution is taken to be another one; the seeds are fixed."""


def drawn(columns: Mapping[str, Any], rows: int = ROWS, seed: int = 3, **table: Any) -> Any:
    return nt.from_spec({"tables": {"t": {"columns": columns, **table}}}).sample(rows, seed=seed)


def column(facts: Mapping[str, Any], rows: int = ROWS) -> pl.Series:
    return drawn({"x": facts}, rows)["x"]


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ({"uniform": [-2, 5]}, stats.uniform(-2, 7)),
        ({"normal": [40, 12]}, stats.norm(40, 12)),
        ({"normal": [0, 1], "minimum": 1}, stats.truncnorm(1, np.inf)),
        ({"normal": [0, 1], "minimum": 9, "maximum": 10}, stats.truncnorm(9, 10)),
        ({"normal": [0, 1], "maximum": -2}, stats.truncnorm(-np.inf, -2)),
        ({"lognormal": [2, 0.5]}, stats.lognorm(0.5, scale=np.exp(2))),
        ({"lognormal": [0, 1], "maximum": 1}, None),
        ({"exponential": 3}, stats.expon(scale=3)),
        ({"gamma": [2, 1.5]}, stats.gamma(2, scale=1.5)),
        ({"beta": [2, 5]}, stats.beta(2, 5)),
        ({"beta": [2, 5, 10, 20]}, stats.beta(2, 5, 10, 10)),
        ({"triangular": [0, 2, 10]}, stats.triang(0.2, 0, 10)),
        ({"pareto": [3, 2]}, stats.pareto(3, scale=2)),
        ({"quantiles": [0, 1, 10]}, None),
        ({"histogram": {"0..1": 1, "1..3": 1}}, None),
        ({"mixture": [{"uniform": [0, 1], "weight": 3}, {"uniform": [5, 6]}]}, None),
    ],
)
def test_numbers_follow_their_law(law: dict[str, Any], expected: Any) -> None:
    cells = column({"kind": "numeric", "distribution": law}).to_numpy()
    known = {
        "lognormal": lambda x: stats.lognorm(1).cdf(x) / 0.5,
        "quantiles": lambda x: np.interp(x, [0, 1, 10], [0, 0.5, 1]),
        "histogram": lambda x: np.interp(x, [0, 1, 3], [0, 0.5, 1]),
        "mixture": lambda x: np.interp(x, [0, 1, 5, 6], [0, 0.75, 0.75, 1]),
    }
    cdf = known[next(iter(law))] if expected is None else expected.cdf
    assert stats.kstest(cells, cdf).pvalue > LEAST


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ({"poisson": 3}, stats.poisson(3)),
        ({"binomial": [10, 0.3]}, stats.binom(10, 0.3)),
        ({"uniform": [1, 6]}, stats.randint(1, 7)),
        ({"zipf": 3}, stats.zipf(3)),
        ({"poisson": 3, "minimum": 1}, None),
        ({"weights": {1: 5, 2: 3, 7: 2}}, None),
        ({"normal": [0, 1], "minimum": 0, "maximum": 2}, None),
    ],
)
def test_whole_numbers_follow_their_law(law: dict[str, Any], expected: Any) -> None:
    cells = column({"kind": "numeric", "subtype": "integer", "distribution": law})
    assert cells.dtype == pl.Int64
    found = dict(cells.value_counts().iter_rows())
    if "weights" in law:
        share = {1: 0.5, 2: 0.3, 7: 0.2}
    elif "normal" in law:  # the cell 0 has all that is rounded to it: from -.5 to .5
        edges = stats.norm.cdf([-0.5, 0.5, 1.5, 2.5])
        share = dict(enumerate(np.diff(edges) / (edges[3] - edges[0])))
    elif expected is None:
        share = {k: stats.poisson(3).pmf(k) / (1 - np.exp(-3)) for k in range(1, 9)}
    else:
        share = {k: float(expected.pmf(k)) for k in range(12)}
    often = {k: p for k, p in share.items() if p * ROWS > 20}
    counts = np.array([found.get(k, 0) for k in often] + [0.0])
    counts[-1] = ROWS - counts.sum()
    wanted = np.array([*often.values(), 1 - sum(often.values())]) * ROWS
    some = wanted > 5
    wanted[some] *= counts[some].sum() / wanted[some].sum()
    assert stats.chisquare(counts[some], wanted[some]).pvalue > LEAST


def test_labels_follow_their_weights() -> None:
    made = drawn(
        {
            "plan": {"kind": "categorical", "distribution": {"basic": 6, "pro": 3, "team": 1}},
            "size": {"kind": "ordinal", "values": ["S", "M", "L"], "distribution": [1, 0, 3]},
            "paid": {"kind": "boolean", "distribution": 0.3},
            "told": {
                "kind": "boolean",
                "labels": ["no", "yes"],
                "distribution": {"yes": 1, "no": 3},
            },
            "code": {"kind": "categorical", "values": [10, 20]},
        }
    )
    counts = made["plan"].value_counts().sort("plan")["count"].to_numpy()
    assert stats.chisquare(counts, np.array([0.6, 0.3, 0.1]) * ROWS).pvalue > LEAST
    assert set(made["size"].unique()) == {"S", "L"}
    assert stats.binomtest(int(made["paid"].sum()), ROWS, 0.3).pvalue > LEAST
    assert stats.binomtest(int((made["told"] == "yes").sum()), ROWS, 0.25).pvalue > LEAST
    assert made["code"].dtype == pl.Int64


def test_times_stay_in_their_bounds_and_follow_the_calendar() -> None:
    made = drawn(
        {
            "day": {
                "kind": "datetime",
                "part": "date",
                "distribution": {"uniform": ["2024-01-01", "2024-01-31"]},
            },
            "at": {
                "kind": "datetime",
                "storage": "Datetime[us,Europe/Berlin]",
                "distribution": {
                    "uniform": ["2024-03-01", "2024-04-30"],
                    "weekdays": [1, 1, 1, 1, 1, 0, 0],
                    "hours": [0] * 8 + [3] + [0] * 11 + [1, 0, 0, 0],
                },
            },
            "text": {
                "kind": "datetime",
                "part": "date",
                "format": "%d.%m.%Y",
                "distribution": {"constant": "2024-05-01"},
            },
            "length": {"kind": "duration", "distribution": {"exponential": "2d"}},
            "clock": {
                "kind": "datetime",
                "part": "time",
                "distribution": {"uniform": ["08:00", "17:30"]},
            },
        }
    )
    assert made["day"].n_unique() == 31
    assert (made["day"].min(), made["day"].max()) == (
        datetime.date(2024, 1, 1),
        datetime.date(2024, 1, 31),
    )
    assert set(made["at"].dt.weekday().unique()) == {1, 2, 3, 4, 5}
    hours = dict(made["at"].dt.hour().value_counts().iter_rows())
    assert set(hours) == {8, 20}
    assert stats.binomtest(hours[20], ROWS, 0.25).pvalue > LEAST
    assert set(made["text"]) == {"01.05.2024"}
    days = made["length"].dt.total_microseconds() / 86400e6
    assert stats.kstest(days, stats.expon(scale=2).cdf).pvalue > LEAST
    assert made["clock"].min() >= datetime.time(8)
    assert made["clock"].max() <= datetime.time(17, 30)


def test_a_column_falls_as_its_case_says() -> None:
    made = drawn(
        {
            "age": {
                "kind": "numeric",
                "subtype": "integer",
                "missing": 0.1,
                "distribution": {"uniform": [0, 99]},
            },
            "sex": {"kind": "categorical", "distribution": {"f": 1, "m": 1}},
            "plan": {
                "kind": "categorical",
                "depends_on": "age",
                "distribution": {
                    "..17": {"kid": 1},
                    "18..<65": {"basic": 1, "pro": 3},
                    "missing": {"unknown": 1},
                    "otherwise": {"old": 1},
                },
            },
            "children": {
                "kind": "numeric",
                "subtype": "integer",
                "depends_on": ["sex", "age"],
                "distribution": {
                    "f": {"18..": {"poisson": 2}},
                    "m": {"otherwise": {"constant": 0}},
                },
            },
        }
    )
    of = {
        "kid": pl.col("age") <= 17,
        "old": pl.col("age") >= 65,
        "unknown": pl.col("age").is_null(),
    }
    for plan, who in of.items():
        assert made.filter(who.fill_null(False))["plan"].unique().to_list() == [plan]
        assert made.filter(pl.col("plan") == plan).filter(~who.fill_null(False)).is_empty()
    adults = made.filter(pl.col("age").is_between(18, 64))
    pro = int((adults["plan"] == "pro").sum())
    assert stats.binomtest(pro, adults.height, 0.75).pvalue > LEAST
    women = made.filter(sex="f")
    assert (
        women.filter(pl.col("age") < 18)["children"].null_count()
        == women.filter(pl.col("age") < 18).height
    )
    grown = women.filter(pl.col("age") >= 18)["children"]
    assert abs(grown.mean() - 2) < 4 * (2 / len(grown)) ** 0.5
    assert set(made.filter(sex="m")["children"]) == {0}


def test_rank_correlations_hold_whatever_the_laws_are() -> None:
    wanted = {"a": {"b": 0.7, "c": -0.5}, "b": {"d": 0.3}}
    made = drawn(
        {
            "a": {"kind": "numeric", "distribution": {"lognormal": [0, 2]}},
            "b": {"kind": "datetime", "distribution": {"uniform": ["2020-01-01", "2024-01-01"]}},
            "c": {"kind": "numeric", "subtype": "integer", "distribution": {"poisson": 1.2}},
            "d": {"kind": "ordinal", "values": ["S", "M", "L"], "distribution": [2, 5, 3]},
        },
        correlations=wanted,
    ).with_columns(pl.col("b").to_physical(), pl.col("d").replace_strict({"S": 0, "M": 1, "L": 2}))
    for one, others in wanted.items():
        for other, rho in others.items():
            found = stats.spearmanr(made[one], made[other]).statistic
            assert abs(found - rho) < 0.025
    assert stats.kstest(made["a"], stats.lognorm(2).cdf).pvalue > LEAST


def test_correlations_that_cannot_be_are_bent_as_little_as_needed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    numbers = {k: {"kind": "numeric", "distribution": {"normal": [0, 1]}} for k in "abc"}
    made = drawn(numbers, correlations={"a": {"b": 0.9, "c": 0.9}, "b": {"c": -0.9}})
    assert "the nearest that can are used" in caplog.text
    found = made.select(
        ab=pl.corr("a", "b", method="spearman"), bc=pl.corr("b", "c", method="spearman")
    )
    assert 0.3 < found["ab"][0] < 0.7
    assert -0.6 < found["bc"][0] < -0.2
    near = nearest(np.array([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]))
    assert np.linalg.eigvalsh(near).min() > 0
    assert np.allclose(np.diag(near), 1)


def test_missing_cells_formulas_and_columns_that_follow_from_them() -> None:
    made = drawn(
        {
            "id": {"kind": "identifier", "pattern": "K-[0-9]{6}"},
            "total": {"kind": "numeric", "decimals": 2, "formula": "price * n"},
            "price": {"kind": "numeric", "distribution": {"gamma": [2, 10]}},
            "n": {
                "kind": "numeric",
                "subtype": "integer",
                "missing": 0.2,
                "distribution": {"poisson": 2},
            },
            "label": {"kind": "text", "formula": 'pl.format("{} x {}", pl.col("n"), pl.col("id"))'},
            "large": {
                "kind": "boolean",
                "depends_on": "total",
                "distribution": {"..50": 0, "50..": 1, "missing": 0.5},
            },
        }
    )
    assert stats.binomtest(made["n"].null_count(), ROWS, 0.2).pvalue > LEAST
    right = (pl.col("price") * pl.col("n")).round(2)
    assert made.select((pl.col("total") - right).abs().max()).item() < 1e-9
    assert (
        made.filter(pl.col("total").is_not_null())
        .select((pl.col("large") == (pl.col("total") > 50)).all())
        .item()
    )
    assert made["label"].drop_nulls()[0].endswith(made.filter(pl.col("n").is_not_null())["id"][0])
    assert made["id"].n_unique() == ROWS


def test_persons_of_a_row_fit_what_else_it_says() -> None:
    made = nt.load(SHOP).sample(5000, seed=1)
    assert made["email"].n_unique() == 5000
    surname = made["customer"].str.extract(r"(\w+)$").str.to_lowercase()
    plain = surname.str.contains("^[a-z]+$")
    assert (made["email"].str.contains_any(["@example."])).all()
    fits = pl.DataFrame({"mail": made["email"], "name": surname}).filter(plain)
    assert (
        fits.select(pl.col("mail").str.contains(pl.col("name"), literal=True).mean()).item() > 0.99
    )
    germans = set(made.filter(country="Germany", sex="male")["customer"].str.extract(r"^(\S+)"))
    assert germans & {"Hans", "Karl", "Jürgen", "Klaus", "Wolfgang", "Helmut", "Uwe", "Dieter"}
    assert not nt.load(SHOP).sample(50, seed=2)["customer"].equals(made["customer"].head(50))


def test_constraints_hold_in_every_row() -> None:
    day = {
        "kind": "datetime",
        "part": "date",
        "distribution": {"uniform": ["2024-01-01", "2024-12-31"]},
    }
    count = {"kind": "numeric", "subtype": "integer", "distribution": {"poisson": 2}}
    made = drawn(
        {
            "first": day,
            "last": day,
            "adults": count,
            "children": count,
            "guests": {"kind": "numeric", "subtype": "integer"},
            "code": {"kind": "identifier", "pattern": "[A-Z]{4}"},
            "seat": {
                "kind": "numeric",
                "subtype": "integer",
                "distribution": {"uniform": [1, 30000]},
            },
        },
        rows=20_000,
        constraints=[
            {"type": "Inequality", "low": "first", "high": "last"},
            {"type": "Expression", "expression": "adults >= children"},
            {"type": "ColumnFormula", "column": "guests", "expression": "adults + children"},
        ],
    )
    assert made.height == 20_000
    assert (made["first"] <= made["last"]).all()
    assert (made["adults"] >= made["children"]).all()
    assert (made["guests"] == made["adults"] + made["children"]).all()
    assert made["code"].n_unique() == 20_000


def test_the_same_seed_gives_the_same_rows_however_they_are_made(tmp_path: Path) -> None:
    from neotype.synth.stream import sample_to_folder

    model = nt.load(SHOP)
    long, short = model.sample(40_000, seed=5), model.sample(17_000, seed=5)
    assert long.head(17_000).equals(short)
    sample_to_folder(SHOP, tmp_path / "parts", rows=40_000, seed=5, workers=2)
    assert pl.read_parquet(tmp_path / "parts" / "*.parquet").equals(long)
    saved = model.save(tmp_path / "shop.neotype")
    assert nt.load(saved).sample(500, seed=5).equals(long.head(500))
    assert not model.sample(500, seed=6).equals(long.head(500))
    assert model.sample(seed=5).height == 10_000


def test_a_new_column_leaves_the_others_as_they_were() -> None:
    one = {"a": {"kind": "numeric", "distribution": {"normal": [0, 1]}}}
    more = {"z": {"kind": "boolean"}} | one
    assert drawn(one)["a"].equals(drawn(more)["a"])


def test_known_cells_go_on_to_what_depends_on_them() -> None:
    model = nt.from_spec(
        {
            "tables": {
                "t": {
                    "columns": {
                        "plan": {"kind": "categorical", "distribution": {"a": 1, "b": 1}},
                        "n": {
                            "kind": "numeric",
                            "depends_on": "plan",
                            "distribution": {"a": {"constant": 1}, "b": {"constant": 2}},
                        },
                    }
                }
            }
        }
    )
    made = model.sample(given=pl.DataFrame({"plan": ["b", "a", "b"]}))
    assert made["n"].to_list() == [2, 1, 2]
    with pytest.raises(nt.SamplingError, match="'n' follows from 'plan'"):
        model.sample(given=pl.DataFrame({"n": [1.0]}))


KINDS = """\
columns:
  a: {kind: numeric, subtype: integer, storage: Int8, distribution: {normal: [0, 1000]}}
  b: {kind: numeric, subtype: decimal, decimals: 2, storage: "Decimal[10,2]",
      distribution: {uniform: [0, 10]}}
  c: {kind: ordinal, values: [S, M], storage: 'Enum["S","M"]', distribution: [1, 1], missing: .5}
  d: {kind: categorical, storage: Categorical, distribution: {x: 1, y: 1}}
  e: {kind: datetime, storage: "Datetime[ns,UTC]",
      distribution: {normal: [2024-01-01, 10d], minimum: 2023-12-25}}
  f: {kind: geo, axis: latitude, partner: g, decimals: 3}
  g: {kind: geo, axis: longitude, partner: f, distribution: {normal: [10, 2]}}
  h: {kind: constant, value: 5}
  i: {kind: constant}
  j: {kind: json, distribution: {weights: {'{"a": 1}': 1, '{"a": 2}': 1}}}
  k: {kind: text}
  l: {kind: identifier}
  m: {kind: numeric,
      distribution: {mixture: [{weight: 1, constant: 0}, {weight: 2, lognormal: [1, 1]}]}}
  n: {kind: duration, storage: "Duration[ms]", distribution: {uniform: [1h, 2h30m]}}
  "on": {kind: boolean, labels: [0, 1], distribution: .2, missing: .1}
  o: {kind: datetime, part: date, format: "%d/%m/%Y",
      distribution: {uniform: [2024-01-01, 2024-01-03]}}
  p: {kind: numeric, depends_on: o,
      distribution: {2024-01-01..2024-01-02: {constant: 1}, otherwise: {constant: 2}}}
  q: {kind: numeric, depends_on: "on",
      distribution: {0: {constant: 1}, 1: {constant: 2}, missing: {constant: 3}}}
  r: {kind: numeric, depends_on: c,
      distribution: {S: {constant: 1}, M: {constant: 2}, missing: {constant: 3}}}
  s: {kind: numeric, missing: 1}
"""


def test_every_kind_is_drawn_in_its_storage(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yaml"
    indented = "\n".join(f"    {line}" for line in KINDS.splitlines())
    path.write_text(f"tables:\n  t:\n{indented}\n", encoding="utf-8")
    model = nt.load(path)
    made = model.sample(1000, seed=0)
    for name, one in model.schema.columns.items():
        assert storage_name(made[name].dtype) == one.storage
        assert one.nullable or not made[name].null_count()
    follows = {
        "o": ("p", {"01/01/2024": 1, "02/01/2024": 1, "03/01/2024": 2}),
        "on": ("q", {0: 1, 1: 2, None: 3}),
        "c": ("r", {"S": 1, "M": 2, None: 3}),
    }
    for parent, (child, cases) in follows.items():
        assert set(made.select(parent, child).unique().rows()) == set(cases.items())
    assert made["e"].min() >= datetime.datetime(2023, 12, 25, tzinfo=datetime.UTC)
    assert abs((made["m"] == 0).mean() - 1 / 3) < 0.06
    assert made["j"].str.json_decode(pl.Struct({"a": pl.Int64})).struct.field("a").n_unique() == 2


FAULTS = [
    ({"distribution": {"norml": [1, 2]}}, "x.distribution.norml", "did you mean 'normal'?"),
    ({"distribution": {"normal": [1, -2]}}, "x.distribution.normal", "deviation -2 is not above 0"),
    ({"distribution": {"normal": [1]}}, "x.distribution.normal", "missing"),
    ({"distribution": {}}, "x.distribution", "one law is needed, and there is none"),
    ({"distribution": {"poisson": 1, "zipf": 2}}, "x.distribution", "poisson and zipf"),
    ({"distribution": {"uniform": [5, 1]}}, "x.distribution.uniform", "low 5 is above high 1"),
    ({"distribution": {"uniform": ["a", 1]}}, "x.distribution.uniform", "'a' is not a number"),
    ({"distribution": {"quantiles": [3, 1]}}, "x.distribution.quantiles", "do not rise"),
    ({"distribution": {"histogram": {"1-2": 1}}}, "x.distribution.histogram", "no range such as"),
    ({"distribution": {"weights": {1: 0.5, 2: 0.3}}}, "x.distribution", "add up to 0.8 instead"),
    ({"distribution": {"weights": {1: 5, 2: -1}}}, "x.distribution.weights.2", "greater than or"),
    ({"distribution": {"weights": {1: 0}}}, "x.distribution", "the weights are all 0"),
    ({"distribution": {"words": [1, 2]}}, "x.distribution.words", "kind numeric cannot follow it"),
    (
        {"distribution": {"normal": [1, 1], "minimum": 3, "maximum": 1}},
        "x.distribution",
        "is above",
    ),
    ({"distribution": {"poisson": 1, "hours": [1] * 24}}, "x.distribution.hours", "only datetimes"),
    ({"missing": 1.2}, "x.missing", "less than or equal to 1"),
    ({"formula": "pric * 2"}, "x.formula", "did you mean 'price'?"),
    ({"formula": "price * * 2"}, "x.formula", "it cannot be computed"),
    ({"formula": "price", "distribution": {"poisson": 1}}, "x.distribution", "has nothing else"),
    ({"formula": "x + 1"}, "columns", "columns depend on each other: x → x"),
    ({"depends_on": "pln", "distribution": {"a": {"poisson": 1}}}, "x.depends_on", "mean 'plan'?"),
    ({"depends_on": "plan"}, "x.depends_on", "a distribution is needed"),
    (
        {"depends_on": "plan", "distribution": {"prp": {"poisson": 1}, "basic": {"poisson": 1}}},
        "x.distribution.prp",
        "did you mean 'pro'?",
    ),
    (
        {"depends_on": "plan", "distribution": {"pro": {"poisson": 1}}},
        "x.distribution",
        "there is no case for basic",
    ),
    (
        {"depends_on": "price", "distribution": {"cheap": {"poisson": 1}}},
        "x.distribution.cheap",
        "write a range such as 18..30",
    ),
    (
        {
            "depends_on": "plan",
            "distribution": {"pro": {"normal": [1, 0]}, "basic": {"poisson": 1}},
        },
        "x.distribution.pro.normal",
        "is not above 0",
    ),
]


@pytest.mark.parametrize(("facts", "place", "why"), FAULTS)
def test_a_fault_is_told_with_its_path(facts: dict[str, Any], place: str, why: str) -> None:
    columns = {
        "x": {"kind": "numeric", **facts},
        "price": {"kind": "numeric", "distribution": {"normal": [1, 1]}},
        "plan": {"kind": "categorical", "distribution": {"basic": 2, "pro": 1}},
    }
    with pytest.raises(nt.SchemaError) as fault:
        drawn(columns)
    path = "tables.t.columns" + (f".{place}" if place != "columns" else "")
    assert path in str(fault.value)
    assert why in str(fault.value)


def test_all_faults_come_at_once() -> None:
    columns = {
        "a": {"kind": "numeric", "formula": "b + 1"},
        "b": {"kind": "numeric", "formula": "a + 1"},
        "c": {"kind": "ordinal", "values": ["S", "L"], "distribution": {"S": 1, "XL": 2}},
        "d": {"kind": "categorical", "distribution": [1, 2]},
        "y": {"kind": "categorical", "distribution": {"a": 0.5, "b": 0.2}},
        "z": {"kind": "numeric", "distribution": {"uniform": [9, 2]}},
    }
    with pytest.raises(nt.SchemaError) as fault:
        drawn(columns, correlations={"c": {"d": 0.3, "e": 2}})
    for part in (
        "columns.c.distribution.XL: the column has no value 'XL'",
        "columns.y.distribution: the weights are shares, and add up to 0.7",
        "columns.z.distribution.uniform: low 9 is above high 2",
        "columns.d.distribution: weights without labels need values",
        "correlations.c.d: 'd' is categorical",
        "correlations.c.e: there is no column 'e'",
        "correlations.c.e: 2 is no rank correlation",
    ):
        assert part in str(fault.value)


def test_columns_of_which_nothing_is_said_are_listed() -> None:
    with pytest.raises(nt.SchemaError) as fault:
        drawn({"a": {"kind": "numeric"}, "b": {"kind": "datetime"}, "c": {"kind": "boolean"}})
    assert "2 of 3 columns cannot be drawn" in str(fault.value)
    assert "t.b: datetime, needs distribution: {uniform: [2023-01-01" in str(fault.value)


def test_what_is_made_from_the_number_of_a_row_stands_under_no_constraint() -> None:
    columns = {"who": {"kind": "personal", "category": "full_name"}, "id": {"kind": "identifier"}}
    assert drawn(columns, rows=20_000)["who"].n_unique() > 10_000
    rule = {"type": "Expression", "expression": "who > 'M'"}
    with pytest.raises(nt.SchemaError, match="is about 'who', which is made from the number"):
        drawn(columns, constraints=[rule])


def test_conditions_are_met_unless_nothing_can_be_chosen() -> None:
    model = nt.load(SHOP)
    made = model.sample(300, seed=1, where={"channel": "phone", "age": "60.."})
    assert made["channel"].unique().to_list() == ["phone"]
    assert made["age"].min() >= 60
    assert made["email"].n_unique() == 300
    with pytest.raises(nt.SamplingError, match="'customer' is made from the number of its row"):
        model.sample(10, where={"customer": "Karl"})


def test_bounds_that_a_law_hardly_meets_are_told() -> None:
    with pytest.raises(nt.SamplingError, match="hardly any number of the law exponential"):
        column({"kind": "numeric", "distribution": {"exponential": 1, "minimum": 100}})


def test_a_schema_is_written_as_it_was_read(tmp_path: Path) -> None:
    schema = nt.load(SHOP).schema
    assert from_document(to_document(schema)) == schema
    again = write_schema(schema, tmp_path / "again.yaml")
    assert "distribution: {normal: [41, 14], minimum: 18, maximum: 95}" in again.read_text()
    assert nt.load(again).sample(200, seed=1).equals(nt.load(SHOP).sample(200, seed=1))


def test_statistics_of_a_table_make_rows_like_it(adult: pl.DataFrame, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from neotype.cli import app

    adult.write_parquet(tmp_path / "adult.parquet")
    spec = tmp_path / "spec.yaml"
    done = CliRunner().invoke(
        app, ["inspect", str(tmp_path / "adult.parquet"), "-o", str(spec), "--stats"]
    )
    assert done.exit_code == 0, done.output
    made = nt.load(spec).sample(seed=1)
    assert made.schema == adult.schema
    assert made.height == adult.height
    assert abs(made["age"].median() - adult["age"].median()) <= 1
    assert abs((made["capital-gain"] == 0).mean() - (adult["capital-gain"] == 0).mean()) < 0.03
    assert abs(made["workclass"].is_null().mean() - adult["workclass"].is_null().mean()) < 0.02
    # a wife is a woman, and hardly ever unmarried: the tree of dependencies knows
    wives = made.filter(relationship="Wife")
    assert (wives["sex"] == "Female").mean() > 0.95
    rich = {
        name: rows.filter(pl.col("education").is_in(["Bachelors", "Masters"]))["income"]
        for name, rows in (("real", adult), ("made", made))
    }
    shares = {name: (cells == ">50K").mean() for name, cells in rich.items()}
    assert abs(shares["real"] - shares["made"]) < 0.2


def test_statistics_tell_nothing_of_fewer_rows_than_protect() -> None:
    from neotype.data import Dataset
    from neotype.schema.infer import infer_schema
    from neotype.spec.stated import stated

    generator = np.random.default_rng(0)
    rows = 2000
    frame = pl.DataFrame(
        {
            "amount": np.round(generator.normal(100, 10, rows), 6),
            "label": generator.choice(["a", "b", "c"], rows),
            "day": [datetime.date(2024, 1, 1 + int(k)) for k in generator.integers(0, 28, rows)],
            "note": [f"word {k} of many words {k * 7}" for k in range(rows)],
        }
    )
    rare = pl.DataFrame(
        {
            "amount": [987654.321],
            "label": ["canary"],
            "day": [datetime.date(1901, 1, 1)],
            "note": ["CANARY"],
        }
    )
    frame = pl.concat([frame, rare])
    schema = stated(Dataset(infer_schema({"t": frame}), {"t": frame}))
    text = str(to_document(schema))
    for canary in ("987654", "canary", "1901", "CANARY", "many"):
        assert canary not in text
    amounts = schema.columns["amount"].distribution
    told = {float(v) for v in amounts.quantiles or ()}
    assert not told & set(frame["amount"].to_list())
    made = nt.from_spec(schema).sample(2000, seed=0)
    assert stats.kstest(made["amount"], frame["amount"].head(rows)).pvalue > LEAST


def test_no_date_or_number_of_a_few_rows_is_an_edge() -> None:
    from neotype.data import Dataset
    from neotype.schema.infer import infer_schema
    from neotype.spec.stated import stated

    generator = np.random.default_rng(1)
    first = datetime.date(2015, 1, 1)
    days = [first + datetime.timedelta(days=int(k)) for k in generator.integers(0, 4000, 600)]
    frame = pl.DataFrame({"day": days, "pieces": generator.integers(0, 900, 600)})
    columns = stated(Dataset(infer_schema({"t": frame}), {"t": frame})).columns
    for name in frame.columns:
        few = frame.group_by(name).len().filter(pl.col("len") < 5)[name].cast(pl.String)
        told = {str(edge) for edge in columns[name].distribution.quantiles or ()}
        assert told
        assert not told & set(few)


def test_the_greatest_unsigned_numbers_are_drawn() -> None:
    column = {"kind": "numeric", "subtype": "integer", "storage": "UInt64"}
    made = drawn({"x": {**column, "distribution": {"quantiles": [2**63 + 2**40, 2**64 - 1]}}})
    assert made["x"].min() >= 2**63 + 2**40 - 2048


def test_what_a_schema_declares_changes_nothing_where_the_table_is_learnt(
    adult: pl.DataFrame, tmp_path: Path
) -> None:
    age = {"kind": "numeric", "subtype": "integer"}
    hours = age | {"depends_on": "age", "distribution": {"..99": {"poisson": 3}}}
    declared = {
        "columns": {"age": age | {"distribution": {"constant": 5}}, "hours-per-week": hours},
        "correlations": {"age": {"hours-per-week": 0.9}},
    }
    plain: dict[str, Any] = {"columns": {"age": age, "hours-per-week": age}}
    rules = [{"type": "ScalarRange", "column": "age", "low": 0, "high": 100}]
    frame = adult.select("age", "hours-per-week")
    made = []
    for table in (declared, plain):
        schema = from_document({"tables": {"t": table | {"constraints": rules}}})
        model = nt.fit(frame, schema=schema, refine=0, seed=0)
        saved = model.save(tmp_path / f"{len(made)}.neotype")
        made.append(nt.load(saved).sample(500, seed=1))
    assert made[0].equals(made[1])


def test_an_order_that_one_row_in_a_thousand_obeys_is_drawn() -> None:
    columns = {
        "low": {"kind": "numeric", "distribution": {"normal": [50, 10]}},
        "high": {"kind": "numeric", "distribution": {"normal": [6, 10]}},
    }
    line = {"type": "Inequality", "low": "low", "high": "high"}
    table = {"columns": columns, "constraints": [line]}
    model = nt.from_spec({"neotype_schema": 1, "tables": {"t": table}})
    frame = model.sample(3000)
    assert frame.height == 3000
    assert (frame["low"] <= frame["high"]).all()


@pytest.mark.parametrize(
    "line",
    [
        {"type": "FixedCombinations", "columns": ["a", "b"]},
        {"type": "FixedNullCombinations", "columns": ["a", "b"]},
        {"type": "MixedScales", "column": "n", "by": ["a"]},
    ],
)
def test_what_data_would_have_to_show_is_asked_for(line: dict[str, Any]) -> None:
    columns = {name: {"kind": "categorical", "values": ["x", "y"], "missing": 0.2} for name in "ab"}
    columns["n"] = {"kind": "numeric", "distribution": {"normal": [50, 10]}}
    table = {"columns": columns, "constraints": [line]}
    with pytest.raises(nt.errors.SchemaError, match=f"{line['type']}.*learnt from data"):
        nt.from_spec({"neotype_schema": 1, "tables": {"t": table}})
