"""dbt's `schema.yml` as a schema: models, sources and seeds with their columns and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neotype.errors import SchemaError
from neotype.foreign.draft import Draft, Imported, TableDraft, imported

_TYPES = (
    ("integer", ("int", "serial")),
    ("boolean", ("bool",)),
    ("datetime", ("timestamp", "datetime")),
    ("date", ("date",)),
    ("time", ("time",)),
    ("float", ("float", "double", "real")),
    ("uuid", ("uuid",)),
    ("json", ("json", "variant", "array", "object", "struct", "record")),
)


def is_dbt(document: Any) -> bool:
    """Whether a YAML document is a properties file of dbt."""
    if not isinstance(document, Mapping) or "tables" in document:
        return False
    return any(isinstance(document.get(key), list) for key in ("models", "sources", "seeds"))


def from_dbt(document: Mapping[str, Any]) -> Imported:
    """The tables of a properties file. Tests become keys, values, ranges and constraints.

    Tests that say nothing about the cells of a table are noted and left.
    """
    notes: list[str] = []
    tables = {}
    for entry in _entries(document):
        table = TableDraft(str(entry.get("name", "table")))
        for facts in entry.get("columns") or ():
            _column(table, facts, notes)
        for test in (*_tests(entry), *(entry.get("constraints") or ())):
            _table_test(table, test, notes)
        if table.columns:
            tables[table.name] = table
        else:
            notes.append(f"model '{table.name}' lists no columns, and was left out")
    if not tables:
        raise SchemaError(
            "the dbt file lists no columns of any model.",
            mend="write `columns:` with a name and a data_type each, or let dbt-codegen do it",
        )
    return imported(tables, notes)


def _entries(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("models", "seeds", "snapshots"):
        yield from document.get(key) or ()
    for source in document.get("sources") or ():
        yield from source.get("tables") or ()


def _tests(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(entry.get("data_tests") or ()), *(entry.get("tests") or ()))


def _column(table: TableDraft, facts: Mapping[str, Any], notes: list[str]) -> None:
    name = str(facts["name"])
    said = str(facts.get("data_type") or "")
    if not said:
        notes.append(f"{table.name}.{name} has no data_type, and is read as text")
    draft = _typed(name, said)
    table.columns[name] = draft
    for test in (*_tests(facts), *(facts.get("constraints") or ())):
        _column_test(table, draft, test, notes)
    if draft.unique and not draft.nullable and not table.primary_key and not draft.refers:
        table.primary_key = (name,)


def _typed(name: str, said: str) -> Draft:
    low = said.lower()
    sizes = [int(n) for n in low.partition("(")[2].rstrip(")").split(",") if n.strip().isdigit()]
    if low.startswith(("numeric", "decimal", "number")):
        if len(sizes) == 1 or sizes[1:] == [0]:
            return Draft(name, "integer", said)
        if not sizes:
            return Draft(name, "float", said)
        return Draft(name, "decimal", said, precision=sizes[0], scale=sizes[1])
    kind = next(
        (kind for kind, words in _TYPES if low.startswith(words) or words[0] in low), "text"
    )
    return Draft(name, kind, said or "no type", zone=low.endswith(("tz", "with time zone")))


def _named(test: Any) -> tuple[str, Mapping[str, Any]]:
    """The test's name without its package, and its arguments, in any of dbt's ways to write it."""
    if isinstance(test, str):
        return test.rpartition(".")[2], {}
    if "type" in test:
        return str(test["type"]), test
    name, facts = next(iter(test.items()))
    facts = facts if isinstance(facts, Mapping) else {}
    return str(name).rpartition(".")[2], {**facts, **(facts.get("arguments") or {})}


def _column_test(table: TableDraft, draft: Draft, test: Any, notes: list[str]) -> None:
    name, facts = _named(test)
    match name:
        case "not_null":
            draft.nullable = False
        case "unique" | "expect_column_values_to_be_unique":
            draft.unique = True
        case "primary_key":
            table.primary_key = (*table.primary_key, draft.name)
        case "accepted_values" | "expect_column_values_to_be_in_set":
            draft.values = tuple(facts.get("values") or facts.get("value_set") or ())
        case "relationships":
            other = str(facts.get("to", "")).replace("ref(", "").strip("'\") ")
            table.refers.append(((draft.name,), other, (str(facts.get("field")),)))
            draft.refers = True
        case "accepted_range" | "expect_column_values_to_be_between":
            strict = facts.get("inclusive") is False or bool(facts.get("strictly"))
            for word, narrow in (("min_value", draft.at_least), ("max_value", draft.at_most)):
                bound = facts.get(word)
                if isinstance(bound, int | float) and not narrow(float(bound), strict=strict):
                    narrow(float(bound))
        case _:
            notes.append(f"{table.name}.{draft.name}: test '{name}' was left out")


def _table_test(table: TableDraft, test: Any, notes: list[str]) -> None:
    name, facts = _named(test)
    match name:
        case "unique_combination_of_columns":
            table.unique(tuple(facts.get("combination_of_columns", ())))
        case "primary_key" if facts.get("columns"):
            table.primary_key = tuple(facts["columns"])
        case "expression_is_true" | "check" if facts.get("expression"):
            table.constraints.append({"type": "Expression", "expression": facts["expression"]})
        case _:
            notes.append(f"{table.name}: test '{name}' was left out")
