"""For the legal review: who could misuse the table and how, what was found, what was not tested."""

from __future__ import annotations

from collections.abc import Sequence

from neotype.dp.guarantee import Guarantee
from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.drawing import badge, text, tone
from neotype.report.parts.attacks import pictures, tried
from neotype.report.parts.between import is_between
from neotype.report.parts.layout import Drawn, fold, linked, sheet
from neotype.report.threats import LEGAL_ORDER, OTHER, THREATS, Threat, threat_of
from neotype.report.words import UNCOVERED, claim, figure, percent, reason, refuted, title, worst

UNTESTED, INCONCLUSIVE = "not tested", "inconclusive"


def privacy(report: Content) -> Drawn:
    """Every threat: the attacker, what was tried, what was found; then what was not tested."""
    own = [score for score in report.scores if score.axis == "privacy"]
    groups = threats_of(own)
    parts, drawn = [], []
    if report.facts.public:
        return promise(own, report.guarantee, report.footing), []
    for threat, some in groups:
        if _taken(some) or any(map(tried, some)):
            html, figures = pictures(threat.key, some)
            parts.append(threat_article(threat, some, html))
            drawn += figures
    first = promise(own, report.guarantee, report.footing)
    return f"{first}{_overview(groups)}{''.join(parts)}{untested(groups)}", drawn


def threats_of(own: Sequence[Score]) -> list[tuple[Threat, list[Score]]]:
    """Every threat in the order of the review, with its measures among these."""
    threats = sorted(THREATS, key=lambda threat: LEGAL_ORDER.index(threat.key))
    groups = [(t, [s for s in own if s.metric in t.measures]) for t in threats]
    foreign = [score for score in own if threat_of(score.metric) is OTHER]
    if foreign:
        groups.append((OTHER, foreign))
    if not claim(own):
        groups = [(t, some) for t, some in groups if t.key != "guarantee" or _taken(some)]
    return groups


def _taken(scores: Sequence[Score]) -> list[Score]:
    return [score for score in scores if score.value is not None]


def promise(
    own: Sequence[Score], guarantee: Guarantee | None = None, footing: str = UNCOVERED
) -> str:
    """No formal guarantee, or the one that is claimed and what the audit makes of it.

    A model that was learnt within a budget brings its own, with all that was paid for; `footing`
    says which rows the report rests on.
    """
    claimed, against = claim(own), refuted(own)
    if against is not None:
        said, verdict, word = f"Claimed: {claimed or 'a formal guarantee'}.", "poor", "refuted"
        rest = f"An attack achieved what the claim rules out. {against.meaning}"
    elif guarantee is not None:
        said, verdict, word = f"{guarantee.promise}.", "not judged", "by its method"
        rest = (
            f"It holds of the model and of all rows drawn from it, whoever has them and whatever "
            f"else he knows. {guarantee.account} Attacks can refute a guarantee and cannot prove "
            f"it: what they find is a lower bound on the real epsilon. {footing}"
        )
    elif claimed:
        said, verdict, word = f"Claimed: {claimed}.", "not judged", "claimed"
        rest = (
            "Attacks can refute a claim and cannot prove it: what they find is a lower bound on "
            "the real epsilon. The claim rests on the method and on whoever made it."
        )
    else:
        said, verdict, word = "No formal guarantee is claimed.", "not judged", "none"
        rest = (
            "What follows is evidence from attacks: what was tried, and how far it came. An attack "
            "that fails proves nothing about one that was not tried. Whether the table is personal "
            "data is a legal question that these numbers inform and do not answer."
        )
    return (
        f'<div class="promise {tone(verdict)}"><p><b>{text(said)}</b> {badge(verdict, word)}</p>'
        f"<p>{text(rest)}</p></div>{'' if guarantee is None else _paid(guarantee)}"
    )


def _paid(guarantee: Guarantee) -> str:
    """What the budget was spent on, payment by payment."""
    whole = guarantee.epsilon if guarantee.rho is None else guarantee.rho
    rows = [
        (
            text(title(step.purpose)),
            text(step.event),
            f"{step.count:,}",
            f"{step.price:.3g}",
            percent(step.price / whole),
            f"{step.delta:.2g}" if step.delta else "–",
        )
        for step in guarantee.payments
    ]
    header = ("Paid for", "Noise", "Draws", guarantee.coin, "Of all", "δ")
    return fold("What was paid for", sheet(header, "ttnnnn", rows), len(rows) > 12, heading=True)


def state_of(scores: Sequence[Score]) -> str:
    """One word for a group: the worst that was judged, or whether anything was seen at all."""
    judged = worst(scores)
    if judged != "not measured":
        return judged
    if _taken(scores):
        return "not judged"
    return INCONCLUSIVE if any(map(tried, scores)) else UNTESTED


def _overview(groups: Sequence[tuple[Threat, Sequence[Score]]]) -> str:
    rows = []
    for threat, some in groups:
        taken, state = len(_taken(some)), state_of(some)
        named = text(threat.title)
        if state != UNTESTED:
            named = f'<a href="#threat-{threat.key}">{named}</a>'
        count = f"{taken} of {max(len(threat.measures), len(some))}"
        rows.append((f"<b>{named}</b>", text(threat.question), count, badge(state)))
    return sheet(("Threat", "The question", "Measures taken", "Found"), "twnt", rows)


def threat_article(threat: Threat, some: Sequence[Score], drawn: str = "") -> str:
    """Who the attacker is, what was found, and what was not tested; `drawn` are its pictures."""
    who = "".join(
        f"<div><dt>{label}</dt><dd>{text(said)}</dd></div>"
        for label, said in (
            ("The attacker has", threat.has),
            ("knows", threat.knows),
            ("tries", threat.tries),
        )
    )
    taken = sorted(_taken(some), key=lambda score: _WORST.get(score.verdict, len(_WORST)))
    found = "".join(
        f"<li>{badge(score.verdict)}<div><b>{text(score.title)}</b> {linked(score)}"
        f"{_interval(score)} {text(score.meaning)}</div></li>"
        for score in taken
    )
    vain = [score.title for score in some if tried(score)]
    missed = [score.title for score in some if score.value is None and not tried(score)]
    rest = "".join(
        f'<p class="soft small">{label}: {text(", ".join(titles))}; '
        f'<a href="#untested">why</a>.</p>'
        for label, titles in (("Tried, and inconclusive", vain), ("Not tested", missed))
        if titles
    )
    return (
        f'<article class="threat" id="threat-{threat.key}"><h3>{text(threat.title)} '
        f'{badge(state_of(some))}</h3><p class="ask">{text(threat.question)}</p>'
        f'<dl class="who">{who}</dl><ul class="gates">{found}</ul>{drawn}{rest}</article>'
    )


_WORST = {"poor": 0, "fair": 1, "good": 2}


def _interval(score: Score) -> str:
    if score.interval is None:
        return ""
    low, high = (figure(score, end) for end in score.interval)
    floor = "" if score.floor is None else f"real rows {figure(score, score.floor)}"
    span = "" if low == high else f"{low} to {high}"
    said = "; ".join(part for part in (span, floor) if part)
    return f' <span class="soft num">({said})</span>' if said else ""


def untested(groups: Sequence[tuple[Threat, Sequence[Score]]]) -> str:
    """Every attack that was not carried out, with the reason."""
    rows = []
    for threat, some in groups:
        for score in some:
            if score.value is None:
                why = reason(score).removeprefix("Not measured: ")
                state = INCONCLUSIVE if tried(score) else UNTESTED
                rows.append(
                    (
                        _attack(score.title, threat),
                        badge("not measured", state),
                        text(title(why)),
                    )
                )
        taken = {score.metric for score in some}
        for metric, words in threat.measures.items():
            if metric not in taken and not is_between(metric):
                why = "Not part of this evaluation"
                why += "; it retrains the recipe (--deep)." if metric in _DEEP else "."
                name = _attack(words, threat)
                rows.append((name, badge("not measured", UNTESTED), why))
    if not rows:
        return ""
    table = sheet(("Attack", "State", "Why"), "ttw", rows)
    return f'<h3 id="untested">What was not tested, or shows nothing, and why</h3>{table}'


def _attack(name: str, threat: Threat) -> str:
    return f'<b>{text(name)}</b><span class="toward">{text(threat.title)}</span>'


_DEEP = ("mia_shadow", "epsilon_audit_deep")
