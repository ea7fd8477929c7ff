"""A masking plan meets a table: columns are treated, rows made alike, and all is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.errors import DataError, SchemaError, did_you_mean
from neotype.masking.anonymity import Anonymity, anonymise
from neotype.masking.change import Drop, Generalise, Keep, Mask
from neotype.masking.key import Key, canonical
from neotype.masking.plan import TREATMENTS, MaskingPlan
from neotype.masking.receipt import ColumnReceipt, Receipt
from neotype.masking.treatment import Setting, Treatment
from neotype.personal.categories import CATEGORIES
from neotype.personal.fake import PROVIDERS
from neotype.schema.schema import Identifier, Personal, Table

_SHOWN_LAST = ("phone", "iban", "card_number")
_FEW = 2


@dataclass(frozen=True)
class Masked:
    """The treated table, and the receipt of what was done."""

    frame: pl.DataFrame
    receipt: Receipt


@dataclass(frozen=True)
class _Decision:
    """What is done to a column, and who said so."""

    treatment: Treatment
    because: str


def apply(frame: pl.DataFrame, table: Table, plan: MaskingPlan, key: Key) -> Masked:
    """The table as the plan wants it.

    SchemaError for columns that do not exist, or personal ones that nobody decided on under
    `undecided: refuse`; DataError with every column that its treatment does not fit.
    """
    asked = _anonymity(plan.anonymity, table)
    quasi = () if asked is None else asked.quasi_identifiers
    decisions = _decide(frame, table, plan, quasi)
    columns, told, findings = {}, {}, []
    for name, decision in decisions.items():
        cells = frame[name]
        setting = Setting(table.columns.get(name), key, frame, plan.per, plan.per or table.entity)
        try:
            new = (
                cells
                if isinstance(decision.treatment, Drop)
                else (decision.treatment.apply(cells, setting))
            )
        except DataError as fault:
            findings.append(" ".join(filter(None, (fault.problem, fault.mend))))
            continue
        told[name] = _column_receipt(cells, new, decision)
        if not isinstance(decision.treatment, Drop):
            columns[name] = new
    if findings:
        raise DataError("these treatments do not fit their columns.", findings)
    if not columns:
        raise DataError("no column is left.", mend="keep at least one")
    result = pl.DataFrame(columns)
    facts: Mapping[str, Any] | None = None
    notes = _notes(table, decisions, quasi)
    if asked is not None:
        gone = [name for name in quasi if name not in result.columns]
        if gone:
            raise SchemaError(
                f"{', '.join(gone)} is dropped, and cannot be a quasi-identifier.",
                mend="leave it out of one of them",
            )
        same = {
            name: column
            for name, column in table.columns.items()
            if name in result.columns and isinstance(decisions[name].treatment, Keep)
        }
        alike = anonymise(result, same, asked)
        notes += _telling(result, quasi, asked)
        for name in quasi:
            told[name] = told[name].generalised(frame[name][alike.kept], alike.frame[name])
        result, facts = alike.frame, alike.facts
    keyed = [name for name, one in decisions.items() if one.treatment.keyed]
    if keyed and not key.lasting:
        notes.append(
            "no key was given: a fresh one was used once and is forgotten, so that another run "
            "gives other values"
        )
    mark = key.mark() if keyed and key.lasting else None
    return Masked(result, Receipt(frame.height, result.height, told, facts, tuple(notes), mark))


def _decide(
    frame: pl.DataFrame, table: Table, plan: MaskingPlan, quasi: tuple[str, ...]
) -> dict[str, _Decision]:
    """What is done to every column. SchemaError lists unknown and, if so asked, undecided ones."""
    unknown = [name for name in plan.columns if name not in frame.columns]
    if plan.per is not None and plan.per not in frame.columns:
        unknown.append(plan.per)
    if unknown:
        said = [f"'{n}': {did_you_mean(n, frame.columns) or 'no such column'}" for n in unknown]
        raise SchemaError(
            f"the masking plan names columns that the table does not have: {'; '.join(said)}",
            found=f"the table has: {', '.join(frame.columns)}",
        )
    decisions, undecided = {}, {}
    for name in frame.columns:
        column = table.columns.get(name)
        if name in plan.columns:
            decisions[name] = _Decision(plan.columns[name], "asked for")
        elif isinstance(column, Personal):
            title = CATEGORIES[column.category].title
            treatment = default_treatment(column)
            if name in quasi and CATEGORIES[column.category].role == "quasi":
                treatment = Keep()
            decisions[name] = undecided[name] = _Decision(treatment, f"found to be: {title}")
        else:
            decisions[name] = _Decision(Keep(), "")
    if undecided and plan.undecided == "refuse":
        listed = "\n  ".join(f"- '{n}' {one.because}" for n, one in undecided.items())
        raise SchemaError(
            "personal columns are not decided on:",
            found=listed,
            mend="name each: "
            + " ".join(f"--treat '{n}={one.treatment.words}'" for n, one in undecided.items()),
        )
    return decisions


def default_treatment(column: Personal) -> Treatment:
    """What the schema says is done to a personal column, in a form that fits its category."""
    word = column.treatment
    if word == "fake" and column.category not in PROVIDERS:
        word = "generalise" if column.category == "coordinates" else "mask"
    if word == "mask":
        return Mask(last=4) if column.category in _SHOWN_LAST else Mask()
    if word == "generalise":
        return Generalise()
    return TREATMENTS[word].model_validate({"treat": word})


def _anonymity(asked: Anonymity | None, table: Table) -> Anonymity | None:
    """What is asked, with the columns that the schema names where nothing else does."""
    if asked is None:
        return None
    quasi = asked.quasi_identifiers or table.quasi_identifiers
    sensitive = asked.sensitive or tuple(n for n in table.sensitive if n not in quasi)
    return asked.model_copy(update={"quasi_identifiers": quasi, "sensitive": sensitive})


def _column_receipt(cells: pl.Series, new: pl.Series, decision: _Decision) -> ColumnReceipt:
    gone = isinstance(decision.treatment, Drop)
    before, after = canonical(cells), canonical(new)
    changed = len(cells) if gone else int(before.ne_missing(after).sum())
    notes = []
    if not gone and int(new.null_count()) != int(cells.null_count()):
        raise DataError(f"column '{cells.name}' gained or lost missing cells.")
    distinct = (before.drop_nulls().n_unique(), 0 if gone else after.drop_nulls().n_unique())
    if decision.treatment.treat == "fake" and distinct[1] < distinct[0]:
        notes.append(f"{distinct[0]:,} values share {distinct[1]:,} fakes")
    return ColumnReceipt(
        treatment=decision.treatment.words,
        parameters=decision.treatment.model_dump(mode="json"),
        because=decision.because,
        cells=len(cells),
        missing=int(cells.null_count()),
        changed=changed,
        distinct=distinct,
        dtype=(str(cells.dtype), "" if gone else str(new.dtype)),
        notes=tuple(notes),
    )


def _notes(
    table: Table,
    decisions: Mapping[str, _Decision],
    quasi: tuple[str, ...],
) -> list[str]:
    """What a careful reader should know: names of rows that stay."""
    notes = []
    for name, column in table.columns.items():
        decision = decisions.get(name)
        if decision is None or not isinstance(decision.treatment, Keep) or name in quasi:
            continue
        if decision.because == "asked for":
            continue
        if isinstance(column, Identifier) and column.unique:
            notes.append(
                f"'{name}' names every row and is kept; another table may hold it too: "
                f"--treat {name}=pseudonym"
            )
    return notes


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
