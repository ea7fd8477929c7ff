"""For the statistician: what can be learnt from the table, beside what real rows teach."""

from __future__ import annotations

from neotype.report.content import Content
from neotype.report.drawing import text
from neotype.report.parts.layout import MANY, Drawn, absent, find, fold
from neotype.report.words import number, percent


def usefulness(report: Content) -> Drawn:
    """What models learn from synthetic rows, beside what they learn from real ones."""
    one, every = find(report, "tstr"), find(report, "tstr_all")
    parts = []
    if one is not None and one.detail.get("synthetic") is not None:
        detail = one.detail
        parts.append(
            f'<p class="lead">Predicting <b>{text(detail.get("target", report.target))}</b> '
            f"({text(detail.get('task', ''))}) for real rows never seen: trained on real rows "
            f"<b>{number(detail.get('real'))}</b> {text(detail.get('measure', ''))}, trained on "
            f"synthetic rows <b>{number(detail['synthetic'])}</b>.</p>"
        )
    kept = (every.detail.get("columns") or {}) if every else {}
    if kept:
        rows = "".join(
            f"<tr><td><b>{text(name)}</b>"
            f'<span class="toward">{text(part.get("measure", ""))}</span>'
            f'</td><td class="n" data-label="Trained on real">'
            f'{number(part.get("real"))}</td><td class="n" data-label="Trained on synthetic">'
            f'{number(part.get("synthetic"))}</td><td class="n" data-label="Kept">'
            f"{_kept(part.get('share'))}</td></tr>"
            for name, part in sorted(kept.items(), key=lambda item: _low(item[1].get("share")))
        )
        table = (
            '<table class="sheet narrow"><thead><tr><th scope="col">Column predicted</th>'
            '<th scope="col" class="n">Trained on real</th><th scope="col" class="n">Trained on '
            f'synthetic</th><th scope="col" class="n">Kept</th></tr></thead><tbody>{rows}</tbody>'
            "</table>"
        )
        intro = "<p>Each column predicted from all others, worst first.</p>"
        parts.append(intro + fold(f"All {len(kept)} columns", table, len(kept) > MANY))
    return "".join(parts) or absent("Usefulness", one or every), []


def _low(share: float | None) -> float:
    return 2.0 if share is None else share


def _kept(share: float | None) -> str:
    return "–" if share is None else percent(share)
