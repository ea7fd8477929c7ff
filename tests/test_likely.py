"""Next rows weighed against what came before, and ratios that are learnt where there are any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.synth.relational.children import Children
from neotype.synth.relational.database import DatabaseModel
from neotype.trees.ratio import Boost, Ratio

DIGITS, SYMBOLS = 8, 24


def ratio(real: np.ndarray, drawn: np.ndarray, owner: np.ndarray | None = None) -> Ratio:
    sizes, ordered = np.full(DIGITS, SYMBOLS), np.ones(DIGITS, dtype=np.bool_)
    stream = np.random.Generator(np.random.PCG64(7))
    boost = Boost(rounds=6, fresh=6)
    return Ratio.learn(real, lambda _: drawn, sizes, ordered, boost, stream, owner=owner)


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_one_distribution_are_not_told_apart(seed: int) -> None:
    draw = np.random.Generator(np.random.PCG64(seed))
    real, drawn = draw.integers(0, SYMBOLS, (2, DIGITS, 3_000)).astype(np.uint8)
    assert ratio(real, drawn).bound < 0.01


def test_rows_of_two_distributions_are() -> None:
    draw = np.random.Generator(np.random.PCG64(1))
    real, drawn = draw.integers(0, SYMBOLS, (2, DIGITS, 3_000)).astype(np.uint8)
    real[1] = np.where(draw.random(3_000) < 0.5, real[0], real[1])
    assert ratio(real, drawn).bound > 0.2


def test_what_only_tells_owners_apart_is_no_difference() -> None:
    draw = np.random.Generator(np.random.PCG64(1))
    owner = np.repeat(np.arange(100), 30)
    # Every owner has symbols of its own; drawn owners are of the same kind as real ones.
    real, drawn = draw.integers(0, SYMBOLS, (2, DIGITS, 100)).astype(np.uint8)
    mine, theirs = np.repeat(real, 30, axis=1), np.repeat(drawn, 30, axis=1)
    assert ratio(mine, theirs, owner).bound < ratio(mine, theirs).bound
    assert ratio(mine, theirs, owner).bound < 0.05


def bank(owners: int, seed: int) -> dict[str, pl.DataFrame]:
    """Accounts with a wage and a rent on days of their own, and cash that depends on what is left.

    The days of each month are what steps that are drawn one by one get wrong.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    lines = []
    for account in range(owners):
        days = draw.integers(0, 28, 2)
        wage, share = round(draw.uniform(500, 3000), 2), draw.uniform(0.3, 0.9)
        events = []
        for month in range(10):
            first = np.datetime64(f"2020-{month + 1:02d}-01")
            events.append((first + int(days[0]), "in", "wage", wage))
            events.append((first + int(days[1]), "out", "rent", round(wage * 0.4, 2)))
            cash = draw.integers(0, 28, draw.integers(0, 4))
            events += [(first + int(day), "out", "cash", 0.0) for day in cash]
        balance = 0.0
        for when, sign, what, fixed in sorted(events, key=lambda event: event[0]):
            amount = fixed or round(balance * draw.uniform(0.1, share), 2)
            amount = min(amount, round(balance * 0.5, 2)) if sign == "out" else amount
            if amount > 0:
                balance = round(balance + (amount if sign == "in" else -amount), 2)
                lines.append((account, when, sign, what, amount, balance))
    account, on, sign, what, amount, balance = (list(line) for line in zip(*lines, strict=True))
    entries = {
        "id": range(len(on)),
        "account_id": account,
        "on": np.array(on),
        "type": sign,
        "what": what,
        "amount": amount,
        "balance": balance,
    }
    accounts = {"id": range(owners), "branch": draw.choice(["north", "south"], owners)}
    return {"account": pl.DataFrame(accounts), "entry": pl.DataFrame(entries)}


def entries(model: nt.Synthetic) -> Children:
    assert isinstance(model.model, DatabaseModel)
    found = model.model.fitted.children["entry"]
    assert found is not None
    return found


def test_rows_are_weighed_and_the_model_at_rest_makes_the_same(tmp_path: Path) -> None:
    model = nt.fit(bank(400, seed=0), seed=1)
    assert entries(model).likely is not None
    made = model.sample(seed=2)
    model.save(tmp_path / "bank.neotype")
    again = nt.load(tmp_path / "bank.neotype").sample(seed=2)
    assert all(made[name].equals(again[name]) for name in made)
    follows = (
        made["entry"]
        .sort("id")
        .with_columns(
            by=pl.when(type="in").then("amount").otherwise(-pl.col("amount")),
            before=pl.col("balance").shift(1, fill_value=0.0).over("account_id"),
        )
    )
    off = follows.select((pl.col("balance") - pl.col("before") - pl.col("by")).abs().max()).item()
    assert off < 0.011


def test_rows_are_not_weighed_without_refinement() -> None:
    model = nt.fit(bank(210, seed=0), refine=0, seed=1)
    assert entries(model).likely is None
