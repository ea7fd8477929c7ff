"""The gradient-boosted trees that detect and predict: LightGBM, made deterministic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.features import Floats

T = TypeVar("T")
R = TypeVar("R")

THREADS = 2
"""Models trained side by side. One thread each: threads inside one model mostly wait."""

FEATURES = 64
"""Features that one tree may split on, drawn at random from more: of 300 features a detector finds
as much (AUC .77 to .79, whatever the share) at a third of the cost.
"""


def parameters(task: str, seed: int, **chosen: Any) -> dict[str, Any]:
    """LightGBM's parameters: the same data and seed give the same trees."""
    return {
        "objective": task,
        "num_threads": 1,
        "verbosity": -1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": seed,
        "num_leaves": 31,
        "learning_rate": 0.05,
        **chosen,
    }


def bins(
    cells: Floats, target: Floats, categorical: Sequence[int], settings: Mapping[str, Any]
) -> Any:
    """Cells cut into LightGBM's histogram bins, once for all models that learn from them."""
    import lightgbm

    return lightgbm.Dataset(
        cells,
        target,
        categorical_feature=list(categorical),
        params=dict(settings),
        free_raw_data=True,
    ).construct()


def grow(data: Any, settings: Mapping[str, Any], rounds: int) -> Any:
    """A booster of `rounds` trees (times the classes); each looks at `FEATURES` at most."""
    import lightgbm

    share = min(1.0, FEATURES / max(1, data.num_feature()))
    return lightgbm.train({**settings, "feature_fraction": share}, data, num_boost_round=rounds)


def predict(booster: Any, cells: Floats) -> NDArray[np.float64]:
    """What the booster says of each row: a probability per class, or a quantity."""
    return np.asarray(booster.predict(cells, num_threads=1), dtype=np.float64)


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The work of each item, two at a time, in the items' order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))
