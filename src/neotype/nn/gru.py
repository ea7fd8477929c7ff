"""Gated recurrent units (Cho et al. 2014): one tells windows of two kinds apart, one looks ahead.

Both are the networks by which TimeGAN's scores are defined (Yoon, Jarrett and van der Schaar 2019):
one layer, Adam at .001, batches of 128 windows. torch is imported when one is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BATCH = 128


def installed() -> bool:
    """Whether torch is there."""
    return find_spec("torch") is not None


def tell(
    windows: Floats, truth: Floats, asked: Floats, *, hidden: int, steps: int, seed: int
) -> Floats:
    """How likely each asked window is of kind 1, as learnt from windows whose `truth` is known.

    Windows are (windows, rows, features), truth is 0 or 1; the last state of the network decides.
    """
    import torch

    def loss(answer: Any, want: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(answer[:, -1], want)

    answer = _learn(windows, truth, asked, hidden, steps, seed, loss)
    return np.asarray(1 / (1 + np.exp(-answer[:, -1])))


def forecast(
    windows: Floats, ahead: Floats, asked: Floats, *, hidden: int, steps: int, seed: int
) -> Floats:
    """What comes one row after each row of the asked windows, (windows, rows).

    Learnt from `ahead` of the same shape, which is missing (NaN) where it is not known; the loss is
    the mean absolute error.
    """

    def loss(answer: Any, want: Any) -> Any:
        known = ~want.isnan()
        return (answer - want).abs()[known].sum() / known.sum().clamp(min=1)

    return _learn(windows, ahead, asked, hidden, steps, seed, loss)


def _learn(
    windows: Floats,
    want: Floats,
    asked: Floats,
    hidden: int,
    steps: int,
    seed: int,
    loss: Callable[[Any, Any], Any],
) -> Floats:
    """The answer at every row of the asked windows, (windows, rows), of a network that learnt."""
    import torch

    with _alone(seed) as generator:
        seen, wanted, rest = (
            torch.tensor(one, dtype=torch.float32) for one in (windows, want, asked)
        )
        gru = torch.nn.GRU(seen.shape[2], hidden, batch_first=True)
        last = torch.nn.Linear(hidden, 1)
        descent = torch.optim.Adam([*gru.parameters(), *last.parameters()], lr=1e-3)
        for _ in range(steps):
            batch = torch.randint(len(seen), (BATCH,), generator=generator)
            error = loss(last(gru(seen[batch])[0])[..., 0], wanted[batch])
            descent.zero_grad()
            error.backward()
            descent.step()
        with torch.no_grad():
            answer = last(gru(rest)[0])[..., 0]
    return np.asarray(answer.numpy(), np.float64)


@contextmanager
def _alone(seed: int) -> Iterator[Any]:
    """One thread and a seed of its own, so that equal seeds give equal networks; then as before."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
    finally:
        torch.set_num_threads(threads)
