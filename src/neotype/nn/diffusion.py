"""Masked diffusion of digits, each at its own time (Austin et al. 2021; Sahoo et al. 2024).

Noise hides one digit after the other until nothing is to be seen; a network learns to tell what is
hidden from what is seen, whichever that is. Drawing goes the other way in a few steps. Digits that
become visible in the same step are drawn independently of each other, so which these are is learnt
from the rows: those that have least to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neotype.nn.blocks import unpacked
from neotype.nn.train import Learner

_BINS, _ROWS = 16, 8192
"""How coarse digits are, and how many rows there are, when pairs of them are compared."""


class Diffusion(Learner):
    """The probabilities of all digits that are hidden, given those that are seen."""

    stage: Tensor

    def __init__(self, sizes: Sequence[int], hidden: float, layers: float, steps: float) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.stages = min(int(steps), len(sizes))
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        width = int(hidden)
        self.seen = nn.Parameter(torch.randn(sum(sizes), width) / len(sizes) ** 0.5)
        self.unseen = nn.Parameter(torch.zeros(len(sizes), width))
        blocks = [_Block(width) for _ in range(int(layers))]
        self.trunk = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.told = nn.Linear(width, sum(sizes))
        self.register_buffer("stage", torch.zeros(len(sizes), dtype=torch.int64))

    def begin(self, rows: Tensor) -> None:
        """Learn the schedule: in which step of drawing each digit becomes visible."""
        self.stage.copy_(torch.tensor(schedule(rows.cpu().long().numpy(), self.sizes, self.stages)))

    @property
    def groups(self) -> list[list[int]]:
        """The digits of each step."""
        stage = self.stage.tolist()
        return [[k for k, s in enumerate(stage) if s == now] for now in range(self.stages)]

    def loss(self, rows: Tensor) -> Tensor:
        """A bound of the negative log-likelihood: digits told in any order."""
        rank = torch.rand(rows.shape, device=rows.device).argsort(dim=1).argsort(dim=1)
        hidden = rank >= torch.randint(0, rows.shape[1], (len(rows), 1), device=rows.device)
        first = torch.tensor(self.starts[:-1], device=rows.device)
        blank = self.starts[-1] + torch.arange(len(self.sizes), device=rows.device)
        table = torch.cat([self.seen, self.unseen])
        x = functional.embedding_bag(torch.where(hidden, blank, rows + first), table, mode="sum")
        logits = self.told(self.trunk(x)).split(self.sizes, dim=1)
        missed = [
            functional.cross_entropy(one, rows[:, k], reduction="none")
            for k, one in enumerate(logits)
        ]
        each = (torch.stack(missed, dim=1) * hidden).sum(dim=1) / hidden.sum(dim=1)
        return len(self.sizes) * each.mean()

    def draw(
        self, rows: int, given: NDArray[np.uint64] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Rows × digits, and how probable what was `given` is.

        What is known is seen first, then what is limited, digit after digit; then all the rest.
        """
        x = self.unseen.sum(dim=0).expand(rows, -1).clone()
        codes, logp = torch.zeros(rows, len(self.sizes), dtype=torch.int64), torch.zeros(rows)
        free = torch.ones(rows, len(self.sizes), dtype=torch.bool)
        if given is not None:
            may = [
                unpacked(given[:, k], size).expand(rows, -1) for k, size in enumerate(self.sizes)
            ]
            known = torch.stack([one.sum(dim=1) <= 1 for one in may], dim=1)
            free = torch.stack([one.all(dim=1) for one in may], dim=1)
            for which in (known & ~free, ~known & ~free):
                for k in self.stage.argsort(stable=True).tolist():
                    at = which[:, k].nonzero()[:, 0]
                    if len(at):
                        told = self._told(k, self.trunk(x[at])).log_softmax(dim=1)
                        told = told.masked_fill(~may[k][at], -torch.inf)
                        logp[at] += told.logsumexp(dim=1)
                        self._see(k, at, told, codes, x)
        for group in self.groups:
            at = free[:, group].any(dim=1).nonzero()[:, 0]
            h = self.trunk(x[at]) if len(at) else x[at]
            for k in group:
                mine = free[at, k]
                self._see(k, at[mine], self._told(k, h[mine]), codes, x)
        return codes.to(torch.uint8).numpy(), logp.double().numpy()

    def _told(self, k: int, h: Tensor) -> Tensor:
        part = slice(self.starts[k], self.starts[k + 1])
        return functional.linear(h, self.told.weight[part], self.told.bias[part])

    def _see(self, k: int, at: Tensor, logits: Tensor, codes: Tensor, x: Tensor) -> None:
        """Draw digit `k` of the rows `at`; nothing possible is symbol 0, whose weight is none."""
        if not len(at):
            return
        ways = logits.softmax(dim=1).nan_to_num()
        ways[:, 0] += ways.sum(dim=1) == 0
        drawn = torch.multinomial(ways, 1)[:, 0]
        codes[at, k] = drawn
        x[at] += self.seen[self.starts[k] + drawn] - self.unseen[k]

    def log_density(self, rows: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Of each row, as it is drawn without conditions."""
        codes, total = torch.from_numpy(rows).long(), torch.zeros(len(rows), dtype=torch.float64)
        x = self.unseen.sum(dim=0).expand(len(codes), -1).clone()
        for group in self.groups:
            h = self.trunk(x)
            for k in group:
                code = codes[:, k]
                total -= functional.cross_entropy(self._told(k, h), code, reduction="none")
                x += self.seen[self.starts[k] + code] - self.unseen[k]
        told: NDArray[np.float64] = total.numpy()
        return told


class _Block(nn.Module):
    """A residual layer, which at first does nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Linear(2 * width, width)
        nn.init.zeros_(last.weight)
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def schedule(rows: NDArray[np.int64], sizes: Sequence[int], steps: int) -> list[int]:
    """For each digit (a column of `rows`) a step, in which it meets those it says least about.

    Those that say most about others choose first. Steps of small digits come first.
    """
    said = np.stack(list(_information(rows[:: max(1, len(rows) // _ROWS)], sizes)))
    most = -(-len(sizes) // steps)
    groups: list[list[int]] = [[] for _ in range(steps)]
    for k in np.argsort(-said.sum(axis=1), kind="stable").tolist():
        room = [group for group in groups if len(group) < most]
        min(room, key=lambda group: (said[k, group].sum(), len(group))).append(k)
    groups.sort(key=lambda group: sum(sizes[k] for k in group) / max(1, len(group)))
    step = {k: place for place, group in enumerate(groups) for k in group}
    return [step[k] for k in range(len(sizes))]


def _information(rows: NDArray[np.int64], sizes: Sequence[int]) -> Iterator[NDArray[np.float64]]:
    """For each digit how many nats each other one tells about it, less what chance would tell."""
    wide = [min(size, _BINS) for size in sizes]
    first = np.concatenate([[0], np.cumsum(wide)])
    coarse = rows * np.array(wide) // np.array(sizes)
    ones = np.zeros((len(rows), first[-1]), dtype=np.float32)
    np.put_along_axis(ones, coarse + first[:-1], 1, axis=1)
    share = ones.mean(axis=0, dtype=np.float64)
    for k, size in enumerate(wide):
        mine = slice(first[k], first[k] + size)
        joint = (ones[:, mine].T @ ones).astype(np.float64) / len(rows)
        apart = np.outer(share[mine], share)
        nats = joint * np.log(np.where(joint > 0, joint / np.where(apart > 0, apart, 1), 1))
        told = np.add.reduceat(nats.sum(axis=0), first[:-1])
        told -= (size - 1) * (np.array(wide) - 1) / (2 * len(rows))
        told[k] = 0
        yield np.maximum(told, 0)
