"""SQL's CREATE TABLE as a schema: types, keys, CHECKs, enumerations, generated columns.

The dialect is told from the text or named; parsing is sqlglot's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from neotype.errors import SchemaError, did_you_mean
from neotype.foreign.draft import Draft, Imported, TableDraft, imported

DIALECTS = ("postgres", "mysql", "sqlite", "tsql", "oracle", "snowflake", "bigquery", "duckdb")
_TYPES = {
    "integer": "TINYINT SMALLINT MEDIUMINT INT BIGINT INT128 UTINYINT USMALLINT UINT UBIGINT "
    "SERIAL SMALLSERIAL BIGSERIAL YEAR BIT",
    "decimal": "DECIMAL DECIMAL32 DECIMAL64 DECIMAL128 BIGDECIMAL MONEY SMALLMONEY UDECIMAL",
    "float": "FLOAT DOUBLE UDOUBLE DECFLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE DATE32",
    "datetime": "DATETIME DATETIME2 SMALLDATETIME DATETIME64 TIMESTAMP TIMESTAMPTZ TIMESTAMPLTZ "
    "TIMESTAMPNTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS",
    "time": "TIME TIMETZ TIME_NS",
    "duration": "INTERVAL",
    "uuid": "UUID UNIQUEIDENTIFIER",
    "json": "JSON JSONB VARIANT OBJECT STRUCT MAP ARRAY LIST NESTED HSTORE SUPER",
    "text": "CHAR NCHAR VARCHAR NVARCHAR TEXT TINYTEXT MEDIUMTEXT LONGTEXT NAME BPCHAR XML "
    "FIXEDSTRING CITEXT",
    "binary": "BINARY VARBINARY BLOB TINYBLOB MEDIUMBLOB LONGBLOB IMAGE ROWVERSION",
}
_TYPE_OF = {word: kind for kind, words in _TYPES.items() for word in words.split()}
_SERIALS = {"SERIAL", "SMALLSERIAL", "BIGSERIAL"}
_BITS = {"TINYINT": 8, "SMALLINT": 16, "SMALLSERIAL": 16, "INT": 32, "SERIAL": 32, "INT128": 128}


def from_ddl(text: str, *, dialect: str | None = None, origin: str = "the SQL") -> Imported:
    """The tables that CREATE TABLE and ALTER TABLE statements describe; other statements are left.

    SchemaError where it is no SQL of the dialect, or creates no table.
    """
    sqlglot = _sqlglot()
    if dialect is not None and dialect not in DIALECTS:
        raise SchemaError(
            f"the SQL dialect '{dialect}' is not known.",
            found=f"dialects: {', '.join(DIALECTS)}",
            mend=did_you_mean(dialect, DIALECTS),
        )
    try:
        statements = sqlglot.parse(text, read=dialect or _dialect(text))
    except sqlglot.errors.SqlglotError as cause:
        raise SchemaError(
            f"{origin} cannot be read as SQL: {_first_fault(cause)}",
            mend="name its dialect: --dialect " + " | ".join(DIALECTS),
        ) from cause
    reader = _Reader()
    for statement in statements:
        if statement is not None:
            reader.read(statement)
    if not reader.tables:
        raise SchemaError(
            f"{origin} creates no table.", mend="give the CREATE TABLE statements of the database"
        )
    return imported(reader.tables, reader.notes)


def _sqlglot() -> Any:
    try:
        import sqlglot
        import sqlglot.errors
    except ImportError as cause:
        raise SchemaError(
            "reading SQL needs sqlglot.", mend="pip install 'neotype[sql]'"
        ) from cause
    # It prints what it cannot parse; what that means for the schema is said by us.
    logging.getLogger("sqlglot").addHandler(logging.NullHandler())
    return sqlglot


def _first_fault(cause: Any) -> str:
    for fault in getattr(cause, "errors", ()):
        return f"line {fault.get('line')}: {fault.get('description')}"
    return str(cause).splitlines()[0]


def _dialect(text: str) -> str:
    """A guess: MySQL's backticks and engines, SQL Server's brackets, else PostgreSQL."""
    upper = text.upper()
    if "`" in text or "AUTO_INCREMENT" in upper or "ENGINE=" in upper.replace(" ", ""):
        return "mysql"
    if "IDENTITY(" in upper or "[DBO]" in upper or "NVARCHAR" in upper:
        return "tsql"
    if "AUTOINCREMENT" in upper:
        return "sqlite"
    if "VARCHAR2" in upper:
        return "oracle"
    return "postgres"


class _Reader:
    """One statement after the other, into drafts."""

    def __init__(self) -> None:
        self.tables: dict[str, TableDraft] = {}
        self.enums: dict[str, tuple[str, ...]] = {}
        self.notes: list[str] = []

    def read(self, statement: Any) -> None:
        """Whatever this statement says about tables."""
        from sqlglot import exp

        if isinstance(statement, exp.Create):
            body, kind = statement.this, str(statement.args.get("kind", "")).upper()
            if kind == "TYPE" and statement.expression is not None:
                labels = [one.this for one in statement.expression.expressions]
                self.enums[body.name.lower()] = tuple(labels)
            elif kind == "TABLE" and isinstance(body, exp.Schema):
                self.create(body)
            elif kind == "TABLE":
                self.notes.append(f"table '{body.name}' is made by a query, and was left out")
            elif kind in {"INDEX", "UNIQUE INDEX"} and statement.args.get("unique"):
                self.index(body)
        elif isinstance(statement, exp.Alter) and statement.this.name in self.tables:
            table = self.tables[statement.this.name]
            for action in statement.args.get("actions") or ():
                if isinstance(action, exp.ColumnDef):
                    self.column(table, action)
                for one in action.expressions if isinstance(action, exp.AddConstraint) else ():
                    self.table_rule(table, one)

    def create(self, body: Any) -> None:
        from sqlglot import exp

        table = TableDraft(body.this.name)
        self.tables[table.name] = table
        for part in body.expressions:
            if isinstance(part, exp.ColumnDef):
                self.column(table, part)
        for part in body.expressions:
            if not isinstance(part, exp.ColumnDef):
                self.table_rule(table, part)

    def index(self, body: Any) -> None:
        target = body.args.get("table")
        params = body.args.get("params")
        names = [c.name for c in (params.args.get("columns") or ())] if params else []
        if target is not None and target.name in self.tables and names:
            self.tables[target.name].unique(tuple(names))

    def column(self, table: TableDraft, part: Any) -> None:
        draft = self.typed(table, part)
        if draft is None:
            return
        table.columns[draft.name] = draft
        for one in part.args.get("constraints") or ():
            self.column_rule(table, draft, one.args.get("kind"))

    def typed(self, table: TableDraft, part: Any) -> Draft | None:
        """The draft of a column by its type; None for one that cannot be made."""
        kind = part.args.get("kind")
        if kind is None:
            return Draft(part.name, "text", "no type")
        word = str(kind.this.name if hasattr(kind.this, "name") else kind.this).upper()
        origin = kind.sql(dialect="postgres")
        sizes = [int(p.name) for p in kind.expressions if str(p.name).isdigit()]
        if word == "USERDEFINED":
            own = str(getattr(kind.args.get("kind"), "name", kind.args.get("kind"))).lower()
            if own in self.enums:
                return Draft(part.name, "text", f"enum {own}", values=self.enums[own])
        if word == "ENUM":
            labels = tuple(one.name for one in kind.expressions)
            return Draft(part.name, "text", origin[:80], values=labels)
        found = _TYPE_OF.get(word)
        if found == "binary":
            self.notes.append(f"{table.name}.{part.name} is binary ({origin}), and was left out")
            return None
        if found is None:
            self.notes.append(f"{table.name}.{part.name}: type {origin} is read as text")
        draft = Draft(part.name, found or "text", origin, bits=_BITS.get(word, 64))
        if found == "decimal":
            draft.precision = sizes[0] if sizes else (19 if "MONEY" in word else None)
            draft.scale = (
                sizes[1] if len(sizes) > 1 else (4 if "MONEY" in word else 0 if sizes else None)
            )
        draft.zone = word in {"TIMESTAMPTZ", "TIMESTAMPLTZ"}
        draft.key = word in _SERIALS
        if word == "TINYINT" and sizes == [1]:
            draft.type = "boolean"
        return draft

    def column_rule(self, table: TableDraft, draft: Draft, rule: Any) -> None:
        from sqlglot import exp

        if isinstance(rule, exp.NotNullColumnConstraint):
            draft.nullable = bool(rule.args.get("allow_null"))
        elif isinstance(rule, exp.PrimaryKeyColumnConstraint):
            table.primary_key = (*table.primary_key, draft.name)
            draft.nullable = False
        elif isinstance(rule, exp.UniqueColumnConstraint):
            table.unique((draft.name,))
        elif isinstance(
            rule, exp.AutoIncrementColumnConstraint | exp.GeneratedAsIdentityColumnConstraint
        ):
            draft.key, draft.nullable = True, False
        elif isinstance(rule, exp.ComputedColumnConstraint | exp.GeneratedAsRowColumnConstraint):
            draft.formula = rule.this.unnest().sql()
        elif isinstance(rule, exp.CheckColumnConstraint):
            self.check(table, rule.this)
        elif isinstance(rule, exp.Reference):
            self.reference(table, (draft.name,), rule)

    def table_rule(self, table: TableDraft, part: Any) -> None:
        from sqlglot import exp

        if isinstance(part, exp.Constraint):
            for one in part.expressions:
                self.table_rule(table, one)
        elif isinstance(part, exp.PrimaryKey):
            table.primary_key = _names(part.expressions)
        elif isinstance(part, exp.UniqueColumnConstraint):
            table.unique(_names(part.this.expressions))
        elif isinstance(part, exp.ForeignKey):
            self.reference(table, _names(part.expressions), part.args.get("reference"))
        elif isinstance(part, exp.CheckColumnConstraint):
            self.check(table, part.this)

    def reference(self, table: TableDraft, own: tuple[str, ...], rule: Any) -> None:
        target = rule.this
        columns = _names(getattr(target, "expressions", ()) or ())
        tie = (own, target.this.name if columns else target.name, columns)
        if not any(there[:2] == tie[:2] for there in table.refers):
            table.refers.append(tie)

    def check(self, table: TableDraft, condition: Any) -> None:
        """Each part of a conjunction: a range, a list, an order; else an Expression as it is."""
        for part in _conjuncts(condition):
            if not self.simple(table, part):
                text = part.sql()
                if all(c.name in table.columns for c in _columns(part)) and _columns(part):
                    table.constraints.append({"type": "Expression", "expression": text})
                else:
                    self.notes.append(f"{table.name}: CHECK ({text}) was left out")

    def simple(self, table: TableDraft, part: Any) -> bool:
        from sqlglot import exp

        if isinstance(part, exp.Between):
            low, high = _number(part.args["low"]), _number(part.args["high"])
            draft = table.columns.get(part.this.name)
            if draft is None or low is None or high is None:
                return False
            return draft.at_least(low) and draft.at_most(high)
        if isinstance(part, exp.In) and part.expressions:
            draft = table.columns.get(part.this.name)
            if draft is None or not all(isinstance(e, exp.Literal) for e in part.expressions):
                return False
            draft.values = tuple(_value(e) for e in part.expressions)
            return True
        if isinstance(part, exp.Not) and isinstance(part.this, exp.Is):
            draft = table.columns.get(part.this.this.name)
            if draft is not None:
                draft.nullable = False
            return draft is not None
        return _ordered(table, part)


def _ordered(table: TableDraft, part: Any) -> bool:
    """`a < b` of two columns, or of a column and a number, said as an order or a bound."""
    from sqlglot import exp

    signs = {
        exp.LT: (True, True),
        exp.LTE: (True, False),
        exp.GT: (False, True),
        exp.GTE: (False, False),
    }
    if type(part) not in signs:
        return False
    upward, strict = signs[type(part)]
    left, right = part.this.unnest(), part.expression.unnest()
    if isinstance(left, exp.Column) and isinstance(right, exp.Column):
        low, high = (left.name, right.name) if upward else (right.name, left.name)
        comparable = {"integer", "decimal", "float", "date", "datetime", "duration"}
        if not all(n in table.columns and table.columns[n].type in comparable for n in (low, high)):
            return False
        table.constraints.append({"type": "Inequality", "low": low, "high": high, "strict": strict})
        return True
    if isinstance(right, exp.Column):
        left, right, upward = right, left, not upward
    bound = _number(right)
    draft = table.columns.get(left.name) if isinstance(left, exp.Column) else None
    if draft is None or bound is None or draft.type not in {"integer", "decimal", "float"}:
        return False
    return draft.at_most(bound, strict=strict) if upward else draft.at_least(bound, strict=strict)


def _conjuncts(condition: Any) -> Iterator[Any]:
    from sqlglot import exp

    inner = condition.unnest()
    if isinstance(inner, exp.And):
        yield from _conjuncts(inner.this)
        yield from _conjuncts(inner.expression)
    else:
        yield inner


def _columns(part: Any) -> list[Any]:
    from sqlglot import exp

    return list(part.find_all(exp.Column))


def _names(parts: Any) -> tuple[str, ...]:
    return tuple(part.name for part in parts)


def _number(part: Any) -> float | None:
    from sqlglot import exp

    if isinstance(part, exp.Neg):
        inner = _number(part.this)
        return None if inner is None else -inner
    if isinstance(part, exp.Literal) and not part.is_string:
        return float(part.this)
    return None


def _value(part: Any) -> Any:
    if part.is_string:
        return part.this
    return int(part.this) if part.is_int else float(part.this)
