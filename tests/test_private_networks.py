"""Networks within a budget: gradients row by row, noise that was paid for, a model to publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'neotype[deep]'")
pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

import neotype as nt  # noqa: E402
from neotype.dp.accountant import RDP  # noqa: E402
from neotype.dp.budget import Budget  # noqa: E402
from neotype.dp.guarantee import Guarantee  # noqa: E402
from neotype.dp.ledger import Ledger  # noqa: E402
from neotype.dp.mechanism import Mechanism  # noqa: E402
from neotype.errors import BudgetError, BudgetExceededError, SchemaError  # noqa: E402
from neotype.nn.private import Descent, clipped_sum, descend, each_gradient  # noqa: E402
from neotype.nn.train import Learner, alone  # noqa: E402
from neotype.nn.transformer import Transformer  # noqa: E402
from neotype.registry import find, names  # noqa: E402
from neotype.synth.private.sgd import SGD  # noqa: E402
from strategies import NETWORKS, quick  # noqa: E402

SIZES = (4, 3, 6, 2)


def codes(rows: int = 3_000) -> Any:
    """Rows × digits, each of which leans on the one before."""
    draw = np.random.Generator(np.random.PCG64(4))
    first = draw.integers(0, 4, rows)
    others = [first % 3, np.minimum(first + draw.integers(0, 3, rows), 5), first // 2]
    return np.stack([first, *others], axis=1).astype(np.uint8)


class Plain(Learner):
    """Embeddings, a normalized layer and a bias: what gradients row by row often get wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = torch.nn.Embedding(sum(SIZES), 8)
        self.bag = torch.nn.EmbeddingBag(sum(SIZES), 8, mode="sum")
        self.layers = torch.nn.Sequential(torch.nn.LayerNorm(8), torch.nn.Linear(8, SIZES[0]))
        self.register_buffer("starts", torch.tensor([0, 4, 7, 13]))

    def loss(self, rows: Any) -> Any:
        seen = (rows + self.starts)[:, 1:]
        told = self.layers(self.seen(seen).sum(dim=1) + self.bag(seen))
        return torch.nn.functional.cross_entropy(told, rows[:, 0])


def networks() -> list[Learner]:
    """One whose loss draws nothing by chance, and the transformer in one order."""
    with alone(1):
        return [Plain(), Transformer(SIZES, heads=2, width=4, hidden=6, dropout=0, shuffled=0)]


@pytest.mark.parametrize("learner", networks(), ids=lambda one: type(one).__name__)
def test_gradients_of_rows_are_those_of_rows_alone(learner: Learner) -> None:
    rows = torch.from_numpy(codes(20).astype(np.int64))
    weights = {name: value.detach() for name, value in learner.named_parameters()}
    found = each_gradient(learner)(weights, rows)
    longest = 0.7
    total = 0.0
    for place, row in enumerate(rows):
        learner.zero_grad()
        learner.loss(row[None]).backward()
        alone_ = [value.grad for value in learner.parameters()]
        for own, (name, value) in zip(alone_, found.items(), strict=True):
            assert torch.allclose(own, value[place], atol=1e-5), name
        whole = torch.cat([one.flatten() for one in alone_]).double()
        total = total + whole * min(1.0, longest / float(whole.norm()))
    told = clipped_sum(each_gradient(learner), weights, rows, longest)
    assert np.allclose(told, total.numpy(), atol=1e-4)


def test_a_row_moves_a_sum_by_its_clip_at_most_and_nothing_is_told_of_no_number() -> None:
    learner = Plain()
    weights = {name: 50 * value.detach() for name, value in learner.named_parameters()}
    each, rows = each_gradient(learner), torch.from_numpy(codes(40).astype(np.int64))
    for row in rows:
        assert np.linalg.norm(clipped_sum(each, weights, row[None], 0.3)) <= 0.3 * (1 + 1e-5)
    nowhere = {name: value * float("nan") for name, value in weights.items()}
    assert not clipped_sum(each, nowhere, rows, 0.3).any()
    assert not clipped_sum(each, weights, rows[:0], 0.3).any()


def loss_of(learner: Learner, rows: Any) -> float:
    with torch.no_grad():
        return float(learner.loss(torch.from_numpy(rows.astype(np.int64))))


def test_steps_learn_what_rows_say_and_know_nothing_else() -> None:
    rows, asked = codes(), []

    def noisy(summed: Any) -> Any:
        asked.append(1)
        return summed(np.arange(len(rows)))

    learner = networks()[1].train()
    before = loss_of(learner, rows)
    stages = []
    learner = descend(
        learner,
        rows,
        noisy,
        Descent(steps=30, batch=len(rows), rate=0.02, clip=5.0, average=0.5),
        seed=1,
        progress=lambda *told, **more: stages.append((told, more)),
    )
    assert loss_of(learner, rows) < before - 0.5
    assert len(asked) == 30
    # Nobody is told of a loss.
    assert stages == [(("train on private rows", turn, 30), {}) for turn in range(1, 31)]


def door(epsilon: float) -> Mechanism:
    budget = Budget(epsilon, 1e-6)
    return Mechanism(Ledger(budget, accountant=RDP.of(budget)))


def strategy(name: str, **more: Any) -> SGD:
    found: SGD = find("strategy", name)(**{**quick(name), **more})
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_all_is_spent_and_what_is_too_dear_is_not_begun(name: str) -> None:
    mechanism = door(2.0)
    half = mechanism.ledger.left / 2
    head = strategy(name, head_start=0.3).fit(codes().T, SIZES, 3_000, mechanism, rho=half)
    assert mechanism.ledger.left == pytest.approx(half, rel=1e-6)
    steps = mechanism.ledger.steps[-1]
    assert (steps.purpose, steps.count) == ("steps of DP-SGD", 3)
    assert steps.price == pytest.approx(0.7 * half, rel=1e-4)
    assert "3.33 %" in steps.event
    drawn, _ = head.draw(50, nt.rng.Rng(1))
    assert drawn.shape == (4, 50)
    assert (drawn.max(axis=1) < SIZES).all()
    few = door(2.0)
    with pytest.raises(BudgetExceededError):
        strategy(name).fit(codes().T, SIZES, 3_000, few, rho=2.5 * few.ledger.whole)
    assert not any("DP-SGD" in step.purpose for step in few.ledger.steps)


@pytest.mark.parametrize(("sizes", "rows"), [((4,), 50), ((1, 1), 9), ((3, 1, 2), 1), ((2, 3), 0)])
def test_odd_tables(sizes: tuple[int, ...], rows: int) -> None:
    odd = np.array([np.arange(rows) * 7 % size for size in sizes], dtype=np.uint8)
    odd[:, :1] = 255  # beyond its size: nothing is told of it
    head = strategy("transformer").fit(odd, sizes, 1, door(1.0), rho=0.01)
    assert head.draw(20, nt.rng.Rng(1))[0].shape == (len(sizes), 20)


def people(rows: int = 4_000) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(3))
    age = draw.integers(18, 80, rows)
    grown = draw.random(rows) < (age - 10) / 80
    return pl.DataFrame(
        {"age": age, "rich": grown, "place": draw.choice(["here", "there", "away"], rows)}
    )


def test_with_all_budget_a_network_learns_what_noisy_tables_do_not_tell() -> None:
    rows = people()
    start = {"head_start": 0.2, "pairs": False, "epochs": 2}
    model = nt.fit(
        rows, epsilon=300.0, synthesizer="transformer", **start, steps=80, batch=400, rate=0.02
    )
    made = model.sample(4_000, seed=1)
    told = [
        frame.filter(pl.col("rich"))["age"].mean() - frame.filter(~pl.col("rich"))["age"].mean()
        for frame in (rows, made)
    ]
    assert told[1] > 0.5 * told[0]


def test_a_private_network_is_saved_described_and_published(tmp_path: Path) -> None:
    rows = people()
    model = nt.fit(rows, epsilon=2.0, synthesizer="vae", **quick("vae"))
    again = nt.load(model.save(tmp_path / "private.neotype"))
    assert again.sample(300, seed=3).equals(model.sample(300, seed=3))
    assert set(again.sample(40, where={"place": "here"}, seed=1)["place"]) == {"here"}
    network, promise = model.describe()[:2]
    assert network.startswith("a network of ")
    for said in ("Rényi", "steps of DP-SGD", "× the clip", "% of the rows × 3"):
        assert said in promise
    told = Guarantee.restore(again.facts["privacy"])
    assert told.accountant == "rdp"
    nt.publish(again, tmp_path / "public", rows=200)
    assert "DP-SGD" in (tmp_path / "public" / "report.html").read_text()
    other = nt.fit(rows, epsilon=2.0, synthesizer="vae", **quick("vae"))
    assert not other.sample(300, seed=3).equals(model.sample(300, seed=3))


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"delta": 0}, "has no delta"),
        ({"neighbors": "replace"}, "replaced rows"),
        ({"unit": "place", "at_most": 3}, "up to 3 rows of one place"),
        ({"synthesizer": "gan"}, "transformer, vae"),
        ({"refine": 2}, "would read private rows for free"),
    ],
)
def test_what_cannot_be_had_is_said_before_a_row_is_read(budget: dict[str, Any], said: str) -> None:
    with pytest.raises(BudgetError, match=said):
        nt.fit(people(50), **{"epsilon": 1.0, "synthesizer": "transformer", **budget})
    with pytest.raises(SchemaError, match="share"):
        nt.fit(people(50), epsilon=1.0, synthesizer="vae", head_start=1.5)


def test_networks_are_strategies() -> None:
    assert set(NETWORKS) <= set(names("synthesizer"))
