"""References to one of several tables, by what another cell of the row says."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import Relationship


def asked(tie: Relationship, frame: pl.DataFrame) -> NDArray[np.bool_] | None:
    """The rows of the child that a reference is about; None where it is about all of them."""
    if not tie.when:
        return None
    met = [(pl.col(name) == value).fill_null(False) for name, value in tie.when.items()]
    return frame.select(pl.all_horizontal(met)).to_series().to_numpy()
