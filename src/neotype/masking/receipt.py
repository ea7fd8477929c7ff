"""The receipt: what was done to each column, how many cells changed, and nothing of the key."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from neotype.masking.key import canonical
from neotype.outputs import appearing


@dataclass(frozen=True)
class ColumnReceipt:
    """What was done to a column: (before, after) of its different values and its dtype."""

    treatment: str
    parameters: Mapping[str, Any]
    because: str
    cells: int
    missing: int
    changed: int
    distinct: tuple[int, int]
    dtype: tuple[str, str]
    notes: tuple[str, ...] = ()

    def generalised(self, before: pl.Series, after: pl.Series) -> ColumnReceipt:
        """The same after it was generalised for k-anonymity; `before` are the real cells."""
        old, new = canonical(before), canonical(after)
        return dataclasses.replace(
            self,
            treatment="k-anonymity" if self.treatment == "keep" else f"{self.treatment}, then k",
            cells=len(after),
            changed=int(old.ne_missing(new).sum()),
            missing=int(after.null_count()),
            distinct=(self.distinct[0], new.drop_nulls().n_unique()),
            dtype=(self.dtype[0], str(after.dtype)),
        )


@dataclass(frozen=True)
class Receipt:
    """What was done to a table. `key` is a mark by which receipts of one key are known."""

    rows: int
    rows_left: int
    columns: Mapping[str, ColumnReceipt]
    anonymity: Mapping[str, Any] | None
    notes: tuple[str, ...]
    key: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        facts = dataclasses.asdict(self)
        return {
            "neotype_masking": 1,
            **facts,
            "columns": {
                name: {
                    **column,
                    "distinct": {"before": column["distinct"][0], "after": column["distinct"][1]},
                    "dtype": {"before": column["dtype"][0], "after": column["dtype"][1]},
                }
                for name, column in facts["columns"].items()
            },
        }

    def to_json(self) -> str:
        """The receipt as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, default=str) + "\n"

    def write(self, path: Path, *, force: bool = False) -> None:
        """The receipt as a JSON file; OutputExistsError unless `force`."""
        with appearing(path, force=force) as file:
            file.write(self.to_json().encode())
