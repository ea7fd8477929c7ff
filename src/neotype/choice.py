"""What is asked of a choice among families of synthesizers; how it is made is in `choose`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from neotype.errors import SchemaError

AUTO = "auto"
Objective = Literal["fidelity", "utility"]


@dataclass(frozen=True)
class Choice:
    """`budget` is the time to try families in and to learn the one that wins.

    `families` are all that are there, where none is named; `protect` holds for whatever is chosen.
    """

    budget: str | float = "5m"
    objective: Objective = "fidelity"
    families: tuple[str, ...] = ()
    protect: int | None = None

    def __post_init__(self) -> None:
        seconds_of(self.budget)
        if self.objective not in get_args(Objective):
            raise SchemaError(
                f"objective '{self.objective}' is not known.", mend="use fidelity or utility"
            )

    @property
    def seconds(self) -> float:
        """The budget as a number."""
        return seconds_of(self.budget)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that hold for whatever is chosen."""
        return {} if self.protect is None else {"protect": self.protect}

    @classmethod
    def of(
        cls,
        synthesizer: Any,
        budget: str | float | None,
        objective: str | None,
        families: Sequence[str],
        protect: int | None,
    ) -> Choice | None:
        """The choice that is asked for; None where a family is named. SchemaError for both."""
        said: dict[str, Any] = {
            "budget": budget,
            "objective": objective,
            "families": tuple(families),
        }
        said = {name: value for name, value in said.items() if value}
        if synthesizer == AUTO:
            return cls(**said, protect=protect)
        if said:
            raise SchemaError(
                f"{', '.join(said)}: said of a choice among families, and none is asked for.",
                mend="add synthesizer='auto', or leave them out",
            )
        return None


def seconds_of(text: str | float) -> float:
    """A time such as 90, '90s', '10m' or '1.5h' in seconds. SchemaError for anything else."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    said = str(text).strip().lower()
    number, unit = (said[:-1], units[said[-1]]) if said[-1:] in units else (said, 1.0)
    try:
        found = float(number) * unit
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise SchemaError(f"'{text}' is no time.", mend="write 90s, 10m or 1h")
    return found
