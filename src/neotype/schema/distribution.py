"""How the cells of a column fall, written by hand where there is no data to learn it from.

One law and its parameters, `{normal: [40, 12], minimum: 18}`; for labels simply their weights,
`{basic: 6, pro: 3}`; where a column depends on others, a table: the cases of the parent, and what
holds in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_serializer,
    model_validator,
)

from neotype.schema.quantity import amount, band, spread
from neotype.schema.value import Scalar, Value


def _plain(value: object) -> object:
    """A date or time from Python as the text it would be in a file."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _key(value: object) -> str:
    """A value as the key of a table."""
    return str(value).lower() if isinstance(value, bool) else str(_plain(value))


Key = Annotated[str, BeforeValidator(_key)]
Amount = Annotated[Scalar, BeforeValidator(_plain)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

TAGS = ("{}", "[]")
"""Of a fault's path, the parts that say whether a table or a list was read."""
_either = Discriminator(lambda value: TAGS[not isinstance(value, Mapping)])
Quantiles = Annotated[
    Annotated[dict[Key, Amount], Tag("{}")] | Annotated[tuple[Amount, ...], Tag("[]")], _either
]
Weights = Annotated[
    Annotated[dict[Key, Weight], Tag("{}")] | Annotated[tuple[Weight, ...], Tag("[]")], _either
]

OTHERWISE, MISSING = "otherwise", "missing"
"""Cases of a table: every other value of the parent, and a missing cell of it."""


class Distribution(Value):
    """How cells fall: exactly one law, cut to `minimum` .. `maximum` where these are given."""

    uniform: tuple[Amount, Amount] | None = Field(default=None, description="[low, high]")
    normal: tuple[Amount, Amount] | None = Field(
        default=None, description="[mean, standard deviation]"
    )
    lognormal: tuple[float, Positive] | None = Field(
        default=None, description="[mean, standard deviation] of the logarithm"
    )
    exponential: Amount | None = Field(default=None, description="the mean")
    gamma: tuple[Positive, Amount] | None = Field(default=None, description="[shape, scale]")
    beta: tuple[float, ...] | None = Field(
        default=None, description="[a, b], between 0 and 1, or [a, b, low, high]"
    )
    triangular: tuple[Amount, Amount, Amount] | None = Field(
        default=None, description="[low, most frequent, high]"
    )
    poisson: Annotated[float, Field(ge=0, le=1e15)] | None = Field(
        default=None, description="the mean"
    )
    binomial: tuple[Annotated[int, Field(ge=0)], Annotated[float, Field(ge=0, le=1)]] | None = (
        Field(default=None, description="[trials, probability]")
    )
    zipf: Annotated[float, Field(gt=1)] | None = Field(
        default=None, description="the exponent; 1 is most frequent"
    )
    pareto: tuple[Positive, Positive] | None = Field(
        default=None, description="[shape, least value]"
    )
    quantiles: Quantiles | None = Field(
        default=None, description="from least to greatest, evenly spaced or by share"
    )
    histogram: dict[Key, Weight] | None = Field(
        default=None, description="ranges such as 10..20, and their weights"
    )
    weights: Weights | None = Field(default=None, description="values and their weights")
    probability: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="of the true label"
    )
    constant: Amount | None = Field(default=None, description="always this value")
    words: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1, le=1000)]] | None = Field(
        default=None, description="[least, most] words of placeholder text"
    )
    mixture: tuple[Distribution, ...] | None = Field(
        default=None, description="laws, each with its weight"
    )
    cases: dict[Key, Distribution] | None = Field(
        default=None, description="what holds for each value or range of the parent column"
    )
    weight: Weight = Field(default=1.0, description="within a mixture")
    minimum: Amount | None = None
    maximum: Amount | None = None
    weekdays: tuple[Weight, ...] | None = Field(
        default=None, description="weights of Monday to Sunday"
    )
    hours: tuple[Weight, ...] | None = Field(
        default=None, description="weights of the hours 0 to 23"
    )

    @property
    def law(self) -> str:
        """The name of the law."""
        return next(name for name in LAWS if getattr(self, name) is not None)

    @model_serializer(mode="wrap")
    def _brief(self, dump: Any) -> dict[str, Any]:
        """What differs from the defaults: of so many laws, one is given."""
        return {
            name: value
            for name, value in dump(self).items()
            if getattr(self, name) != type(self).model_fields[name].default
        }

    @model_validator(mode="after")
    def _one_law(self) -> Distribution:
        given = [name for name in LAWS if getattr(self, name) is not None]
        if len(given) != 1:
            have = " and ".join(given) or "none"
            raise ValueError(f"one law is needed, and there is {have}; laws: {', '.join(LAWS)}")
        return self


LAWS = (
    *("uniform", "normal", "lognormal", "exponential", "gamma", "beta", "triangular"),
    *("poisson", "binomial", "zipf", "pareto", "quantiles", "histogram", "weights"),
    *("probability", "constant", "words", "mixture", "cases"),
)
_OF_TIMES = frozenset(
    ("uniform", "normal", "triangular", "quantiles", "histogram", "weights", "constant", "mixture")
)
OF_KIND: Mapping[str, frozenset[str]] = {
    "numeric": frozenset(LAWS) - {"words", "cases", "probability"},
    "geo": frozenset(("uniform", "normal", "quantiles", "histogram", "weights", "mixture")),
    "datetime": _OF_TIMES,
    "duration": _OF_TIMES | {"exponential", "gamma"},
    "categorical": frozenset(("weights", "constant")),
    "ordinal": frozenset(("weights", "constant")),
    "boolean": frozenset(("weights", "probability", "constant")),
    "text": frozenset(("words", "weights", "constant")),
    "json": frozenset(("weights", "constant")),
    "constant": frozenset(),
    "identifier": frozenset(),
    "personal": frozenset(),
}
"""Which laws a column of each kind may follow."""


def _weights_faults(one: Distribution) -> Iterator[str]:
    """What of the weights of a law cannot be."""
    tables: dict[str, Any] = {"weekdays": one.weekdays, "hours": one.hours}
    for name, size in (("weekdays", 7), ("hours", 24)):
        if tables[name] is not None and len(tables[name]) != size:
            yield f"{name} needs {size} weights, and has {len(tables.pop(name))}"
    tables["weights"] = one.weights if one.weights is not None else one.histogram
    if one.mixture is not None:
        tables["weights of the mixture"] = [part.weight for part in one.mixture]
    for name, table in tables.items():
        if table is not None:
            values = list(table.values() if isinstance(table, Mapping) else table)
            total = sum(values)
            if not total > 0:
                yield f"the {name} are all 0"
            elif max(values) < 1 and 0.01 < abs(total - 1) < 0.5:
                yield (
                    f"the {name} are shares, and add up to {total:g} instead of 1 "
                    "(whole weights such as 5 and 3 may add up to anything)"
                )


def terse(kind: str, value: Any, depth: int) -> Any:
    """What a person writes as what `Distribution` reads: plain tables of weights, and of cases."""
    if depth and isinstance(value, Mapping) and set(value) != {"cases"}:
        return {"cases": {_key(key): terse(kind, one, depth - 1) for key, one in value.items()}}
    if depth and isinstance(value, Mapping):
        inside = value["cases"]
        if isinstance(inside, Mapping):
            return {"cases": {_key(k): terse(kind, one, depth - 1) for k, one in inside.items()}}
    if kind == "boolean" and isinstance(value, int | float) and not isinstance(value, bool):
        return {"probability": value}
    labels = kind in {"categorical", "ordinal", "boolean"}
    if labels and isinstance(value, list | tuple):
        return {"weights": value}
    numbers = isinstance(value, Mapping) and all(
        isinstance(w, int | float) and not isinstance(w, bool) for w in value.values()
    )
    if labels and value and numbers and not set(value) & OF_KIND[kind]:
        return {"weights": {_key(label): weight for label, weight in value.items()}}
    return value


def untersed(value: Any, kind: str) -> Any:
    """The inverse of `terse`, for a file that a person reads."""
    value = _tidy(value)
    if "cases" in value:
        return {key: untersed(one, kind) for key, one in value["cases"].items()}
    if kind in {"categorical", "ordinal", "boolean"}:
        if set(value) == {"probability"}:
            return value["probability"]
        weights = value.get("weights")
        if set(value) == {"weights"} and not set(weights) & OF_KIND[kind]:
            return weights
    return value


def _tidy(value: Any) -> Any:
    """Whole numbers without a decimal point."""
    if isinstance(value, Mapping):
        return {key: _tidy(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(one) for one in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if whole else value


def faults(one: Distribution, kind: str, path: str) -> Iterator[tuple[str, str]]:
    """What of a law cannot be for a column of this kind: the place, and why."""
    law = one.law
    if law == "cases":
        for key, inside in (one.cases or {}).items():
            yield from faults(inside, kind, f"{path}.{key}")
        return
    if law not in OF_KIND[kind]:
        can = ", ".join(name for name in LAWS if name in OF_KIND[kind]) or "no distribution"
        yield f"{path}.{law}", f"a column of kind {kind} cannot follow it; it may have: {can}"
        return
    yield from ((path, why) for why in _weights_faults(one))
    for name in ("weekdays", "hours"):
        if getattr(one, name) is not None and kind != "datetime":
            yield f"{path}.{name}", f"only datetimes have {name}"
    if law == "mixture":
        for k, part in enumerate(one.mixture or ()):
            yield from faults(part, kind, f"{path}.mixture.{k}")
        return
    try:
        _sound(one, kind)
    except ValueError as fault:
        yield f"{path}.{law}", str(fault)
        return
    if one.minimum is not None or one.maximum is not None:
        yield from _bounds(one, kind, path)


def _bounds(one: Distribution, kind: str, path: str) -> Iterator[tuple[str, str]]:
    if kind not in {"numeric", "geo", "datetime", "duration"}:
        yield path, f"minimum and maximum are for numbers and times, and the kind is {kind}"
        return
    ends = {"minimum": -math.inf, "maximum": math.inf}
    for name in ends:
        if getattr(one, name) is not None:
            try:
                ends[name] = amount(kind, getattr(one, name))
            except ValueError as fault:
                yield f"{path}.{name}", str(fault)
    if ends["minimum"] > ends["maximum"]:
        yield path, f"minimum {one.minimum} is above maximum {one.maximum}"


def _sound(one: Distribution, kind: str) -> None:  # noqa: C901, PLR0912 (one case a law)
    """ValueError for parameters that make no law."""
    match one.law:
        case "uniform":
            low, high = (amount(kind, end) for end in one.uniform or ())
            if low > high or math.isinf(high - low):
                raise ValueError(f"low {one.uniform[0]} is above high {one.uniform[1]}")  # type: ignore[index]
        case "normal":
            mean, sd = one.normal or (0, 1)
            amount(kind, mean)
            if not 0 < spread(kind, sd) < math.inf:
                raise ValueError(f"the standard deviation {sd} is not above 0")
        case "exponential":
            if not 0 < spread(kind, one.exponential) < math.inf:
                raise ValueError(f"the mean {one.exponential} is not above 0")
        case "gamma":
            if not 0 < spread(kind, (one.gamma or (1, 1))[1]) < math.inf:
                raise ValueError(f"the scale {(one.gamma or (1, 1))[1]} is not above 0")
        case "beta":
            a, b, *ends = (*(one.beta or ()), 0.0, 0.0)[: max(2, len(one.beta or ()))]
            if len(one.beta or ()) not in {2, 4} or min(a, b) <= 0 or sorted(set(ends)) != ends:
                raise ValueError("it needs [a, b] above 0, or [a, b, low, high]")
        case "triangular":
            low, mode, high = (amount(kind, end) for end in one.triangular or ())
            if not (low <= mode <= high and low < high):
                raise ValueError("low, most frequent and high do not rise")
        case "quantiles":
            table(one.quantiles, kind)
        case "histogram":
            bars(one.histogram or {}, kind)
        case "words":
            if one.words and one.words[0] > one.words[1]:
                raise ValueError(f"{one.words[0]} words at least are more than {one.words[1]}")
        case "weights" if kind in {"numeric", "geo", "datetime", "duration"}:
            if not isinstance(one.weights, Mapping):
                raise ValueError("weights of numbers and times need the values: {1: 5, 2: 3}")
            for value in one.weights:
                amount(kind, value)
        case "constant" if kind in {"numeric", "datetime", "duration"}:
            amount(kind, one.constant)


def table(
    quantiles: tuple[Scalar, ...] | dict[str, Scalar] | None, kind: str
) -> tuple[list[float], list[float]]:
    """Shares and the values below which they lie; ValueError where these do not rise."""
    if isinstance(quantiles, Mapping):
        pairs = sorted((amount("numeric", share), value) for share, value in quantiles.items())
        shares, values = [share for share, _ in pairs], [v for _, v in pairs]
    else:
        values = list(quantiles or ())
        shares = [k / max(1, len(values) - 1) for k in range(len(values))]
    numbers = [amount(kind, value) for value in values]
    if len(numbers) < 2:
        raise ValueError("two quantiles or more are needed")
    if shares[0] != 0 or shares[-1] != 1:
        raise ValueError("the quantiles do not go from 0 (the least value) to 1 (the greatest)")
    if numbers != sorted(numbers):
        raise ValueError("the quantiles do not rise")
    return shares, numbers


def bars(histogram: Mapping[str, float], kind: str) -> tuple[list[float], list[float], list[float]]:
    """Low ends, high ends and weights; ValueError for what is no closed range."""
    ends = [(text, band(kind, text)) for text in histogram]
    for text, found in ends:
        if found is None or math.inf in {abs(found[0]), abs(found[1])}:
            raise ValueError(f"{text!r} is no range such as 10..20")
    found_ends = [found for _, found in ends if found is not None]
    return (
        [low for low, _ in found_ends],
        [high for _, high in found_ends],
        list(histogram.values()),
    )
