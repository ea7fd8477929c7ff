"""What a policy decided of one table, gate by gate: JSON-ready, and readable without the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from neotype.evaluate.metric import Interval

Kind = Literal["gate", "expectation", "claim"]
Status = Literal["pass", "fail", "not measured"]


@dataclass(frozen=True)
class Outcome:
    """One gate, one expectation, or one claim of a guarantee, and how it went.

    `threshold` is what was asked, in words and numbers; `words` is one sentence on what was found;
    `because` is the policy's own reason. `refuses` says whether this outcome alone holds the table
    back: a failure always does, what was not measured does unless the policy lets it pass.
    """

    name: str
    kind: Kind
    status: Status
    value: float | None
    interval: Interval | None
    threshold: str
    words: str
    because: str = ""
    refuses: bool = False


@dataclass(frozen=True)
class Ruling:
    """The decision of the policy of this name; `because` is what the policy is for."""

    policy: str
    outcomes: tuple[Outcome, ...]
    because: str = ""

    @property
    def allowed(self) -> bool:
        """Whether nothing holds the table back."""
        return not self.refused

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """Every outcome that holds the table back, in the policy's order."""
        return tuple(outcome for outcome in self.outcomes if outcome.refuses)

    @property
    def headline(self) -> str:
        """The decision in one sentence."""
        by = f"Policy '{self.policy}'" if self.policy else "Without a policy: the claim"
        held = len(self.refused)
        if not held:
            missed = sum(outcome.status == "not measured" for outcome in self.outcomes)
            rest = f"; {missed} could not be measured and may be missing" if missed else ""
            return f"{by} lets this table pass: {len(self.outcomes) - missed} checks hold{rest}."
        if not self.policy:
            return f"{by} made for this table is refuted."
        return f"{by} refuses this table: {held} of {len(self.outcomes)} checks do not hold."

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready, with the decision beside its reasons."""
        return {
            "policy": self.policy,
            "because": self.because,
            "allowed": self.allowed,
            "headline": self.headline,
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        return cls(
            policy=facts["policy"],
            because=facts["because"],
            outcomes=tuple(_outcome(outcome) for outcome in facts["outcomes"]),
        )


def _outcome(facts: Mapping[str, Any]) -> Outcome:
    interval = facts["interval"]
    return Outcome(**{**facts, "interval": None if interval is None else tuple(interval)})
