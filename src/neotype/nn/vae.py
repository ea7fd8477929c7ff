"""A variational autoencoder of digits (Kingma and Welling 2014; TVAE: Xu et al. 2019).

Its prior is a mixture that is learnt with it (Tomczak and Welling 2018), so that points are drawn
where rows are. A divergence that counts for less than 1 keeps rows apart in the latent space, and
the mixture makes good what a fixed prior would lose by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neotype.nn.blocks import Residual
from neotype.nn.train import Learner

_LEAST, _MOST = -12.0, 4.0
"""Log-variances of the posterior."""
_SETTLED, _AT_ONCE, _ROUNDS = 50_000, 4096, 30
"""Rows to which the mixture is fitted in the end, how many are encoded together, and how often."""
_LEAST_ROWS = 20
_NARROWEST, _NEVER = 1e-4, -50.0
"""The least variance of a part of the mixture, and the log-share of one that is not drawn."""


class Autoencoder(Learner):
    """Digits to a Gaussian in `latent` dimensions, and back to the probabilities of all symbols."""

    def __init__(
        self,
        sizes: Sequence[int],
        latent: float,
        hidden: float,
        layers: float,
        components: float,
        beta: float,
    ) -> None:
        super().__init__()
        self.sizes, self.beta = tuple(sizes), beta
        dims, width, wide, parts = int(latent), int(hidden), sum(sizes), int(components)
        starts = torch.from_numpy(np.cumsum([0, *sizes[:-1]]))
        self.register_buffer("starts", starts, persistent=False)
        self.embed = nn.EmbeddingBag(wide, width, mode="sum")
        nn.init.normal_(self.embed.weight, std=len(sizes) ** -0.5)
        self.encode = nn.Sequential(*_stack(width, int(layers)), nn.Linear(width, 2 * dims))
        self.decode = nn.Sequential(
            nn.Linear(dims, width), *_stack(width, int(layers)), nn.Linear(width, wide)
        )
        self.centres = nn.Parameter(torch.randn(parts, dims))
        self.log_widths = nn.Parameter(torch.zeros(parts, dims))
        self.log_shares = nn.Parameter(torch.zeros(parts))

    def loss(self, rows: Tensor) -> Tensor:
        """The negative evidence lower bound, its divergence weighted by `beta`."""
        point, posterior = self._points(rows)
        logits = self.decode(point).float().split(self.sizes, dim=1)
        missed = torch.stack(
            [functional.cross_entropy(one, rows[:, k]) for k, one in enumerate(logits)]
        ).sum()
        prior = torch.logsumexp(self._parts(point), dim=1)
        return missed + self.beta * (posterior - prior).mean()

    def end(self, rows: Tensor) -> None:
        """Fit the mixture to the points of the rows, by expectation and maximization.

        No part may stand for few rows: it would draw what is much like them.
        """
        some = rows[:_SETTLED].split(_AT_ONCE)
        points = torch.cat([self._points(part.long())[0] for part in some])
        for _ in range(_ROUNDS):
            share = self._parts(points).softmax(dim=1)
            mass = share.sum(dim=0)
            kept = mass >= min(_LEAST_ROWS, float(mass.max()))
            share, mass = share[:, kept], mass[kept, None]
            centres = share.T @ points / mass
            spread = (share.T @ points**2 / mass - centres**2).clamp(min=_NARROWEST)
            self.centres[kept], self.log_widths[kept] = centres, 0.5 * spread.log()
            self.log_shares.fill_(_NEVER)
            self.log_shares[kept] = (mass[:, 0] / mass.sum()).log()

    def _points(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """A point for each row, and how dense its posterior is there, but for a constant."""
        told = self.encode(self.embed(rows + self.starts)).float()
        mean, log_var = told.chunk(2, dim=1)
        log_var = log_var.clamp(_LEAST, _MOST)
        noise = torch.randn_like(mean)
        return mean + noise * (0.5 * log_var).exp(), -0.5 * (noise**2 + log_var).sum(dim=1)

    def _parts(self, point: Tensor) -> Tensor:
        """The log-density of points in each part of the mixture, but for the same constant."""
        scale = (-2 * self.log_widths).exp()
        away = (
            point**2 @ scale.T
            - 2 * point @ (self.centres * scale).T
            + (self.centres**2 * scale).sum(dim=1)
        )
        shares = self.log_shares.log_softmax(dim=0)
        return shares - 0.5 * away - self.log_widths.sum(dim=1)

    def draw(self, rows: int, given: Any) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Rows × digits: each symbol from its probability, given a point in the latent space."""
        part = torch.multinomial(self.log_shares.softmax(dim=0), rows, replacement=True)
        noise = torch.randn(rows, self.centres.shape[1])
        point = self.centres[part] + self.log_widths[part].exp() * noise
        logits = self.decode(point).split(self.sizes, dim=1)
        drawn = [torch.multinomial(one.softmax(dim=1), 1)[:, 0] for one in logits]
        return torch.stack(drawn, dim=1).to(torch.uint8).numpy(), np.zeros(rows)

    def log_density(self, rows: Any) -> None:
        """None: it is an integral that nobody can do."""


def _stack(width: int, layers: int) -> list[nn.Module]:
    return [*(Residual(width) for _ in range(layers)), nn.LayerNorm(width), nn.GELU()]
