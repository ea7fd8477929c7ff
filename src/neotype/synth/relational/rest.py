"""A learnt database at rest: JSON and arrays, and back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import State
from neotype.schema.schema import Schema
from neotype.synth.relational.bond import Bond
from neotype.synth.relational.children import Children
from neotype.synth.relational.fitted import Fitted
from neotype.synth.relational.kin import Kin
from neotype.synth.relational.layout import Layout
from neotype.synth.relational.part import Part
from neotype.synth.relational.paths import Way
from neotype.synth.relational.reference import Reference
from neotype.synth.relational.roundness import Roundness
from neotype.synth.relational.running import Running
from neotype.synth.rewriting import Rewriting
from neotype.synth.synthesizer import Model

Loader = Callable[[str, State, Schema], Model]
"""The model of a family (its registered name) at rest, of one table."""


def state_of(fitted: Fitted, learnt: Mapping[str, int]) -> State:
    """All of it, tables and keys by their number in the schema."""
    schema = fitted.layout.schema
    parts: dict[str, State] = {}
    for number, table in enumerate(schema.tables):
        of_table = {"part": _part_state(fitted.parts[table])}
        bond, children = fitted.bonds.get(table), fitted.children.get(table)
        model: Any = fitted.models.get(table)
        kept = fitted.kept.get(table)
        if bond is not None:
            of_table["bond"] = bond.state()
        if children is not None:
            of_table["children"] = children.state()
        if model is not None:
            of_table["model"] = State.nest(
                {"family": model.family, "schema": model.schema.model_dump(mode="json")},
                {"state": model.state()},
            )
        if kept is not None:
            buffer = io.BytesIO()
            kept.write_ipc(buffer)
            cells = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
            of_table["kept"] = State({}, {"ipc": cells})
        parts[f"table {number}"] = State.nest({}, of_table)
    for number, tie in enumerate(fitted.keys):
        reference = fitted.references[tie.title]
        routes = [[list(way.mine), list(way.theirs)] for way in fitted.ways[tie.title]]
        found = {} if reference is None else {"reference": reference.state()}
        parts[f"key {number}"] = State.nest({"title": tie.title, "ways": routes}, found)
    facts: dict[str, Any] = {
        "learnt": dict(learnt),
        "order": list(fitted.layout.order),
        "contexts": {table: tie.title for table, tie in fitted.layout.contexts.items()},
        "keys": len(fitted.keys),
        "roundness": {table: dict(one.decimals) for table, one in fitted.roundness.items()},
        "kin": list(fitted.kin),
        "running": {
            table: [one.total, one.amount, one.kind, list(one.falls), one.unit, one.floor]
            for table, one in fitted.running.items()
        },
    }
    for number, kin in enumerate(fitted.kin.values()):
        parts[f"kin {number}"] = kin.state()
    return State.nest(facts, parts)


def at_rest(state: State, schema: Schema, load: Loader) -> tuple[Fitted, dict[str, int]]:
    """The inverse of `state_of`."""
    ties = {tie.title: tie for tie in schema.relationships}
    contexts = {table: ties[title] for table, title in state.fact("contexts").items()}
    layout = Layout(schema, tuple(state.fact("order")), contexts)
    parts: dict[str, Part] = {}
    bonds: dict[str, Bond] = {}
    children: dict[str, Children | None] = dict.fromkeys(contexts)
    models: dict[str, Model] = {}
    kept: dict[str, pl.DataFrame] = {}
    for number, table in enumerate(schema.tables):
        own = state.within(f"table {number}")
        parts[table] = _part_at_rest(own.within("part"), schema, table)
        if "bond" in own.facts:
            bonds[table] = Bond.restore(own.within("bond"), schema)
        if "children" in own.facts:
            children[table] = Children.restore(own.within("children"), bonds[table].clock)
        if "model" in own.facts:
            part = own.within("model")
            narrow = Schema.model_validate(part.fact("schema"))
            models[table] = load(part.fact("family"), part.within("state"), narrow)
        if "kept" in own.facts:
            cells = np.ascontiguousarray(own.within("kept").array("ipc"))
            kept[table] = pl.read_ipc(io.BytesIO(cells.tobytes()))
    keys, routes = [], {}
    references: dict[str, Reference | None] = {}
    for number in range(state.fact("keys")):
        own = state.within(f"key {number}")
        tie = ties[own.fact("title")]
        keys.append(tie)
        routes[tie.title] = tuple(Way(tuple(a), tuple(b)) for a, b in own.fact("ways"))
        there = "reference" in own.facts
        references[tie.title] = Reference.restore(own.within("reference")) if there else None
    roundness = {table: Roundness(kept_) for table, kept_ in state.fact("roundness").items()}
    running = {
        table: Running(total, amount, kind, tuple(falls), *rest)
        for table, (total, amount, kind, falls, *rest) in state.fact("running").items()
    }
    weighed = [Kin.restore(state.within(f"kin {k}")) for k in range(len(state.fact("kin")))]
    kin = {one.root: one for one in weighed}
    fitted = Fitted(
        layout,
        tuple(keys),
        parts,
        bonds,
        references,
        routes,
        models,
        children,
        kept,
        roundness,
        running,
        kin,
    )
    return fitted, dict(state.fact("learnt"))


def _part_state(part: Part) -> State:
    facts: dict[str, Any] = {"content": part.content.model_dump(mode="json")}
    if part.rewriting is not None:
        facts["rules"] = [rule.facts() for rule in part.rewriting.rules]
        facts["ruled"] = [rule.constraint.title for rule in part.rewriting.rules]
    parts = {} if part.codebook is None else {"codebook": part.codebook.state()}
    return State.nest(facts, parts)


def _part_at_rest(state: State, schema: Schema, table: str) -> Part:
    content = Schema.model_validate(state.fact("content"))
    rewriting, learnt = None, content
    if "rules" in state.facts:
        said = {constraint.title: constraint for constraint in content.table.constraints}
        kept = [said[title] for title in state.fact("ruled")]
        rules = tuple(
            one.restore(facts, content.columns)
            for one, facts in zip(kept, state.fact("rules"), strict=True)
        )
        rewriting = Rewriting.of(rules, content)
        learnt = rewriting.inner
    codebook = None
    if "codebook" in state.facts:
        codebook = Codebook.restore(state.within("codebook"), learnt)
    return Part(table, schema.tables[table], content, codebook, rewriting)
