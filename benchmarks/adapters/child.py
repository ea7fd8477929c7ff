"""The side of a measured child process: it reads a table of codes and writes another."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Mechanism = Callable[[Any, dict[str, int], float, float], Any]
"""From a pandas frame of codes, the number of codes of each column, ε and δ, to such a frame."""


def answer(mechanisms: Mapping[str, Mechanism]) -> None:
    """Do what the command line asks; say what the imports had cost before."""
    imports = time.process_time()
    import pandas as pd

    name, folder, epsilon, delta = sys.argv[1:]
    place = Path(folder)
    domain: dict[str, int] = json.loads((place / "domain.json").read_text())
    codes = pd.read_parquet(place / "train.parquet")
    made = mechanisms[name](codes, domain, float(epsilon), float(delta))
    made = made.astype("int64")[list(domain)]
    made.to_parquet(place / "made.parquet", index=False)
    (place / "imports.json").write_text(json.dumps(imports))
