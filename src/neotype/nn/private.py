"""DP-SGD: the steps of a network see sums of clipped gradients, and of those only noisy ones.

Abadi et al. 2016. The gradient of every row is made apart, cut to a length and added up; whoever
gives `noisy` picks the rows and adds the noise. Nothing else here looks at a row: how many steps
there are is settled beforehand, no loss is measured, nothing ends early, and no number that is none
is told. What a step draws by chance for a row is drawn by a stream that nobody can repeat.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad, vmap

from neotype.nn.train import Codes, Learner, alone
from neotype.progress import Progress, silent

Summed = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""The sum of what the rows at some places add."""
Noisy = Callable[[Summed], NDArray[np.float64]]
"""Such a sum with noise, over rows that are picked by chance."""

_AT_ONCE = 1 << 23
"""Numbers of gradients that are held at once."""
_SHORTEST = 1e-6
"""A length at which gradients are cut, where there is nothing to learn."""


@dataclass(frozen=True)
class Descent:
    """How many steps are taken, how wide, and at which length a row's gradient is cut."""

    steps: int
    batch: float
    """How many rows a step has on average, as far as is known."""
    rate: float
    clip: float
    average: float
    """Weights are averaged over steps, those before counting so much."""


def descend(
    learner: Learner,
    codes: Codes,
    noisy: Noisy,
    settings: Descent,
    *,
    seed: int,
    progress: Progress = silent,
) -> Learner:
    """The network after its steps on rows × digits `codes`: their average, with smaller steps.

    `seed` decides what the network draws while it learns; noise comes with `noisy`.
    """
    rows = torch.from_numpy(codes.astype(np.int64))
    weights = {name: p.detach().clone() for name, p in learner.named_parameters()}
    flat = torch.cat([w.flatten() for w in weights.values()])
    mean, step = flat.clone(), torch.nn.Parameter(flat)
    optimizer = torch.optim.Adam([step], lr=settings.rate, betas=(0.9, 0.99))
    with alone(seed):
        learner.train()
        each = each_gradient(learner)
        for turn in range(settings.steps):
            now = _split(step.detach(), weights)

            def summed(
                places: NDArray[np.int64], now: dict[str, Tensor] = now
            ) -> NDArray[np.float64]:
                return clipped_sum(each, now, rows[torch.from_numpy(places)], settings.clip)

            gradient = noisy(summed) / settings.batch
            step.grad = torch.from_numpy(gradient.astype(np.float32))
            optimizer.param_groups[0]["lr"] = settings.rate * _warmth(turn / settings.steps)
            optimizer.step()
            share = min(settings.average, (1 + turn) / (10 + turn))
            mean.lerp_(step.detach(), 1 - share)
            progress("train on private rows", turn + 1, settings.steps)
    with torch.no_grad():
        for name, value in _split(mean, weights).items():
            learner.get_parameter(name).copy_(value)
    return learner


def each_gradient(learner: Learner) -> Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]]:
    """By weights and rows, the gradient of every row's own loss (rows × weight)."""
    buffers = dict(learner.named_buffers())
    loss = _Loss(learner)

    def of_one(weights: dict[str, Tensor], row: Tensor) -> Tensor:
        told = {f"learner.{name}": value for name, value in (weights | buffers).items()}
        found: Tensor = functional_call(loss, told, (row[None],))
        return found

    every = vmap(grad(of_one), in_dims=(None, 0), randomness="different")

    def gradients(weights: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
        with warnings.catch_warnings():
            # Bags of embeddings are summed row by row, which is right and not slow.
            warnings.filterwarnings("ignore", "There is a performance drop")
            found: dict[str, Tensor] = every(weights, rows)
        return found

    return gradients


def clipped_sum(
    each: Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]],
    weights: dict[str, Tensor],
    rows: Tensor,
    clip: float,
) -> NDArray[np.float64]:
    """The sum of the gradients of all rows, each no longer than `clip` (L2).

    A row whose gradient is no number adds nothing, without a word.
    """
    size = sum(w.numel() for w in weights.values())
    total = torch.zeros(size, dtype=torch.float64)
    for part in rows.split(max(1, _AT_ONCE // size)) if len(rows) else ():
        gradients = [g.flatten(1) for g in each(weights, part).values()]
        norm = sum(g.double().square().sum(dim=1) for g in gradients)
        assert isinstance(norm, Tensor)
        scale = torch.where(norm.isfinite(), clip / norm.sqrt().clamp(min=clip), 0.0).float()
        sums = [scale @ g.nan_to_num(0.0, 0.0, 0.0) for g in gradients]
        total += torch.cat(sums).double()
    found: NDArray[np.float64] = total.numpy()
    return found


class _Loss(torch.nn.Module):
    """The loss of a network as what it says of rows."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, rows: Tensor) -> Tensor:
        return self.learner.loss(rows)


def usual_length(learner: Learner, codes: Codes, share: float) -> float:
    """The length that this share of the gradients of rows × digits `codes` does not pass."""
    weights = {name: p.detach() for name, p in learner.named_parameters()}
    rows = torch.from_numpy(codes.astype(np.int64))
    with alone(0):
        gradients = each_gradient(learner)(weights, rows)
    norm = torch.stack([g.double().flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
    return max(_SHORTEST, float(norm.quantile(share)))


def _split(flat: Tensor, like: dict[str, Tensor]) -> dict[str, Tensor]:
    parts = flat.split([w.numel() for w in like.values()])
    return {name: part.view(w.shape) for (name, w), part in zip(like.items(), parts, strict=True)}


def _warmth(done: float) -> float:
    """How wide a step is, by how many were taken: all the way, and towards the end to nothing."""
    return min(1.0, 2 * (1 - done))
