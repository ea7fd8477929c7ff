"""Keys that are matched after all tables are drawn: what must hold of the rows they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit
from neotype.rng import Rng
from neotype.schema.schema import Relationship
from neotype.synth.relational.fanout import FanOut
from neotype.synth.relational.hierarchy import depths
from neotype.synth.relational.polymorphic import asked
from neotype.synth.relational.reference import Reference

Whole = NDArray[np.int64]
TIE = Relationship(parent="film", parent_key=("id",), child="rental", child_key=("film",))
SELF = Relationship(parent="staff", parent_key=("id",), child="staff", child_key=("boss",))
seeds = st.integers(0, 10_000)
quick = settings(max_examples=30, deadline=None)


def digits(*sizes: int) -> tuple[Digit, ...]:
    return tuple(Digit(f"d{k}", size, ordered=True) for k, size in enumerate(sizes))


def none(rows: int) -> Codes:
    return np.zeros((0, rows), dtype=np.uint8)


def learnt(
    rows: Whole,
    films: int,
    *,
    child: Codes | None = None,
    referenced: Codes | None = None,
    tie: Relationship = TIE,
    **more: Any,
) -> Reference:
    child = none(len(rows)) if child is None else child
    referenced = none(films) if referenced is None else referenced
    facts: dict[str, Any] = {
        "paths": {},
        "distinct": None,
        "protect": 5,
        "rng": Rng(0),
    } | more
    return Reference.learn(
        tie,
        rows=rows,
        child=child,
        child_sizes=digits(*(int(line.max()) + 1 for line in child)),
        referenced=referenced,
        referenced_sizes=digits(*(int(line.max()) + 1 for line in referenced)),
        capacity=fan_out(rows, films),
        **facts,
    )


def assigned(reference: Reference, codes: Codes, capacity: Whole, **more: Any) -> Whole:
    referenced = more.pop("referenced", none(len(capacity)))
    facts: dict[str, Any] = {"paths": {}, "distinct": None, "rng": Rng(1)} | more
    return reference.assign(codes, referenced=referenced, capacity=capacity, **facts)


def fan_out(rows: Whole, films: int) -> Whole:
    return np.bincount(rows[rows >= 0], minlength=films)


def skewed(rng: np.random.Generator, films: int, rentals: int) -> Whole:
    weight = rng.gamma(0.5, size=films)
    return rng.choice(films, rentals, p=weight / weight.sum())


@quick
@given(seeds, st.integers(1, 60), st.integers(1, 400))
def test_capacities_are_kept_to_the_row(seed: int, films: int, rentals: int) -> None:
    rng = np.random.default_rng(seed)
    rows = skewed(rng, films, rentals)
    capacity = fan_out(rows, films)[rng.permutation(films)]
    found = assigned(learnt(rows, films, protect=1), none(rentals), capacity)
    assert (fan_out(found, films) == capacity).all()


@quick
@given(seeds, st.integers(50, 500), st.integers(1, 2000))
def test_capacities_are_scaled_to_the_children_there_are(
    seed: int, films: int, rentals: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = skewed(rng, films, 1000)
    capacity = fan_out(rows, films)
    found = assigned(learnt(rows, films, protect=1), none(rentals), capacity)
    wish = capacity * rentals / capacity.sum()
    assert len(found) == rentals
    assert (found >= 0).all()
    made = fan_out(found, films)
    # A few more or less are one more or less for some rows of every number.
    assert ((np.abs(made - wish) < 1) | (np.abs(made - capacity) <= 1)).all()
    assert (made[capacity == 0] == 0).all()


def gap(made: Whole, real: Whole) -> float:
    at = np.arange(max(made.max(), real.max()) + 1)
    below = [np.searchsorted(np.sort(one), at, side="right") / len(one) for one in (made, real)]
    return float(np.abs(below[0] - below[1]).max())


@pytest.mark.parametrize("films", [2, 16, 200, 2000])
def test_the_fan_out_is_the_real_one_though_capacities_are_drawn_by_chance(
    films: int,
) -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([skewed(rng, films, 10 * films), np.repeat(np.arange(films), 5)])
    real = fan_out(rows, films)
    drawn = real[rng.integers(0, films, films)]
    made = fan_out(assigned(learnt(rows, films), none(len(rows)), drawn), films)
    assert gap(made, real) <= 0.02
    assert (np.diff(made[np.argsort(drawn, kind="stable")]) >= 0).mean() > 0.5


@quick
@given(seeds, st.integers(1, 300), st.sampled_from([1.0, 5.0, 40.0]))
def test_fan_outs_are_told_by_groups_that_hide_their_rows(
    seed: int, films: int, mean: float
) -> None:
    rng = np.random.default_rng(seed)
    real = rng.poisson(rng.gamma(0.7, scale=mean, size=films))
    told = FanOut.learn(real, protect=5)
    assert told.rows.sum() == films
    assert told.rows @ told.children == pytest.approx(real.sum())
    shared = np.isin(told.children, np.flatnonzero(np.bincount(real) >= 5))
    listed = (told.children >= 5) if films <= 128 else False
    if (real > 0).sum() >= 5 and real.max() > 0 and films > 128:
        assert ((told.rows >= 5) | shared | listed | (told.children == 0)).all()
    made = told.counts(rng.permutation(real), rng)
    assert abs(int(made.sum()) - int(real.sum())) <= 1
    assert (made >= 0).all()


def test_a_few_children_less_hardly_change_the_fan_out() -> None:
    rng = np.random.default_rng(8)
    real = rng.choice([2, 3, 4, 5], 4000)
    rows = rng.permutation(np.repeat(np.arange(4000), real))
    found = assigned(learnt(rows, 4000), none(int(len(rows) * 0.985)), real)
    assert gap(fan_out(found, 4000), real) <= 0.02


@quick
@given(seeds, st.integers(2, 40), st.integers(1, 30), st.floats(0.05, 0.95))
def test_no_pair_is_linked_twice(seed: int, films: int, actors: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    actor, film = np.nonzero(rng.random((actors, films)) < share * rng.random((actors, 1)) * 2)
    if not len(actor):
        return
    capacity = fan_out(film, films)
    reference = learnt(film, films, distinct=actor)
    codes = reference.encode(film, none(films), capacity, {})
    found = assigned(reference, codes, capacity[rng.permutation(films)], distinct=actor)
    pairs = (actor * films + found)[found >= 0]
    assert len(np.unique(pairs)) == len(pairs)
    most = np.bincount(actor).max()
    if most <= (capacity > 0).sum() // 2:
        assert (found >= 0).all()


def test_a_crowded_link_table_loses_no_row_and_keeps_its_fan_out() -> None:
    rng = np.random.default_rng(3)
    sizes = [940, 940, 420, 60, 60, 25, *[3] * 30]
    film = np.concatenate([rng.choice(1000, size, replace=False) for size in sizes])
    playlist = np.repeat(np.arange(len(sizes)), sizes)
    capacity = fan_out(film, 1000)
    found = assigned(
        learnt(film, 1000, distinct=playlist),
        none(len(film)),
        capacity,
        distinct=playlist,
    )
    assert (found >= 0).all()
    assert len(np.unique(playlist * 1000 + found)) == len(found)
    assert (fan_out(found, 1000) != capacity).mean() < 0.02


def test_more_links_than_rows_are_left_out() -> None:
    film, actor = np.tile(np.arange(3), 10), np.repeat(np.arange(10), 3)
    reference = learnt(film, 4, distinct=actor)
    found = assigned(reference, none(12), np.array([5, 5, 0, 2]), distinct=np.repeat([0, 1], 6))
    for group in (found[:6], found[6:]):
        kept = group[group >= 0]
        assert len(kept) == len(set(kept.tolist())) <= 3


@quick
@given(seeds, st.integers(2, 300))
def test_hierarchies_have_no_cycles_and_their_roots_refer_to_nothing(seed: int, staff: int) -> None:
    rng = np.random.default_rng(seed)
    boss = (rng.random(staff) * np.arange(staff)).astype(np.int64)
    boss[(rng.random(staff) < 0.2) | (np.arange(staff) == 0)] = -1
    reference = learnt(boss, staff, tie=SELF, protect=1)
    codes = reference.encode(boss, none(staff), fan_out(boss, staff), {})
    again = assigned(reference, codes, fan_out(boss, staff))
    assert ((again < 0) == (boss < 0)).all()
    assert (depths(again) == depths(boss)).all()
    assert (fan_out(again, staff) == fan_out(boss, staff)).all()
    # Rows drawn each for itself, so that levels are missing and capacities do not add up.
    some = rng.integers(0, staff, staff)
    drawn = codes[:, some]
    found = assigned(reference, drawn, fan_out(boss, staff)[rng.permutation(staff)])
    above = np.where(found < 0, np.arange(staff), found)
    for _ in range(staff):
        above = np.where(found[above] < 0, above, found[above])
    assert (found[above] < 0).all()
    tops = ~reference.refers(drawn)
    assert abs(tops.sum() - (boss < 0).sum()) <= 1
    assert (found[tops] < 0).all()
    assert reference.most == 1 or (found[~tops] >= 0).all()


def test_a_long_chain_stays_a_chain() -> None:
    version = np.arange(-1, 499)
    reference = learnt(version, 500, tie=SELF)
    capacity = fan_out(version, 500)
    codes = reference.encode(version, none(500), capacity, {})
    found = assigned(reference, codes, capacity)
    assert (fan_out(found, 500) <= 1).all()
    assert depths(found).max() >= 490


def test_cycles_in_data_are_learnt_from() -> None:
    boss = np.array([1, 0, 0, 1, -1, 4, 5, 6, 8])
    assert (depths(boss) == [1, 2, 2, 3, 0, 1, 2, 3, 0]).all()
    reference = learnt(boss, 9, tie=SELF, protect=1)
    codes = reference.encode(boss, none(9), fan_out(boss, 9), {})
    found = assigned(reference, codes, fan_out(boss, 9))
    assert (depths(found) == codes[0]).all()
    restored = Reference.restore(reference.state())
    assert (assigned(restored, codes, fan_out(boss, 9)) == found).all()
    ring = np.array([1, 2, 0, 0, 1])
    turned = learnt(ring, 5, tie=SELF)
    codes = turned.encode(ring, none(5), fan_out(ring, 5), {})
    assert (assigned(turned, codes, fan_out(ring, 5)) >= 0).all()


def test_heads_that_refer_to_themselves_still_do() -> None:
    boss = np.array([0, 0, 0, 1, 1, 2, 6, 6])
    reference = learnt(boss, 8, tie=SELF)
    codes = reference.encode(boss, none(8), fan_out(boss, 8), {})
    found = assigned(reference, codes, fan_out(boss, 8))
    assert (found[[0, 6]] == [0, 6]).all()
    assert (found >= 0).all()


@quick
@given(seeds)
def test_what_always_leads_to_the_same_row_further_up_always_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    store = rng.integers(0, 6, 200)
    rows = skewed(rng, 200, 900)
    paths = {"store": (store[rows], store)}
    reference = learnt(rows, 200, paths=paths)
    assert [digit.name for digit in reference.digits] == []
    made, mine = rng.integers(0, 6, 200), rng.integers(0, 6, 950)
    capacity = fan_out(rows, 200)[rng.permutation(200)]
    found = assigned(reference, none(950), capacity, paths={"store": (mine, made)})
    there = found >= 0
    assert (made[found[there]] == mine[there]).all()
    assert set(mine[~there].tolist()).isdisjoint(made.tolist())


def test_a_row_that_is_known_by_one_way_needs_no_other() -> None:
    """A payment is of the customer of its rental, whose shop's head works there: not if drawn."""
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 2, 200)
    rows = rng.integers(0, 200, 2000)
    paths = {"itself": (rows, np.arange(200)), "shop": (shop[rows], shop)}
    reference = learnt(rows, 200, paths=paths)
    drawn = {"itself": (rows, np.arange(200)), "shop": (shop[rows], 1 - shop)}
    codes = np.zeros((len(reference.digits), len(rows)), dtype=np.uint8)
    assert (assigned(reference, codes, fan_out(rows, 200), paths=drawn) == rows).all()


def test_what_mostly_leads_to_the_same_row_does_as_often() -> None:
    rng = np.random.default_rng(5)
    store = rng.integers(0, 20, 500)
    rows = skewed(rng, 500, 4000)
    home = np.where(rng.random(4000) < 0.7, store[rows], rng.integers(0, 20, 4000))
    paths = {"store": (home, store), "chance": (rng.integers(0, 20, 4000), store)}
    reference = learnt(rows, 500, paths=paths, protect=1)
    assert [tie.path for tie in reference.ties] == ["store"]
    capacity = fan_out(rows, 500)
    codes = reference.encode(rows, none(500), capacity, paths)
    order = rng.permutation(500)
    made = {"store": (home, store[order])}
    found = assigned(reference, codes, capacity[order], paths=made)
    assert (found >= 0).all()
    assert ((home == store[order][found]) == (codes[-1] > 0)).mean() > 0.99
    assert (fan_out(found, 500) == capacity[order]).all()


@quick
@given(seeds, st.integers(5, 200))
def test_a_row_that_is_referred_to_once_stays_so(seed: int, films: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(films)[: max(films // 2, 1)]
    reference = learnt(rows, films)
    children = int(rng.integers(1, films + 5))
    found = assigned(reference, none(children), (rng.random(films) < 0.5).astype(np.int64))
    assert fan_out(found, films).max() == 1
    assert (found >= 0).sum() == min(children, films)


def test_children_find_rows_of_their_kind_among_rows_never_seen() -> None:
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 8, 3000).astype(np.uint8)
    films = np.vstack([rng.integers(0, 8, 3000), colour, rng.integers(0, 8, 3000)]).astype(np.uint8)
    rows = skewed(rng, 1500, 6000)
    child = np.vstack([rng.integers(0, 4, 6000), colour[rows]]).astype(np.uint8)
    reference = learnt(rows, 1500, child=child, referenced=films[:, :1500])
    capacity = fan_out(rows, 1500)
    codes = reference.encode(rows, films[:, :1500], capacity, {})
    found = assigned(reference, codes, capacity, referenced=films[:, 1500:])
    assert (colour[1500:][found] == child[1]).mean() > 0.9
    assert reference.kinds.count == 8


def test_a_kind_holds_enough_rows_to_hide_each() -> None:
    rng = np.random.default_rng(2)
    films = rng.integers(0, 64, (4, 400)).astype(np.uint8)
    rows = skewed(rng, 400, 8000)
    child = films[:2, rows]
    for protect in (5, 20):
        reference = learnt(rows, 400, child=child, referenced=films, protect=protect)
        used = np.unique(rows)
        sizes = np.bincount(reference.kinds.of(films, fan_out(rows, 400))[used])
        assert reference.kinds.count > 4
        assert sizes.min() >= protect


def test_rows_of_a_short_list_are_kinds_of_their_own() -> None:
    rng = np.random.default_rng(4)
    rows = rng.choice(3, 3000, p=[0.6, 0.3, 0.1])
    child = ((rows + (rng.random(3000) < 0.1)) % 3).astype(np.uint8)[None]
    reference = learnt(rows, 3, child=child)
    codes = reference.encode(rows, none(3), fan_out(rows, 3), {})
    found = assigned(reference, codes, fan_out(rows, 3))
    assert reference.kinds.count == 3
    assert (found == rows).all()


def test_optional_and_polymorphic_keys_refer_where_they_should() -> None:
    rng = np.random.default_rng(6)
    rows = skewed(rng, 50, 1000)
    frame = pl.DataFrame({"kind": rng.choice(np.array(["film", "actor", None]), 1000)})
    assert asked(TIE, frame) is None
    some = asked(TIE.model_copy(update={"when": {"kind": "film"}}), frame)
    assert some is not None
    assert (some == (frame["kind"] == "film").fill_null(False).to_numpy()).all()
    rows[~some] = -1
    reference = learnt(rows, 50, asked=some)
    assert reference.digits == ()
    other = rng.random(1000) < 0.4
    found = assigned(reference, none(1000), fan_out(rows, 50), asked=other)
    assert ((found >= 0) == other).all()
    optional = learnt(rows, 50)
    codes = optional.encode(rows, none(50), fan_out(rows, 50), {})
    found = assigned(optional, codes, fan_out(rows, 50))
    assert ((found >= 0) == some).all()
    assert (optional.refers(codes) == some).all()


@pytest.mark.parametrize("empty", ["films", "rentals"])
def test_empty_tables_are_matched(empty: str) -> None:
    reference = learnt(np.array([0, 1, 1, 2]), 3)
    films, rentals = (0, 4) if empty == "films" else (3, 0)
    found = assigned(reference, none(rentals), np.ones(films, dtype=np.int64))
    assert (found == np.full(rentals, -1)).all()


def full_case() -> tuple[Reference, dict[str, Any], Codes]:
    rng = np.random.default_rng(7)
    films = rng.integers(0, 16, (3, 300)).astype(np.uint8)
    rows = skewed(rng, 300, 3000)
    unit, store = rng.integers(0, 900, 3000), rng.integers(0, 9, 300)
    home = np.where(rng.random(3000) < 0.5, store[rows], rng.integers(0, 9, 3000))
    paths = {"store": (home, store)}
    child = (films[:, rows] // 2).astype(np.uint8)
    reference = learnt(rows, 300, child=child, referenced=films, paths=paths, distinct=unit)
    capacity = fan_out(rows, 300)
    codes = reference.encode(rows, films, capacity, paths)
    facts = {
        "capacity": capacity,
        "referenced": films,
        "paths": paths,
        "distinct": unit,
    }
    return reference, facts, codes


def test_the_same_seed_gives_the_same_rows_before_and_after_a_file() -> None:
    reference, facts, codes = full_case()
    again, _, _ = full_case()
    first = assigned(reference, codes, **facts)
    assert (first == assigned(again, codes, **facts)).all()
    assert (first != assigned(reference, codes, **facts, rng=Rng(2))).any()
    restored = Reference.restore(reference.state())
    assert restored.digits == reference.digits
    assert (assigned(restored, codes, **facts) == first).all()


def test_what_is_kept_is_no_list_of_rows() -> None:
    reference, _, _ = full_case()
    state = reference.state()
    assert max(len(array) for array in state.arrays.values()) <= 127
    assert "kinds" in reference.describe()
    assert "store" in reference.describe()


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_whatever_is_drawn_gives_rows_that_hold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    films, rentals = int(rng.integers(1, 60)), int(rng.integers(1, 200))
    film = rng.integers(0, 64, (int(rng.integers(0, 4)), films)).astype(np.uint8)
    child = rng.integers(0, 64, (int(rng.integers(0, 40)), rentals)).astype(np.uint8)
    rows = skewed(rng, films, rentals)
    rows[rng.random(rentals) < rng.choice([0, 0.3, 1])] = -1
    stores = rng.integers(-1, 6, films)
    home = np.where(rows >= 0, stores[rows], rng.integers(-1, 6, rentals))
    home = np.where(rng.random(rentals) < rng.choice([0, 0.4]), -1, home)
    unit = rng.integers(0, max(rentals // 4, 1), rentals) if rng.random() < 0.6 else None
    facts: dict[str, Any] = {"paths": {"store": (home, stores)}, "distinct": unit}
    reference = learnt(rows, films, child=child, referenced=film, **facts)
    codes = reference.encode(rows, film, fan_out(rows, films), facts["paths"])
    assert all(int(line.max()) < d.size for line, d in zip(codes, reference.digits, strict=True))
    made, children = int(rng.integers(0, 80)), int(rng.integers(0, 250))
    drawn = np.vstack(
        [none(children), *(rng.integers(0, d.size, (1, children)) for d in reference.digits)]
    ).astype(np.uint8)
    mine, theirs = rng.integers(-1, 8, children), rng.integers(-1, 8, made)
    group = None if unit is None else rng.integers(0, max(children // 3, 1), children)
    found = assigned(
        reference,
        drawn,
        rng.poisson(3.0, made),
        referenced=rng.integers(0, 64, (len(film), made)).astype(np.uint8),
        paths={"store": (mine, theirs)},
        distinct=group,
    )
    there = found >= 0
    assert found.max(initial=-1) < made
    assert not (there & ~reference.refers(drawn)).any()
    if group is not None:
        pairs = group[there] * 100 + found[there]
        assert len(np.unique(pairs)) == len(pairs)
    if any(tie.share == 1 for tie in reference.ties):
        assert (mine[there] == theirs[found[there]]).all()
    if reference.most == 1:
        assert fan_out(found, made).max(initial=0) <= 1
