"""A synthetic database is evaluated: each table alone, and what ties them."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, DataError
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.evaluate.relational.aggregates import grouped, with_children, with_parents
from neotype.evaluate.relational.databases import Databases
from neotype.evaluate.relational.hops import walks
from neotype.links import Links
from neotype.policy.policy import read_policy
from neotype.rng import Rng
from neotype.schema.schema import Identifier, Schema
from shop import changed, shop

CUSTOMERS = 250


@cache
def sides() -> tuple[Dataset, Dataset, Dataset]:
    return shop(CUSTOMERS, 1), shop(CUSTOMERS, 2), shop(CUSTOMERS, 3)


def databases() -> Databases:
    return Databases(*sides(), Rng(0))


def measured(synthetic: Dataset | None = None, **said: object) -> tuple[Score, ...]:
    real, train, holdout = sides()
    return evaluate(synthetic or real, train=train, holdout=holdout, rng=Rng(0), **said)  # type: ignore[arg-type]


@cache
def usual() -> dict[tuple[str, str], Score]:
    return {(score.table, score.metric): score for score in measured()}


def test_every_table_has_its_scores_and_the_database_has_others() -> None:
    found = usual()
    tables = {table for table, _ in found}
    assert tables == {"", *sides()[0].schema.tables}
    assert ("order", "c2st") in found
    assert ("", "cardinality") in found
    assert ("customer", "parent_detection") in found
    assert all(score.verdict != "poor" for score in found.values())


def test_a_reference_table_that_is_kept_says_so_once() -> None:
    (only,) = [score for (table, _), score in usual().items() if table == "region"]
    assert "kept as it is" in only.meaning


def test_attacks_are_run_on_those_who_head_the_families() -> None:
    attacked = {table for table, metric in usual() if metric == "linkability"}
    assert attacked == {"customer"}


def test_copies_cannot_be_judged_where_all_rows_were_learnt() -> None:
    score = usual()["product", "exact_copies"]
    assert score.verdict == "not measured"
    assert "all families share" in score.meaning
    assert usual()["product", "shape"].value is not None


def test_roles_are_named_by_table() -> None:
    asked = Asked(target="order.channel", sensitive=("segment",))
    scores = measured(asked=asked, metrics=["tstr", "group_representation"])
    took = {score.metric: score.table for score in scores if score.value is not None}
    assert took == {"tstr": "order", "group_representation": "customer"}


@pytest.mark.parametrize("name", ["order.chanel", "channel", "shop.channel"])
def test_a_role_of_no_column_or_of_several_is_refused(name: str) -> None:
    with pytest.raises(ColumnNotFoundError, match="target"):
        measured(asked=Asked(target=name), metrics=["tstr"])


def test_the_same_database_twice_is_refused() -> None:
    real, train, _ = sides()
    with pytest.raises(DataError, match="the train database itself"):
        measured(train)
    part = {name: frame[: frame.height // 2] for name, frame in train.frames.items()}
    some = Dataset(train.schema, part)
    with pytest.raises(DataError, match="every row of the holdout"):
        evaluate(real, train=train, holdout=some, rng=Rng(0))


def test_every_difference_of_tables_and_columns_is_told() -> None:
    real, train, holdout = sides()
    frames = {name: frame for name, frame in real.frames.items() if name != "visit"}
    tables = {name: one for name, one in real.schema.tables.items() if name in frames}
    ties = tuple(tie for tie in real.schema.relationships if tie.child in frames)
    schema = Schema(tables=tables, relationships=ties)
    fewer = Dataset(schema, frames)
    with pytest.raises(DataError, match="no table 'visit'"):
        evaluate(fewer, train=train, holdout=holdout, rng=Rng(0))


def test_an_empty_table_is_not_measured_and_the_others_are() -> None:
    empty = changed(sides()[0], visit=sides()[0].frames["visit"][:0])
    scores = measured(empty, metrics=["shape", "cardinality", "hop_trends"])
    by = {(score.table, score.metric): score for score in scores}
    assert by["visit", "shape"].verdict == "not measured"
    assert by["order", "shape"].value is not None
    assert by["", "cardinality"].verdict == "poor"
    assert by["", "cardinality"].detail["worst"].startswith("visit")


def test_children_per_parent_are_compared_as_scipy_does() -> None:
    (score,) = measured(metrics=["cardinality"])
    real, train, _ = sides()
    counts = []
    for data in (real, train):
        known = data.frames["order"].group_by("customer").len()
        joined = data.frames["customer"].join(known, on="customer", how="left")
        counts.append(joined["len"].fill_null(0).to_numpy())
    found = score.detail["relationships"]["order.customer → customer.customer"]
    assert found["ks"] == pytest.approx(ks_2samp(*counts).statistic, abs=1e-12)
    assert found["mean"]["synthetic"] == pytest.approx(counts[0].mean())
    assert found["childless"]["train"] == pytest.approx((counts[1] == 0).mean())


def test_a_smaller_holdout_does_not_blame_the_children_of_shared_parents() -> None:
    real, train, _ = sides()
    scores = evaluate(real, train=train, holdout=shop(60, 9), metrics=["cardinality"], rng=Rng(0))
    found = scores[0].detail["relationships"]["line.product → product.product"]
    assert found["ks"] < 0.3
    assert found["floor"] < 0.3


def test_a_parent_is_shown_with_what_is_below_it() -> None:
    wide = with_children(databases(), "customer")
    real = sides()[0]
    frame = wide.synthetic.frame
    customer = real.frames["customer"]["customer"]
    orders = real.frames["order"].filter(pl.col("customer") == customer[7])
    row = frame.row(7, named=True)
    assert row["number of order"] == orders.height
    assert row["mean order.amount"] == pytest.approx(orders["amount"].mean())
    assert row["largest order.amount"] == orders["amount"].max()
    assert row["labels of order.channel"] == orders["channel"].n_unique()
    assert row["first order.date"].date() == orders["date"].min()
    lines = real.frames["line"].join(orders, on="order", how="semi")
    per_order = lines.group_by("order").agg(pl.col("quantity").mean())
    assert row["mean order.mean line.quantity"] == pytest.approx(per_order["quantity"].mean())
    alone = frame.filter(pl.col("number of order") == 0)
    assert alone.height
    assert alone["mean order.amount"].null_count() == alone.height


def test_what_is_summed_up_does_not_tell_the_order_of_the_rows() -> None:
    cells = np.random.default_rng(0).normal(size=(40, 997)) * 10.0 ** np.arange(-20, 20)[:, None]
    cells[::2] -= cells[::2].mean(axis=1, keepdims=True)
    parent = np.repeat(np.arange(40), 997)
    order = np.random.default_rng(1).permutation(parent.size)
    kinds = {"x": sides()[1].schema.tables["order"].columns["amount"]}
    told = [
        grouped(pl.DataFrame({"x": cells.ravel()[rows]}), kinds, parent[rows], "order")[0]
        for rows in (np.arange(parent.size), order)
    ]
    assert told[0].sort("row").equals(told[1].sort("row"))
    spread = told[0].sort("row")["deviation of order.x"].to_numpy()
    assert np.allclose(spread, cells.std(axis=1, ddof=1), rtol=1e-7)


def test_a_child_is_shown_with_those_it_refers_to() -> None:
    wide = with_parents(databases(), "order")
    real = sides()[0]
    joined = real.frames["order"].join(real.frames["customer"], on="customer")
    seen = wide.synthetic.frame["order.customer → customer.customer: segment"]
    assert seen.to_list() == joined["segment"].to_list()


def test_rows_of_one_family_are_never_in_two_folds() -> None:
    wide = with_parents(databases(), "line")
    order = sides()[0].frames["order"]
    line = sides()[0].frames["line"].join(order, on="order", how="left", maintain_order="left")
    families = wide.synthetic.owners
    assert families is not None
    pairs = pl.DataFrame({"family": families, "customer": line["customer"]}).unique()
    assert pairs.height == pairs["family"].n_unique() == pairs["customer"].n_unique()


def test_walks_lead_up_one_and_two_hops_and_over_links() -> None:
    titles = {walk.title: walk.hops for walk in walks(databases(), 2)}
    assert titles["line → order"] == 1
    assert titles["line → order → customer"] == 2
    assert titles["order ← line → product"] == 2
    assert "line → order → customer → region" not in titles


def test_orphans_and_repeated_links_are_counted_by_foreign_key() -> None:
    real = sides()[0]
    line = real.frames["line"]
    broken = pl.concat(
        [line.with_columns(order=pl.Series([-1] * 5 + line["order"][5:].to_list())), line[9:12]]
    )
    integrity, unique = measured(
        changed(real, line=broken), metrics=["referential_integrity", "key_uniqueness"]
    )
    assert integrity.detail["relationships"]["line.order → order.order"]["orphans"] == 5
    assert unique.detail["keys"]["line.order, product"]["repeated"] == 3
    assert {integrity.verdict, unique.verdict} == {"poor"}


def test_a_pair_of_foreign_keys_is_a_key_only_where_chance_would_repeat_it() -> None:
    real, train, holdout = (_linked(data) for data in sides())
    (score,) = evaluate(real, train=train, holdout=holdout, metrics=["key_uniqueness"], rng=Rng(0))
    assert score.detail["keys"]["line.order, product"]["why"] == "no pair occurs twice"


def _linked(data: Dataset) -> Dataset:
    """The same where nobody has declared the key of the lines."""
    tables = {**data.schema.tables}
    tables["line"] = tables["line"].model_copy(update={"primary_key": ()})
    return Dataset(data.schema.model_copy(update={"tables": tables}), data.frames)


def test_links_follow_from_row_to_row() -> None:
    links = Links.of(sides()[0].schema, sides()[0].frames)
    assert all(int(rows.min()) >= 0 for rows in links.positions.values())
    assert np.isfinite([score.value for score in usual().values() if score.value is not None]).all()


def test_a_unique_column_may_be_empty_where_a_primary_key_may_not() -> None:
    real, *rest = (_with_mail(data) for data in sides())
    (score,) = evaluate(
        real, train=rest[0], holdout=rest[1], metrics=["key_uniqueness"], rng=Rng(0)
    )
    assert score.detail["keys"]["customer.mail"]["repeated"] == 0
    assert (score.value, score.floor, score.verdict) == (1, 1, "good")


def _with_mail(data: Dataset) -> Dataset:
    """The same with a unique column that every third customer leaves empty."""
    rows = data.frames["customer"].height
    mail = pl.Series("mail", [f"m{k}@shop.example" if k % 3 else None for k in range(rows)])
    columns = {**data.schema.tables["customer"].columns}
    columns["mail"] = Identifier(unique=True, nullable=True, storage="String")
    tables = {**data.schema.tables}
    tables["customer"] = tables["customer"].model_copy(update={"columns": columns})
    frames = {**data.frames, "customer": data.frames["customer"].with_columns(mail)}
    return Dataset(data.schema.model_copy(update={"tables": tables}), frames)


def test_people_are_attacked_with_what_they_did() -> None:
    """A tenth of the customers are copied with their orders: their own rows would not tell."""
    real, train, holdout = (shop(420, seed) for seed in (1, 2, 3))
    metrics = ["mia_exposed", "singling_out_multivariate", "exact_copies"]

    def of(synthetic: Dataset) -> dict[str, Score]:
        scores = evaluate(synthetic, train=train, holdout=holdout, metrics=metrics, rng=Rng(0))
        return {score.metric: score for score in scores if score.table == "customer"}

    named = train.frames["customer"]["customer"][:42]
    frames = dict(real.frames)
    for table in ("customer", "order", "visit"):
        mine = train.frames[table].filter(pl.col("customer").is_in(named.implode()))
        moved = {"customer": pl.col("customer") + 50_000}
        if table == "order":
            orders, moved["order"] = mine["order"], pl.col("order") + 500_000
        frames[table] = pl.concat([frames[table], mine.with_columns(**moved)])
    lines = train.frames["line"].filter(pl.col("order").is_in(orders.implode()))
    frames["line"] = pl.concat([frames["line"], lines.with_columns(pl.col("order") + 500_000)])
    fair, copied = of(real), of(Dataset(real.schema, frames))
    assert fair["mia_exposed"].verdict == "good"
    assert copied["mia_exposed"].verdict == "poor"
    assert fair["singling_out_multivariate"].verdict == "good"
    assert copied["singling_out_multivariate"].value is not None
    assert copied["exact_copies"].verdict != "poor"


def test_a_default_evaluation_takes_what_a_policy_for_a_partner_asks_for() -> None:
    taken = {score.metric for score in measured(asked=Asked(target="order.channel"))}
    gates = read_policy("partner").gates
    needed = {gate.measure for gate in gates if gate.measure and gate.when_not_measured == "refuse"}
    assert needed <= taken
