"""What must hold in the rows of a table: declared by the user, then learnt as a rule.

A constraint is a declaration, a line of the schema file. Its `learn` gives a `Rule`, which has seen
what it needs of the data: it checks rows, and where it can it rewrites them into columns of which
every combination obeys it, so that no model of those columns can break it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import ValidationError

from neotype.errors import SchemaError, did_you_mean
from neotype.registry import find
from neotype.schema.condition import Condition
from neotype.schema.sdv_constraint import from_sdv_constraint
from neotype.schema.value import Value

Columns = Mapping[str, Any]
"""Columns of a schema by name, in order."""


class Redraw(Protocol):
    """Draws rows of a table again, as whoever asked for the table wants them."""

    @property
    def dear(self) -> bool:
        """Whether each row has its price: each is drawn among candidates of its own."""

    def __call__(
        self, frame: pl.DataFrame, rows: NDArray[np.int64], cells: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """A new row for each of these positions, which may repeat, with `cells` as they are.

        Identifiers, and what was known of a row before it was drawn, stay as well.
        """

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in which cells were changed, with what follows from those cells."""

    def settled(self, rows: int, columns: tuple[str, ...]) -> NDArray[np.bool_]:
        """Of each row of the table, whether all its cells of `columns` were known before."""


class Constraint(Value):
    """The base of all constraints; `type` is the registered name.

    Given to a database, it says which `table` it is about.
    """

    type: str
    table: str | None = None

    @property
    def about(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """How it is named in messages, as it would be written in Python."""
        facts = self.model_dump(exclude={"type", "table"}, exclude_defaults=True)
        return f"{self.type}({', '.join(f'{k}={v!r}' for k, v in facts.items())})"

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """The rule that these rows obey; the same for all rows unless a constraint learns more.

        No value of fewer than `protect` rows is kept. SchemaError when it cannot be about columns
        of these kinds. Rows that break it are found by the caller, with `holds`.
        """
        return self.restore({}, columns)

    def declare(self, columns: Columns) -> Rule:
        """The rule as the schema alone tells it, which says all that it is based on.

        SchemaError where rows would have to say what it allows: under a privacy budget none does.
        """
        if type(self).learn is not Constraint.learn:
            raise unsaid(self, "what rows show")
        return self.restore({}, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule again from its `facts`."""
        raise NotImplementedError


def unsaid(asked: Constraint, what: str, mend: str | None = None) -> SchemaError:
    """That a constraint follows from rows, where only what the schema says is free."""
    return SchemaError(
        f"constraint {asked.title} holds {what}, which would be read from private rows for free.",
        mend=mend or "leave it out under a privacy budget",
    )


class Rule:
    """A constraint that has seen the data. The base only checks; see `rewrite` for the rest."""

    whole: ClassVar[bool] = False
    """Whether it speaks of several rows at once: a row alone cannot tell whether it holds."""

    parts_obey: ClassVar[bool] = False
    """Of rules about several rows: whether any rows of a table that obeys obey by themselves."""

    constraint: Any
    """What was declared, of the subclass of Constraint that it belongs to."""
    others: tuple[Any, ...] = ()
    """The same rule with other columns replaced, for where these ones are another rule's."""

    @property
    def shown(self) -> bool:
        """Whether it allows what the data shows, so that the data cannot break it."""
        return False

    @property
    def follows(self) -> str | None:
        """The column that it computes from the others it is about; None where there is none."""
        return None

    @property
    def protected(self) -> tuple[str, int, str] | None:
        """What it does not store as it was: what that is, in how many rows, what became of it."""
        return None

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Boolean, one a row of the user's columns: whether the row obeys. Never null.

        For a rule about several rows: false for a row that those before it do not allow.
        """
        raise NotImplementedError

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """The columns that rows have after `encode`; None where rows are only checked.

        Only `about` columns may be replaced; every other column stays as it is, in its place.
        """
        return None

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in the columns of `rewrite`. Only called when there are such."""
        return frame

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """The inverse of `encode`: rows that obey, whatever the rewritten columns hold."""
        return frame

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the user's columns in which others were changed: what `follows`, anew."""
        return frame

    def solve(self, part: str, frame: pl.DataFrame) -> pl.Series | None:
        """Of rows of the user's columns: that column as it must be for what `follows` to be as it
        is. Null where there is no such cell; None where this rule cannot say.
        """
        return None

    def pair(self, column: str) -> tuple[str, str] | None:
        """An inner column that stays and one that tells how far `column` lies from it."""
        return None

    def reach(self, condition: Condition, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Between which values one of the pair must be, beside these of the other, to meet it.

        It may be wider than need be, never narrower; null is no end.
        """
        raise NotImplementedError

    def mend(self, frame: pl.DataFrame, redraw: Redraw) -> pl.DataFrame:
        """A whole table in which rows that break it were replaced, each in its place.

        Only called where `whole`. What could not be mended is found by the caller, with `holds`.
        """
        return frame

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        """A condition on an `about` column, said of rewritten columns; None where it cannot be.

        The answer may allow too much: whether a row meets the condition is checked afterwards.
        """
        return None

    def stands_for(self, column: str) -> tuple[str, ...]:
        """Which rewritten columns carry what `column` says; the column itself where it stays."""
        return (column,)

    def facts(self) -> dict[str, Any]:
        """JSON-ready: what it learnt, for `Constraint.restore`."""
        return {}


def constraint(value: object) -> Any:
    """A constraint from its line in a file: the class of the registered `type`.

    SDV's dicts of `constraint_class` and `constraint_parameters` are read too.
    """
    if isinstance(value, Mapping) and "constraint_class" in value:
        value = from_sdv_constraint(value)
    return declared(value, "constraint", Constraint)


def declared(value: object, group: str, kind: type[Value]) -> Any:
    """An object of the class that is registered in a group as the `type` of a line."""
    if not isinstance(value, Mapping):
        return value
    if "type" not in value:
        raise SchemaError(
            f"a constraint has no type: it has {', '.join(map(str, value)) or 'nothing'}.",
            mend="begin with its type, such as type: Inequality",
        )
    cls = find(group, str(value["type"]))
    if not (isinstance(cls, type) and issubclass(cls, kind)):
        raise SchemaError(
            f"the constraint '{value['type']}' is registered, but is no {kind.__name__}.",
            mend=f"make the class a subclass of neotype.{kind.__name__}",
        )
    try:
        made: Value = cls.model_validate(dict(value))
    except ValidationError as cause:
        faults = [_fault(error, cls) for error in cause.errors()]
        raise SchemaError(
            f"the constraint {value['type']} is not as it should be: {'; '.join(faults)}."
        ) from None
    return made


_WANTED = {
    "string": "a text",
    "tuple": "a list",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
}
"""What was expected, by how pydantic's name of a fault begins."""


def _fault(error: Any, cls: type[Value]) -> str:  # noqa: PLR0911 (one return a kind)
    """What is wrong with a line, with the nearest mend."""
    path = ".".join(map(str, error["loc"]))
    known = [name for name in cls.model_fields if name != "type"]
    if error["type"] == "extra_forbidden":
        near = did_you_mean(path, known) or f"it may have: {', '.join(known)}"
        return f"'{path}' is not known here; {near}"
    if error["type"] == "missing":
        return f"'{path}' is missing"
    if error["type"] == "too_short":
        few, had = error["ctx"]["min_length"], error["ctx"]["actual_length"]
        return f"'{path}' needs {few} or more, and has {had}"
    if error["type"] == "literal_error":
        return f"'{path}' is {error['input']!r:.60}; give {error['ctx']['expected']}"
    for word, wanted in _WANTED.items():
        if error["type"].startswith(word):
            return f"'{path}' is {error['input']!r:.60}, and must be {wanted}"
    if not path:
        return str(error["msg"]).removeprefix("Value error, ")
    return f"{path}: {error['msg']} (it is {error['input']!r:.60})"


def replaced(
    columns: Columns, old: Mapping[str, Mapping[str, Any]], *, gone: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`columns` where each name of `old` became those new columns, and those of `gone` went."""
    result: dict[str, Any] = {}
    for name, column in columns.items():
        if name in old:
            result |= old[name]
        elif name not in gone:
            result[name] = column
    return result
