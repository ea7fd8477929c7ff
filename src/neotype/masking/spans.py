"""Personal data within longer texts, replaced by what it was: [email], [phone], [name].

Found are forms with their checksums, known names, and whatever the row's own personal columns say.
What no list knows stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import polars as pl

from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.places import PLACES
from neotype.personal.pools import first_names, folded, last_names

_SHORTEST = 3
_SENTENCE = re.compile(r"(?:^|[.!?:;]\s+|\n\s*)$")

Rule = tuple[str, re.Pattern[str], Callable[[str], bool] | None]


def _holds(valid: Callable[[pl.Series], pl.Series]) -> Callable[[str], bool]:
    return lambda text: bool(valid(pl.Series([text]))[0])


_RULES: tuple[Rule, ...] = (
    ("email", re.compile(r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"), None),
    ("url", re.compile(r"(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:!?)]"), None),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"), _holds(valid_iban)),
    ("card", re.compile(r"\b(?:\d[ -]?){12,18}\d\b"), _holds(valid_card)),
    ("id", re.compile(r"\b(?:\d{3}-\d{2}-\d{4}|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z])\b"), None),
    ("mac", re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b"), None),
    ("ip", re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?=\d)|\b)){4}"), None),
    (
        "phone",
        re.compile(
            r"(?<![\w.,€$£-])(?:\+\d{1,3}[\s.-]?(?:\(0?\d*\)[\s.-]?)?\d[\d\s./-]{5,16}\d"
            r"|\(\d{2,5}\)\s?\d[\d\s./-]{4,14}\d|0\d{2,4}[\s/-]?\d[\d\s-]{4,12}\d"
            r"|\d{3}[-.\s]\d{3}[-.\s]\d{4})(?!\w)"
        ),
        lambda text: 7 <= sum(mark.isdigit() for mark in text) <= 15,
    ),
)
_WORDS = re.compile(
    r"[A-ZÀ-ÖØ-ÞĀ-Ž][a-zà-öø-ÿā-ž'’]+(?:[ -](?:[A-Z]\. )?[A-ZÀ-ÖØ-ÞĀ-Ž][a-zà-öø-ÿā-ž'’]+)*"
)
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Monsieur|Madame|Mme|Sr|Sra|Signora?)\.? +"
    r"([A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ][\w'’-]+)*)"
)
_TEXT = """
will may mark bill grant rose hope joy grace faith june april august summer dawn art frank
rich drew chase miles page price young long brown white black green gold major king bishop
church day case love best early sunny christian china london paris georgia florence virginia
carolina dallas austin houston jordan chance royal baby son an see so do ben in man das die
der den dem ist mit von no not yes please call new old all any but for from has her him his
how its let one our out she the they too two was who why you
"""
_ALSO_WORDS = frozenset(_TEXT.split())
"""Names that open sentences, or stand in them, as other words."""


@cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """First and last names of all locales, folded."""
    first = pl.concat([folded(first_names(one)) for one in PLACES])
    last = pl.concat([folded(last_names(one)) for one in PLACES])
    return frozenset(first.to_list()), frozenset(last.to_list())


@cache
def _folded(word: str) -> str:
    return str(folded(pl.Series([word]))[0])


def hide(text: str, own: Mapping[str, str]) -> str:
    """The text with personal data as [what it is]; `own` are values of its row, with their word."""
    low = text.lower()
    for value, word in own.items():
        if value.lower() not in low:
            continue
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"[{word}]", text, flags=re.IGNORECASE)
    for word, form, holds in _RULES:
        mark = f"[{word}]"
        text = form.sub(lambda m, h=holds, k=mark: k if h is None or h(m[0]) else m[0], text)  # type: ignore[misc]
    text = _TITLED.sub(lambda m: m[0].replace(m[1], "[name]"), text)
    text = _WORDS.sub(lambda m: _names(m, text), text)
    return re.sub(r"\[name\](?: \[name\])+", "[name]", text)


def _names(match: re.Match[str], text: str) -> str:
    """A run of capital words: a known first name and what follows it is a name."""
    words = match[0].split(" ")
    first, last = _known()
    begins = bool(_SENTENCE.search(text[: match.start()]))
    for at, word in enumerate(words):
        plain = _folded(word)
        follows = at + 1 < len(words)
        sure = plain in first and (plain not in _ALSO_WORDS or (follows and not begins))
        if sure or (plain in first and follows and _folded(words[-1]) in last):
            return " ".join([*words[:at], "[name]"])
        if plain in last and plain not in _ALSO_WORDS and not follows and not (begins and at == 0):
            return " ".join([*words[:at], "[name]"])
    return match[0]


def hide_all(texts: pl.Series, own: Sequence[tuple[str, pl.Series]]) -> pl.Series:
    """Every text without personal data; `own` are columns of the same rows, with their word."""
    columns = [(word, cells.cast(pl.String).to_list()) for word, cells in own]
    out: list[str | None] = []
    for row, text in enumerate(texts.to_list()):
        if text is None:
            out.append(None)
            continue
        said = {
            cells[row]: word
            for word, cells in columns
            if cells[row] is not None and len(cells[row]) >= _SHORTEST
        }
        # The longest first: an address before the street in it.
        out.append(hide(text, dict(sorted(said.items(), key=lambda one: -len(one[0])))))
    return pl.Series(texts.name, out, dtype=pl.String)


def counted(before: pl.Series, after: pl.Series) -> dict[str, int]:
    """How many spans became which word."""
    found: dict[str, int] = {}
    for cells, sign in ((after, 1), (before, -1)):
        words = cells.drop_nulls().str.extract_all(r"\[[a-z ]+\]").explode().drop_nulls()
        for word, many in words.value_counts().iter_rows():
            found[word[1:-1]] = found.get(word[1:-1], 0) + sign * many
    return {word: many for word, many in sorted(found.items()) if many > 0}
