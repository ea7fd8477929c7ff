"""Attention to the digits that are known, in any order, and a network of its own for each digit.

A transformer (Vaswani et al. 2017) of one block, which is cut to tables: a digit asks by a query
that is its own, a symbol answers by a key and a value that are its own, and what was heard goes
through the digit's own layers to the probabilities of its symbols. Keys and values hang on one
symbol alone, so that they are looked up and never made anew. Rows are learnt in orders of their
own (Uria et al. 2014), so that whatever is given comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neotype.nn.blocks import drawn, given_first
from neotype.nn.train import Codes, Learner

_NEVER = -1e9
_ROWS = 1024
"""Rows that are weighed together."""
_DRAWN = 1 << 18
"""Digits of the rows that are drawn together, at most."""
_PAIRS, _LEAST_ASKED, _SCORED = 1 << 12, 8, 1 << 18
"""Digits that ask in a step, times those that answer: of wide tables some digits ask at a time.
For the score of an epoch more of them do."""
_TOGETHER = 32
"""Digits that ask those drawn before them together."""


class Transformer(Learner):
    """For each digit the probabilities of its symbols, given any others.

    `shuffled` is the share of rows that are learnt in orders of chance; the others are learnt in
    that of the sizes, in which digits are drawn where nothing is given.
    """

    order: Tensor
    first: Tensor
    lacking: Tensor

    def __init__(
        self,
        sizes: Sequence[int],
        heads: float,
        width: float,
        hidden: float,
        dropout: float,
        shuffled: float,
    ) -> None:
        super().__init__()
        digits, most, units, whole = len(sizes), max(sizes), int(hidden), int(heads * width)
        self.heads, self.width = int(heads), int(width)
        self.dropout, self.shuffled = dropout, shuffled
        first = np.concatenate([[0], np.cumsum(sizes)])
        # The last one answers where nothing is known.
        self.register_buffer("first", torch.tensor(first))
        self.register_buffer("order", torch.tensor(np.argsort(sizes, kind="stable")))
        self.register_buffer("lacking", torch.arange(most) >= torch.tensor(sizes)[:, None])
        self.keys = nn.Parameter(torch.randn(int(first[-1]) + 1, whole) / 2)
        self.values = nn.Parameter(torch.randn(int(first[-1]) + 1, whole))
        self.queries = nn.Parameter(torch.randn(digits, self.heads, self.width) / 2)
        self.near = nn.Parameter(torch.zeros(self.heads, digits, digits + 1))
        self.into = nn.Parameter(torch.randn(digits, whole, units) / sqrt(whole))
        self.into_bias = nn.Parameter(torch.zeros(digits, 1, units))
        self.on = nn.Parameter(torch.randn(digits, units, units) / sqrt(units))
        self.on_bias = nn.Parameter(torch.zeros(digits, 1, units))
        self.out = nn.Parameter(torch.randn(digits, units, most) / (2 * sqrt(units)))
        self.out_bias = nn.Parameter(torch.zeros(digits, 1, most))

    @property
    def at_once(self) -> int:
        """How many rows it draws together."""
        return max(1, min(_ROWS, _DRAWN // len(self.order)))

    @torch.no_grad()
    def begin(self, rows: Tensor) -> None:
        """How frequent each symbol is: what is said of a row of which nothing is known."""
        for digit, lacking in enumerate(self.lacking):
            size = int((~lacking).sum())
            count = torch.bincount(rows[:, digit].long(), minlength=size) + 1.0
            self.out_bias[digit, 0, :size] = (count / count.sum()).log()

    def loss(self, rows: Tensor) -> Tensor:
        """The mean negative log-probability of the rows, each in an order of its own."""
        chance = torch.rand(rows.shape, device=rows.device).argsort(dim=1)
        mixed = torch.rand(len(rows), 1, device=rows.device) < self.shuffled
        ranks = torch.where(mixed, chance, self.order.argsort())
        digits = rows.shape[1]
        most = _PAIRS if self.training else _SCORED
        asked = min(digits, max(_LEAST_ASKED, most // digits))
        if asked == digits:
            return -self._log_probability(rows, ranks).mean()
        some = torch.randperm(digits, device=rows.device)[:asked].sort().values
        return -self._told(rows, ranks, some).mean() * (digits / asked)

    def _log_probability(self, rows: Tensor, ranks: Tensor) -> Tensor:
        """Of rows whose digits have their turns by rank (rows × digits)."""
        every = torch.arange(rows.shape[1], device=rows.device)
        size = max(1, _ROWS * _PAIRS // (4 * max(_PAIRS // 4, len(every) ** 2)))
        parts = zip(rows.split(size), ranks.split(size), strict=True)
        return torch.cat([self._told(part, rank, every) for part, rank in parts])

    def _told(self, rows: Tensor, ranks: Tensor, asked: Tensor) -> Tensor:
        """The log-probability of the digits that are asked, given those before each, by row."""
        symbols = functional.pad(rows, (0, 1)) + self.first
        known = functional.pad(ranks[:, None, :] < ranks[:, asked, None], (0, 1), value=True)
        heard = self._heard(self.keys[symbols], self.values[symbols], asked, known)
        logits = self._logits(heard, asked).masked_fill(self.lacking[asked][:, None], _NEVER)
        truth = rows[:, asked].T
        told = functional.cross_entropy(logits.flatten(0, 1), truth.flatten(), reduction="none")
        return -told.view(truth.shape).sum(dim=0)

    def _heard(self, keys: Tensor, values: Tensor, asked: Tensor, known: Tensor) -> Tensor:
        """What digits hear (asked × rows × …) of those known (rows × asked × answering)."""
        rows, answering = keys.shape[:2]
        keys, values = (
            one.view(rows, answering, self.heads, self.width).transpose(1, 2)
            for one in (keys, values)
        )  # rows × heads × answering × width
        # rows × heads × asked × answering
        scores = self.queries_of(asked) @ keys.transpose(2, 3) + self.near[:, asked]
        weights = scores.masked_fill(~known[:, None], _NEVER).softmax(dim=3)
        # A mean of many is as wide as one answer.
        heard = (weights @ values) * known.sum(dim=2).sqrt()[:, None, :, None]
        return heard.permute(2, 0, 1, 3).flatten(2)

    def queries_of(self, asked: Tensor) -> Tensor:
        """Heads × asked × width."""
        return self.queries[asked].transpose(0, 1) / sqrt(self.width)

    def _logits(self, heard: Tensor, asked: Tensor) -> Tensor:
        """Asked × rows × symbols."""
        hidden = torch.baddbmm(self.into_bias[asked], heard, self.into[asked])
        hidden = functional.dropout(functional.gelu(hidden), self.dropout, self.training)
        inner = torch.baddbmm(self.on_bias[asked], hidden, self.on[asked])
        hidden = hidden + functional.gelu(inner)
        return torch.baddbmm(self.out_bias[asked], hidden, self.out[asked])

    def draw(self, rows: int, given: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows × digits; what is given has its turn first, so that the rest follows from it."""
        order, allowed = self.order, None
        if given is not None:
            allowed, narrow, order = given_first(given, ~self.lacking, order)
        codes = torch.zeros(rows, len(order), dtype=torch.int64)
        logp = torch.zeros(rows, dtype=torch.float64)
        reading = _Reading(self, rows, order)
        for turn, digit in enumerate(order):
            heard, asked = reading.heard(turn), digit[None]
            logits = self._logits(heard, asked)[0]
            chances = logits.masked_fill(self.lacking[digit], -torch.inf).log_softmax(dim=1)
            if allowed is not None and narrow[digit]:
                chances = chances.masked_fill(~allowed[:, digit], -torch.inf)
                logp += chances.double().logsumexp(dim=1)
            codes[:, digit] = drawn(chances)
            reading.add(turn, codes[:, digit] + self.first[digit])
        return codes.to(torch.uint8).numpy(), logp.numpy()

    def log_density(self, rows: Codes) -> NDArray[Any]:
        """The log-probability of each row, in the order of drawing where nothing is given."""
        codes = torch.from_numpy(rows.astype(np.int64))
        ranks = self.order.argsort().expand(codes.shape)
        parts = zip(codes.split(_ROWS), ranks.split(_ROWS), strict=True)
        told = [self._log_probability(part, rank).double() for part, rank in parts]
        return torch.cat(told).numpy() if told else np.zeros(0)


class _Reading:
    """Rows as they are drawn: digit after digit hears those before it.

    A group of digits hears all that lies before the group at once, then one after the other their
    own: of wide tables every answer would be read once a digit.
    """

    def __init__(self, network: Transformer, rows: int, order: Tensor) -> None:
        self.network, self.order = network, order
        answers = len(order) + 1
        shape = (rows, network.heads, network.width, answers)
        self.keys = torch.empty(shape)
        self.values = torch.empty(rows, network.heads, answers, network.width)
        self.answering = torch.cat([torch.tensor([len(order)]), order])
        self.add(-1, network.first[-1].expand(rows))

    def add(self, turn: int, symbols: Tensor) -> None:
        """What digits answer that were drawn in this turn."""
        by_head = (len(symbols), self.network.heads, self.network.width)
        self.keys[..., turn + 1] = self.network.keys[symbols].view(by_head)
        self.values[:, :, turn + 1] = self.network.values[symbols].view(by_head)

    def heard(self, turn: int) -> Tensor:
        """What the digit of this turn hears: 1 × rows × …"""
        since = turn % _TOGETHER
        first = turn - since + 1
        if not since:
            self.before = self._mean(self.order[turn : turn + _TOGETHER], 0, first)
        heard, weight = (one[:, :, since : since + 1] for one in self.before)
        if since:
            own, more = self._mean(self.order[turn][None], first, turn + 1)
            heard = heard.lerp(own, (more - weight).sigmoid())
        return (heard * sqrt(turn + 1)).permute(2, 0, 1, 3).flatten(2)

    def _mean(self, asked: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Of some answers (rows × heads × asked × width), and the log of their whole weight."""
        near = self.network.near[:, asked][:, :, self.answering[first:last]]
        scores = (self.network.queries_of(asked) @ self.keys[..., first:last]).add_(near)
        top = scores.amax(dim=3, keepdim=True)
        weights = scores.sub_(top).exp_()
        whole = weights.sum(dim=3, keepdim=True)
        return (weights @ self.values[:, :, first:last]) / whole, whole.log() + top
