"""What is done to every column: as asked for, as the schema says, or as its cells need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from neotype.errors import SchemaError, did_you_mean
from neotype.masking.change import Generalise, Keep, Mask
from neotype.masking.plan import TREATMENTS, MaskingPlan
from neotype.masking.treatment import Treatment
from neotype.personal.categories import CATEGORIES
from neotype.personal.detect import Finding
from neotype.personal.fake import PROVIDERS
from neotype.schema.schema import Identifier, Personal, Table

_SHOWN_LAST = ("phone", "iban", "card_number")
_WORDS = {
    "full_name": "name",
    "first_name": "name",
    "last_name": "name",
    "street_address": "address",
    "card_number": "card",
    "national_id": "id",
    "tax_id": "id",
}
ASKED = "asked for"


@dataclass(frozen=True)
class Decision:
    """What is done to a column, and who said so: `because` is empty where nobody did."""

    treatment: Treatment
    because: str = ""


def decide(
    frame: pl.DataFrame,
    table: Table,
    plan: MaskingPlan,
    quasi: tuple[str, ...],
    found: Mapping[str, Finding],
) -> dict[str, Decision]:
    """What is done to every column. SchemaError lists unknown and, if so asked, undecided ones."""
    _known(frame, plan)
    decisions, undecided = {}, {}
    for name in frame.columns:
        column = table.columns.get(name)
        if name in plan.columns:
            decisions[name] = Decision(plan.columns[name], ASKED)
            continue
        decisions[name] = Decision(Keep())
        if isinstance(column, Personal):
            facts = CATEGORIES[column.category]
            left = name in quasi and facts.role == "quasi"
            treatment = Keep() if left else default_treatment(column)
            undecided[name] = Decision(treatment, f"found: {facts.title}")
        elif name in found and found[name].category == "free_text":
            undecided[name] = Decision(Mask(spans=True), f"found: {found[name].reason}")
    if undecided and plan.undecided == "refuse":
        raise SchemaError(
            "personal columns are not decided on:",
            found="\n  ".join(f"- '{name}' {one.because}" for name, one in undecided.items()),
            mend="name each: "
            + " ".join(f"--treat '{name}={d.treatment.words}'" for name, d in undecided.items()),
        )
    return decisions | undecided


def _known(frame: pl.DataFrame, plan: MaskingPlan) -> None:
    named = [*plan.columns, *([plan.per] if plan.per is not None else [])]
    unknown = [name for name in named if name not in frame.columns]
    if unknown:
        said = [f"'{n}': {did_you_mean(n, frame.columns) or 'no such column'}" for n in unknown]
        raise SchemaError(
            f"the masking plan names columns that the table does not have: {'; '.join(said)}",
            found=f"the table has: {', '.join(frame.columns)}",
        )


def default_treatment(column: Personal) -> Treatment:
    """What the schema says is done to a personal column, in a form that fits its category."""
    word = column.treatment
    if word == "fake" and column.category not in PROVIDERS:
        word = "generalise" if column.category == "coordinates" else "mask"
    if word == "mask":
        if column.category == "free_text":
            return Mask(spans=True)
        return Mask(last=4) if column.category in _SHOWN_LAST else Mask()
    if word == "generalise":
        return Generalise()
    return TREATMENTS[word].model_validate({"treat": word})


def own_words(table: Table, found: Mapping[str, Finding]) -> dict[str, str]:
    """The columns that say who a row is about, with the word that stands for each in a text."""
    words = {}
    for name, column in table.columns.items():
        finding = found.get(name)
        category = column.category if isinstance(column, Personal) else None
        if category is None and finding is not None and finding.sure:
            category = finding.category
        if category is not None and CATEGORIES[category].role == "direct":
            words[name] = _WORDS.get(category, category.replace("_", " "))
        elif isinstance(column, Identifier) and column.unique:
            words[name] = "id"
    return words


def remarks(
    table: Table,
    decisions: Mapping[str, Decision],
    quasi: tuple[str, ...],
    found: Mapping[str, Finding],
) -> list[str]:
    """What a careful reader should know of columns that stay as they are."""
    kept = [
        name
        for name, one in decisions.items()
        if isinstance(one.treatment, Keep) and one.because != ASKED and name not in quasi
    ]
    notes = []
    for name in kept:
        column = table.columns.get(name)
        if isinstance(column, Identifier) and column.unique:
            notes.append(
                f"'{name}' names every row and is kept; another table may hold it too: "
                f"--treat {name}=pseudonym"
            )
        elif name in found and found[name].sure:
            notes.append(f"'{name}' is kept, and looks personal: {found[name].reason}")
    telling = [name for name in kept if name in found and found[name].role == "quasi"]
    if telling:
        listed = ",".join((*quasi, *telling))
        notes.append(
            f"{', '.join(map(repr, telling))} may together tell who somebody is, and "
            f"{'is' if len(telling) == 1 else 'are'} kept: --k 5 --quasi {listed}"
        )
    return notes
