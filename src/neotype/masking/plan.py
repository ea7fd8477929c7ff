"""The masking plan: what is done to which column, as a YAML file or options of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError

from neotype.errors import SchemaError, SourceError, did_you_mean
from neotype.masking.anonymity import Anonymity
from neotype.masking.change import Drop, Generalise, Keep, Mask, Shift
from neotype.masking.fake import Fake
from neotype.masking.pseudonym import Pattern, Pseudonym
from neotype.masking.treatment import Treatment, facts_of
from neotype.schema.value import Value

TREATMENTS: Mapping[str, type[Treatment]] = {
    "keep": Keep,
    "drop": Drop,
    "fake": Fake,
    "pattern": Pattern,
    "pseudonym": Pseudonym,
    "mask": Mask,
    "generalise": Generalise,
    "shift": Shift,
}
"""Every treatment by its word."""


def treatment(value: object) -> Treatment:
    """The treatment that this is, or says: 'generalise:3', {treat: generalise, to: 3}."""
    if isinstance(value, Treatment):
        return value
    facts = facts_of(value, TREATMENTS) if isinstance(value, str) else value
    if not isinstance(facts, Mapping) or "treat" not in facts:
        raise SchemaError(
            f"{value!r} is no treatment.", mend="write fake, or {treat: mask, last: 4}"
        )
    word = str(facts["treat"])
    if word not in TREATMENTS:
        raise SchemaError(
            f"there is no treatment '{word}'.",
            found=f"there are: {', '.join(TREATMENTS)}",
            mend=did_you_mean(word, TREATMENTS),
        )
    cls = TREATMENTS[word]
    try:
        return cls.model_validate(dict(facts))
    except ValidationError as cause:
        known = [name for name in cls.model_fields if name != "treat"]
        faults = [_fault(error, known) for error in cause.errors()]
        raise SchemaError(
            f"the treatment '{value if isinstance(value, str) else word}' cannot be:",
            found="\n  ".join(f"- {fault}" for fault in faults),
            mend=f"{word} takes: {', '.join(known) or 'nothing'}",
        ) from None


def _fault(error: Any, known: list[str]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = did_you_mean(path, known)
        return f"'{path}' is not known" + (f"; {near}" if near else "")
    message = error["msg"].removeprefix("Value error, ")
    return f"'{path}': {message}; there is {error['input']!r:.60}" if path else message


AnyTreatment = Annotated[SerializeAsAny[Treatment], BeforeValidator(treatment)]


class MaskingPlan(Value):
    """What is done to which column, and how alike the rows must be.

    A column that is personal and not named is treated as its schema says, or refused.
    """

    columns: dict[str, AnyTreatment] = Field(
        default_factory=dict, description="what is done to a column: fake, generalise:3, …"
    )
    undecided: Literal["treat", "refuse"] = Field(
        default="treat", description="personal columns that are not named"
    )
    per: str | None = Field(default=None, description="the column that names whose each row is")
    anonymity: Anonymity | None = Field(default=None, description="k, quasi_identifiers, …")
    key_file: Path | None = Field(default=None, description="the file with the secret key")


def read_masking(path: Path) -> MaskingPlan:
    """The masking plan in this YAML file, its paths taken from the file's folder.

    SourceError when it cannot be read, SchemaError with every fault.
    """
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as cause:
        raise SourceError(f"masking plan '{path}' cannot be read: {cause}.") from cause
    except yaml.YAMLError as cause:
        raise SchemaError(f"masking plan '{path}' is not YAML: {cause}") from cause
    if not isinstance(facts, Mapping):
        raise SchemaError(
            f"masking plan '{path}' is not a mapping.", mend="write columns: {email: fake}"
        )
    return beside(make_masking(facts, f"masking plan '{path}'"), path.parent)


def make_masking(facts: Mapping[str, Any], name: str) -> MaskingPlan:
    """A masking plan from these settings; SchemaError lists every fault with its path."""
    try:
        return MaskingPlan.model_validate(dict(facts))
    except ValidationError as cause:
        known = [*MaskingPlan.model_fields, *Anonymity.model_fields]
        faults = [_fault(error, known) for error in cause.errors()]
        raise SchemaError(
            f"{name} cannot be followed:",
            found="\n  ".join(f"- {fault}" for fault in faults),
            mend=f"it may hold: {', '.join(MaskingPlan.model_fields)}",
        ) from cause


def beside(plan: MaskingPlan, folder: Path) -> MaskingPlan:
    """The plan with its relative paths taken from `folder`: the key, files of groups."""
    key = None if plan.key_file is None else folder / plan.key_file
    columns = {
        name: one.model_copy(update={"groups": str(folder / one.groups)})
        if isinstance(one, Generalise) and isinstance(one.groups, str) and one.groups != "prefix"
        else one
        for name, one in plan.columns.items()
    }
    asked = plan.anonymity
    if asked is not None:
        files = {
            name: str(folder / one)
            for name, one in asked.hierarchies.items()
            if isinstance(one, str) and one.endswith(".csv")
        }
        asked = asked.model_copy(update={"hierarchies": {**asked.hierarchies, **files}})
    return plan.model_copy(update={"key_file": key, "columns": columns, "anonymity": asked})
