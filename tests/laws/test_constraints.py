"""Laws of every registered constraint, over the declarations and rows of `rules.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, DataError, SchemaError
from neotype.registry import CONSTRAINTS, find
from neotype.rng import Rng
from neotype.schema.constraint import Rule, constraint
from neotype.schema.file import from_document, read_schema, to_document, write_schema
from neotype.schema.schema import Table
from neotype.schema.storage import storage_dtype
from neotype.synth.learn import learn
from neotype.synth.model_file import load, save
from rules import SAMPLES, Sample

NAMES = [f"{k}-{one.name}" for k, one in enumerate(SAMPLES)]
every = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)


def rule_of(sample: Sample) -> Rule:
    data = sample.data
    (declared,) = data.table.constraints
    rule: Rule = declared.learn(data.table.columns, data.frame, protect=5)
    return rule


def test_every_registered_constraint_has_a_sample() -> None:
    assert set(CONSTRAINTS) - {one.name for one in SAMPLES} == set()


@every
def test_rows_that_obey_are_found_to_obey(sample: Sample) -> None:
    held = rule_of(sample).holds(sample.frame)
    assert held.dtype == pl.Boolean
    assert held.null_count() == 0
    assert held.all()


@every
def test_rows_come_back_from_their_rewriting(sample: Sample) -> None:
    rule, columns = rule_of(sample), sample.data.table.columns
    new = rule.rewrite(columns)
    assert (new is None) is sample.checked
    if new is None:
        return
    before = sample.frame.clone()
    inner = rule.encode(sample.frame)
    assert sample.frame.equals(before)
    assert set(inner.columns) == set(new)
    for name, column in new.items():
        assert inner[name].dtype == storage_dtype(column.storage)
        assert column.nullable or not inner[name].null_count()
    again = rule.decode(inner, Rng(0).generator()).select(sample.frame.columns)
    assert again.schema == sample.frame.schema
    for name, cells in sample.frame.to_dict().items():
        if cells.dtype.is_float():
            np.testing.assert_allclose(again[name].to_numpy(), cells.to_numpy(), rtol=1e-12)
            assert (again[name].is_null() == cells.is_null()).all()
        else:
            assert again[name].equals(cells, null_equal=True)


@every
def test_no_combination_of_rewritten_columns_breaks_it(sample: Sample) -> None:
    rule = rule_of(sample)
    if sample.checked or rule.whole:
        return
    inner = rule.encode(sample.frame)
    generator = Rng(3).generator()
    for _ in range(3):
        mixed = pl.DataFrame([one[generator.permutation(inner.height)] for one in inner])
        rows = rule.decode(mixed, generator).select(sample.frame.columns)
        assert rows.schema == sample.frame.schema
        assert rule.holds(rows).all()


@every
def test_a_rule_at_rest_is_the_same_rule(sample: Sample) -> None:
    rule, columns = rule_of(sample), sample.data.table.columns
    facts = json.loads(json.dumps(rule.facts()))
    again = rule.constraint.restore(facts, columns)
    assert again.rewrite(columns) == rule.rewrite(columns)
    assert again.holds(sample.frame).equals(rule.holds(sample.frame))
    if rule.rewrite(columns) is not None:
        inner = rule.encode(sample.frame)
        assert again.encode(sample.frame).equals(inner)
        one, two = (r.decode(inner, Rng(1).generator()) for r in (rule, again))
        assert one.equals(two)


@every
def test_a_planted_violation_is_found_and_named(sample: Sample) -> None:
    if sample.breaks is None:
        return
    row = {**sample.frame.row(7, named=True), **sample.breaks}
    planted = pl.DataFrame([row], schema=sample.frame.schema)
    frame = pl.concat([sample.frame, planted])
    with pytest.raises(DataError) as error:
        learn(
            find("synthesizer", "independent")(), Dataset.of(sample.data.schema, frame), rng=Rng(0)
        )
    (finding,) = error.value.findings
    assert sample.name in finding
    assert f"1 of {frame.height:,} rows" in finding


@every
@pytest.mark.parametrize("family", ["trees", "independent"])
def test_every_synthetic_row_obeys_also_from_a_file(
    sample: Sample, family: str, tmp_path: Path
) -> None:
    data = sample.data
    settings: dict[str, Any] = {"refine": 2} if family == "trees" else {}
    model: Any = learn(find("synthesizer", family)(**settings), data, rng=Rng(0))
    made = model.sample(800, rng=Rng(4)).frame
    assert made.height == 800
    assert made.schema == data.frame.schema
    (rule,) = model.rewriting.rules
    assert rule.holds(made).all()
    for name, column in data.table.columns.items():
        assert column.nullable or not made[name].null_count()
    again, _ = load(save(model, tmp_path / "m.neotype"))
    assert again.sample(800, rng=Rng(4)).frame.equals(made)


@every
def test_the_line_of_a_file_is_the_declaration(sample: Sample, tmp_path: Path) -> None:
    schema = sample.data.schema
    assert from_document(to_document(schema)) == schema
    assert read_schema(write_schema(schema, tmp_path / "s.yaml")) == schema


@every
def test_a_column_that_is_not_there_is_named(sample: Sample) -> None:
    columns = dict(sample.data.table.columns)
    gone = constraint(sample.line).about[0]
    columns.pop(gone)
    columns[f"{gone}s"] = sample.data.table.columns[gone]
    with pytest.raises(ColumnNotFoundError, match=f"did you mean '{gone}s'"):
        Table(columns=columns, constraints=(constraint(sample.line),))


@every
def test_a_field_that_is_not_known_is_refused(sample: Sample) -> None:
    with pytest.raises(SchemaError, match="'columm' is not known here"):
        constraint({**sample.line, "columm": "x"})
