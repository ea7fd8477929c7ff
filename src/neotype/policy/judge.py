"""From scores to a decision: every gate of a policy held against what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neotype.evaluate.asked import Claim
from neotype.evaluate.metric import Score
from neotype.policy.policy import Gate, Guaranteed, Policy, Rule
from neotype.policy.ruling import Kind, Outcome, Ruling, Status
from neotype.registry import find

_ENOUGH = {"good": ("good",), "fair": ("good", "fair")}


def judge(
    policy: Policy | None,
    scores: Sequence[Score],
    expectations: Sequence[Outcome] = (),
    claim: Claim | None = None,
) -> Ruling | None:
    """What the policy decides of data with these scores; `expectations` as `check` found them.

    `claim` is the guarantee that comes with the table, if one does. A refuted claim refuses under
    every policy and without one. None when there is neither a policy nor such a claim.
    """
    refuted = tuple(_refuted(score) for score in scores if score.detail.get("refuted") is True)
    if policy is None:
        return Ruling("", refuted) if refuted else None
    gates = tuple(
        _of_axis(gate, scores) if gate.axis else _of_tables(gate, scores) for gate in policy.gates
    )
    asked = () if policy.guarantee is None else (_of_guarantee(policy.guarantee, claim),)
    return Ruling(policy.name, (*refuted, *asked, *gates, *expectations), policy.because)


@dataclass(frozen=True)
class _Limits:
    """The ends between which a value must lie, and how a person writes that."""

    low: float | None
    high: float | None
    words: str

    def hold(self, least: float, most: float) -> bool:
        """Whether everything between these two lies between the ends."""
        tiny = 1e-12
        return (self.low is None or least >= self.low - tiny) and (
            self.high is None or most <= self.high + tiny
        )


def _refuted(score: Score) -> Outcome:
    return Outcome(
        name=f"{score.table}.{score.metric}" if score.table else score.metric,
        kind="claim",
        status="fail",
        value=score.value,
        interval=score.interval,
        threshold=f"≤ {said(score.target)}" if score.target is not None else "the claim",
        words=score.meaning,
        because="A guarantee that an attack refutes does not hold, whatever else is in order.",
        refuses=True,
    )


def _of_guarantee(asked: Guaranteed, claim: Claim | None) -> Outcome:
    """What is asked of a guarantee, held against the one that is claimed."""
    small = "" if asked.delta_at_most is None else f", delta ≤ {said(asked.delta_at_most)}"
    threshold = f"epsilon ≤ {said(asked.epsilon_at_most)}{small}"
    if claim is None:
        words = "No formal privacy guarantee is claimed for this table."
        return unmeasured(asked, "guarantee", "claim", threshold, words)
    most = 1.0 if asked.delta_at_most is None else asked.delta_at_most
    held = claim.epsilon <= asked.epsilon_at_most and claim.delta <= most
    delta = f" and delta {said(claim.delta)}" if claim.delta else ""
    return replace(
        unmeasured(asked, "guarantee", "claim", threshold, ""),
        status="pass" if held else "fail",
        value=claim.epsilon,
        words=f"Claimed is epsilon {said(claim.epsilon)}{delta}, protecting each {claim.unit}.",
        refuses=not held,
    )


def _of_tables(gate: Gate, scores: Sequence[Score]) -> Outcome:
    """A gate on a measure; of several tables it has to hold in each that was measured."""
    own = [s for s in scores if s.metric == gate.measure and gate.table in (None, s.table)]
    if len(own) < 2:
        return _of_measure(gate, own[0] if own else None)
    outcomes = {score.table or "the whole": _of_measure(gate, score) for score in own}
    taken = {table: one for table, one in outcomes.items() if one.status != "not measured"}
    missed = [table for table in outcomes if table not in taken]
    if not taken:
        first = next(iter(outcomes.values()))
        return replace(first, words=f"In none of {len(own)} tables: {first.words}")
    failed = {table: one for table, one in taken.items() if one.status == "fail"}
    worst = min(
        (score for score in own if (score.table or "the whole") in (failed or taken)),
        key=_worst_first,
    )
    shown = outcomes[worst.table or "the whole"]
    if failed:
        listed = ", ".join(f"{table} {said(one.value)}" for table, one in failed.items())
        words = f"It does not hold in {len(failed)} of {len(taken)} tables: {listed}."
    else:
        words = (
            f"It holds in all {len(taken)} tables; in {worst.table or 'the whole'}: {shown.words}"
        )
    if missed:
        words += f" Not measured in {', '.join(missed)}."
    return replace(shown, words=words)


def _worst_first(score: Score) -> tuple[int, float]:
    """By verdict, then by value."""
    value = score.value or 0.0
    away = value - (score.floor or 0.0)
    far = {"higher": value, "lower": -value, "near_floor": -abs(away)}[score.better]
    return _RANK.get(score.verdict, len(_RANK)), far


_RANK = {"poor": 0, "fair": 1, "good": 2}


def _of_measure(gate: Gate, score: Score | None) -> Outcome:
    assert gate.measure is not None
    asked = _threshold(gate, None)
    if score is None:
        deep = getattr(find("metric", gate.measure), "deep", False)
        why = "it learns the recipe anew, which --deep asks for" if deep else "it was not taken"
        of = f" of table '{gate.table}'" if gate.table else ""
        return unmeasured(gate, gate.name, "gate", asked, f"Not measured{of}: {why}.")
    if score.value is None or score.verdict == "not measured":
        return unmeasured(gate, gate.name, "gate", asked, score.meaning)
    blank = replace(
        unmeasured(gate, gate.name, "gate", asked, ""), value=score.value, interval=score.interval
    )
    floor_needed = gate.within_floor is not None or gate.above_floor_by is not None
    if floor_needed and score.floor is None:
        return replace(blank, words="There is no floor to hold it against.")
    if gate.certain and score.interval is None:
        return replace(blank, words="There is no interval, so nothing is certain.")
    if gate.verdict is not None and score.verdict == "not judged":
        return replace(
            blank, words="This measure has no target, so no verdict: say at_least or at_most."
        )
    limits = _limits(gate, score)
    ends = score.interval if gate.certain and score.interval else (score.value, score.value)
    held = all(limit.hold(*ends) for limit in limits)
    if gate.verdict is not None:
        held = held and score.verdict in _ENOUGH[gate.verdict]
    return replace(
        blank,
        status="pass" if held else "fail",
        threshold=_threshold(gate, score),
        words=_found(gate, score),
        refuses=not held,
    )


def _limits(gate: Gate, score: Score) -> list[_Limits]:
    limits = []
    if gate.at_least is not None or gate.at_most is not None:
        limits.append(_Limits(gate.at_least, gate.at_most, span(gate.at_least, gate.at_most)))
    floor = score.floor or 0.0
    if gate.within_floor is not None:
        low = None if score.better == "lower" else floor - gate.within_floor
        high = None if score.better == "higher" else floor + gate.within_floor
        limits.append(_Limits(low, high, f"{span(low, high)} (floor {said(floor)})"))
    if gate.above_floor_by is not None:
        high = floor + gate.above_floor_by
        limits.append(_Limits(None, high, f"{span(None, high)} (floor {said(floor)})"))
    return limits


def _threshold(gate: Gate, score: Score | None) -> str:
    """What the gate asks; relative to the floor as long as there is no score."""
    if score is not None:
        parts = [limit.words for limit in _limits(gate, score)]
    else:
        parts = [span(gate.at_least, gate.at_most)] if _absolute(gate) else []
        if gate.within_floor is not None:
            parts.append(f"within {said(gate.within_floor)} of the floor")
        if gate.above_floor_by is not None:
            parts.append(f"≤ floor + {said(gate.above_floor_by)}")
    if gate.verdict is not None:
        parts.append("good" if gate.verdict == "good" else "fair or good")
    return " and ".join(parts) + (", the whole interval" if gate.certain else "")


def _absolute(gate: Gate) -> bool:
    return gate.at_least is not None or gate.at_most is not None


def _found(gate: Gate, score: Score) -> str:
    low, high = score.interval or (None, None)
    span_of = "" if low is None else f", 95% interval {said(low)} to {said(high)}"
    rated = f", {score.verdict}" if gate.verdict is not None else ""
    return f"{score.title} is {said(score.value)}{span_of}{rated}."


def _of_axis(gate: Gate, scores: Sequence[Score]) -> Outcome:
    assert gate.verdict is not None
    own = [s for s in scores if s.axis == gate.axis and gate.table in (None, s.table)]
    judged = [score for score in own if score.verdict in ("good", "fair", "poor")]
    missed = [_called(score) for score in own if score.verdict == "not measured"]
    asked = f"all {'good' if gate.verdict == 'good' else 'fair or good'}"
    if not judged:
        return unmeasured(gate, gate.name, "gate", asked, f"No measure of {gate.axis} was taken.")
    worse = [score for score in judged if score.verdict not in _ENOUGH[gate.verdict]]
    listed = ", ".join(f"{_called(s)} {said(s.value)} ({s.verdict})" for s in worse[:_MOST])
    listed += f" and {len(worse) - _MOST} more" if len(worse) > _MOST else ""
    words = f"{len(worse)} of {len(judged)} measures are worse: {listed}."
    if not worse:
        words = f"All {len(judged)} measures of {gate.axis} are {asked.removeprefix('all ')}."
    if missed:
        more = f" and {len(missed) - _MOST} more" if len(missed) > _MOST else ""
        words += f" Not measured: {', '.join(missed[:_MOST])}{more}."
    return Outcome(
        name=gate.name,
        kind="gate",
        status="fail" if worse else "pass",
        value=None,
        interval=None,
        threshold=asked,
        words=words,
        because=gate.because,
        refuses=bool(worse),
    )


_MOST = 40
"""Measures that an outcome names."""


def _called(score: Score) -> str:
    return f"{score.title} of {score.table}" if score.table else score.title


def unmeasured(rule: Rule, name: str, kind: Kind, threshold: str, words: str) -> Outcome:
    """The outcome of a rule for which there is no number; it refuses unless the rule allows it."""
    status: Status = "not measured"
    return Outcome(
        name=name,
        kind=kind,
        status=status,
        value=None,
        interval=None,
        threshold=threshold,
        words=words,
        because=rule.because,
        refuses=rule.when_not_measured == "refuse",
    )


def span(low: object, high: object) -> str:
    """Two ends as people write them."""
    if low is None or high is None:
        return f"≤ {said(high)}" if low is None else f"≥ {said(low)}"
    return f"{said(low)} to {said(high)}"


def said(number: object) -> str:
    """A number in four digits; anything else as it is."""
    if not isinstance(number, float):
        return "–" if number is None else str(number)
    return f"{number:.4g}" if abs(number) < 1e4 else f"{number:,.0f}"
