"""mostlyai-engine: its network of tables with its defaults, and its own limit of time."""

from __future__ import annotations

from typing import Any

from mostlyai.engine import TabularARGN

from benchmarks.adapters.rows import answer


def network(frame: Any, seconds: float) -> tuple[Any, str]:
    model = TabularARGN(max_training_time=seconds / 60, verbose=0)
    model.fit(frame)
    return model.sample(n_samples=len(frame)), ""


if __name__ == "__main__":
    answer({"TabularARGN": network})
