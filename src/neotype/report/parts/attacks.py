"""How far each attack came, drawn: success beside the control's and guessing, ROC at low error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neotype.evaluate.metric import Score
from neotype.report import figures
from neotype.report.detail import listed, mapped, numbered, spanned
from neotype.report.drawing import text
from neotype.report.figures import Figure
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.parts.layout import linked, panel, sheet
from neotype.report.words import percent
from neotype.report.words import rate as shown

RUNS = (
    ("main", "people in the training data"),
    ("control", "people who were not"),
    ("baseline", "guessing without the table"),
)
"""The three runs of an attack, and about whom or how it guesses."""
MOST_SECRETS = 12
_AT_FEW_ALARMS = "mia_exposed"
"""A share of members that are found: no AUC, and drawn among the others' shares."""


def pictures(threat: str, scores: Sequence[Score]) -> tuple[str, list[Figure]]:
    """What is drawn for a threat, from whatever its measures say."""
    parts = [_successes(scores)]
    drawn: list[Figure | None] = []
    if threat == "membership":
        parts += [_members(scores), _found(scores)]
        drawn.append(figures.roc_low("roc-membership", scores))
    if threat == "copies":
        shares = [score for score in scores if score.metric == "dcr_share"]
        drawn += [figures.distances(score.detail) for score in shares]
    if threat == "disclosure":
        parts += [_class_sizes(scores), _attackers(scores)]
    if threat == "guarantee":
        parts += [_bounds(score) for score in scores]
    figures_ = [figure for figure in drawn if figure is not None]
    shown = "".join(panel(figure) for figure in figures_)
    parts.append(f'<div class="duo">{shown}</div>' if shown else "")
    return "".join(parts), figures_


def runs(said: Mapping[str, Any]) -> tuple[Mark, ...]:
    """The marks of an attack's three runs; empty unless main and control are there."""
    if any(numbered(said.get(name)) is None for name in ("main", "control")):
        return ()
    spans = mapped(said.get("intervals"))
    return tuple(
        Mark(kind, name, value, spanned(spans.get(kind)))
        for kind, name in RUNS
        if (value := numbered(said.get(kind))) is not None
    )


def tried(score: Score) -> bool:
    """Whether an attack without a score was carried out: its failure shows nothing."""
    return score.value is None and bool(runs(score.detail))


def _successes(scores: Sequence[Score]) -> str:
    """Success rates of every attack that has them, and of its worst secrets."""
    lanes = []
    for score in scores:
        marks = runs(score.detail)
        if marks:
            side = f"risk {linked(score, percent(score.value))}" if score.value is not None else ""
            lanes.append(Lane(text(score.title), marks, side))
        lanes += _secrets(score)
    drawn = dots(lanes, say=percent, within=(0.0, 1.0))
    if not drawn:
        return ""
    return (
        '<figure class="panel"><h4>Share of guesses that came true</h4><p class="soft small">What '
        "comes true of people who were not in the training data is knowledge about people in "
        f"general; the gap between circle and diamond is the risk.</p>{drawn}</figure>"
    )


def _secrets(score: Score) -> list[Lane]:
    """The parts of an attack, secret by secret, widest gap first."""
    for said in score.detail.values():
        if not isinstance(said, Mapping) or not said:
            continue
        parts = {k: runs(v) for k, v in said.items() if isinstance(v, Mapping)}
        if len(parts) < len(said) or not all(parts.values()):
            continue
        order = sorted(parts, key=lambda k: said[k]["control"] - said[k]["main"])
        return [
            Lane(f'<span class="sub">{text(name)}</span>', parts[name])
            for name in order[:MOST_SECRETS]
        ]
    return []


def _members(scores: Sequence[Score]) -> str:
    """How often each attack tells the member of a pair."""
    lanes = [
        Lane(
            text(score.title),
            (
                Mark("main", "member told from non-member", score.value, score.interval),
                Mark("control", "floor: real rows in its place", score.floor),
            ),
            linked(score),
        )
        for score in scores
        if score.value is not None and score.metric != _AT_FEW_ALARMS
    ]
    drawn = dots(lanes, line=0.5)
    if not drawn:
        return ""
    return (
        '<figure class="panel"><h4>How often the member of a pair is told (AUC)</h4>'
        f'<p class="soft small">The dashed line is a coin toss.</p>{drawn}</figure>'
    )


def _found(scores: Sequence[Score]) -> str:
    """The share of members found while few others are accused."""
    lanes = []
    for score in scores:
        for key, alarms in (("tpr_at_1pct_fpr", 0.01), ("tpr_at_01pct_fpr", 0.001)):
            rate = numbered(score.detail.get(key))
            if rate is not None:
                interval = spanned(score.detail.get(f"{key}_interval"))
                found = Mark("main", "members found", rate, interval)
                lanes.append(
                    Lane(
                        f'{text(score.title)} <span class="soft">at {percent(alarms)}</span>',
                        (found, Mark("baseline", "by guessing", alarms)),
                        shown(rate),
                    )
                )
    drawn = dots(lanes, say=shown, log=True)
    if not drawn:
        return ""
    return (
        '<figure class="panel"><h4>Members found while 1% or 0.1% of others are wrongly accused'
        f'</h4><p class="soft small">On a logarithmic scale.</p>{drawn}</figure>'
    )


def _class_sizes(scores: Sequence[Score]) -> str:
    """How many rows share their quasi-identifiers with how many others."""
    score = next((s for s in scores if s.metric == "k_anonymity"), None)
    said = score.detail if score else {}
    made, real = (
        mapped(mapped(said.get(side)).get("rows_by_class_size")) for side in ("synthetic", "real")
    )
    if not made or not real:
        return ""
    lanes = [
        Lane(
            f"{text(size)} row{'' if size == '1' else 's'} alike",
            (
                Mark("real", "real", numbered(real.get(size))),
                Mark("synthetic", "synthetic", numbered(share)),
            ),
        )
        for size, share in made.items()
    ]
    named = ", ".join(map(str, listed(said.get("quasi_identifiers"))))
    return (
        '<figure class="panel"><h4>Share of rows by how many agree in the quasi-identifiers</h4>'
        f'<p class="soft small">{text(named)}</p>{dots(lanes, say=percent, within=(0.0, 1.0))}'
        "</figure>"
    )


def _attackers(scores: Sequence[Score]) -> str:
    """The three attackers of the literature on re-identification."""
    score = next((s for s in scores if s.metric == "reidentification"), None)
    if score is None or score.value is None:
        return ""
    asks = {
        "prosecutor": "knows that the person was in the training data",
        "journalist": "knows only that the person is among the real people",
        "marketer": "wants as many people as can be had, not one in particular",
    }
    rows = []
    for name, knows in asks.items():
        said = score.detail.get(name)
        numbers = [
            f"{_risk_named(str(key))}: {percent(share)}"
            for key, value in (mapped(said) or {"mean": said}).items()
            if (share := numbered(value)) is not None and 0 <= share <= 1
        ]
        if numbers:
            rows.append((f"<b>{name.title()}</b>", knows, text("; ".join(numbers))))
    return sheet(("Attacker", "Who", "Risk"), "tww", rows) if rows else ""


def _risk_named(key: str) -> str:
    """What a number of an attacker's risk is called."""
    above = key.removeprefix("share_above_")
    return (
        key.replace("_", " ") if above == key else f"people with more than {percent(float(above))}"
    )


def _bounds(score: Score) -> str:
    """The claimed epsilon beside what attacks prove it to be at least."""
    claimed = numbered(mapped(score.detail.get("claim")).get("epsilon"))
    if claimed is None or score.value is None:
        return ""
    lanes = [
        Lane("claimed at most", (Mark("real", "claimed epsilon", claimed),)),
        Lane(
            "proved to be at least",
            (Mark("main", "lower bound from attacks", score.value, score.interval),),
        ),
    ]
    return (
        f'<figure class="panel"><h4>{text(score.title)}</h4>'
        f"{dots(lanes, line=claimed, within=(0.0, float('inf')))}</figure>"
    )
