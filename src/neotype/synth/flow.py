"""Discrete flow matching with boosted trees, learnt over leading digits.

A masked flow (Campbell et al. 2024; Gat et al. 2024) carries rows of which nothing is seen to rows
of which all is: every digit has a time of its own, uniform in (0, 1), at which it becomes seen.
Matching it is to tell each digit from those that were seen before; here boosted trees do
(Jolicoeur-Martineau, Fatras & Kachman 2024 match a flow of numbers with them). As a digit's trees
need no others, the flow is drawn event by event, exactly: no steps of time are taken.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Masks
from neotype.errors import FitError
from neotype.outputs import appearing
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.synth.leading import LogWeights
from neotype.trees.cascade import Cascade, Halvings, Votes
from neotype.trees.relevance import mutual_information

_HELD, _LEAST_HELD, _MOST_HELD = 0.1, 20, 20_000
"""The inner holdout: a share of the rows, and how many at least (or a quarter) and at most."""
_COMPARED, _COMPARED_ROWS = 4_000_000_000, 10_000
"""Pairs of cells, and rows, that are looked at to tell which digits say most about which."""
_THREADS = 2
_KEPT = 5.0
"""Seconds between two checkpoints, at least."""

_Shown = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]
"""What rows show, whether they are of the upper half, and the log-odds of that."""


@dataclass(frozen=True)
class Boosting:
    """How the trees of each digit are boosted."""

    rounds: int
    leaves: int
    rate: float
    copies: int
    """Under how many times of its own each row is learnt."""
    least: int
    """Fewest rows in a leaf."""
    width: int
    patience: int
    shuffled: float
    cells: int
    seconds: float | None
    checkpoint: Path | None = None


@dataclass(frozen=True)
class FlowHead:
    """A flow as a joint distribution of leading digits."""

    cascade: Cascade

    @property
    def sizes(self) -> Sequence[int]:
        """How many symbols each digit has."""
        return [int(size) for size in self.cascade.sizes]

    def draw(self, rows: int, rng: Rng, given: Masks | None = None) -> tuple[Codes, LogWeights]:
        """Digits × rows, and the log-probability of what was given."""
        key = int(rng.generator().integers(2**63))
        codes, logp = self.cascade.draw(rows, key, given)
        return np.ascontiguousarray(codes.T), logp

    def log_density(self, codes: Codes) -> LogWeights | None:
        """The log-probability of each row."""
        return self.cascade.log_density(np.ascontiguousarray(codes.T))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        return self.cascade.arrays()

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        return cls(Cascade.restore(arrays))


@dataclass(frozen=True)
class Learnt:
    """A flow, and how many nats a row of the inner holdout has under it."""

    cascade: Cascade
    loss: float
    hurried: bool


def learn_flow(
    codes: Codes, sizes: Sequence[int], boosting: Boosting, rng: Rng, progress: Progress
) -> Learnt:
    """The flow of rows × digits `codes`."""
    return _Learning(codes, sizes, boosting, rng).run(progress)


_Told = tuple[dict[int, Votes], float]
"""The trees of a digit by depth, and the nats of a held row that they gain."""


@dataclass
class _Checkpoint:
    """The digits that are learnt, in a file from which an interrupted run goes on."""

    path: Path | None
    fingerprint: str
    digits: dict[int, _Told] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self.written = time.monotonic()
        if self.path is None or not self.path.exists():
            return
        try:
            with self.path.open("rb") as file, np.load(file) as kept:
                arrays = dict(kept)
        except (ValueError, EOFError, BadZipFile) as fault:
            raise FitError(
                f"{self.path} is no checkpoint of forest_flow, or a damaged one.",
                mend="give another file, or remove that one to begin anew",
            ) from fault
        if str(arrays.pop("fingerprint", "")) != self.fingerprint:
            raise FitError(
                f"the checkpoint {self.path} is of other data or other settings.",
                mend="give another file, or remove that one to begin anew",
            )
        self.begun -= float(arrays.pop("spent"))
        gained = arrays.pop("gained")
        self.digits = {int(digit): ({}, float(nats)) for digit, nats in gained}
        for digit, depth in {tuple(map(int, name.split("/")[:2])) for name in arrays}:
            parts = (arrays[f"{digit}/{depth}/{one.name}"] for one in fields(Votes))
            self.digits[digit][0][depth] = Votes(*parts)

    def add(self, digit: int, told: _Told) -> None:
        """One more digit; the file follows now and then."""
        self.digits[digit] = told
        if time.monotonic() - self.written > _KEPT:
            self.write()

    def write(self) -> None:
        """Whole or not at all."""
        if self.path is None:
            return
        arrays = {
            f"{digit}/{depth}/{one.name}": getattr(part, one.name)
            for digit, (votes, _) in self.digits.items()
            for depth, part in votes.items()
            for one in fields(Votes)
        }
        gained = np.array([(digit, nats) for digit, (_, nats) in self.digits.items()])
        self.written = time.monotonic()
        with appearing(self.path, force=True) as file:
            np.savez(
                file,
                fingerprint=np.array(self.fingerprint),
                spent=np.array(self.written - self.begun),
                gained=gained.reshape(-1, 2),
                **arrays,
            )


class _Learning:
    def __init__(self, codes: Codes, sizes: Sequence[int], boosting: Boosting, rng: Rng) -> None:
        self.codes, self.boosting, self.rng = codes, boosting, rng
        self.sizes = np.array(sizes, dtype=np.int64)
        self.order = np.argsort(self.sizes, kind="stable")
        self.turn = np.argsort(self.order)
        counts = [np.bincount(codes[:, k], minlength=size) for k, size in enumerate(sizes)]
        self.halvings = Halvings.of(counts)
        mixed = rng.child("rows").generator().permutation(len(codes))
        least = min(_LEAST_HELD, len(codes) // 4)
        held = min(max(round(_HELD * len(codes)), least), _MOST_HELD)
        self.held, self.rows = mixed[:held], mixed[held:]
        self.looks = self._looks()
        self.kept = _Checkpoint(boosting.checkpoint, self._fingerprint())
        self.hurried = False
        h = self.halvings
        halved = zip(h.digit, h.low, h.high, strict=True)
        # How many rows were told when all of a halving are: time is shared by that.
        self.shares = np.cumsum([counts[k][low:high].sum() for k, low, high in halved])

    def _looks(self) -> list[NDArray[np.int64]]:
        """Which others each digit looks at: all, or those that say most about it.

        Half of those are drawn before it, so that rows hang together where nothing is given.
        """
        digits, width = len(self.sizes), self.boosting.width
        if digits - 1 <= width:
            return [np.delete(np.arange(digits), k) for k in range(digits)]
        some = self.codes[self.rows[: min(_COMPARED_ROWS, _COMPARED // digits**2)]]
        nats = mutual_information(np.ascontiguousarray(some), self.sizes)
        looks = []
        for k in range(digits):
            near = np.argsort(-nats[k], kind="stable")
            before = near[self.turn[near] < self.turn[k]][: -(-width // 2)]
            others = near[(near != k) & ~np.isin(near, before)]
            looks.append(np.sort(np.append(before, others[: width - len(before)])))
        return looks

    def run(self, progress: Progress) -> Learnt:
        """Digit by digit, two at a time; the loss is that of marginals where none is learnt yet."""
        digits, h = len(self.sizes), self.halvings
        first = np.zeros(len(h.digit), dtype=np.int64)
        last = np.zeros_like(first)
        parts: list[Votes] = []
        loss, trees = self._marginal(), 0
        pool = ThreadPoolExecutor(_THREADS)
        try:
            for digit, told in enumerate(pool.map(self._told, range(digits))):
                if not self.hurried:
                    self.kept.add(digit, told)
                votes, gained = told
                for depth, part in votes.items():
                    at = (h.digit == digit) & (h.depth == depth)
                    first[at], last[at] = trees, trees + len(part.feature)
                    trees += len(part.feature)
                    parts.append(part)
                loss -= gained
                progress("train", digit + 1, digits, note=f"loss {loss:.3f}")
        finally:
            pool.shutdown(cancel_futures=True)
            self.kept.write()
        cascade = Cascade(self.sizes, self.order, h, first, last, Votes.joined(parts))
        return Learnt(cascade, loss, self.hurried)

    def _marginal(self) -> float:
        """The nats of a held row where no digit is told from others."""
        total = 0.0
        for k, size in enumerate(self.sizes):
            count = np.bincount(self.codes[:, k], minlength=size) + 0.5
            told = -np.log(count / count.sum())
            total += float(told[self.codes[self.held, k]].mean()) if len(self.held) else 0.0
        return total

    def _fingerprint(self) -> str:
        """Of all that a run hangs on, but for how long it may take."""
        said = asdict(replace(self.boosting, seconds=None, checkpoint=None))
        told = repr((said, self.sizes.tolist(), self.rng)).encode()
        return blake2b(told + self.codes.tobytes(), digest_size=16).hexdigest()

    def _told(self, digit: int) -> _Told:
        return self.kept.digits.get(digit) or self._digit(digit)

    def _digit(self, digit: int) -> _Told:
        b, generator = self.boosting, self.rng.child("digit").block(digit).generator()
        looks = self.looks[digit]
        most = max(b.cells // (len(self.sizes) * max(len(looks), 1)), 1)
        rows = np.resize(self.rows, min(len(self.rows) * b.copies, most))
        held = np.resize(self.held, min(len(self.held) * b.copies, max(most // 9, 1)))
        if not len(looks) or not len(held):
            return {}, 0.0
        # As many times more as a row may be there: a leaf is of so many rows.
        least = b.least * -(-len(rows) // len(self.rows))
        parts = [(self._seen(r, digit, generator), self.codes[r, digit]) for r in (rows, held)]
        names = np.append(looks, len(self.sizes)).astype(np.int32)
        h, votes, gained = self.halvings, dict[int, Votes](), 0.0
        for depth in range(int(h.depth[h.digit == digit].max(initial=-1)) + 1):
            nodes = np.flatnonzero((h.digit == digit) & (h.depth == depth))
            train, other = (self._level(x, code, nodes) for x, code in parts)
            if len(train[1]) < 2 * least or not len(other[1]):
                continue
            seed, until = int(generator.integers(2**31)), self._until(nodes[-1])
            found, nats = self._boost(train, other, least, seed, until)
            gained += nats * len(other[1]) / len(held)
            if found is not None:
                votes[depth] = replace(found, feature=names[found.feature])
        return votes, gained

    def _until(self, halving: int) -> float:
        """When a halving should be learnt."""
        seconds = self.boosting.seconds
        if seconds is None:
            return np.inf
        return float(self.kept.begun + seconds * self.shares[halving] / self.shares[-1])

    def _seen(
        self, rows: NDArray[np.int64], digit: int, generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """What is seen of rows at the time of the digit: rows × looks, and a place for the half."""
        looks = self.looks[digit]
        when = generator.random((len(rows), 1), dtype=np.float32)
        seen = generator.random((len(rows), len(looks)), dtype=np.float32) < when
        straight = generator.random(len(rows)) >= self.boosting.shuffled
        seen[straight] = self.turn[looks] < self.turn[digit]
        x = np.empty((len(rows), len(looks) + 1), dtype=np.float32)
        x[:, :-1] = self.codes[np.ix_(rows, looks)]
        x[:, :-1][~seen] = np.nan
        return x

    def _level(self, x: NDArray[np.float32], code: Codes, nodes: NDArray[np.int64]) -> _Shown:
        """The rows that are at one of the nodes."""
        h = self.halvings
        at = np.full(64, -1)
        for node in nodes:
            at[h.low[node] : h.high[node]] = node
        mine = at[code]
        some = np.flatnonzero(mine >= 0)
        node = mine[some]
        shown = x[some]
        shown[:, -1] = h.low[node]
        return shown, (code[some] >= h.middle[node]).astype(np.float32), h.base[node]

    def _boost(
        self, train: _Shown, held: _Shown, least: int, seed: int, until: float
    ) -> tuple[Votes | None, float]:
        """The trees that are best on held rows, and the nats that they gain a row there."""
        import lightgbm

        b = self.boosting
        settings = {
            "objective": "binary",
            "num_threads": 1,
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "num_leaves": b.leaves,
            "learning_rate": b.rate,
            "min_data_in_leaf": least,
            "min_data_in_bin": 1,
            "lambda_l2": 1.0,
        }
        odds = np.where(held[1] > 0, -held[2], held[2])
        begin = best = float(np.logaddexp(0, odds).mean())
        if time.monotonic() > until:
            self.hurried = True
            return None, 0.0
        data = lightgbm.Dataset(train[0], train[1], init_score=train[2], params=settings)
        aside = lightgbm.Dataset(
            held[0], held[1], reference=data, init_score=held[2], params=settings
        )
        booster = lightgbm.Booster(settings, data).add_valid(aside, "held")
        rounds = 0
        for turn in range(1, b.rounds + 1):
            if booster.update():
                break
            loss = booster.eval_valid()[0][2]
            if loss < best:
                best, rounds = loss, turn
            elif turn - rounds >= b.patience:
                break
            if time.monotonic() > until:
                self.hurried = True
                break
        if not rounds:
            return None, 0.0
        return parsed(booster.model_to_string(num_iteration=rounds)), begin - best


def parsed(text: str) -> Votes:
    """LightGBM's trees of splits of numbers, as arrays."""
    parts = []
    for tree in text.split("\nTree=")[1:]:
        told = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)

        def column(name: str, told: dict[str, str] = told) -> NDArray[np.float64]:
            return np.array(told.get(name, "").split(), dtype=np.float64)

        value = column("leaf_value")[None].astype(np.float32)
        if len(value[0]) == 1:
            continue
        kind = column("decision_type").astype(np.int64)
        # Bit 1: what is missing goes left; bits 2 and 3: 2 where any was missing, else it is 0.
        hides = ((kind & 2) > 0) | ((kind >> 2) != 2)
        parts.append(
            Votes(
                column("split_feature")[None].astype(np.int32),
                np.clip(column("threshold"), 0, 254)[None].astype(np.uint8),
                hides[None],
                column("left_child")[None].astype(np.int8),
                column("right_child")[None].astype(np.int8),
                value,
            )
        )
    return Votes.joined(parts)
