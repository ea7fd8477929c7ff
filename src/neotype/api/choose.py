"""`synthesizer="auto"`: the family is chosen by trying, within a time that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neotype.data import Dataset
from neotype.errors import SchemaError
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.tasks.select import Selection, seconds_of, select

AUTO = "auto"
BUDGET = "5m"


@dataclass(frozen=True)
class Choice:
    """What is asked of a choice; `settings` hold for whatever is chosen."""

    budget: str | float = BUDGET
    objective: str = "fidelity"
    families: tuple[str, ...] = ()
    protect: int | None = None

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
        said = {"budget": budget, "objective": objective, "families": families}
        said = {name: value for name, value in said.items() if value}
        if synthesizer == AUTO:
            return cls(**said, protect=protect)  # type: ignore[arg-type]
        if said:
            raise SchemaError(
                f"{', '.join(said)}: said of a choice among families, and none is asked for.",
                mend="add synthesizer='auto', or leave them out",
            )
        return None

    def made(
        self, data: Dataset, target: str | None, seed: int, progress: Progress
    ) -> tuple[Any, Selection]:
        """The recipe of the family that won, and how it won."""
        selection = select(
            data,
            seconds=seconds_of(self.budget),
            target=target,
            objective=self.objective,  # type: ignore[arg-type]
            families=self.families,
            rng=Rng(seed).child("choose"),
            progress=progress,
        )
        extra = {} if self.protect is None else {"protect": self.protect}
        return selection.recipe(**extra), selection
