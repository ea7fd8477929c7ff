"""What is to be done, as one YAML file: data, synthesizer, what to compare with, where to."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from neotype.choice import AUTO, Choice
from neotype.dp.budget import ROW, Budget, Neighbors
from neotype.errors import BudgetError, NotRegisteredError, SchemaError, SourceError, did_you_mean
from neotype.masking.plan import AnyTreatment, MaskingPlan, beside
from neotype.registry import find, names
from neotype.url import IfExists, Orphans, Url, is_place, is_url, place, scrubbed

PLAN_SUFFIXES = (".yaml", ".yml")

Place = Annotated[Path | Url, BeforeValidator(place), PlainSerializer(str, str, when_used="json")]
"""A path, or the URL of a database, which shows no password wherever it is written."""


DELTA = 1e-6
"""The chance that the bound of a budget fails, where it is not said."""
STRATEGY = "auto"
"""How a budget is used, where it is not said."""


class Allowance(BaseModel):
    """A privacy budget as a plan says it: an epsilon alone, or who is protected and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float
    delta: float = Field(default=DELTA, description="the chance that the bound fails; 0: pure")
    neighbors: Neighbors = Field(default="add-remove", description="or replace")
    unit: str = Field(
        default=ROW, description="a row, the column of the person protected, or the table"
    )
    at_most: int | dict[str, int] = Field(
        default=1, description="how many rows of one unit count; of several tables, by table"
    )

    @model_validator(mode="before")
    @classmethod
    def _epsilon_alone(cls, value: object) -> object:
        return value if isinstance(value, Mapping | Allowance) else {"epsilon": value}

    @model_validator(mode="after")
    def _can_be_kept(self) -> Allowance:
        try:
            self.budget()
        except BudgetError as cause:
            raise ValueError(f"{cause.problem} {cause.mend or ''}".strip()) from cause
        return self

    def budget(self) -> Budget:
        """What may be spent."""
        return Budget.of(self.epsilon, self.delta or None, self.neighbors, self.unit, self.at_most)


class Recipe(BaseModel):
    """A synthesizer by name, with the hyperparameters that differ from its defaults."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(default="trees", description="a registered synthesizer")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What was set by hand."""
        return dict(self.model_extra or {})


class Chosen(BaseModel):
    """Which tables of a database are meant: those that are named, or all but some."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    include: tuple[str, ...] = Field(default=(), description="these alone; all if unsaid")
    exclude: tuple[str, ...] = Field(default=(), description="all but these")

    @model_validator(mode="before")
    @classmethod
    def _names_alone(cls, value: object) -> object:
        value = [value] if isinstance(value, str) else value
        return {"include": value} if isinstance(value, list | tuple) else value


class Plan(BaseModel):
    """One journey: source → schema → fit → sample → check → report. Paths are as written."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    source: Place = Field(
        description="the real data: a file, a folder of tables, or the URL of a database"
    )
    output: Path = Field(description="the folder that gets everything the run makes")
    destination: Place | None = Field(
        default=None,
        description="where several synthetic tables go: a database, or a folder; `target` with a "
        "URL or a database file says the same",
    )
    if_exists: IfExists = Field(
        default="refuse", description="tables that the destination has already"
    )
    tables: Chosen = Field(
        default_factory=Chosen, description="the tables of the source that are learnt"
    )
    public: tuple[str, ...] = Field(
        default=(), description="reference tables that may be published: kept as they are"
    )
    orphans: Orphans | None = Field(
        default=None,
        description="rows whose foreign key refers to no row: drop them, null the key, or keep "
        "it; refused if not set",
    )
    entity: str | None = Field(default=None, description="column whose owner has several rows")
    sequence: str | None = Field(default=None, description="column that orders an owner's rows")
    schema_file: Path | None = Field(
        default=None, alias="schema", description="a schema to use instead of inferring one"
    )
    target: str | None = Field(
        default=None,
        description="the column the utility check predicts; of several tables, table.column",
    )
    budget: Allowance | None = Field(
        default=None,
        description="learn with differential privacy: epsilon, delta, neighbors, unit, at_most; "
        "the synthesizer is a strategy then, auto if unsaid",
    )
    synthesizer: Recipe = Field(default_factory=Recipe)
    rows: Annotated[int, Field(ge=1)] | dict[str, Annotated[int, Field(ge=1)]] | None = Field(
        default=None,
        description="how many rows to make, or how many by table; as many as were learnt if not "
        "set",
    )
    scale: float | None = Field(
        default=None, gt=0, description="how many times the rows that were learnt"
    )
    holdout: float | Path | Url = Field(
        default=0.25,
        description="real rows the model never sees: a share of the source, or a file of them",
    )
    holdout_public: bool = Field(
        default=False,
        description="the file of the holdout may be published: scores on it go into public.*",
    )
    metrics: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="measures to take; all of them if not set"
    )
    sensitive: tuple[str, ...] = Field(
        default=(), description="columns that name groups to treat alike, and secrets to guard"
    )
    quasi_identifiers: tuple[str, ...] = Field(
        default=(), description="columns that an outsider may know of a person"
    )
    scorer: str | None = Field(
        default=None, description="a measure of utility of your own, as module:function"
    )
    deep: bool = Field(
        default=False, description="attack with models that learn the recipe anew: minutes"
    )
    shadows: int = Field(default=16, ge=2, description="how many such models")
    policy: str | Path | None = Field(
        default=None, description="what must hold: the name of a preset, or a YAML file"
    )
    treat: dict[str, AnyTreatment] = Field(
        default_factory=dict, description="what is done to real columns before they are learnt"
    )
    release: MaskingPlan | None = Field(
        default=None, description="a masked table of the real rows, written beside the synthetic"
    )
    seed: int = Field(default=0, ge=0, description="same seed, same result")

    @model_validator(mode="before")
    @classmethod
    def _target_that_is_a_place(cls, facts: object) -> object:
        """`target: postgresql://…` is where rows go; `target: income` is a column."""
        if not isinstance(facts, Mapping) or not is_place(facts.get("target")):
            return facts
        if facts.get("destination") is not None:
            raise ValueError("a target that is a place and a destination are the same thing")
        rest = {key: value for key, value in facts.items() if key != "target"}
        return {**rest, "destination": facts["target"]}

    @model_validator(mode="before")
    @classmethod
    def _strategy_of_a_budget(cls, facts: object) -> object:
        """With a budget and no name of a synthesizer the usual strategy is meant."""
        if not isinstance(facts, Mapping) or facts.get("budget") is None:
            return facts
        said = facts.get("synthesizer", {})
        if isinstance(said, Mapping) and "name" not in said:
            return {**facts, "synthesizer": {"name": STRATEGY, **said}}
        return facts

    @field_validator("output", mode="before")
    @classmethod
    def _a_folder(cls, value: object) -> object:
        if is_url(value):
            raise ValueError("the folder of the report cannot be a URL; that is the destination")
        return value

    @field_validator("policy", mode="before")
    @classmethod
    def _preset_or_file(cls, value: object) -> object:
        """A bare word is a preset, and not a path."""
        if isinstance(value, str) and (Path(value).suffix in PLAN_SUFFIXES or "/" in value):
            return Path(value)
        return value

    @field_validator("sensitive", "quasi_identifiers", "public", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("holdout", mode="before")
    @classmethod
    def _rows_elsewhere(cls, value: object) -> object:
        return Url(value) if isinstance(value, str) and is_url(value) else value

    @field_serializer("holdout", when_used="json")
    def _holdout_shown(self, value: float | Path | Url) -> float | str:
        return value if isinstance(value, float) else str(value)

    @field_validator("holdout")
    @classmethod
    def _share(cls, value: float | Path | Url) -> float | Path | Url:
        if isinstance(value, float) and not 0 < value < 1:
            raise ValueError("a share lies between 0 and 1, and .25 keeps a quarter of the rows")
        return value

    @model_validator(mode="after")
    def _known_synthesizer(self) -> Plan:
        self.recipe()
        return self

    @model_validator(mode="after")
    def _paid_for(self) -> Plan:
        """Nothing beside a budget reads rows for free."""
        beside = ("orphans", "public", "entity", "sequence", "treat", "release")
        said = [name for name in beside if getattr(self, name)]
        if self.budget is not None and said:
            raise BudgetError(
                f"{', '.join(said)}: not with a budget so far, since it would read rows for free.",
                mend="leave them out; rows of one person count as one by unit and at_most of the "
                "budget",
            )
        return self

    @model_validator(mode="after")
    def _published(self) -> Plan:
        """Only rows of their own can be public, and only beside a budget it matters."""
        if self.holdout_public and (self.budget is None or isinstance(self.holdout, float)):
            raise ValueError(
                "holdout_public says that the holdout is a file of rows that may be published, "
                "beside a budget; "
                + ("no budget is set" if self.budget is None else "it is a share of the source")
            )
        return self

    def recipe(self) -> Any:
        """The synthesizer, or how one is chosen; with a budget, the strategy that spends it."""
        if self.budget is None and self.synthesizer.name == AUTO:
            return make_choice(self.synthesizer.hyperparameters)
        make = make_synthesizer if self.budget is None else make_strategy
        return make(self.synthesizer.name, self.synthesizer.hyperparameters)

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in names("metric"):
                raise NotRegisteredError("metric", name, names("metric"))
        return value

    def beside(self, folder: Path) -> Plan:
        """The plan with every relative path taken from `folder`."""
        changes: dict[str, Any] = {k: _within(folder, p) for k, p in self._paths().items()}
        if self.release is not None:
            changes["release"] = beside(self.release, folder)
        return self.model_copy(update=changes)

    def _paths(self) -> dict[str, Path]:
        keys = ("source", "output", "destination", "schema_file", "holdout", "policy")
        return {key: path for key in keys if isinstance(path := getattr(self, key), Path)}

    def with_changes(self, **changes: Any) -> Plan:
        """The plan with the values that are not None put in, checked again."""
        given = {key: value for key, value in changes.items() if value is not None}
        said = self.model_dump(by_alias=True)
        if "synthesizer" not in self.model_fields_set:
            del said["synthesizer"]
        return make_plan({**said, **given}, "these options")

    def to_yaml(self, folder: Path) -> str:
        """The plan as a file in `folder` that `read_plan` reads."""
        seen = self.model_copy(
            update={key: Path(os.path.relpath(path, folder)) for key, path in self._paths().items()}
        )
        facts = seen.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.release is not None and self.release.key_file is not None:
            facts["release"]["key_file"] = os.path.relpath(self.release.key_file, folder)
        facts["tables"] = {key: value for key, value in facts["tables"].items() if value}
        facts = {key: value for key, value in facts.items() if value not in ({}, [])}
        return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)


def _within(folder: Path, path: Path) -> Path:
    """The path from `folder`, without the detours that lead nowhere else."""
    joined = folder / path
    short = Path(os.path.normpath(joined))
    return short if short.resolve() == joined.resolve() else joined


def read_plan(path: Path) -> Plan:
    """The plan in this YAML file, its paths taken from the file's folder.

    SourceError when there is no such file, SchemaError with every fault when it is not a plan.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise SourceError(f"plan '{path}' cannot be read: {cause.strerror}.") from cause
    except UnicodeDecodeError as cause:
        raise SchemaError(f"plan '{path}' is not UTF-8 text.") from cause
    try:
        facts = yaml.safe_load(text)
    except yaml.YAMLError as cause:
        raise SchemaError(f"plan '{path}' is not YAML: {cause}") from cause
    if not isinstance(facts, dict):
        raise SchemaError(
            f"plan '{path}' is not a mapping of settings.",
            found=f"there is: {'nothing' if facts is None else type(facts).__name__}",
            mend="write at least `source: data.csv` and `output: out/`",
        )
    return make_plan(facts, f"plan '{path}'").beside(path.parent)


def make_plan(facts: Mapping[str, Any], name: str) -> Plan:
    """A plan from these settings; SchemaError lists every fault with its path and the nearest."""
    try:
        return Plan.model_validate(dict(facts))
    except ValidationError as cause:
        known = [field.alias or key for key, field in Plan.model_fields.items()]
        faults = dict.fromkeys(_fault(error, known) for error in cause.errors())
        raise SchemaError(
            f"{name} cannot be followed:",
            found="\n  ".join(f"- {fault}" for fault in faults),
            mend=f"a plan may hold: {', '.join(known)}",
        ) from cause


_INSIDE = {"budget": tuple(Allowance.model_fields), "tables": tuple(Chosen.model_fields)}
"""What settings of a plan hold that are mappings."""


def _fault(error: Any, known: list[str]) -> str:
    top = str(error["loc"][0]) if error["loc"] else "plan"
    several = top in ("holdout", "rows", "source", "destination")
    path = top if several else ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden" and len(error["loc"]) > 1:
        near = did_you_mean(str(error["loc"][-1]), _INSIDE.get(top, ()))
        return f"'{path}' is not a setting" + (f"; {near}" if near else "")
    if error["type"] == "extra_forbidden":
        near = did_you_mean(top, known)
        return f"'{path}' is not a setting" + (f"; {near}" if near else "")
    if error["type"] == "missing":
        return f"'{path}' is missing"
    message = error["msg"].removeprefix("Value error, ")
    return scrubbed(f"'{path}': {message}; there is {error['input']!r}")


def toward(recipe: Any, target: str | None) -> Any:
    """The recipe with the target drawn first, where it has a say in that and said nothing."""
    if target is None or getattr(recipe, "first", None) != ():
        return recipe
    return dataclasses.replace(recipe, first=(target,))


def hyperparameters(synthesizer: type) -> tuple[str, ...]:
    """The names of the hyperparameters of a synthesizer's class."""
    return tuple(field.name for field in dataclasses.fields(synthesizer))


def make_synthesizer(name: str, settings: Mapping[str, Any]) -> Any:
    """The registered synthesizer `name` with these hyperparameters.

    NotRegisteredError for an unknown name; SchemaError for an unknown hyperparameter or a value
    of the wrong type. A hyperparameter is written once: as a field of the class.
    """
    return _made("synthesizer", name, find("synthesizer", name), settings)


def make_choice(settings: Mapping[str, Any]) -> Choice:
    """How a synthesizer is chosen: budget, objective, families, protect. Errors likewise."""
    families = settings.get("families", ())
    listed = [families] if isinstance(families, str) else list(families)
    for name in listed:
        find("synthesizer", name)
    choice: Choice = _made("choice of synthesizer", AUTO, Choice, {**settings, "families": listed})
    return choice


def make_strategy(name: str | Any, settings: Mapping[str, Any]) -> Any:
    """The registered strategy of a privacy budget with these hyperparameters, or one that is made.

    Errors likewise; BudgetError for a synthesizer or what only those have: it reads rows for free.
    """
    known, others = names("strategy"), names("synthesizer")
    if not isinstance(name, str) and any(isinstance(name, find("strategy", one)) for one in known):
        return dataclasses.replace(name, **settings)
    if not isinstance(name, str) or (name in others and name not in known):
        said = f"'{name}'" if isinstance(name, str) else type(name).__name__
        raise BudgetError(
            f"{said} has no differential privacy, and a budget is given.",
            found=f"with a budget it is one of: {', '.join(known)}",
            mend="name one of those or none; or learn without an epsilon",
        )
    made = hyperparameters(find("strategy", name))
    reading = {key for one in others for key in hyperparameters(find("synthesizer", one))}
    free = [key for key in settings if key in reading and key not in made]
    if free:
        raise BudgetError(
            f"{', '.join(free)}: not with a budget, since it would read private rows for free.",
            found=f"strategy '{name}' has: {', '.join(made) or 'none'}",
            mend="leave it out",
        )
    return _made("strategy", name, find("strategy", name), settings)


def _made(what: str, name: str, recipe: Any, settings: Mapping[str, Any]) -> Any:
    known = hyperparameters(recipe)
    for key in settings:
        if key not in known:
            raise SchemaError(
                f"{what} '{name}' has no hyperparameter '{key}'.",
                found=f"it has: {', '.join(known) or 'none'}",
                mend=did_you_mean(key, known)
                or ("name the one that it is of" if name == STRATEGY else None),
            )
    try:
        return TypeAdapter(recipe).validate_python(dict(settings))
    except ValidationError as cause:
        faults = [
            f"- '{'.'.join(map(str, e['loc']))}': {e['msg']}; there is {e['input']!r}"
            for e in cause.errors()
        ]
        raise SchemaError(f"{what} '{name}' cannot be made:", found="\n  ".join(faults)) from cause
