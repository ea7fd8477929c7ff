"""One tree of errors.

::

    NeotypeError
    ├── SourceError           data cannot be read or written
    │   └── OutputExistsError   a path is taken and --force was not given
    ├── DataError             data does not fit what is asked of it (all findings at once)
    │   └── FitError            a synthesizer cannot learn this data
    ├── SchemaError           a schema, plan or metadata file is wrong
    │   └── ColumnNotFoundError
    ├── SamplingError         rows cannot be made as asked; never fewer rows than asked
    ├── BudgetError           a privacy budget cannot be as asked
    │   └── BudgetExceededError a draw would cost more than is left; nothing was drawn
    ├── ModelFileError        a .neotype file is damaged, foreign or newer than this version
    └── NotRegisteredError    no synthesizer, metric or encoder has this name

Every message says what is wrong, what is there and the nearest mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_SHOWN = 30


class NeotypeError(Exception):
    """What went wrong, in words: first the fault, then what is there, then the nearest mend."""

    def __init__(self, problem: str, *, found: str | None = None, mend: str | None = None) -> None:
        self.problem, self.found, self.mend = problem, found, mend
        super().__init__("\n  ".join(part for part in (problem, found, mend) if part))

    @property
    def line(self) -> str:
        """The fault and its mend in one line, for lists of several."""
        return f"{self.problem.rstrip('.')}: {self.mend}" if self.mend else self.problem


class SourceError(NeotypeError):
    """Data cannot be read or written."""


class OutputExistsError(SourceError):
    """The path to write is taken, and overwriting was not asked for."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"'{path}' exists already.",
            mend="name another path, or add --force (force=True) to replace it",
        )


class DataError(NeotypeError):
    """Data was read but does not fit what is asked of it; `findings` lists everything at once."""

    def __init__(
        self,
        problem: str,
        findings: Sequence[str] = (),
        *,
        found: str | None = None,
        mend: str | None = None,
    ) -> None:
        self.findings = tuple(findings)
        shown = [f"- {finding}" for finding in self.findings[:_SHOWN]]
        if len(self.findings) > _SHOWN:
            shown.append(f"- and {len(self.findings) - _SHOWN} more")
        super().__init__(problem, found=found or "\n  ".join(shown) or None, mend=mend)


class FitError(DataError):
    """A synthesizer cannot learn this data."""


class SchemaError(NeotypeError):
    """A schema, plan or metadata file is wrong."""


class ColumnNotFoundError(SchemaError):
    """A column is named that the table does not have."""

    def __init__(self, name: str, columns: Iterable[str], *, asked_by: str) -> None:
        names = list(columns)
        listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        super().__init__(
            f"{asked_by} names column '{name}', which does not exist.",
            found=f"the table has: {listed}",
            mend=did_you_mean(name, names),
        )


class SamplingError(NeotypeError):
    """Rows cannot be made as asked."""


class BudgetError(NeotypeError):
    """A privacy budget, or what is to be paid from it, cannot be as asked."""


class BudgetExceededError(BudgetError):
    """A draw would cost more than is left of the privacy budget; nothing was drawn or paid."""


class ModelFileError(NeotypeError):
    """A model file is damaged, foreign or newer than this version can read."""


class NotRegisteredError(NeotypeError):
    """No such synthesizer, metric or encoder is registered."""

    def __init__(self, what: str, name: str, names: Iterable[str]) -> None:
        known = sorted(names)
        super().__init__(
            f"no {what} is called '{name}'.",
            found=f"registered: {', '.join(known)}",
            mend=did_you_mean(name, known),
        )


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """The nearest of `names` as a question, or None when nothing is near."""
    known = [str(known) for known in names]
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if not near:
        folded = {known_name.casefold(): known_name for known_name in known}
        near = [folded[name.casefold()]] if name.casefold() in folded else []
    return f"did you mean '{near[0]}'?" if near else None
