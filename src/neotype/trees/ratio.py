"""How much more frequent a row is among real rows than among candidates, learnt round by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.trees.tilt import tilt, tilt_tree

Codes = NDArray[np.uint8]
Rows = NDArray[np.uint8]
_FEWEST_HELD = 10
_STRETCHES = 100
_EACH = (2, 3, 4, 6, 8, 12, 16)
_LOST = 0.002
_CAPS = 12
"""How often, at most, the mean weight is found anew without what is beyond its bound."""
_CLOSE = 0.05
ARRAYS = ("roots", "feature", "mask", "child", "value")


@dataclass(frozen=True)
class Boost:
    """How the ratio is boosted: rounds of fresh candidates, and small gentle trees in each.

    A tree sees a `share` of the rows (at most `most` real ones, and four times as many candidates)
    and of the digits (at most `width`), so that its cost is bounded for any table. Every `fresh`
    rounds the candidates are drawn anew, so that the trees learn the model and not one sample.
    `calm` is so many rows of both kinds that a leaf's ratio starts from; more, by as much as the
    candidates are worth less (their effective share), as the ratio of few heavy ones is chance.
    """

    rounds: int = 8
    fresh: int = 2
    trees: int = 60
    leaves: int = 31
    rate: float = 0.05
    calm: float = 15.0
    least: float = 20.0
    share: float = 0.5
    most: int = 16_384
    columns: float = 0.7
    width: int = 32
    held: float = 0.15


@dataclass(frozen=True)
class Ratio:
    """Trees as flat arrays; see `tilt` for their meaning."""

    roots: NDArray[np.int64]
    feature: NDArray[np.int32]
    mask: NDArray[np.uint64]
    child: NDArray[np.int32]
    value: NDArray[np.float32]
    bound: float = 0.0
    """The Kullback–Leibler bound reached on held-out rows, in nats: how much there was to mend."""
    log_mean: float = 0.0
    """The log of the candidates' mean weight."""
    each: int = 1
    """How many candidates a row needs, so that hardly any weight exceeds its share."""
    effective: float = 1.0
    """Effective sample size of the weighted candidates, as a share of their number."""
    history: tuple[float, ...] = field(default=())

    @classmethod
    def none(cls) -> Self:
        """The ratio that is 1 everywhere."""
        return cls(
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
            np.zeros(0, np.uint64),
            np.zeros(0, np.int32),
            np.zeros(0, np.float32),
        )

    @classmethod
    def learn(
        cls,
        real: Codes,
        candidates: Callable[[int], Codes],
        sizes: NDArray[np.int64],
        ordered: NDArray[np.bool_],
        boost: Boost,
        rng: Generator,
        *,
        owner: NDArray[np.int64] | None = None,
        tick: Callable[[int], None] = lambda done: None,
    ) -> Self:
        """Learn from digits × rows `real` and the candidates that `candidates(round)` draws.

        The rounds stop early once held-out real rows are no longer better told apart from held-out
        candidates; the best round is kept. Rows of one `owner` are held out together, and so are
        candidates that stand side by side. Too few rows to hold any out teach nothing: ratio 1.
        """
        rows = np.ascontiguousarray(real.T)
        who = np.arange(len(rows)) if owner is None else owner
        owners = rng.permutation(int(who.max(initial=-1)) + 1)
        spared = np.isin(who, owners[: int(boost.held * len(owners))])
        held, train = rows[spared], rows[~spared]
        ratio = cls.none()
        best = ratio
        history: list[float] = []
        if len(held) < _FEWEST_HELD:
            return best
        for turn in range(boost.rounds):
            if turn % boost.fresh == 0:
                drawn = np.ascontiguousarray(candidates(turn).T)
                aside = _stretches(len(drawn), boost.held, rng)
                fake, other = drawn[~aside], drawn[aside]
                score = ratio.rows(fake)
            ratio = ratio._boosted(train, fake, score, sizes, ordered, boost, rng)
            weight, end = _weighed(score)
            known, strange = (np.minimum(ratio.rows(part), end) for part in (held, other))
            bound = float(known.mean() - _log_mean(strange))
            effective = float(weight.sum() ** 2 / (weight**2).sum() / len(weight))
            history.append(bound)
            ratio = replace(
                ratio,
                bound=bound,
                log_mean=float(np.log(weight.mean()) + end),
                each=_candidates_a_row(weight / weight.mean()),
                effective=effective,
            )
            tick(turn + 1)
            if bound > best.bound:
                best = ratio
            elif turn - int(np.argmax(history)) >= 2:
                break
        return replace(best, history=tuple(history))

    def _boosted(
        self,
        train: Rows,
        fake: Rows,
        score: NDArray[np.float64],
        sizes: NDArray[np.int64],
        ordered: NDArray[np.bool_],
        boost: Boost,
        rng: Generator,
    ) -> Self:
        """A round of trees more; `score`, the candidates' log-ratio, is brought up to date."""
        digits = train.shape[1]
        wide = min(boost.width, max(1, round(boost.columns * digits)))
        some_real = min(boost.most, max(1, int(boost.share * len(train))))
        some_fake = min(4 * boost.most, max(1, int(boost.share * len(fake))))
        grown: dict[str, list[NDArray[Any]]] = {name: [a] for name, a in self.arrays().items()}
        nodes = len(self.feature)
        root = np.zeros(1, dtype=np.int64)
        for _ in range(boost.trees):
            columns = np.sort(rng.permutation(digits)[:wide])
            real_index = _some(rng, len(train), some_real)
            fake_index = _some(rng, len(fake), some_fake)
            weight, _ = _weighed(score)
            weight *= some_real / weight[fake_index].sum()
            feature, mask, child, value = tilt_tree(
                train,
                fake,
                weight,
                real_index,
                fake_index,
                columns,
                sizes,
                ordered,
                boost.leaves,
                boost.rate,
                boost.calm / self.effective,
                boost.least,
            )
            tilt(fake, root, feature, mask, child, value, score)
            moved = np.where(child >= 0, child + nodes, -1).astype(np.int32)
            tree = (np.array([nodes]), feature, mask, moved, value)
            for name, array in zip(ARRAYS, tree, strict=True):
                grown[name].append(array)
            nodes += len(feature)
        whole: dict[str, Any] = {name: np.concatenate(parts) for name, parts in grown.items()}
        return replace(self, **whole)

    def rows(self, rows: Rows) -> NDArray[np.float64]:
        """The log-ratio of each row (rows × digits), up to a constant."""
        total = np.zeros(len(rows))
        tilt(rows, self.roots, self.feature, self.mask, self.child, self.value, total)
        return total

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], log_mean: float, each: int) -> Self:
        """The inverse of `arrays`."""
        known: dict[str, Any] = {name: arrays[name] for name in ARRAYS}
        return cls(**known, log_mean=log_mean, each=each)


def _stretches(rows: int, share: float, rng: Generator) -> NDArray[np.bool_]:
    """A share of the rows, in stretches of rows that stand side by side."""
    parts = min(rows, _STRETCHES)
    chosen = np.isin(np.arange(parts), rng.permutation(parts)[: max(1, round(share * parts))])
    return np.asarray(chosen[np.arange(rows) * parts // max(rows, 1)])


def most(score: NDArray[np.float64]) -> float:
    """The log-ratio beyond which more does not count: of so many candidates one is taken once.

    Without it a few candidates of a kind that nobody saw before could outweigh all others.
    """
    end = np.inf
    for _ in range(_CAPS):
        before, end = end, _log_mean(np.minimum(score, end)) + float(np.log(_EACH[-1]))
        if end >= before - _CLOSE:
            break
    return float(end)


def _weighed(score: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights, of which none counts more than can be given, and the log-ratio where they are 1."""
    end = most(score)
    return np.exp(np.minimum(score, end) - end), end


def _log_mean(score: NDArray[np.float64]) -> float:
    """The log of the mean of what scores are the logs of."""
    return float(np.log(np.exp(score - score.max()).mean()) + score.max())


def _candidates_a_row(weight: NDArray[np.float64]) -> int:
    """The fewest candidates of which a row can be chosen in proportion to `weight` (mean 1).

    Of c candidates a row, none can be taken more than once, so that weight beyond c is lost.
    """
    for each in _EACH[:-1]:
        if np.maximum(weight - each, 0.0).mean() <= _LOST:
            return each
    return _EACH[-1]


def _some(rng: Generator, rows: int, count: int) -> NDArray[np.int32]:
    """Row numbers, about `count` of them, ascending so that memory is read in order."""
    return np.flatnonzero(rng.random(rows) < count / rows).astype(np.int32)
