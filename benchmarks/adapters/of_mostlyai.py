"""mostlyai-engine: its network of tables with its defaults, and its own limit of time."""

from __future__ import annotations

import sys
from typing import Any

# It brings builds of these that do not fit torch 2.13, and transformers fails where it finds them.
sys.modules |= dict.fromkeys(("torchvision", "torchaudio"))

from mostlyai.engine import TabularARGN  # noqa: E402

from benchmarks.adapters.rows import answer  # noqa: E402


def network(frame: Any, seconds: float) -> tuple[Any, str]:
    model = TabularARGN(max_training_time=seconds / 60, verbose=0)
    model.fit(frame)
    return model.sample(n_samples=len(frame)), ""


if __name__ == "__main__":
    answer({"TabularARGN": network})
