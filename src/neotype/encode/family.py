"""Which forms the identifiers of a column take, how often, and where in each to start."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl

from neotype.encode.pattern import Form, Span, Template, learn_template, parse
from neotype.permutation import Permutation

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_EMAILS = r"[a-z]{8}@example\.com"
_SLOTS = 64
_FORMS = 16
_DENSE = 2
"""Numbers that fill their range but for this factor are counted up, not scattered."""


@dataclass(frozen=True)
class Family:
    """A form, its share of the identifiers (of 64), and where in it to start.

    Share 0: only when the others are used up.
    """

    form: Form
    share: int
    start: int
    scattered: bool
    fresh: int = 0
    """How many identifiers come before the first that training had (0: not known)."""

    def state(self) -> dict[str, Any]:
        """JSON-ready facts; numbers beyond 64 bits are no JSON numbers everywhere, so texts."""
        form = self.form
        if isinstance(form, Template):
            facts: dict[str, Any] = {"alphabets": list(form.alphabets)}
        else:
            facts = {"low": str(form.low), "high": str(form.high)}
            facts |= {"prefix": form.prefix, "width": form.width}
        rest = {"scattered": self.scattered, "fresh": str(self.fresh)}
        return {**facts, "share": self.share, "start": str(self.start), **rest}

    @classmethod
    def restore(cls, facts: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        form: Form
        if "alphabets" in facts:
            form = Template(tuple(facts["alphabets"]))
        else:
            form = Span(int(facts["low"]), int(facts["high"]), facts["prefix"], facts["width"])
        start, fresh = int(facts["start"]), int(facts["fresh"])
        return cls(form, facts["share"], start, facts["scattered"], fresh)

    def describe(self) -> str:
        """The form in words."""
        if isinstance(self.form, Template):
            return f"{len(self.form.alphabets)} characters of given classes"
        if not self.scattered:
            return f"{self.form.prefix}counting up from {self.start}"
        return f"{self.form.prefix}{self.form.low} to {self.form.high}"

    @property
    def room(self) -> int:
        """How many identifiers it can give."""
        return self.form.capacity - (0 if self.scattered else self.start)


def declared(pattern: str, distinct: pl.Series) -> tuple[Family, ...]:
    """The families of a pattern of the schema, in the shares that the data has."""
    templates = _disjoint(parse(pattern))
    counts = [len(template.locate(distinct)) for template in templates]
    shares = _shares(counts if sum(counts) else [t.capacity for t in templates])
    return tuple(
        Family(template, share, 0, scattered=True)
        for template, share in zip(templates, shares, strict=True)
        if share
    )


def learnt(distinct: pl.Series, dtype: pl.DataType, protect: int) -> tuple[Family, ...]:
    """The families of identifiers that the data shows, by the most telling form that fits all."""
    numeric = not isinstance(dtype, pl.String | pl.Categorical | pl.Binary)
    bounds = held(dtype)
    if len(distinct) < protect:
        return (Family(Span(0, bounds[1]), 1, 1, scattered=False),)
    if not numeric and distinct.str.contains(_UUID).all():
        pattern = _UUID4
        if distinct.str.contains("[A-F]").any():
            pattern = _UUID4.replace("a-f", "A-F").replace("ab]", "AB]")
        return (Family(parse(pattern)[0], 1, 0, scattered=True),)
    if not numeric and distinct.str.contains(_EMAIL).all():
        return (Family(parse(_EMAILS)[0], 1, 0, scattered=True),)
    counters = _counters(distinct, bounds, protect)
    if counters:
        return counters
    return _spans(distinct, bounds, protect) if numeric else _templates(distinct, protect)


def _counters(distinct: pl.Series, bounds: tuple[int, int], protect: int) -> tuple[Family, ...]:
    """One counter for each text before the number, if the numbers of each fill their range."""
    parts = pl.DataFrame(
        {
            "head": distinct.str.extract(r"^(.*?)\d{1,18}$"),
            "tail": distinct.str.extract(r"(\d{1,18})$"),
        }
    )
    if parts["tail"].null_count():
        return ()
    groups = parts.group_by("head").len().sort("len", "head", descending=[True, False])
    if len(groups) > _FORMS or groups["len"].min() < protect:  # type: ignore[operator]
        return ()
    found = []
    for head in groups["head"]:
        tails = parts.filter(pl.col("head") == head)["tail"]
        widths = tails.str.len_bytes()
        values = tails.cast(pl.Int64)
        padded = tails.str.starts_with("0") & (widths > 1)
        if padded.any() and widths.n_unique() > 1:
            return ()
        low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
        if high - low + 1 > _DENSE * len(tails):
            return ()
        width = int(widths[0]) if padded.any() else 0
        top = min(10**width - 1 if width else 10**18 - 1, bounds[1])
        found.append((Span(0, top, head, width), _round_start(low)))
    shares = _shares(groups["len"].to_list())
    return tuple(
        Family(span, share, start, scattered=False)
        for (span, start), share in zip(found, shares, strict=True)
        if share
    )


def _round_start(low: int) -> int:
    """Where a counter began, told no more finely than its power of ten."""
    if low < 10:
        return min(low, 1)
    power = 10 ** (len(str(low)) - 1)
    return int(power) + int(low % 10 == 1)


def _spans(distinct: pl.Series, bounds: tuple[int, int], protect: int) -> tuple[Family, ...]:
    """Whole numbers of as many digits as the data has, between edges of two digits' precision."""
    found: list[tuple[int, Span]] = []
    lengths = distinct.str.len_bytes()
    negative = distinct.str.starts_with("-")
    for minus in (False, True):
        for length in sorted(lengths.filter(negative == minus).unique().to_list()):
            group = distinct.filter((negative == minus) & (lengths == length))
            if len(group) < protect:
                continue
            numbers = group.str.strip_prefix("-").sort()
            width = len(numbers[0])
            unit = 10 ** max(width - 2, 0)
            low = int(numbers[protect - 1]) // unit * unit
            high = (int(numbers[len(numbers) - protect]) // unit + 1) * unit - 1
            low, high = min(low, high), max(low, high)
            edges = (-high, -low) if minus else (low, high)
            span = Span(max(edges[0], bounds[0]), min(edges[1], bounds[1]))
            found.append((len(group), span))
    if not found:
        width = int(lengths.median())  # type: ignore[arg-type]
        found = [(1, Span(min(10 ** (width - 1), bounds[1]), min(10**width - 1, bounds[1])))]
    more = max(int(lengths.max()), *(len(str(span.high)) for _, span in found))  # type: ignore[arg-type]
    later = [Span(10**n, min(10 ** (n + 1) - 1, bounds[1])) for n in range(more, more + 9)]
    reserve = (Family(span, 0, 0, True) for span in later if span.capacity > 0)
    return (*_top(found), *reserve)


def _templates(distinct: pl.Series, protect: int) -> tuple[Family, ...]:
    """Templates by leading word, length and separators; by length alone where those are many."""
    shape = distinct.str.replace_all(r"[\p{L}\p{N}]", "x")
    word = distinct.str.extract(r"^(\p{L}+)").fill_null("")
    heads = word.value_counts(name="n").filter(pl.col("n") >= max(protect, len(distinct) // 50))
    known = word.is_in(heads[word.name].implode())
    if known.mean() < 0.9:  # type: ignore[operator]
        word = pl.Series([""] * len(distinct))
    length = distinct.str.len_chars().cast(pl.String)
    found: list[tuple[int, Template]] = []
    for keys in (word + "\n" + shape, length):
        groups = pl.DataFrame({"key": keys, "text": distinct}).group_by("key", maintain_order=True)
        members = [group["text"] for _, group in groups]
        kept = [texts for texts in members if len(texts) >= protect]
        found = [(len(texts), learn_template(texts, protect)) for texts in kept]
        if sum(map(len, kept)) >= len(distinct) / 2:
            return _top(_united(found))
    typical = int(length.cast(pl.Int64).median())  # type: ignore[arg-type]
    cut = distinct.str.head(max(typical, 8)).str.pad_end(max(typical, 8), "0")
    return _top(_united(found)) if found else _top([(1, learn_template(cut, len(cut) + 1))])


def _overlap(first: Template, second: Template) -> bool:
    """Whether a text can belong to both."""
    pairs = zip(first.alphabets, second.alphabets, strict=False)
    same_length = len(first.alphabets) == len(second.alphabets)
    return same_length and all(set(a) & set(b) for a, b in pairs)


def _disjoint(templates: tuple[Template, ...]) -> list[Template]:
    """The largest templates that have no text in common."""
    kept: list[Template] = []
    for template in sorted(templates, key=lambda t: -t.capacity):
        if not any(_overlap(template, other) for other in kept):
            kept.append(template)
    return kept


def _united(found: list[tuple[int, Template]]) -> list[tuple[int, Template]]:
    """Templates that have texts in common, position by position made one."""
    apart: list[tuple[int, Template]] = []
    for pair in found:
        count, template = pair
        while True:
            other = next((o for o in apart if _overlap(template, o[1])), None)
            if other is None:
                break
            apart.remove(other)
            count += other[0]
            both = zip(template.alphabets, other[1].alphabets, strict=True)
            template = Template(tuple("".join(dict.fromkeys(a + b)) for a, b in both))
        apart.append((count, template))
    return apart


def _top(found: list[tuple[int, Any]]) -> tuple[Family, ...]:
    found = sorted(found, key=lambda pair: -pair[0])[:_FORMS]
    shares = _shares([count for count, _ in found])
    return tuple(
        Family(form, share, 0, scattered=True)
        for (_, form), share in zip(found, shares, strict=True)
        if share
    )


def _shares(counts: list[int]) -> list[int]:
    """Counts as whole shares of 64, the commonest at least 1."""
    total = max(sum(counts), 1)
    return [max(round(_SLOTS * count / total), int(count == max(counts))) for count in counts]


def freshened(family: Family, distinct: pl.Series, key: str) -> Family:
    """Start a scattered family after the longest stretch that training left free begins.

    Only that start, on a coarse grid, is stored: no training identifier can be told from it.
    """
    capacity = family.form.capacity
    if not family.scattered or capacity < 64:
        return family
    taken = np.sort(Permutation(capacity, key).invert(family.form.locate(distinct)))
    if not len(taken):
        return family
    marks = [*map(int, taken), int(taken[0]) + capacity]
    gap, begin = max((b - a, a) for a, b in pairwise(marks))
    if gap < 64:
        return family
    grid = 1 << ((gap // 16).bit_length() - 1)
    start = (begin // grid + 1) * grid
    return Family(family.form, family.share, start % capacity, True, begin + gap - start)


def held(dtype: pl.DataType) -> tuple[int, int]:
    """The whole numbers that the storage holds exactly."""
    match dtype:
        case pl.Time():
            return 0, 86_400 * 10**9 - 1
        case pl.Date() | pl.Float32():
            return -(2**24), 2**24
        case pl.Float64():
            return -(2**53), 2**53
        case pl.Decimal():
            top = 10 ** ((dtype.precision or 38) - dtype.scale) - 1
            return -top, top
    size = int(str(dtype).lstrip("UInt")) if dtype.is_integer() else 64
    if dtype.is_unsigned_integer():
        return 0, 2**size - 1
    return -(2 ** (size - 1)), 2 ** (size - 1) - 1
