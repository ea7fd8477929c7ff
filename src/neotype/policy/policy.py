"""What must hold before a table may leave: gates on scores, and expectations of the rows.

A policy is one YAML file. It decides nothing that it does not say: what is not gated is not
required, and what a gate needs and nobody measured refuses, unless the gate lets it pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from neotype.errors import NotRegisteredError, SchemaError, SourceError, did_you_mean
from neotype.evaluate.metric import Axis
from neotype.registry import names
from neotype.schema.value import Scalar, Value

PRESETS = ("internal", "partner", "public", "fair", "good")
"""The policies that come with neotype, the laxest purpose first; then the two plain ones."""


def _number(value: object) -> object:
    """Not a truth: YAML reads `yes` as one. But 1e-3 is a text to YAML, and is meant."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Bound = Annotated[datetime | date | float, BeforeValidator(_number)]
Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Missing = Literal["refuse", "allow"]


class Rule(Value):
    """What gates and expectations share."""

    because: str = Field(default="", description="the reason, in a sentence")
    when_not_measured: Missing = Field(
        default="refuse", description="what to do when there is no number to hold against it"
    )


class Gate(Rule):
    """A condition on one measure, or on the worst verdict of a whole axis.

    `at_least` and `at_most` are on the measure's own scale. `within_floor` is how much worse than
    the floor it may be, on either side for a measure that is best near its floor; `above_floor_by`
    how far above the floor it may lie. With `certain` the whole 95 % interval must meet the
    condition. `verdict: fair` takes fair and good. Of several tables it is on the `table`, or on
    every table that the measure was taken of.
    """

    measure: str | None = None
    axis: Axis | None = None
    table: str | None = Field(default=None, description="one of several tables; else all of them")
    at_least: Number | None = None
    at_most: Number | None = None
    within_floor: Annotated[Number, Field(ge=0)] | None = None
    above_floor_by: Number | None = None
    verdict: Literal["fair", "good"] | None = None
    certain: bool = False

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.measure is None) == (self.axis is None):
            raise ValueError("a gate is on one `measure` or on one `axis`")
        if self.measure is not None and self.measure not in names("metric"):
            near = did_you_mean(self.measure, names("metric"))
            raise ValueError(
                f"no measure is called '{self.measure}'" + (f"; {near}" if near else "")
            )
        limits = (self.at_least, self.at_most, self.within_floor, self.above_floor_by)
        numeric = any(limit is not None for limit in limits)
        if self.axis is not None and (numeric or self.verdict is None):
            raise ValueError("a gate on an axis says `verdict: fair` or `verdict: good`, alone")
        if not numeric and self.verdict is None:
            raise ValueError(
                "nothing is asked of the measure; say at_least, at_most, within_floor, "
                "above_floor_by or verdict"
            )
        if self.certain and not numeric:
            raise ValueError("a verdict weighs the interval already; `certain` goes with a number")
        _in_order(self.at_least, self.at_most)
        return self

    @property
    def name(self) -> str:
        """What it is a gate on; customer.c2st of one of several tables."""
        if self.measure is None:
            return f"axis {self.axis}" + (f" of {self.table}" if self.table else "")
        return f"{self.table}.{self.measure}" if self.table else self.measure


class Guaranteed(Rule):
    """What is asked of a differential privacy guarantee that comes with the table.

    Without one there is nothing to hold it against: `when_not_measured: refuse` requires one.
    """

    epsilon_at_most: Annotated[Number, Field(gt=0)]
    delta_at_most: Annotated[Number, Field(ge=0, lt=1)] | None = None


_SUBJECTS = ("column", "missing", "unique", "rows", "rate", "number", "correlation", "sql")
_ASKED = ("at_least", "at_most", "between", "among", "share", "like_train_within")
_NUMERIC = frozenset(("at_least", "at_most", "between", "like_train_within"))
_MAY_ASK: Mapping[str, frozenset[str]] = {
    "column": frozenset(("at_least", "at_most", "between", "among", "share")),
    "missing": _NUMERIC,
    "unique": frozenset(),
    "rows": frozenset(("share",)),
    "rate": _NUMERIC,
    "number": _NUMERIC,
    "correlation": _NUMERIC,
    "sql": _NUMERIC - {"like_train_within"},
}
_MUST_ASK = ("column", "missing", "rate", "number", "correlation")


class Expectation(Rule):
    """Something that must be so in the synthetic rows (of a `table`); exactly one subject.

    `column`: its cells lie `between`, are `at_least`, `at_most`, or `among`. `rows`: a
    condition that rows meet, in SQL or polars. Of either a `share` below 1 is enough, and missing
    cells break none. `missing`: the share of missing cells. `unique`: columns whose values together
    never repeat. `rate`: the share of rows that meet a condition. `number`: an aggregate.
    `correlation`: Pearson's, of two columns. `sql`: a query that gives true, no rows, or a number
    to compare.
    """

    name: str = ""
    table: str | None = None
    column: str | None = None
    missing: str | None = None
    unique: Names | None = None
    rows: str | None = None
    rate: str | None = None
    number: str | None = None
    correlation: tuple[str, str] | None = None
    sql: str | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    between: tuple[Bound, Bound] | None = None
    among: Annotated[tuple[Scalar | date, ...], Field(min_length=1)] | None = None
    share: Annotated[Number, Field(gt=0, le=1)] | None = None
    like_train_within: Annotated[Number, Field(ge=0)] | None = None

    @property
    def subject(self) -> str:
        """Which of the subjects it is about."""
        return next(key for key in _SUBJECTS if getattr(self, key) is not None)

    @property
    def title(self) -> str:
        """Its name, or what it says."""
        about = getattr(self, self.subject)
        said = ", ".join(about) if isinstance(about, tuple) else " ".join(str(about).split())
        shown = said if self.subject in ("rows", "sql") else f"{self.subject} {said}"
        return self.name or (f"{self.table}: {shown}" if self.table else shown)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        about = [key for key in _SUBJECTS if getattr(self, key) is not None]
        if len(about) != 1:
            named = f"names {' and '.join(about)}" if about else "names nothing"
            raise ValueError(f"an expectation is about one of {', '.join(_SUBJECTS)}; this {named}")
        asked = {key for key in _ASKED if getattr(self, key) is not None}
        subject, may = about[0], _MAY_ASK[about[0]]
        if asked - may:
            wrong = ", ".join(sorted(asked - may))
            known = ", ".join(key for key in _ASKED if key in may) or "nothing more"
            raise ValueError(f"`{subject}` does not go with {wrong}; it takes: {known}")
        if subject in _MUST_ASK and not asked - {"share"}:
            known = ", ".join(key for key in _ASKED if key in may - {"share"})
            raise ValueError(f"nothing is asked of `{subject}`; say one of: {known}")
        if "between" in asked and asked & {"at_least", "at_most"}:
            raise ValueError("`between` says at_least and at_most already")
        low, high = self.bounds
        if subject != "column" and any(isinstance(end, date) for end in (low, high)):
            raise ValueError(f"`{subject}` is compared with numbers, not with dates")
        _in_order(low, high)
        return self

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The least and the most that is taken; None where there is no end."""
        return self.between or (self.at_least, self.at_most)


def _in_order(low: Any, high: Any) -> None:
    """ValueError when nothing can lie between."""
    if any(isinstance(end, float) and not math.isfinite(end) for end in (low, high)):
        raise ValueError("an end is not a finite number; leave that end out")
    if low is None or high is None:
        return
    if isinstance(low, date) != isinstance(high, date):
        raise ValueError("one end is a date and the other a number")
    if isinstance(low, datetime) != isinstance(high, datetime):
        low, high = (_day(end) if isinstance(end, date) else end for end in (low, high))
    if low > high:
        raise ValueError(f"nothing is at least {low} and at most {high}")


def _day(end: date) -> date:
    return end.date() if isinstance(end, datetime) else end


class Policy(Value):
    """Gates and expectations under one name; `because` says what the policy is for.

    `guarantee` is what is asked of a formal one.
    """

    name: str = Field(min_length=1)
    because: str = ""
    guarantee: Guaranteed | None = None
    gates: tuple[Gate, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.gates and not self.expectations and self.guarantee is None:
            raise ValueError("it has no gates and no expectations: everything would pass")
        return self


def read_policy(source: Policy | Mapping[str, Any] | Path | str) -> Policy:
    """The policy in a YAML file, the preset of this name, or the policy of these settings.

    NotRegisteredError when it is neither a file nor a preset, SourceError when the file cannot be
    read, SchemaError with every fault and its path when it is not a policy.
    """
    if isinstance(source, Policy):
        return source
    if isinstance(source, Mapping):
        return _made(source, "the policy", "policy")
    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1 or path.is_file():
        text, what, name = _text(path), f"policy '{path}'", path.stem
    else:
        text, what, name = preset(str(source)), f"preset '{source}'", str(source)
    return _made(_parsed(text, what), what, name)


def preset(name: str) -> str:
    """The YAML of a policy that comes with neotype, to start one's own from."""
    if name not in PRESETS:
        raise NotRegisteredError("policy", name, PRESETS)
    return (files("neotype.policy") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as cause:
        raise SourceError(f"policy '{path}' cannot be read: {cause.strerror}.") from cause
    except UnicodeDecodeError as cause:
        raise SchemaError(f"policy '{path}' is not UTF-8 text.") from cause


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice: YAML would drop the first, and with it a gate."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' is written twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parsed(text: str, what: str) -> Mapping[str, Any]:
    try:
        facts = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as cause:
        raise SchemaError(f"{what} is not YAML: {cause}") from cause
    if not isinstance(facts, dict):
        raise SchemaError(
            f"{what} is not a mapping of settings.",
            found=f"there is: {'nothing' if facts is None else type(facts).__name__}",
            mend="write gates: and expectations:, or start from `neotype policy partner`",
        )
    return facts


def _made(facts: Mapping[str, Any], what: str, name: str) -> Policy:
    try:
        return Policy.model_validate({"name": name, **facts})
    except ValidationError as cause:
        faults = dict.fromkeys(_fault(error) for error in cause.errors())
        raise SchemaError(
            f"{what} cannot be followed:",
            found="\n  ".join(f"- {fault}" for fault in faults),
            mend="docs/policy.md lists every key; `neotype policy partner` prints a whole policy",
        ) from cause


_KEYS: Mapping[str, tuple[str, ...]] = {
    "gates": tuple(Gate.model_fields),
    "expectations": tuple(Expectation.model_fields),
    "guarantee": tuple(Guaranteed.model_fields),
}


def _fault(error: Any) -> str:
    place = [str(part) for part in error["loc"] if part not in ("date", "datetime", "float")]
    path = ".".join(place) or "the policy"
    if error["type"] == "extra_forbidden":
        known = _KEYS.get(place[0], ()) if len(place) > 1 else ()
        near = did_you_mean(place[-1], known or tuple(Policy.model_fields))
        return f"'{path}' is not a setting" + (f"; {near}" if near else "")
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    shown = "" if isinstance(given, Mapping | list) else f"; there is {given!r}"
    return f"'{path}': {message}{shown}"
