"""The tables and how they are tied, as a Mermaid diagram: what GitHub, GitLab and Notion draw."""

from __future__ import annotations

import re

from neotype.schema.schema import Column, Relationship, Schema, Table

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def mermaid(schema: Schema) -> str:
    """The schema as an `erDiagram`: columns by kind, keys marked, ties with how many on each side.

    `||` is exactly one and `|o` one or none, where the key may be missing; `o{` is any number, and
    `o|` at most one, where no two rows refer to one.
    """
    lines = ["erDiagram"]
    for name, table in schema.tables.items():
        lines.append(f"    {_quoted(name)} {{")
        refer = {column for tie in schema.above(name) for column in tie.child_key}
        for key, column in table.columns.items():
            lines.append(f"        {_attribute(key, column, _marks(key, column, table, refer))}")
        lines.append("    }")
    lines += [_line(tie, schema) for tie in schema.relationships]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """A name in quotes, which may not hold quotes itself: 'order' and 'my table' are no trouble."""
    return '"' + (re.sub(r'["%\\\r\n\v]', "_", name).strip() or "_") + '"'


def _marks(name: str, column: Column, table: Table, refer: set[str]) -> str:
    alone = table.primary_key != (name,) and name not in refer
    unique = getattr(column, "unique", False) and alone and len(table.primary_key) == 1
    marks = {"PK": name in table.primary_key, "FK": name in refer, "UK": unique}
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _attribute(name: str, column: Column, marks: str) -> str:
    kind = getattr(column, "subtype", None) or getattr(column, "part", None) or column.kind
    safe = name if _PLAIN.fullmatch(name) else re.sub(r"\W|[^\x00-\x7f]", "_", name)
    safe = safe if _PLAIN.fullmatch(safe) else f"_{safe}"
    comment = "" if safe == name else _quoted(name)
    return " ".join(part for part in (kind, safe, marks, comment) if part)


def _line(tie: Relationship, schema: Schema) -> str:
    one = "|o" if optional(tie, schema) else "||"
    many = "o|" if single(tie, schema) else "o{"
    said = ", ".join(tie.child_key)
    said += f" where {' and '.join(f'{k} is {v}' for k, v in tie.when.items())}" if tie.when else ""
    return f"    {_quoted(tie.parent)} {one}--{many} {_quoted(tie.child)} : {_quoted(said)}"


def optional(tie: Relationship, schema: Schema) -> bool:
    """Whether a row of the child may refer to nothing."""
    child = schema.tables[tie.child]
    return bool(tie.when) or any(child.columns[name].nullable for name in tie.child_key)


def single(tie: Relationship, schema: Schema) -> bool:
    """Whether no two rows of the child refer to one row of the parent."""
    child = schema.tables[tie.child]
    if child.primary_key and set(child.primary_key) <= set(tie.child_key):
        return True
    return len(tie.child_key) == 1 and bool(
        getattr(child.columns[tie.child_key[0]], "unique", False)
    )
