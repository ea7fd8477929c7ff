"""How a network does while it learns: how alike its rows are to real ones it never met."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from neotype.nn.blocks import apart

_FEWEST, _MOST = 100, 1024
"""Rows that are compared."""
_PATIENCE = 20
"""How many times as long as a look took no other one is taken: looks shall cost little."""


class Watch:
    """Draws rows now and then, and tells how alike their pairs of digits are to those held out."""

    def __init__(self, rows: Tensor, held: Tensor) -> None:
        count = min(_MOST, len(held), len(rows) // 10)
        self.rows, self.held = rows[:count].long(), held[:count].long()
        self.sizes = torch.cat([rows, held]).long().amax(dim=0) + 1
        self.wait, self.said = 0.0, ""

    @torch.no_grad()
    def look(self, learner: Any, rows: Tensor) -> None:
        """Say how alike they are, where there are rows enough to tell and it is time."""
        if len(self.held) < _FEWEST or time.monotonic() < self.wait:
            return
        begun = time.monotonic()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            # What a network learns at its end is not to be learnt twice.
            shown = deepcopy(learner).eval()
            shown.end(rows)
            count = min(len(self.held), shown.at_once)
            drawn = shown.cpu().draw(count, None)[0]
        made = torch.from_numpy(drawn.astype("int64")).to(self.held.device)
        alike, real = self._alike(made), self._alike(self.rows[:count])
        self.said = f", pairs {alike:.1%} alike (real: {real:.1%})"
        now = time.monotonic()
        self.wait = now + _PATIENCE * (now - begun)

    def _alike(self, rows: Tensor) -> float:
        """1 less the mean total variation of pairs."""
        return 1 - float(apart(self.held, rows.clamp(max=self.sizes - 1), self.sizes))
