"""The side of a measured child process that learns a table of rows and makes as many others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Generator = Callable[[Any, float], tuple[Any, str]]
"""From a pandas frame and the seconds that training may take to another, and a note."""


def answer(generators: Mapping[str, Generator]) -> None:
    """Do what the command line asks; say what the imports had cost before."""
    imports = time.process_time()
    import pandas as pd

    name, folder, seconds = sys.argv[1:]
    place = Path(folder)
    made, note = generators[name](pd.read_parquet(place / "train.parquet"), float(seconds))
    made.to_parquet(place / "made.parquet", index=False)
    (place / "told.json").write_text(json.dumps({"imports": imports, "note": note}))
