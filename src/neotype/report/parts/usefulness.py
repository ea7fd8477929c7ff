"""For the statistician: what can be learnt from the table, beside what real rows teach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neotype.evaluate.metric import Interval, Score
from neotype.report.content import Content
from neotype.report.detail import listed, mapped, numbered, spanned, told
from neotype.report.drawing import badge, text
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.parts.beside import Record, named, panel_of, records
from neotype.report.parts.layout import MANY, Drawn, absent, fold, linked, sheet
from neotype.report.words import number, percent, title

_ALL = "tstr_all"
_TOGETHER = "augmentation_gain"
_COEFFICIENTS = "inference_agreement"
_UNITS = {
    "importance_agreement": "A column’s importance is how much worse a model predicts when that "
    "column is shuffled."
}
"""What the numbers of a picture are, where the measure itself does not say."""


def usefulness(report: Content) -> Drawn:
    """What models learn from synthetic rows, beside what they learn from real ones."""
    own = [score for score in report.scores if score.axis == "utility"]
    taken = [score for score in own if score.value is not None]
    if not taken:
        return absent("Usefulness", own[0] if own else None), []
    duels = [score for score in taken if score.metric != _ALL and _duel(score.detail)]
    parts = [_duels(duels, report.target)]
    for score in taken:
        if score.metric == _ALL:
            parts.append(_every(score))
        elif score not in duels:
            parts.append(_other(score))
    return "".join(parts), []


def _duel(detail: Mapping[str, Any]) -> bool:
    """Whether one model trained on either side was tested."""
    return all(numbered(detail.get(side)) is not None for side in ("real", "synthetic"))


def _duels(scores: list[Score], target: str | None) -> str:
    """One lane for each family of models."""
    lanes = [
        Lane(
            text(score.title),
            (
                Mark(
                    "real",
                    "trained on real rows",
                    score.detail["real"],
                    spanned(score.detail.get("interval_real")),
                ),
                Mark(
                    "synthetic",
                    "trained on synthetic rows",
                    score.detail["synthetic"],
                    score.interval,
                ),
            ),
            f"{linked(score)} {text(score.detail.get('measure', ''))}",
        )
        for score in scores
    ]
    drawn = dots(lanes)
    if not drawn:
        return ""
    said = "".join(f"<p>{text(score.meaning)}</p>" for score in scores)
    asked = next((score.detail["target"] for score in scores if "target" in score.detail), target)
    return (
        f'<div class="lead">{said}</div><figure class="panel"><h4>Predicting {text(asked)} of real '
        f"rows never seen</h4>{drawn}</figure>"
    )


def _every(score: Score) -> str:
    """Each column predicted from the others."""
    columns = mapped(score.detail.get("columns"))
    kept = {name: part for name, part in columns.items() if isinstance(part, Mapping)}
    if not kept:
        return ""
    order = sorted(kept.items(), key=lambda item: _low(numbered(item[1].get("share"))))
    table = sheet(
        ("Column predicted", "Trained on real", "Trained on synthetic", "Kept"),
        "tnnn",
        [
            (
                f'<b>{text(name)}</b><span class="toward">{text(part.get("measure", ""))}</span>',
                number(part.get("real")),
                number(part.get("synthetic")),
                _kept(numbered(part.get("share"))),
            )
            for name, part in order
        ],
        narrow=True,
    )
    return (
        f"<h3>{text(score.title)} {badge(score.verdict)}</h3>"
        f"<p>{text(score.meaning)} Score {linked(score)}; worst first.</p>"
        f"{fold(f'All {len(kept)} columns', table, len(kept) > MANY)}"
    )


def _other(score: Score) -> str:
    """A measure by its own words, with whatever it holds of both sides."""
    if score.metric == _TOGETHER:
        return _together(score)
    if score.metric == _COEFFICIENTS:
        return _coefficients(score)
    found = [
        panel_of(named(path) or score.title, sorted(some, key=lambda record: -record.gap))
        for path, some in records(score.detail)
    ]
    unit = f" {_UNITS[score.metric]}" if found and score.metric in _UNITS else ""
    wide = found[0] if len(found) == 1 else f'<div class="duo">{"".join(found[:4])}</div>'
    return (
        f"<h3>{text(score.title)} {badge(score.verdict)}</h3>"
        f"<p>{text(score.meaning)} Score {linked(score)}.{unit}</p>{wide if found else ''}"
    )


def _coefficients(score: Score) -> str:
    """A forest plot: each coefficient with its interval on both sides, least overlap first."""
    terms = told(score.detail.get("terms"))
    terms.sort(key=lambda term: _low(numbered(term.get("overlap"))))
    some = []
    for term in terms:
        (real, spread), (made, its) = (_estimate(term.get(side)) for side in ("train", "synthetic"))
        some.append(Record(str(term.get("term", "")), real, made, spread, its))
    lost = ", ".join(map(str, listed(score.detail.get("lost"))))
    combined = mapped(score.detail.get("combining")).get("note")
    notes = [
        "Quantities are in standard deviations; the dashed line is no effect.",
        f"Not estimable from the synthetic table: {lost}." if lost else "",
        f"{title(combined)}." if isinstance(combined, str) and combined else "",
    ]
    model = str(score.detail.get("model", ""))
    drawn = panel_of(
        f"Coefficients of the {model} regression, least overlap first",
        some,
        line=0.0,
        note=" ".join(note for note in notes if note),
        most=20,
    )
    return (
        f"<h3>{text(score.title)} {badge(score.verdict)}</h3>"
        f"<p>{text(score.meaning)} Score {linked(score)}.</p>{drawn}"
    )


def _estimate(said: Any) -> tuple[float | None, Interval | None]:
    """A coefficient and its interval, from the coefficient and half the interval's width."""
    pair = spanned(said)
    return (None, None) if pair is None else (pair[0], (pair[0] - pair[1], pair[0] + pair[1]))


def _together(score: Score) -> str:
    """What real rows teach with synthetic ones beside them, and without."""
    few = mapped(score.detail.get("few_real_rows"))
    parts = [("All real rows", score.detail)]
    if few:
        parts.append((f"Only {number(few.get('rows'))} real rows", few))
    lanes = [
        Lane(
            name,
            (
                Mark("real", "trained on real rows alone", numbered(said.get("real"))),
                Mark("synthetic", "trained on real and synthetic rows", numbered(said.get("both"))),
            ),
        )
        for name, said in parts
    ]
    measure = text(score.detail.get("measure", ""))
    return (
        f"<h3>{text(score.title)} {badge(score.verdict)}</h3>"
        f"<p>{text(score.meaning)} Score {linked(score)}.</p>"
        f'<figure class="panel"><h4>{measure} on real rows never seen</h4>{dots(lanes)}</figure>'
    )


def _low(share: float | None) -> float:
    return 2.0 if share is None else share


def _kept(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _apart(some: list[Record]) -> list[Record]:
    """Widest gap first."""
    return sorted(some, key=lambda record: -record.gap)
