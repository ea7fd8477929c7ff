"""Labels whose order or truth everyone knows: months, grades, ranges, yes and no."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import pairwise

_PAIRS = (
    ("false", "true"),
    ("no", "yes"),
    ("f", "t"),
    ("n", "y"),
    ("off", "on"),
    ("0", "1"),
    ("nein", "ja"),
    ("non", "oui"),
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SCALES = (
    ("very low", "low", "medium", "high", "very high"),
    ("very low", "low", "moderate", "high", "very high"),
    ("very small", "small", "medium", "large", "very large"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("very poor", "poor", "fair", "good", "very good", "excellent"),
    ("none", "mild", "moderate", "severe", "critical"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("bronze", "silver", "gold", "platinum"),
)
_RANGE = re.compile(
    r"[\[(]?\s*(?P<low>\d+(?:\.\d+)?)\s*(?:-|–|,|to)\s*(?P<high>\d+(?:\.\d+)?)\s*[\])]?"
)
_OPEN = re.compile(r"(?P<below><=?|under )\s*(?P<b>\d+)|(?:>=?|over )\s*(?P<a>\d+)|(?P<c>\d+)\+")


def truth(labels: Collection[str]) -> tuple[str, str] | None:
    """The (false, true) labels where there are exactly two and everyone reads them so."""
    by_fold = {label.casefold(): label for label in labels}
    if len(by_fold) != 2 or len(labels) != 2:
        return None
    for no, yes in _PAIRS:
        if by_fold.keys() == {no, yes}:
            return by_fold[no], by_fold[yes]
    return None


def order(labels: Collection[str]) -> tuple[tuple[str, ...], str] | None:
    """The labels from lowest to highest and what orders them, where that is beyond doubt."""
    if not 3 <= len(labels) <= 64:
        return None
    for known, what in ((_MONTHS, "months"), (_DAYS, "days of the week")):
        places = {label: _calendar(label, known) for label in labels}
        if None not in places.values() and len(set(places.values())) == len(labels):
            return _by(places), what
    folded = {label.casefold().replace("_", " ").replace("-", " "): label for label in labels}
    if len(folded) == len(labels):
        for scale in _SCALES:
            if set(folded) <= set(scale) and _anchored(set(folded), scale):
                return tuple(folded[step] for step in scale if step in folded), "grades of a scale"
    bounds = {label: _range(label) for label in labels}
    if None in bounds.values():
        return None
    rising = _by(bounds)
    pairs = [bounds[label] for label in rising]
    apart = all(
        one is not None and two is not None and one[1] <= two[0] for one, two in pairwise(pairs)
    )
    return (rising, "ranges of numbers") if apart else None


def _anchored(found: set[str], scale: tuple[str, ...]) -> bool:
    """Sizes need their middle: S and M alone may be single and married."""
    return {"s", "m", "l"} <= found if "xl" in scale else len(found) >= 3


def _by(places: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(places, key=lambda label: places[label]))  # type: ignore[arg-type, return-value]


def _calendar(label: str, known: tuple[str, ...]) -> int | None:
    """jan, Jan., January and sept are months; ja and mayor are not."""
    text = label.casefold().rstrip(".")
    if not len(text) >= 3:
        return None
    full = [place for place, name in enumerate(known) if name == text]
    if full:
        return full[0]
    short = 3 if known is _MONTHS else 5
    starts = [place for place, name in enumerate(known) if name.startswith(text)]
    return starts[0] if starts and (len(text) <= max(short, 4)) else None


def _range(label: str) -> tuple[float, float] | None:
    """The ends of [10-20), 18–24, <18, 65+ or >200."""
    text = label.strip()
    if found := _RANGE.fullmatch(text):
        low, high = float(found["low"]), float(found["high"])
        return (low, high) if low < high else None
    if found := _OPEN.fullmatch(text):
        if found["b"]:
            return float("-inf"), float(found["b"])
        return float(found["a"] or found["c"]), float("inf")
    return None
