"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of every step; may raise KeyboardInterrupt to stop the work between two steps."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """`done` of `total` steps of `stage` are finished; the last call has done == total.

        `note` says how it goes, such as a loss.
        """


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """The listener that does nothing."""
