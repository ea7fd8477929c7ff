"""A variational autoencoder of digits (Kingma and Welling 2014; TVAE: Xu et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neotype.nn.train import Learner


class Autoencoder(Learner):
    """Digits to a Gaussian in `latent` dimensions, and back to the probabilities of all symbols."""

    def __init__(self, sizes: Sequence[int], latent: float, hidden: float, beta: float) -> None:
        super().__init__()
        self.sizes, self.beta, self.latent = tuple(sizes), beta, int(latent)
        width, self.wide = int(hidden), sum(sizes)
        self.encode = nn.Sequential(
            nn.Linear(self.wide, width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
            nn.Linear(width, 2 * self.latent),
        )  # fmt: skip
        self.decode = nn.Sequential(
            nn.Linear(self.latent, width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
            nn.Linear(width, self.wide),
        )  # fmt: skip

    def loss(self, rows: Tensor) -> Tensor:
        """The negative evidence lower bound, its divergence weighted by `beta`."""
        ones = torch.cat(
            [functional.one_hot(rows[:, k], size) for k, size in enumerate(self.sizes)], dim=1
        ).float()
        mean, log_var = self.encode(ones).chunk(2, dim=1)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        logits = self.decode(drawn).split(self.sizes, dim=1)
        told = sum(functional.cross_entropy(one, rows[:, k]) for k, one in enumerate(logits))
        divergence = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1).mean()
        return told + self.beta * divergence

    def draw(self, rows: int, given: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Rows × digits: each symbol from its probability, given a point in the latent space."""
        logits = self.decode(torch.randn(rows, self.latent)).split(self.sizes, dim=1)
        drawn = [torch.multinomial(one.softmax(dim=1), 1)[:, 0] for one in logits]
        return torch.stack(drawn, dim=1).to(torch.uint8).numpy(), np.zeros(rows)

    def log_density(self, rows: Any) -> None:
        """None: it is an integral that nobody can do."""
