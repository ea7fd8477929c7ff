"""What the parts are put together from: sheets, folds, places for figures, links to the methods."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.drawing import text
from neotype.report.figures import Figure
from neotype.report.words import figure, reason

Drawn = tuple[str, list[Figure]]
"""HTML, and the figures that it has places for."""

MANY = 40
"""A longer list is folded away."""


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its name in the contents, its heading, and how it is drawn.

    What has nothing to show (an empty string) is left out.
    """

    name: str
    label: str
    title: str
    draw: Callable[[Content], Drawn]


def anchor(metric: str) -> str:
    """Where the methods tell of a measure."""
    return f"how-{re.sub(r'[^A-Za-z0-9_-]', '-', metric)}"


def linked(score: Score, said: str | None = None) -> str:
    """The score, as a link to how it was computed."""
    shown = figure(score, score.value) if said is None else said
    return (
        f'<a class="num" href="#{anchor(score.metric)}" title="How it is computed">'
        f"{text(shown)}</a>"
    )


def sheet(
    header: Sequence[str], kinds: str, rows: Iterable[Sequence[str]], *, narrow: bool = False
) -> str:
    """A table of cells that are HTML already; `kinds` has a letter for each column.

    t is text, n a number, w words that need no label beside them where the table is folded up for
    a narrow screen; the first column names its row.
    """
    head = "".join(
        f'<th scope="col"{" class=n" if kind == "n" else ""}>{label}</th>'
        for label, kind in zip(header, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(header, kinds, row)}</tr>" for row in rows)
    size = " narrow" if narrow else ""
    return f'<table class="sheet{size}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cells(header: Sequence[str], kinds: str, row: Sequence[str]) -> str:
    cells = []
    for place, (label, kind, cell) in enumerate(zip(header, kinds, row, strict=True)):
        side = ' class="n"' if kind == "n" else ""
        named = f' data-label="{label}"' if place and kind != "w" else ""
        cells.append(f"<td{side}{named}>{cell}</td>")
    return "".join(cells)


def fold(name: str, inside: str, folded: bool, *, heading: bool = False) -> str:
    """What may be long, closed under its name where it is."""
    if folded:
        return f'<details class="fold"><summary>{name}</summary>{inside}</details>'
    return f"<h3>{name}</h3>{inside}" if heading else inside


def drawer(name: str, about: str, inside: str, *, anchor: str = "") -> str:
    """One table of several, closed; `about` stands beside its name and is HTML already."""
    marked = f' id="{anchor}"' if anchor else ""
    return (
        f'<details class="fold table"{marked}><summary><b>{text(name)}</b> {about}</summary>'
        f"<div>{inside}</div></details>"
    )


def find(report: Content, metric: str) -> Score | None:
    """The report's score of this name."""
    return next((score for score in report.scores if score.metric == metric), None)


def absent(what: str, score: Score | None) -> str:
    """Why there is nothing to show."""
    why = reason(score) if score is not None else "Not measured."
    return f'<p class="lead"><b>{what}</b>. {text(why)}</p>'


def place(figure: Figure) -> str:
    """Where the page's script draws a figure."""
    return (
        f'<div class="plot" data-figure="{figure.name}" role="img" '
        f'aria-label="{text(figure.alt)}"><p class="wait">Drawing…</p></div>'
    )


def panel(figure: Figure | None) -> str:
    """A figure under its title."""
    if figure is None:
        return ""
    return f'<figure class="panel"><h3>{text(figure.title)}</h3>{place(figure)}</figure>'
