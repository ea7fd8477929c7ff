"""A data set: a schema and its frames, which agree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from neotype.errors import DataError
from neotype.rng import Rng
from neotype.schema.schema import Schema, Table


@dataclass(frozen=True)
class Dataset:
    """Polars frames by table name, with the schema that says what their columns mean."""

    schema: Schema
    frames: Mapping[str, pl.DataFrame]

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", MappingProxyType(dict(self.frames)))
        findings = []
        for name, table in self.schema.tables.items():
            if name not in self.frames:
                findings.append(f"table '{name}' of the schema has no data")
                continue
            have, want = set(self.frames[name].columns), set(table.columns)
            findings += [f"column '{c}' of table '{name}' is missing" for c in sorted(want - have)]
            findings += [
                f"column '{c}' of table '{name}' is not in the schema" for c in sorted(have - want)
            ]
        if findings:
            raise DataError("the data does not have the columns of its schema.", findings)

    @classmethod
    def of(cls, schema: Schema, frame: pl.DataFrame) -> Dataset:
        """A single-table data set, with the columns in the schema's order."""
        return cls(schema, {schema.name: frame.select(list(schema.columns))})

    @property
    def frame(self) -> pl.DataFrame:
        """The frame of the only table."""
        return self.frames[self.schema.name]

    @property
    def table(self) -> Table:
        """The schema of the only table."""
        return self.schema.table

    @property
    def rows(self) -> int:
        """The number of rows of the only table."""
        return self.frame.height

    def take(self, rows: np.ndarray) -> Dataset:
        """The rows at these positions of the only table."""
        return Dataset.of(self.schema, self.frame[rows])

    def split(self, share: float, rng: Rng) -> tuple[Dataset, Dataset]:
        """Two parts without a common row, the second with about `share` of the rows.

        Where the schema names an entity, no entity has rows in both parts.
        """
        generator = rng.generator()
        entity = self.table.entity
        if entity is None:
            order = generator.permutation(self.rows)
            cut = self.rows - round(share * self.rows)
            first, second = np.sort(order[:cut]), np.sort(order[cut:])
            return self.take(first), self.take(second)
        owners = self.frame[entity].rank("dense").fill_null(0).to_numpy().astype(np.int64)
        order = generator.permutation(int(owners.max(initial=0)) + 1)
        sizes = np.bincount(owners, minlength=len(order))[order]
        held = np.zeros(len(order), dtype=bool)
        held[order[np.cumsum(sizes) <= share * self.rows]] = True
        return self.take(np.flatnonzero(~held[owners])), self.take(np.flatnonzero(held[owners]))

    def fingerprint(self) -> str:
        """A hash of schema, values and their order; equal data sets have equal fingerprints."""
        digest = hashlib.blake2b(self.schema.model_dump_json().encode(), digest_size=16)
        for name in sorted(self.frames):
            hashes = self.frames[name].hash_rows(seed=0)
            digest.update(name.encode())
            digest.update(hashes.to_numpy().tobytes())
        return digest.hexdigest()
