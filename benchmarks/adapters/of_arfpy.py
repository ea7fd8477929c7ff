"""arfpy: adversarial random forests with their defaults."""

from __future__ import annotations

from typing import Any

from arfpy import arf

from benchmarks.adapters.rows import answer


def forest(frame: Any, _: float) -> tuple[Any, str]:
    model = arf.arf(x=frame)
    model.forde()
    return model.forge(n=len(frame)), ""


if __name__ == "__main__":
    answer({"ARF": forest})
