"""A masking plan meets a table: columns are treated, rows made alike, and all is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.errors import DataError, SchemaError
from neotype.masking.anonymity import Anonymity, anonymise
from neotype.masking.change import Drop, Keep, Mask
from neotype.masking.decide import Decision, decide, own_words, remarks
from neotype.masking.key import Key, canonical
from neotype.masking.leaks import leaks, loose
from neotype.masking.plan import MaskingPlan
from neotype.masking.receipt import ColumnReceipt, Receipt
from neotype.masking.spans import counted
from neotype.masking.treatment import Setting
from neotype.personal.detect import detect
from neotype.schema.schema import Table

_FEW = 2
_APART = " (pseudonym:format=true keeps all apart)"


@dataclass(frozen=True)
class Masked:
    """The treated table, and the receipt of what was done."""

    frame: pl.DataFrame
    receipt: Receipt


def apply(frame: pl.DataFrame, table: Table, plan: MaskingPlan, key: Key) -> Masked:
    """The table as the plan wants it.

    SchemaError for columns that do not exist, or personal ones that nobody decided on under
    `undecided: refuse`; DataError with every column that its treatment does not fit.
    """
    asked = _anonymity(plan.anonymity, table)
    quasi = () if asked is None else asked.quasi_identifiers
    found = detect(frame)
    decisions = decide(frame, table, plan, quasi, found)
    own, entity = own_words(table, found), plan.per or table.entity
    setting = Setting(None, key, frame, plan.per, entity, own)
    result, told = _treated(frame, table, decisions, setting)
    notes = remarks(table, decisions, quasi, found) + leaks(frame, decisions, quasi)
    notes += loose(table, decisions, plan.per)
    facts: Mapping[str, Any] | None = None
    if asked is not None:
        before = result
        result, told, facts = _alike(frame, before, table, decisions, asked, told)
        notes += _telling(before, quasi, asked)
    keyed = any(one.treatment.keyed for one in decisions.values())
    if keyed and not key.lasting:
        notes.append(
            "no key was given: a fresh one was used once and is forgotten, so that another run "
            "gives other values (--key-file mask.key)"
        )
    mark = key.mark() if keyed and key.lasting else None
    return Masked(result, Receipt(frame.height, result.height, told, facts, tuple(notes), mark))


def _anonymity(asked: Anonymity | None, table: Table) -> Anonymity | None:
    """What is asked, with the columns that the schema names where nothing else does."""
    if asked is None:
        return None
    quasi = asked.quasi_identifiers or table.quasi_identifiers
    sensitive = asked.sensitive or tuple(n for n in table.sensitive if n not in quasi)
    return asked.model_copy(update={"quasi_identifiers": quasi, "sensitive": sensitive})


def _treated(
    frame: pl.DataFrame, table: Table, decisions: Mapping[str, Decision], setting: Setting
) -> tuple[pl.DataFrame, dict[str, ColumnReceipt]]:
    """Every column in its new form, without those that go."""
    columns, told, findings = {}, {}, []
    for name, decision in decisions.items():
        cells, new = frame[name], frame[name]
        if not isinstance(decision.treatment, Drop):
            try:
                new = decision.treatment.apply(cells, setting.of(table.columns.get(name)))
            except DataError as fault:
                findings.append(" ".join(filter(None, (fault.problem, fault.mend))))
                continue
            columns[name] = new
        told[name] = _column_receipt(cells, new, decision)
    if findings:
        raise DataError("these treatments do not fit their columns.", findings)
    if not columns:
        raise DataError("no column is left.", mend="keep at least one")
    return pl.DataFrame(columns), told


def _column_receipt(cells: pl.Series, new: pl.Series, decision: Decision) -> ColumnReceipt:
    treatment = decision.treatment
    gone = isinstance(treatment, Drop)
    before, after = canonical(cells), canonical(new)
    if new.null_count() != cells.null_count():
        raise DataError(
            f"column '{cells.name}' would have {new.null_count():,} missing cells after "
            f"'{treatment.words}', and has {cells.null_count():,}.",
            mend="choose another treatment",
        )
    distinct = (before.drop_nulls().n_unique(), 0 if gone else after.drop_nulls().n_unique())
    notes = []
    if treatment.treat == "fake" and distinct[1] < distinct[0]:
        given = before.drop_nulls()
        numbers = given.is_unique().all() and given.str.contains(r"\d").all()
        apart = _APART if numbers else ""
        notes.append(f"{distinct[0]:,} values share {distinct[1]:,} fakes{apart}")
    if isinstance(treatment, Mask) and treatment.spans:
        spans = ", ".join(f"{many:,} {word}" for word, many in counted(before, after).items())
        notes.append(f"replaced: {spans or 'nothing'}; what no list knows stays")
    return ColumnReceipt(
        treatment=treatment.words,
        parameters=treatment.model_dump(mode="json"),
        because=decision.because,
        cells=len(cells),
        missing=cells.null_count(),
        changed=len(cells) if gone else int(before.ne_missing(after).sum()),
        distinct=distinct,
        dtype=(str(cells.dtype), "" if gone else str(new.dtype)),
        notes=tuple(notes),
    )


def _alike(
    frame: pl.DataFrame,
    treated: pl.DataFrame,
    table: Table,
    decisions: Mapping[str, Decision],
    asked: Anonymity,
    told: Mapping[str, ColumnReceipt],
) -> tuple[pl.DataFrame, dict[str, ColumnReceipt], Mapping[str, Any]]:
    """The treated rows made alike, with the receipt of the columns that this changed."""
    gone = [name for name in asked.quasi_identifiers if name in told and name not in treated]
    if gone:
        raise SchemaError(
            f"{', '.join(gone)} is dropped, and cannot be a quasi-identifier.",
            mend="leave it out of one of them",
        )
    as_declared = {
        name: column
        for name, column in table.columns.items()
        if name in treated.columns and isinstance(decisions[name].treatment, Keep)
    }
    alike = anonymise(treated, as_declared, asked)
    changed = {
        name: told[name].generalised(frame[name][alike.kept], alike.frame[name])
        for name in asked.quasi_identifiers
    }
    return alike.frame, {**told, **changed}, alike.facts


def _telling(frame: pl.DataFrame, quasi: tuple[str, ...], asked: Anonymity) -> list[str]:
    """Columns that stay as they are and tell what a quasi-identifier was."""
    notes = []
    for name in frame.columns:
        many = frame[name].n_unique() if not frame[name].dtype.is_nested() else 0
        if name in quasi or not _FEW <= many <= frame.height / (_FEW * asked.k):
            continue
        for other in quasi:
            pairs = frame.select(name, other).n_unique()
            if pairs == many and frame[other].n_unique() >= _FEW:
                notes.append(
                    f"'{name}' tells '{other}', and stays as it is: name it a quasi-identifier, "
                    f"or drop it"
                )
    return notes
