"""JSON Schema as a schema: the properties of an object are columns. pydantic models come this way.

Objects within objects become columns with dotted names; a list of values is one json column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from neotype.encode.pattern import parse
from neotype.errors import SchemaError
from neotype.foreign.draft import Draft, Imported, TableDraft, imported

_FORMATS = {
    "date": "date",
    "date-time": "datetime",
    "time": "time",
    "duration": "duration",
    "uuid": "uuid",
}
_PERSONAL = {"email": "email", "idn-email": "email", "ipv4": "ipv4", "ipv6": "ipv6", "uri": "url"}


def from_json_schema(document: Mapping[str, Any], *, name: str = "table") -> Imported:
    """The table of a JSON Schema of type object (or of an array of such); drafts 7 to 2020-12.

    SchemaError where it describes no object.
    """
    reader = _Reader(document)
    root = reader.resolved(document)
    if root.get("type") == "array":
        root = reader.resolved(root.get("items") or {})
    if "properties" not in root:
        raise SchemaError(
            "the JSON Schema describes no object with properties.",
            found=f"it has: {', '.join(map(str, root)) or 'nothing'}",
            mend="give the schema of one record, or of a list of records",
        )
    table = TableDraft(str(root.get("title") or name))
    reader.properties(root, "", table)
    return imported({table.name: table}, reader.notes)


def from_pydantic(model: Any) -> Imported:
    """The table whose rows are instances of a pydantic model (or of a dataclass it can read)."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        document = TypeAdapter(model).json_schema()
    except PydanticUserError as cause:
        raise SchemaError(
            f"{model!r} has no schema: {cause}", mend="give a pydantic model or a dataclass"
        ) from cause
    for name, info in getattr(model, "model_fields", {}).items():
        # JSON Schema has no word for the places of a Decimal.
        places = [p for m in info.metadata if (p := getattr(m, "decimal_places", None)) is not None]
        facts = document.get("properties", {}).get(info.alias or name)
        if places and facts is not None:
            facts["multipleOf"] = 10.0 ** -places[0]
    return from_json_schema(document, name=getattr(model, "__name__", "table"))


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.notes: list[str] = []

    def resolved(self, schema: Any) -> dict[str, Any]:
        """The schema with references followed, and allOf and optional anyOf folded into it."""
        seen: set[str] = set()
        facts = dict(schema) if isinstance(schema, Mapping) else {}
        while "$ref" in facts:
            target = str(facts.pop("$ref"))
            if target in seen:
                raise SchemaError(f"the JSON Schema refers to itself at '{target}'.")
            seen.add(target)
            facts = {**self._at(target), **facts}
        for part in facts.pop("allOf", ()):
            facts = {**self.resolved(part), **facts}
        for word in ("anyOf", "oneOf"):
            options = [self.resolved(one) for one in facts.get(word, ())]
            some = [one for one in options if one.get("type") != "null"]
            if len(some) == 2 and {one.get("type") for one in some} == {"number", "string"}:
                # as pydantic writes a Decimal
                some = [one for one in some if one["type"] == "number"]
            if options and len(some) == 1:
                facts.pop(word)
                nullable = any(one.get("type") == "null" for one in options)
                facts = {**some[0], **facts, "nullable": nullable}
        return facts

    def _at(self, target: str) -> dict[str, Any]:
        here: Any = self.document
        for part in target.removeprefix("#").strip("/").split("/") if target != "#" else ():
            word = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(here, Mapping) or word not in here:
                raise SchemaError(
                    f"the JSON Schema refers to '{target}', which is not in it.",
                    mend="put what it refers to into the same file, under $defs",
                )
            here = here[word]
        return dict(here)

    def properties(self, schema: Mapping[str, Any], prefix: str, table: TableDraft) -> None:
        """Every property a column; those of inner objects under `prefix`."""
        required = set(schema.get("required", ()))
        for key, value in schema["properties"].items():
            facts, name = self.resolved(value), f"{prefix}{key}"
            optional = bool(facts.get("nullable"))
            optional |= key not in required and facts.get("default") is None
            if "properties" in facts:
                self.properties(facts, f"{name}.", table)
                continue
            draft = self.draft(name, facts)
            draft.nullable = draft.nullable or optional
            table.columns[name] = draft

    def draft(self, name: str, facts: Mapping[str, Any]) -> Draft:
        kinds = facts.get("type")
        several = list(kinds) if isinstance(kinds, list) else [kinds]
        nullable = "null" in several
        plain = [kind for kind in several if kind != "null"]
        values = facts.get("enum", [facts["const"]] if "const" in facts else None)
        if values is not None:
            nullable = nullable or None in values
            labels = tuple(v for v in values if v is not None)
            if all(isinstance(v, bool | int | float | str) for v in labels):
                return Draft(name, "text", "enum", nullable=nullable, values=labels)
        kind = plain[0] if len(plain) == 1 else None
        draft = Draft(name, "text", self._origin(facts), nullable=nullable)
        if kind in {"integer", "number"}:
            draft.type = "integer" if kind == "integer" else "float"
            self._numeric(draft, facts)
        elif kind == "boolean":
            draft.type = "boolean"
        elif kind == "string":
            form = str(facts.get("format", ""))
            draft.type = _FORMATS.get(form, "text")
            draft.personal = _PERSONAL.get(form)
            draft.pattern = self._pattern(name, facts.get("pattern"))
        else:
            draft.type = "json"
            if kind != "array":
                self.notes.append(f"'{name}' may be of several types, and is one json column")
        return draft

    @staticmethod
    def _origin(facts: Mapping[str, Any]) -> str:
        words = [str(facts.get("type", "any")), str(facts.get("format", ""))]
        return "JSON Schema " + " ".join(word for word in words if word)

    def _numeric(self, draft: Draft, facts: Mapping[str, Any]) -> None:
        step = facts.get("multipleOf")
        scale = -math.log10(step) if isinstance(step, int | float) and step > 0 else 0.0
        if draft.type == "float" and scale >= 1 and abs(scale - round(scale)) < 1e-9:
            draft.type, draft.scale = "decimal", round(scale)
        for word, narrow, strict in (
            ("minimum", draft.at_least, False),
            ("exclusiveMinimum", draft.at_least, True),
            ("maximum", draft.at_most, False),
            ("exclusiveMaximum", draft.at_most, True),
        ):
            bound = facts.get(word)
            if isinstance(bound, bool) or not isinstance(bound, int | float):
                continue
            if not narrow(float(bound), strict=strict):
                narrow(float(bound))
                self.notes.append(f"'{draft.name}': {word} {bound} is read as inclusive")

    def _pattern(self, name: str, pattern: Any) -> str | None:
        if not isinstance(pattern, str):
            return None
        bare = pattern.removeprefix("^").removesuffix("$")
        try:
            parse(bare)
        except SchemaError:
            self.notes.append(f"'{name}': the pattern {pattern} is more than can be generated")
            return None
        return bare
