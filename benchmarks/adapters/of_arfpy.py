"""arfpy: adversarial random forests with their defaults."""

from __future__ import annotations

from typing import Any

from arfpy import arf

from benchmarks.adapters.rows import answer


def forest(frame: Any, _: float) -> tuple[Any, str]:
    # It takes texts of pandas 2 for labels, and not those of pandas 3.
    texts = frame.select_dtypes("str").columns
    model = arf.arf(x=frame.astype(dict.fromkeys(texts, "object")))
    model.forde()
    return model.forge(n=len(frame)), ""


if __name__ == "__main__":
    answer({"ARF": forest})
