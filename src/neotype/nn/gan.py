"""An adversarial network of digits (CTGAN: Xu et al. 2019) that is told how well it matches.

The critic follows the gradient penalty of Gulrajani et al. (2017) and sees rows in packs (PacGAN:
Lin et al. 2018). Beside it real rows say how likely they are among generated ones (implicit maximum
likelihood: Li and Malik 2018): what a point of noise gives is a product over digits, so the mean
over many points is a density, and no row may be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neotype.nn.blocks import Residual, apart
from neotype.nn.train import Learner

_SLOPE = 0.2
_SOFT = 0.5
"""Temperature of the symbols through which the critic teaches."""
_LEAST = 1e-6
_TIMES = 4
"""For the score: generated rows for each real one."""
_FOLLOW = 1.0
_NEVER = -30.0
"""The log-probability of a symbol where another one was asked for."""


class Adversary(Learner):
    """A generator of rows that have one digit in common with a real one, and a critic of rows."""

    def __init__(
        self,
        sizes: Sequence[int],
        noise: float,
        hidden: float,
        layers: float,
        pack: float,
        penalty: float,
        critic: float,
        match: float,
        points: float,
        balance: float,
        **ordered: float,
    ) -> None:
        super().__init__()
        self.sizes, self.noise, self.pack = tuple(sizes), int(noise), int(pack)
        self.penalty, self.critic, self.match = penalty, critic, match
        self.points, self.balance = int(points), balance
        self.ordered = {int(name.removeprefix("ordered_")) for name in ordered}
        width, wide, narrow = int(hidden), sum(sizes), max(int(hidden) // 2, 1)
        starts = torch.from_numpy(np.cumsum([0, *sizes[:-1]]))
        owners = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("owners", owners, persistent=False)
        self.register_buffer("shares", torch.ones(wide))
        self.asked = nn.Embedding(wide, width)
        self.first = nn.Linear(self.noise, width)
        self.body = nn.Sequential(
            *(Residual(width) for _ in range(int(layers))),
            nn.LayerNorm(width), nn.GELU(), nn.Linear(width, wide),
        )  # fmt: skip
        self.seen, self.wanted = nn.Linear(wide, narrow), nn.Embedding(wide, narrow)
        self.judge = nn.Sequential(
            nn.LeakyReLU(_SLOPE), nn.Linear(narrow * self.pack, width),
            nn.LeakyReLU(_SLOPE), nn.Linear(width, width),
            nn.LeakyReLU(_SLOPE), nn.Linear(width, 1),
        )  # fmt: skip

    def begin(self, rows: Tensor) -> None:
        """Keep how frequent each symbol is."""
        symbols = (rows.long() + self.starts).reshape(-1)
        self.shares.copy_(torch.bincount(symbols, minlength=len(self.shares)) / max(len(rows), 1))

    def parts(self) -> list[list[nn.Parameter]]:
        """The generator and the critic."""
        generator, critic = (
            (self.asked, self.first, self.body),
            (self.seen, self.wanted, self.judge),
        )
        return [[p for one in side for p in one.parameters()] for side in (generator, critic)]

    def steps(self, rows: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The critic learns to tell rows apart, then the generator to make it err."""
        if self.critic and len(rows) >= self.pack:
            real, asked = self._picked(rows)
            with torch.no_grad():
                made = self._drawn(self._logits(asked), asked)
            yield 1, self._told_apart(self._ones(real), made, asked)
        loss = self.asked.weight.sum() * 0
        if self.critic and len(rows) >= self.pack:
            _, asked = self._picked(rows)
            made = self._drawn(self._logits(asked), asked)
            loss = loss - self.critic * self._value(made, asked).mean()
        if self.match:
            loss = loss - self.match * self._likely(rows) / len(self.sizes)
        yield 0, loss

    def _picked(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As many rows, each for the sake of one symbol, rare ones more often; and the symbols."""
        count = len(rows)
        symbols = rows + self.starts
        column = torch.randint(len(self.sizes), (count,), device=rows.device)
        weights = self.shares[symbols].clamp(min=_LEAST) ** -self.balance
        edges = weights.cumsum(dim=0).T.contiguous()[column]
        at = torch.rand(count, 1, device=rows.device) * edges[:, -1:]
        pick = torch.searchsorted(edges, at)[:, 0].clamp(max=count - 1)
        return rows[pick], symbols[pick, column]

    def _logits(self, asked: Tensor) -> Tensor:
        """Of all symbols, for rows that have those `asked`."""
        noise = torch.randn(len(asked), self.noise, device=asked.device)
        out = self.body(self.first(noise) + self.asked(asked)).float()
        if not self.ordered:
            return out
        parts = list(out.split(self.sizes, dim=1))
        for k in self.ordered:
            parts[k] = self._between(parts[k], self.shares.split(self.sizes)[k])
        return torch.cat(parts, dim=1)

    @staticmethod
    def _between(out: Tensor, shares: Tensor) -> Tensor:
        """Log-probabilities of a Gaussian's falling between the quantiles of a digit."""
        if len(shares) < 2:
            return out
        ends = torch.special.ndtri(shares.cumsum(0)[:-1].double().clamp(1e-7, 1 - 1e-7)).float()
        mean, scale = out[:, :1], functional.softplus(out[:, 1:2] + _FOLLOW) + 1e-2
        below = torch.special.ndtr((ends - mean) / scale)
        below = functional.pad(functional.pad(below, (1, 0)), (0, 1), value=1.0)
        return below.diff(dim=1).clamp(min=1e-7).log()

    def _drawn(self, logits: Tensor, asked: Tensor) -> Tensor:
        """Symbols drawn from their probabilities, through which gradients go (Jang et al. 2017)."""
        noisy = logits - torch.log(-torch.log(torch.rand_like(logits).clamp(_LEAST, 1 - _LEAST)))
        parts = []
        for one in noisy.split(self.sizes, dim=1):
            soft = (one / _SOFT).softmax(dim=1)
            hard = torch.zeros_like(soft).scatter_(1, one.argmax(dim=1, keepdim=True), 1.0)
            parts.append(hard + soft - soft.detach())
        return self._kept(torch.cat(parts, dim=1), asked)

    def _kept(self, made: Tensor, asked: Tensor) -> Tensor:
        """The rows with the symbols asked for: those are given and not drawn."""
        sure = torch.zeros_like(made).scatter_(1, asked[:, None], 1.0)
        return torch.where(self._own(asked), sure, made)

    def _own(self, asked: Tensor) -> Tensor:
        """Where symbols are of the digit that was asked for."""
        return self.owners == self.owners[asked][:, None]

    def _ones(self, rows: Tensor) -> Tensor:
        """A one for each symbol that a row has."""
        out = torch.zeros(len(rows), len(self.shares), device=rows.device)
        return out.scatter_(1, rows + self.starts, 1.0)

    def _value(self, rows: Tensor, asked: Tensor) -> Tensor:
        """What the critic gives each pack of rows; those left over are not seen."""
        whole = len(rows) // self.pack * self.pack
        seen = self.seen(rows[:whole]) + self.wanted(asked[:whole])
        value: Tensor = self.judge(seen.reshape(whole // self.pack, -1)).float()
        return value

    def _told_apart(self, real: Tensor, made: Tensor, asked: Tensor) -> Tensor:
        """The critic's loss, with the penalty of a slope other than 1 between the two."""
        packs = len(real) // self.pack
        part = torch.rand(packs, 1, device=real.device).repeat_interleave(self.pack, dim=0)
        real, made, asked = (one[: len(part)] for one in (real, made, asked))
        between = (part * real + (1 - part) * made).requires_grad_()
        (slope,) = torch.autograd.grad(
            self._value(between, asked).sum(), between, create_graph=True
        )
        steep = (slope.reshape(packs, -1) ** 2).sum(dim=1).add(1e-12).sqrt()
        gap = self._value(made, asked).mean() - self._value(real, asked).mean()
        return gap + self.penalty * ((steep - 1) ** 2).mean()

    def _likely(self, rows: Tensor) -> Tensor:
        """The mean log-probability of rows, each drawn from any of many points of noise."""
        asked = self._usual(self.points * len(rows))
        logits = self._logits(asked).split(self.sizes, dim=1)
        told = torch.cat([one.log_softmax(dim=1) for one in logits], dim=1)
        sure = torch.full_like(told, _NEVER).scatter_(1, asked[:, None], 0.0)
        told = torch.where(self._own(asked), sure, told)
        each = self._ones(rows) @ told.T
        return each.logsumexp(dim=1).mean() - log(len(asked))

    def loss(self, rows: Tensor) -> Tensor:
        """The mean total variation of pairs of digits between rows and generated ones.

        A critic's loss says nothing of how good rows are.
        """
        sizes = torch.tensor(self.sizes, device=rows.device)
        return apart(rows, self._made(_TIMES * len(rows)), sizes)

    def _made(self, rows: int) -> Tensor:
        """Generated rows, the symbols asked for as frequent as they are."""
        asked = self._usual(rows)
        ones = self._drawn(self._logits(asked), asked)
        return torch.stack([one.argmax(dim=1) for one in ones.split(self.sizes, dim=1)], dim=1)

    def _usual(self, rows: int) -> Tensor:
        """Symbols to ask for, as frequent as they are."""
        column = torch.randint(len(self.sizes), (rows,), device=self.shares.device)
        own = self.owners == column[:, None]
        return torch.multinomial(torch.where(own, self.shares, 0.0), 1)[:, 0]

    def draw(self, rows: int, given: Any) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Rows × digits."""
        return self._made(rows).to(torch.uint8).numpy(), np.zeros(rows)

    def log_density(self, rows: Any) -> None:
        """None: a generator has no density."""
