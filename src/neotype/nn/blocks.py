"""What several networks are made of, how they draw, and how alike rows are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_COARSE, _SCORED = 8, 200
"""Of pairs: symbols of a digit, and digits, at most."""


class Residual(nn.Module):
    """A layer that adds to what it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same, and what the layer adds."""
        return x + self.change(x)


def unpacked(masks: NDArray[np.uint64], size: int) -> Tensor:
    """Sets of symbols, bit by bit: … × size."""
    bits = (masks[..., None] >> np.arange(size, dtype=np.uint64)) & np.uint64(1)
    return torch.from_numpy(bits.astype(np.bool_))


def given_first(
    given: NDArray[np.uint64], real: Tensor, order: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What is allowed of the `real` symbols (rows × digits × symbols), which digits are limited
    by that, and an order in which these have their turns before all others."""
    allowed = unpacked(given, real.shape[1]).to(real.device) & real
    narrow = (allowed != real).any(dim=2).any(dim=0)
    return allowed, narrow, order[(~narrow[order]).long().argsort(stable=True)]


def drawn(chances: Tensor) -> Tensor:
    """One of each row by log-probabilities: the one whose exponential waiting time ends first."""
    waits = torch.empty(chances.shape).exponential_().clamp_(min=1e-30).log()
    return (chances - waits.to(chances.device)).argmax(dim=1)


def apart(rows: Tensor, others: Tensor, sizes: Tensor) -> Tensor:
    """The mean total variation of pairs of digits between two samples of rows × digits."""
    step = -(-len(sizes) // _SCORED)
    sizes = sizes[::step]
    one, other = (_pairs(side[:, ::step], sizes) for side in (rows, others))
    return (one - other).abs().sum() / (2 * len(sizes) ** 2)


def _pairs(rows: Tensor, sizes: Tensor) -> Tensor:
    """How frequent each pair of symbols is, digits taken coarsely."""
    coarse = sizes.clamp(max=_COARSE)
    at = rows * coarse // sizes + coarse.cumsum(0) - coarse
    ones = torch.zeros(len(rows), int(coarse.sum()), device=rows.device).scatter_(1, at, 1.0)
    return ones.T @ ones / len(rows)
