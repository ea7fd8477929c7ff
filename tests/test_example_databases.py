"""The databases that ship: small, licensed, whole, and pointing nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from neotype import intake
from neotype.links import ORPHAN, Links
from neotype.plan import read_plan
from neotype.source import read

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "tables", "rows", "ties"), [("chinook", 11, 15_607, 11), ("sakila", 15, 46_273, 20)]
)
def test_its_tables_are_read_and_their_keys_are_known(
    name: str, tables: int, rows: int, ties: int
) -> None:
    plan = read_plan(EXAMPLES / f"{name}.yaml")
    source = read(plan.source)
    schema = intake.schema_of(source, None)
    assert len(schema.tables) == tables
    assert sum(frame.height for frame in source.frames.values()) == rows
    assert len(schema.relationships) >= ties
    links = Links.of(schema, source.frames)
    for title, positions in links.positions.items():
        assert not (positions == ORPHAN).any(), title


def test_a_licence_lies_beside_each_and_all_are_small() -> None:
    for name, kind in (("chinook", "Permission is hereby granted"), ("sakila", "Redistribution")):
        assert kind in (EXAMPLES / "licences" / f"{name}.txt").read_text(encoding="utf-8")
        assert f"licences/{name}.txt" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = [EXAMPLES / "chinook.sqlite", *(EXAMPLES / "sakila").iterdir()]
    assert len(files) == 16
    assert sum(file.stat().st_size for file in files) < 1_500_000
