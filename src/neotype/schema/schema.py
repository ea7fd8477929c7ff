"""What the data is: columns of a kind, in tables, tied by keys. A YAML file a person can edit.

Every column knows three things: its *kind* (what it means), its *storage* (the dtype that the
user's frame has and gets back) and the *reason* for which the kind was inferred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator
from pydantic_core import PydanticCustomError

from neotype.errors import ColumnNotFoundError, SchemaError, did_you_mean
from neotype.personal.categories import Category, Treatment
from neotype.registry import names
from neotype.schema.between import TableConstraint, table_constraint, table_named
from neotype.schema.constraint import Constraint, constraint
from neotype.schema.distribution import Distribution, terse
from neotype.schema.specification import default_storage, table_faults
from neotype.schema.value import Names, Scalar, Value


class ColumnBase(Value):
    """What every column has; the last four say how it is drawn where there is no data to learn."""

    storage: str = Field(
        description="dtype of the user's frame, e.g. Int64, String, Datetime[us,UTC]; "
        "follows from the kind where it is not written"
    )
    nullable: bool = Field(default=False, description="whether cells may be missing")
    public: bool = Field(
        default=False, description="values may be published: no protection of rare values"
    )
    reason: str = Field(default="", description="why the kind was inferred")
    distribution: Distribution | None = Field(default=None, description="how the cells fall")
    depends_on: Names = Field(default=(), description="columns that decide on the distribution")
    formula: str | None = Field(default=None, description="computed from others, in polars")
    missing: float = Field(default=0.0, ge=0, le=1, description="share of missing cells")

    @model_validator(mode="before")
    @classmethod
    def _by_hand(cls, facts: Any) -> Any:
        """What a file written by hand may leave out or abbreviate."""
        if not isinstance(facts, Mapping):
            return facts
        kind, whole = cls.model_fields["kind"].default, dict(facts)
        if "storage" not in whole:
            whole["storage"] = default_storage(kind, whole)
            if kind == "datetime":
                whole.setdefault("resolution", "day" if whole.get("part") == "date" else "second")
        if whole.get("distribution") is not None:
            parents = whole.get("depends_on") or ()
            depth = 1 if isinstance(parents, str) else len(parents)
            whole["distribution"] = terse(kind, whole["distribution"], depth)
        return whole

    def bare(self) -> Self:
        """The column without how it is drawn where there is no data."""
        said = {"distribution": None, "depends_on": (), "formula": None, "missing": 0.0}
        return self.model_copy(update=said)


class Numeric(ColumnBase):
    """A quantity. `decimals` is the number of decimal places kept (0 for whole numbers)."""

    kind: Literal["numeric"] = "numeric"
    subtype: Literal["integer", "decimal", "float"] = "float"
    decimals: int | None = Field(default=None, ge=0, le=30)
    minimum: float | None = None
    maximum: float | None = None


class Categorical(ColumnBase):
    """One of a set of labels without order. `values` may declare the set."""

    kind: Literal["categorical"] = "categorical"
    values: tuple[Scalar, ...] | None = None
    rare: Literal["resample", "mask"] = Field(
        default="resample", description="rare labels become a frequent label, or '*'"
    )


class Ordinal(ColumnBase):
    """One of a list of labels; `values` is the order, lowest first."""

    kind: Literal["ordinal"] = "ordinal"
    values: tuple[Scalar, ...]


class Boolean(ColumnBase):
    """True or false; `labels` are the (false, true) texts where the storage is text or number."""

    kind: Literal["boolean"] = "boolean"
    labels: tuple[Scalar, Scalar] | None = None


class Datetime(ColumnBase):
    """A point in time, a date, or a time of day.

    `format` (strftime) is set where the storage is text; `resolution` is the coarsest unit that
    loses nothing.
    """

    kind: Literal["datetime"] = "datetime"
    part: Literal["datetime", "date", "time"] = "datetime"
    format: str | None = None
    resolution: Literal[
        "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond"
    ] = "microsecond"


class Duration(ColumnBase):
    """A length of time."""

    kind: Literal["duration"] = "duration"


class Identifier(ColumnBase):
    """A label that names a row or an entity and carries no other meaning.

    It is generated anew, never learned. `pattern` is a restricted regular expression (literals,
    classes such as [0-9A-F], counts {n}); without one, numbers count up from 1.
    """

    kind: Literal["identifier"] = "identifier"
    pattern: str | None = None
    unique: bool = True


class Text(ColumnBase):
    """Free text."""

    kind: Literal["text"] = "text"


class Geo(ColumnBase):
    """One half of a coordinate pair; `partner` is the column with the other half."""

    kind: Literal["geo"] = "geo"
    axis: Literal["latitude", "longitude"]
    partner: str
    decimals: int | None = Field(default=None, ge=0, le=15)


class Constant(ColumnBase):
    """The same value in every row (or nothing at all: `value` None)."""

    kind: Literal["constant"] = "constant"
    value: Scalar | None = None


class Json(ColumnBase):
    """A nested value: a list, a struct, or JSON text."""

    kind: Literal["json"] = "json"


class Personal(ColumnBase):
    """Who somebody is: a name, an address, an account. Made anew and never learnt by value.

    `treatment` says what stands in its place: fake, pattern and pseudonym are new values; keep
    learns the column like any other; mask, generalise, shift and drop change the real cells first.
    """

    kind: Literal["personal"] = "personal"
    category: Category
    treatment: Treatment = "fake"
    locale: str = Field(default="en", description="whose names and forms: en, en-gb, de, fr, …")
    scheme: str | None = Field(default=None, description="which national id, e.g. us_ssn")
    unique: bool = False


NUMBERED = (Identifier, Personal)
"""Kinds that are made anew for the number of the row: they say nothing, and cannot be given."""

Column = Annotated[
    Numeric
    | Categorical
    | Ordinal
    | Boolean
    | Datetime
    | Duration
    | Identifier
    | Text
    | Geo
    | Constant
    | Json
    | Personal,
    Field(discriminator="kind"),
]

KINDS = (
    "numeric",
    "categorical",
    "ordinal",
    "boolean",
    "datetime",
    "duration",
    "identifier",
    "text",
    "geo",
    "constant",
    "json",
    "personal",
)


class Table(Value):
    """Columns in order, the key, the entity that a row belongs to, and who may know what.

    `sensitive` columns name groups to be treated alike and secrets to be guarded;
    `quasi_identifiers` are what an outsider may know of a person.
    """

    columns: dict[str, Column]
    primary_key: tuple[str, ...] = ()
    entity: str | None = Field(
        default=None,
        description="column whose owner a row belongs to; splits never divide an owner",
    )
    sequence: str | None = Field(
        default=None, description="column that orders the rows of an owner: a date, a step"
    )
    public: bool = Field(
        default=False, description="a reference table that may be published: kept as it is"
    )
    sensitive: tuple[str, ...] = Field(
        default=(), description="columns that name groups to treat alike, and secrets to guard"
    )
    quasi_identifiers: tuple[str, ...] = Field(
        default=(), description="columns that an outsider may know of a person"
    )
    constraints: tuple[Annotated[SerializeAsAny[Constraint], BeforeValidator(constraint)], ...] = (
        Field(default=(), description="what must hold in every row")
    )
    correlations: dict[str, dict[str, float]] = Field(
        default={}, description="rank correlations (Spearman) between columns that are drawn"
    )
    rows: int | None = Field(default=None, ge=1, description="how many, unless asked for otherwise")

    @model_validator(mode="after")
    def _names_exist(self) -> Table:
        for role in ("primary_key", "entity", "sequence", "sensitive", "quasi_identifiers"):
            named = getattr(self, role) or ()
            for name in (named,) if isinstance(named, str) else named:
                self.column(name, asked_by=role)
        for rule in self.constraints:
            for name in rule.about:
                self.column(name, asked_by=f"constraint {rule.title}")
        for name, column in self.columns.items():
            if isinstance(column, Geo):
                other = self.column(column.partner, asked_by=f"geo column '{name}'")
                if not isinstance(other, Geo) or other.partner != name:
                    raise SchemaError(
                        f"geo column '{name}' names partner '{column.partner}', "
                        f"which does not name it back.",
                        mend="make both columns kind geo, each the other's partner",
                    )
        return self

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Table:
        found = [f"{place}: {why}" for place, why in table_faults(self.columns, self.correlations)]
        if found:
            raise PydanticCustomError(
                "faults", "{listed}", {"listed": "; ".join(found), "faults": found}
            )
        return self

    def column(self, name: str, *, asked_by: str) -> Column:
        """The column of this name; ColumnNotFoundError says who asked and what is there."""
        if name not in self.columns:
            raise ColumnNotFoundError(name, self.columns, asked_by=asked_by)
        return self.columns[name]


class Relationship(Value):
    """A foreign key: `child`.`child_key` refers to `parent`.`parent_key`.

    Of a polymorphic reference there is one for each parent, with `when` saying which rows refer
    to it: {"owner_type": "customer"}. A row of which a key cell is missing refers to nothing.
    """

    parent: str
    parent_key: Names
    child: str
    child_key: Names
    when: dict[str, Scalar] = Field(default={}, description="cells of the rows that refer here")
    reason: str = Field(default="", description="where it was declared, or why it was inferred")

    @property
    def title(self) -> str:
        """For messages: rental.customer_id → customer.customer_id."""
        mine, theirs = ", ".join(self.child_key), ", ".join(self.parent_key)
        asked = ", ".join(f"{name}={value!r}" for name, value in self.when.items())
        return f"{self.child}.{mine} → {self.parent}.{theirs}" + (f" where {asked}" * bool(asked))


class Schema(Value):
    """The tables and how they are tied."""

    tables: dict[str, Table]
    relationships: tuple[Relationship, ...] = ()
    constraints: tuple[
        Annotated[SerializeAsAny[TableConstraint], BeforeValidator(table_constraint)], ...
    ] = Field(default=(), description="what must hold between tables")

    @model_validator(mode="after")
    def _ties_exist(self) -> Self:
        for tie in self.relationships:
            for name, key in ((tie.parent, tie.parent_key), (tie.child, tie.child_key)):
                if name not in self.tables:
                    raise SchemaError(
                        f"relationship {tie.title} names table '{name}', which is not there.",
                        found=f"the schema has: {', '.join(self.tables)}",
                        mend=did_you_mean(name, self.tables),
                    )
                for column in key:
                    self.tables[name].column(column, asked_by=f"relationship {tie.title}")
            for column in tie.when:
                self.tables[tie.child].column(column, asked_by=f"relationship {tie.title}")
            if not tie.child_key or len(tie.child_key) != len(tie.parent_key):
                raise SchemaError(
                    f"relationship {tie.title} has keys of {len(tie.child_key)} and "
                    f"{len(tie.parent_key)} columns.",
                    mend="name as many columns on both sides, in the same order",
                )
        self.settled()
        return self

    def settled(self) -> Self:
        """The same, with what its constraints say of keys, relationships and public tables.

        SchemaError where one of them cannot be about these tables.
        """
        schema: Any = self
        for one in self.constraints:
            schema = one.settled(schema)
        for one in self.constraints:
            one.check(schema)
        settled: Self = schema
        return settled

    def only(self, table: str) -> Self:
        """The schema of one of the tables alone."""
        alone = {"tables": {table: self.tables[table]}, "relationships": (), "constraints": ()}
        return self.model_copy(update=alone)

    def above(self, table: str) -> tuple[Relationship, ...]:
        """The foreign keys of this table."""
        return tuple(tie for tie in self.relationships if tie.child == table)

    def below(self, table: str) -> tuple[Relationship, ...]:
        """The foreign keys that refer to this table."""
        return tuple(tie for tie in self.relationships if tie.parent == table)

    @property
    def name(self) -> str:
        """The name of the only table; SchemaError when there are several."""
        if len(self.tables) != 1:
            raise SchemaError(
                f"one table is needed here, and the schema has {len(self.tables)}: "
                f"{', '.join(self.tables)}.",
                mend="name one of the tables, or give a single file",
            )
        return next(iter(self.tables))

    @property
    def table(self) -> Table:
        """The only table."""
        return self.tables[self.name]

    @property
    def columns(self) -> Mapping[str, Any]:
        """The columns of the only table."""
        return self.table.columns

    def constrained(
        self, constraints: Iterable[Constraint | TableConstraint | Mapping[str, Any]]
    ) -> Schema:
        """The same, where these must hold as well; objects or lines of a file.

        Those about rows are about the table they name, or the only one; those between tables may
        change keys.
        """
        between = names("table_constraint")
        made = [
            table_constraint(one)
            if isinstance(one, Mapping) and one.get("type") in between
            else constraint(one)
            for one in constraints
        ]
        for one in made:
            if not isinstance(one, Constraint | TableConstraint):
                raise SchemaError(
                    f"{one!r} is no constraint.",
                    mend="give one such as nt.constraints.Inequality(low='a', high='b'), or a "
                    "mapping with its type",
                )
        tied = [one for one in made if isinstance(one, TableConstraint)]
        schema = self
        if tied:
            said = (*self.constraints, *tied)
            schema = Schema(
                tables=self.tables, relationships=self.relationships, constraints=said
            ).settled()
        rows: dict[str, list[Constraint]] = {}
        for one in made:
            if isinstance(one, Constraint):
                rows.setdefault(self._table_of(one), []).append(one.model_copy(update=_UNNAMED))
        tables = dict(schema.tables)
        for name, some in rows.items():
            facts = dict(tables[name])
            tables[name] = Table(**{**facts, "constraints": (*tables[name].constraints, *some)})
        return schema.model_copy(update={"tables": tables})

    def _table_of(self, one: Constraint) -> str:
        """Which table a constraint is about."""
        asked_by = f"constraint {one.title}"
        if one.table is not None:
            return table_named(one.table, self, asked_by=asked_by)
        if len(self.tables) > 1:
            raise SchemaError(
                f"{asked_by} does not say of which table.",
                found=f"the schema has: {', '.join(self.tables)}",
                mend="name it: table=…",
            )
        return self.name


_UNNAMED: Mapping[str, Any] = {"table": None}
"""A constraint that stands with its table need not name it."""
